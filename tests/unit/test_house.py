"""The house is as CONTRIBUTING.md describes it: a bare top level, imports one way, one set of pins."""

import ast
import os
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOP_LEVEL = {
    "README.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "requirements.txt", "pyproject.toml",
    "notebooks", "helpers", "tests", "binder",
}  # fmt: skip
# Who may import whom is said by the table in CONTRIBUTING.md, line by line.
TABLE = (
    (ROOT / "CONTRIBUTING.md")
    .read_text(encoding="utf-8")
    .partition("| | modules |\n|---|---|\n")[2]
    .partition("\n\n")[0]
)
LAYER_OF = {name: number for number, line in enumerate(TABLE.splitlines()) for name in re.findall(r"`(\w+)/?`", line)}
MODULES = sorted((ROOT / "helpers").rglob("*.py"))


def tracked_files() -> list[str]:
    try:
        listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return listed.stdout.splitlines()


def test_top_level_is_bare() -> None:
    names = {name.split("/")[0] for name in tracked_files()}
    assert {name for name in names if not name.startswith(".")} <= TOP_LEVEL


def test_movielens_is_not_handed_on() -> None:
    published = {"ratings.csv", "movies.csv", "tags.csv", "links.csv", "ratings.dat", "u.data", "u.item"}
    assert not [name for name in tracked_files() if name.rsplit("/", 1)[-1] in published or name.endswith(".zip")]


def module_name(path: Path) -> str:
    """`training` for helpers/training.py, `exercises` for all of its package, `` for helpers itself."""
    parts = path.relative_to(ROOT / "helpers").with_suffix("").parts
    return "" if parts == ("__init__",) else parts[0]


def imported_helpers(source: str) -> set[str]:
    """The modules of `helpers` that this code imports, wherever in the file it does."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("helpers.")}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where a name comes from"
            if node.module == "helpers":
                found |= {alias.name for alias in node.names}
            elif node.module and node.module.startswith("helpers."):
                found.add(node.module.split(".")[1])
    return found


def wrong_imports(name: str, imported: set[str]) -> list[str]:
    """The imports that run uphill."""
    return [other for other in sorted(imported - {name}) if LAYER_OF[other] > LAYER_OF[name]]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_run_one_way(path: Path) -> None:
    name = module_name(path)
    if name:
        assert name in LAYER_OF, f"give {name} its place in the table of CONTRIBUTING.md"
        assert wrong_imports(name, imported_helpers(path.read_text(encoding="utf-8"))) == []


def test_the_table_names_only_modules_that_exist() -> None:
    assert LAYER_OF and set(LAYER_OF) <= {module_name(path) for path in MODULES}


def test_no_ring_of_imports() -> None:
    graph: dict[str, set[str]] = {}
    for path in MODULES:
        name = module_name(path)
        graph.setdefault(name, set()).update(imported_helpers(path.read_text(encoding="utf-8")) - {name})
    assert {"data", "training"} <= set(TopologicalSorter(graph).static_order())  # raises CycleError at a ring


def test_an_import_that_runs_uphill_is_seen() -> None:
    source = "def late():\n    from helpers.live import Live\n    from helpers import plots\n    import helpers.data\n"
    assert imported_helpers(source) == {"live", "plots", "data"}
    assert wrong_imports("training", imported_helpers(source)) == ["live", "plots"]


def pins(name: str) -> list[str]:
    return re.findall(r"^[A-Za-z].*$", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)


def test_pins_are_exact_and_end_with_the_course_itself() -> None:
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+==[0-9][0-9.]*", pin) for pin in pins("requirements.txt"))
    assert (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()[-1] == "-e ."


def test_what_is_imported_is_pinned() -> None:
    imported = set()
    for path in [*MODULES, *(ROOT / "tests").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.split(".")[0])
    pinned = {pin.partition("==")[0].lower() for pin in pins("requirements.txt")}
    owners = packages_distributions()
    foreign = imported - set(sys.stdlib_module_names) - {"helpers", "tests"}
    unpinned = {name for name in foreign if not {owner.lower() for owner in owners.get(name, [])} & pinned}
    assert not unpinned, "give these a line in requirements.txt and binder/requirements.txt"


def test_binder_has_the_same_pins() -> None:
    assert pins("binder/requirements.txt") == pins("requirements.txt")
    text = (ROOT / "binder/requirements.txt").read_text(encoding="utf-8")
    assert not re.search(r"^-[rec]\b", text, re.MULTILINE), "every commit would install everything anew"
    assert "\n--extra-index-url https://download.pytorch.org/whl/cpu\n" in text
    assert (ROOT / "binder/runtime.txt").read_text(encoding="utf-8").strip() == "python-3.11"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no executable bit")
@pytest.mark.parametrize("name", ["binder/postBuild", "binder/start", ".ci/run"])
def test_scripts_can_be_run(name: str) -> None:
    assert os.access(ROOT / name, os.X_OK)
    assert subprocess.run(["bash", "-n", ROOT / name]).returncode == 0
