"""What README.md and CONTRIBUTING.md say is so."""

import re
from pathlib import Path

import pytest

from tests.tools.memory import BUDGET_MB
from tests.tools.notebook_rules import load, minutes

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ROW = re.compile(r"^\| (\d) \| (.+?) \| (\d+) \| .+ \|$", re.MULTILINE)


@pytest.mark.parametrize("page", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_make_targets_exist(page: str) -> None:
    named = set(re.findall(r"(?:^|`|cpu )make ([a-z-]+)", page, re.MULTILINE))
    assert {"lab", "test", "notebooks", "lint"} <= named
    assert not [target for target in named if not re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)]


@pytest.mark.parametrize("page", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_links_lead_to_files(page: str) -> None:
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", page) if not target.startswith("http")]
    assert targets or page == CONTRIBUTING
    for target in targets:
        name, _, place = target.partition("#")
        assert (ROOT / name).exists()
        headings = re.findall(r"^#+ (.+)$", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE) if place else []
        assert not place or place in [heading.lower().replace(" ", "-") for heading in headings]


def test_the_table_lists_the_notebooks_with_their_minutes() -> None:
    rows = {int(number): (title, int(time)) for number, title, time in ROW.findall(README)}
    assert len(rows) >= 5 and list(rows) == list(range(1, len(rows) + 1))
    for path in NOTEBOOKS:
        title, time = rows.pop(int(path.name[:2]))
        notebook = load(path)
        heading = notebook.cells[0].source.splitlines()[0].removeprefix("# ")
        assert title == f"[{heading}](notebooks/{path.name})"
        assert time == minutes(notebook), f"README.md says {time} minutes, {path.name} says {minutes(notebook)}"
    for title, _ in rows.values():
        assert "(not yet written)" in title


def test_the_memory_budget_is_the_one_that_is_tested() -> None:
    assert f"fails above {BUDGET_MB / 1000:g} GB" in README


def test_folders_named_in_contributing_exist() -> None:
    for folder in ("notebooks", "helpers", "tests", "binder", "tests/unit", "tests/notebooks", "tests/tools"):
        assert (ROOT / folder).is_dir() and folder.rsplit("/", 1)[-1] in CONTRIBUTING


def test_no_claim_of_a_python_that_is_not_tested() -> None:
    tested = re.search(r"python: \[(.*?)\]", (ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8"))[1]
    assert tested == '"3.11", "3.12", "3.13"' and "Python 3.11 or newer" in README
    assert 'requires-python = ">=3.11"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", [ROOT / "README.md", *NOTEBOOKS], ids=lambda path: path.stem)
def test_each_says_how_to_shut_a_notebook_down(page: Path) -> None:
    """Open kernels add up: on Binder, with 2 GB, the fourth would be the last."""
    assert "Kernel → Shut Down Kernel" in page.read_text(encoding="utf-8")
