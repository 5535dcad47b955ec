"""The second pass over the mutants: who survives in a process of their own, what is kept, and the table."""

import json
import shutil
from pathlib import Path

import pytest

from tests.tools import mutants

OPTIONS = ["-p", "no:cacheprovider", "-p", "no:xdist"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As mutmut leaves it: one mutant killed, one not run, four to judge again, of which a test notices two."""
    names = {f"helpers.a.x_f__mutmut_{number}": code for number, code in enumerate([1, None, 0, 0, 255])}
    names |= {"helpers.data.titles.x_g__mutmut_0": 0, "helpers.b.x_h__mutmut_0": 33}
    (tmp_path / "pytest.ini").touch()
    (tmp_path / "a.py.meta").write_text(json.dumps({"exit_code_by_key": names}))
    (tmp_path / "test_it.py").write_text(
        "import os\nname = os.environ['MUTANT_UNDER_TEST']\n"
        "def test_one(): assert name[-1] != '3'\n"
        "def test_two(): assert name[-1] not in '04'\n"
    )
    (tmp_path / "tests/unit").mkdir(parents=True)
    shutil.copy(tmp_path / "test_it.py", tmp_path / "tests/unit/test_embedded.py")
    reached = {"helpers.a.x_f": ["test_it.py::test_one"], "helpers.data.titles.x_g": ["test_it.py::test_one"]}
    (tmp_path / "mutmut-stats.json").write_text(json.dumps({"tests_by_mangled_function_name": reached}))
    return tmp_path


def test_what_survived_is_judged_again_and_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    again = mutants.second_pass(folder, OPTIONS, at_once=2)
    assert {name.removeprefix("helpers."): alive for name, alive in again.items()} == {
        "a.x_f__mutmut_2": True,
        "a.x_f__mutmut_3": False,  # by the test that reaches it
        "a.x_f__mutmut_4": True,  # another test would notice it, but does not reach it
        "data.titles.x_g__mutmut_0": False,  # done once: all tests of its room count
        "b.x_h__mutmut_0": True,  # no test reaches it
    }
    monkeypatch.setattr(mutants, "survives", lambda *_: pytest.fail("it is known"))
    assert mutants.second_pass(folder, OPTIONS, at_once=2) == again


def test_the_table_counts_what_was_run(folder: Path) -> None:
    first = mutants.first_pass(folder)
    again = {name: name.endswith("2") for name, code in first.items() if code != 1}
    assert mutants.table(first, again).splitlines()[2:] == [
        "| `a` | 4 | 1 | 2 | 1 (25%) |",
        "| `b` | 1 | 0 | 1 | 0 (0%) |",
        "| `data/titles` | 1 | 0 | 1 | 0 (0%) |",
        "| `all` | 6 | 1 | 4 | 1 (17%) |",
    ]


def test_where_a_change_gives_tests_other_names_their_files_are_run(folder: Path) -> None:
    gone = ["test_it.py::test_three"]
    assert not mutants.survives("helpers.a.x_f__mutmut_3", gone, folder, OPTIONS)
    assert mutants.survives("helpers.a.x_f__mutmut_2", gone, folder, OPTIONS)
    assert mutants.survives("helpers.a.x_f__mutmut_3", ["gone.py::test_one"], folder, OPTIONS)  # noticed by nobody


def test_a_change_that_never_ends_is_noticed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "test_it.py").write_text("import time\ndef test_one(): time.sleep(60)\n")
    monkeypatch.setattr(mutants, "PATIENCE", 1)
    assert not mutants.survives("helpers.a.x_f__mutmut_2", ["test_it.py"], folder, OPTIONS)
