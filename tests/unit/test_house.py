"""The house is as CONTRIBUTING.md describes it: bare top level, imports one way, short files, one set of pins."""

import ast
import os
import re
import shutil
import subprocess
import sys
import textwrap
import zipfile
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOP_LEVEL = {
    "README.md", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "Makefile",
    "requirements.txt", "pyproject.toml", "notebooks", "helpers", "tests", "binder",
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
    """`helpers.training.loop` for helpers/training/loop.py, `helpers.training` for the package's own file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {module_name(path) for path in MODULES}


def imported_helpers(source: str, types: bool = True) -> set[str]:
    """The modules of `helpers` that this code imports, wherever in the file it does, by their full names.

    Without `types` those are left out that only a type checker imports.
    """
    found, tree = set(), ast.parse(source)
    if not types:
        tree.body = [
            node for node in tree.body if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
        ]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("helpers.")}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where a name comes from"
            if node.module and node.module.split(".")[0] == "helpers":
                inside = {f"{node.module}.{alias.name}" for alias in node.names}
                found |= inside & NAMES or {node.module}
    return found


def wrong_imports(name: str, imported: set[str]) -> list[str]:
    """The imports that run uphill, from a lower line of the table to a higher one."""
    layer = {module: LAYER_OF[module.split(".")[1]] for module in {name, *imported} if "." in module}
    return sorted(other for other in imported if other in layer and layer[other] > layer[name])


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_run_one_way(path: Path) -> None:
    name = module_name(path)
    if name != "helpers":
        assert name.split(".")[1] in LAYER_OF, f"give {name} its place in the table of CONTRIBUTING.md"
        assert wrong_imports(name, imported_helpers(path.read_text(encoding="utf-8"))) == []


def test_the_table_names_only_modules_that_exist() -> None:
    assert LAYER_OF and set(LAYER_OF) <= {name.split(".")[1] for name in NAMES if "." in name}


def rings(sources: dict[str, str]) -> list[str]:
    """A ring of imports between files, wherever in the packages they stand; empty without one."""
    try:
        TopologicalSorter(
            {name: imported_helpers(source, types=False) - {name} for name, source in sources.items()}
        ).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_no_ring_of_imports_inside_or_between_packages() -> None:
    assert rings({module_name(path): path.read_text(encoding="utf-8") for path in MODULES}) == []


def test_an_import_that_runs_uphill_or_in_a_ring_is_seen() -> None:
    source = "def late():\n    from helpers.live import Live\n    from helpers import plots\n    import helpers.data\n"
    assert imported_helpers(source) == {"helpers.live", "helpers.plots", "helpers.data"}
    assert wrong_imports("helpers.training.loop", imported_helpers(source)) == ["helpers.live", "helpers.plots"]
    assert imported_helpers("from helpers.data import split, movielens") == {"helpers.data.movielens"}
    loop = {"helpers.training.loop": "from helpers.training.history import History"}
    assert rings(loop | {"helpers.training.history": "from helpers.training import weights"}) == []
    assert rings(loop | {"helpers.training.history": "from helpers.training import loop"})


def too_long(path: Path) -> list[str]:
    """What is longer in a file than one reads in a sitting."""
    source = path.read_text(encoding="utf-8")
    found = [f"{path.name}: {lines} lines"] if (lines := len(source.splitlines())) > 300 else []
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ClassDef) and (lines := node.end_lineno - node.lineno + 1) > 150:
                found.append(f"{path.name}: class {node.name} has {lines} lines")
    return found


def test_files_and_classes_can_be_read_in_a_sitting() -> None:
    files = [path for kind in ("py", "js", "css") for path in (ROOT / "helpers").rglob(f"*.{kind}")]
    judges = set((ROOT / "helpers/exercises").glob("notebook_*.py"))
    assert not [fault for path in sorted({*files} - judges) for fault in too_long(path)]


def test_the_folder_shows_at_a_glance_what_there_is() -> None:
    entries = {path.name for path in (ROOT / "helpers").iterdir()} - {"__pycache__"}
    assert len(entries) <= 14, sorted(entries)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that pip builds from this tree, unpacked: what an installed copy of `helpers` consists of."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT / "helpers", folder / "tree/helpers", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "tree" / name)
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet", "-w", folder]
    subprocess.run([*build, folder / "tree"], check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


@pytest.mark.skipif(find_spec("setuptools") is None, reason="building a wheel without the network needs setuptools")
def test_a_wheel_holds_every_file_of_helpers(wheel: Path) -> None:
    def files(folder: Path) -> set[str]:
        found = {path.relative_to(folder) for path in (folder / "helpers").rglob("*") if path.is_file()}
        return {path.as_posix() for path in found if "__pycache__" not in path.parts}

    assert files(wheel) == files(ROOT)
    assert {name.rpartition(".")[2] for name in files(wheel)} >= {"py", "js", "css"}


@pytest.mark.skipif(find_spec("setuptools") is None, reason="building a wheel without the network needs setuptools")
def test_an_installed_copy_shows_a_live_part(wheel: Path) -> None:
    code = """
        import helpers
        from helpers.live import live_training
        from helpers.live.controls import powers_of_two
        from helpers.models import MLP
        from helpers.training import Config, train
        from tests.builders import patients

        part = live_training(
            lambda batch_size: train(MLP(4), patients(), None, Config(num_epochs=1, batch_size=batch_size)),
            batch_size=powers_of_two(8, 32, 16),
        )
        shown = part._repr_mimebundle_()[0]
        assert shown["image/png"] and "Ended after" in part.text, part.text
        print(helpers.__file__)
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(wheel), str(ROOT)]), "EPOCH_SYNC": "1"}
    command = [sys.executable, "-P", "-c", textwrap.dedent(code)]
    said = subprocess.run(command, cwd=wheel, env=environment, capture_output=True, text=True)
    assert said.stdout.strip() == str(wheel / "helpers/__init__.py"), said.stderr


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
