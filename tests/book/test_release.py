"""What `make release` packs and lists, and what stops it."""

import datetime
import hashlib
import os
import subprocess
import zipfile
from pathlib import Path

import pytest
import release
import yaml

import r3d_rs
from r3d_rs.experiments import record
from tests.shared.made_up import made_up, made_up_scores

ROOT = Path(__file__).parents[2]
OWN = r3d_rs.__version__
BOOK = f"r3d-rs-{OWN}-book"
PAGES = {"index.html": "<h1>", "_static/a.css": "a {}", "runs/b.html": "<p>" * 999}


def write(folder, pages, time=1e9):
    for name, text in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (time, time))


@pytest.fixture
def project(tmp_path):
    """Return a committed checkout with one record, and its built book."""
    for name in ("CITATION.cff", "CHANGELOG.md", ".gitignore"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    record.write(made_up(), tmp_path / "results", made_up_scores())
    record.write(made_up(), tmp_path / "results" / "first-edition")
    write(tmp_path / release.HTML, PAGES)
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.invalid"]
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "all"]):
        subprocess.run(["git", "-C", tmp_path, *command], check=True)
    return tmp_path


def test_the_version_and_its_date_are_the_same_everywhere():
    assert release.version(ROOT) == OWN


def test_the_citation_has_what_its_format_asks_for():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(cited)
    assert (cited["cff-version"], cited["type"]) == ("1.2.0", "software")
    assert datetime.date.fromisoformat(cited["date-released"])
    [paper] = cited["references"]
    assert {"type", "title", "authors"} <= set(paper)
    for person in [*cited["authors"], *paper["authors"]]:
        assert set(person) in ({"name"}, {"family-names", "given-names"})


def test_a_release_has_the_book_and_the_checksums_of_all_records(project):
    paths = release.release(project)
    assert [path.name for path in paths] == [f"{BOOK}.zip", "SHA256SUMS"]
    with zipfile.ZipFile(paths[0]) as packed:
        found = {name: packed.read(name).decode() for name in packed.namelist()}
    assert found == {f"{BOOK}/{name}": text for name, text in PAGES.items()}
    lines = paths[1].read_text().splitlines()
    listed = dict(line.split("  ")[::-1] for line in lines)
    assert list(listed) == [
        f"dist/{BOOK}.zip",
        "results/first-edition/pantomime-20/scaling/RS-50/seed-0.json",
        "results/pantomime-20/scaling/RS-50/seed-0.json",
        "results/pantomime-20/scaling/RS-50/seed-0.scores.npz",
    ]
    for name, found in listed.items():
        assert hashlib.sha256((project / name).read_bytes()).hexdigest() == found


def test_the_same_pages_are_the_same_archive(tmp_path):
    write(tmp_path / "one", PAGES)
    write(tmp_path / "other", dict(reversed(PAGES.items())), time=1.5e9)
    for name in ("one", "other"):
        release.archive(tmp_path / name, tmp_path / name / "dist" / "book.zip")
    one, other = (tmp_path / name / "dist" / "book.zip" for name in ("one", "other"))
    assert one.read_bytes() == other.read_bytes()


def test_what_is_not_committed_stops_a_release(project):
    record.write(made_up(seed=1), project / "results")
    with pytest.raises(release.ReleaseError, match=r"commit: results/.*/seed-1\.json"):
        release.release(project)
    assert not (project / "dist").exists()


def test_a_damaged_record_stops_a_release(project):
    path = project / "results/pantomime-20/scaling/RS-50/seed-0.json"
    path.write_text(path.read_text().replace("0.5", "0.6", 1))
    with pytest.raises(ValueError, match=r"seed-0\.json: damaged"):
        release.records(project / "results")


@pytest.mark.parametrize(
    ("name", "before", "after", "said"),
    [
        ("CITATION.cff", f"version: {OWN}", "version: 9", "CITATION.cff: has 9, but"),
        ("CHANGELOG.md", f"[{OWN}]", "[0.0.9]", "CHANGELOG.md: has 0.0.9, but"),
        ("CHANGELOG.md", "- 2", "- 1", "dates of .* are 1.* and 2"),
    ],
)
def test_another_version_stops_a_release(project, name, before, after, said):
    text = (project / name).read_text()
    assert before in text
    (project / name).write_text(text.replace(before, after, 1))
    with pytest.raises(release.ReleaseError, match=said):
        release.version(project)


def test_without_a_book_there_is_no_release(project):
    (project / release.HTML / "index.html").unlink()
    with pytest.raises(release.ReleaseError, match="run `make book` first"):
        release.release(project)
