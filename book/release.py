"""Pack the built book into one archive, and list checksums of it and of the records.

`make release` runs this on the built book. It writes the book as a ZIP file and
SHA256SUMS to dist/. Run `sha256sum --check` at the repository's root. The same book
gives the same bytes.
"""

import datetime
import hashlib
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

import yaml

import r3d_rs
from r3d_rs.experiments import executed, record
from r3d_rs.files import whole_file
from r3d_rs.report import editions

ROOT = Path(__file__).parents[1]
HTML = Path("book/_build/html")

#: Time of every file in the archive: the earliest in ZIP.
TIME = (1980, 1, 1, 0, 0, 0)


class ReleaseError(Exception):
    """Something that prevents a release."""


def version(root: Path) -> str:
    """Return the version, and check that CITATION.cff and CHANGELOG.md agree.

    Raises:
        ReleaseError: if one of them has another version or date.
    """
    own = r3d_rs.__version__
    cited = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    heading = re.search(r"^## \[(\d\S*)\] - (\S+)$", changes, re.M)
    told = {
        "CITATION.cff": (str(cited.get("version")), str(cited.get("date-released"))),
        "CHANGELOG.md": heading.groups() if heading else ("no version", "no date"),
    }
    for name, (found, _) in told.items():
        if found != own:
            raise ReleaseError(f"{name}: has {found}, but r3d_rs/__init__.py has {own}")
    dates = {date for _, date in told.values()}
    if len(dates) > 1:
        raise ReleaseError(
            f"CITATION.cff and CHANGELOG.md: the dates of {own} are"
            f" {' and '.join(sorted(dates))}"
        )
    datetime.date.fromisoformat(dates.pop())
    return own


def check_clean(root: Path) -> None:
    """Check that everything in the working tree is committed.

    Raises:
        ReleaseError: naming the files that differ or are not committed.
    """
    done = subprocess.run(
        ["git", "-C", root, "status", "--porcelain"],
        capture_output=True,
        text=True,
        check=True,
    )
    if files := [line[3:] for line in done.stdout.splitlines()]:
        raise ReleaseError(f"not in the commit: {', '.join(files)}")


def records(results: Path) -> list[Path]:
    """Read all records of both editions, and return their files.

    Raises:
        ValueError: naming a damaged file.
    """
    files, folders = [], (results, results / editions.FIRST)
    runs = [(folder, run) for folder in folders for run in record.find(folder)]
    for folder, run in runs:
        path = record.path(folder, **run["experiment"])
        files.append(path)
        if record.scores_path(path).exists():
            record.scores_of(folder, run)
            files.append(record.scores_path(path))
        if path.with_suffix(".ipynb").exists():
            executed.read(path.with_suffix(".ipynb"))
            files.append(path.with_suffix(".ipynb"))
    return files


def archive(html: Path, path: Path) -> None:
    """Pack a folder into a ZIP file, with sorted names and equal times.

    Args:
        html: the folder.
        path: path of the ZIP file; its stem names the folder inside.
    """
    with whole_file(path) as part, zipfile.ZipFile(part, "w") as packed:
        for file in sorted(file for file in html.rglob("*") if file.is_file()):
            name = f"{path.stem}/{file.relative_to(html).as_posix()}"
            entry = zipfile.ZipInfo(name, TIME)
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            packed.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED, 9)


def sums(root: Path, files: Iterable[Path]) -> str:
    """Return checksums as `sha256sum` writes them, with paths relative to the root."""
    lines = [
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}"
        f"  {file.relative_to(root).as_posix()}\n"
        for file in files
    ]
    return "".join(sorted(lines, key=lambda line: line.split("  ", 1)[1]))


def release(root: Path) -> list[Path]:
    """Write the archive and the checksums, and return both files.

    Raises:
        ReleaseError: see `version` and `check_clean`, or if the book is not built.
        ValueError: see `records`.
    """
    if not (root / HTML / "index.html").exists():
        raise ReleaseError(f"{HTML}: there is no book: run `make book` first")
    name = f"r3d-rs-{version(root)}-book.zip"
    check_clean(root)
    files = records(root / "results")
    archive(root / HTML, root / "dist" / name)
    with whole_file(root / "dist" / "SHA256SUMS") as part:
        part.write_text(sums(root, [*files, root / "dist" / name]), encoding="utf-8")
    return [root / "dist" / name, root / "dist" / "SHA256SUMS"]


if __name__ == "__main__":
    try:
        for written in release(ROOT):
            print(written.relative_to(ROOT))
    except (ReleaseError, ValueError) as error:
        sys.exit(str(error))
