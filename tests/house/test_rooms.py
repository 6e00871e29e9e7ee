"""The rooms of the library, which import only from rooms above, and of the tests."""

import ast
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parents[2] / "r3d_rs"

#: From the top: a room may import all before it. The last ones are the command line.
ROOMS = [
    *("backend", "files", "cores", "progress", "paths"),
    *("paper", "recipes", "pantomime", "videos", "data", "options", "preparation"),
    *("models", "training", "evaluation", "contrastive", "tpu"),
    *("experiments", "operations", "report", "cli", "__main__"),
]

#: Rooms that may import less than all before them.
LESS = {
    "backend": set(),
    "files": set(),
    "cores": set(),
    "progress": set(),
    "paths": set(),
    "paper": set(),
    "recipes": {"files", "paper"},
    "pantomime": {"files", "cores", "progress"},
    "videos": set(),
    "models": {"backend"},
    "colab": set(),
}

TESTS = LIBRARY.with_name("tests")

#: Folders of tests that are of no room of the library.
OTHERS = {"benchmarks", "book", "faults", "fixtures", "house", "shared"}

MODULES = sorted(path for path in LIBRARY.rglob("*.py") if path.parent != LIBRARY)
MODULES += [path for path in LIBRARY.glob("*.py") if path.stem != "__init__"]


def room(path: Path) -> str:
    return path.relative_to(LIBRARY).with_suffix("").parts[0]


def imported(path: Path, package: str = "r3d_rs") -> dict[str, int]:
    """Return the rooms that a module imports, in functions too, each with a line."""
    found = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: a relative import"
            names = [f"{node.module}.{name.name}" for name in node.names]
        elif isinstance(node, ast.Import):
            names = [name.name for name in node.names]
        else:
            continue
        for name in names:
            if name.startswith(f"{package}."):
                found.setdefault(name.split(".")[1], node.lineno)
    return found


@pytest.mark.parametrize(
    "path", MODULES, ids=lambda path: path.relative_to(LIBRARY).as_posix()
)
def test_a_room_imports_only_from_rooms_above_it(path):
    own = room(path)
    above = LESS[own] if own in LESS else set(ROOMS[: ROOMS.index(own)])
    wrong = {
        name: line
        for name, line in imported(path).items()
        if name not in {*above, own} and not name.isupper()  # of the package itself
    }
    assert not wrong, f"{path}: imports from below its room, by line: {wrong}"


def test_every_room_says_what_it_holds_and_what_it_may_import():
    found = {path.parent.name: path for path in LIBRARY.glob("*/__init__.py")}
    assert set(found) < set(ROOMS)
    for path in found.values():
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        assert text.partition("\n")[0].endswith("."), path
        assert "\nIt may import " in text, path


def test_the_tests_mirror_the_rooms():
    rooms = {path.parent.name for path in LIBRARY.glob("*/__init__.py")}
    found = {path.name for path in TESTS.iterdir() if any(path.rglob("*.py"))}
    assert found - OTHERS == rooms
    modules = set(TESTS.rglob("test_*.py")) - set(TESTS.glob("*/test_*.py"))
    assert not modules, "tests lie in the folder of a room"


def test_no_test_module_imports_another():
    """What tests share is in tests/shared."""
    wrong = {
        f"{path.relative_to(TESTS)}:{line}": room
        for path in sorted(TESTS.rglob("*.py"))
        for room, line in imported(path, "tests").items()
        if room != "shared"
    }
    assert not wrong, f"imports of test modules: {wrong}"
