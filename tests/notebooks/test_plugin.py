"""After nbval's last cell the folded solutions and the after-checks run in the same kernel, and can fail."""

import os
from pathlib import Path

import pytest

from tests.notebooks.samples import cell, good_notebook, run_pytest
from tests.tools.exercises import as_test, solutions
from tests.tools.kernel import course_environment

AFTER = """
# %% the notebook's names are here
assert total == 4

# %% this one fails
assert total == 5

# %% the course's environment
import os
assert os.environ["EPOCH_SYNC"] == "1" and os.environ["OMP_NUM_THREADS"] == "1"
assert os.environ["EPOCH_THREADS"] == "1" and os.environ.get("MPLBACKEND") != "pdf"
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest says of a notebook with several faults, run where a learner has settings of their own."""
    notebook = good_notebook()
    cell(notebook, "exercise-1-1").outputs[0].data["text/plain"] = "'right'"
    spoilt = {
        "solution-1-2": ("answer = '1.2'", "answer = 'wrong'"),
        "solution-1-3": ("answer = '1.3'", "answer = '1.3'.missing()"),
        "solution-1-4": ("answer = ", "check = lambda *given: type('Lax', (), {'passed': True})\nanswer = "),
    }
    for name, (old, new) in spoilt.items():
        folded = cell(notebook, name)
        assert old in folded.source
        folded.source = folded.source.replace(old, new, 1)
    own = {"EPOCH_THREADS": "8", "MPLBACKEND": "pdf", "OMP_NUM_THREADS": "64"}
    return run_pytest(tmp_path_factory.mktemp("course"), notebook, AFTER, **own)


@pytest.mark.parametrize(
    "name", ["Cell 2", "solution 1.1", "after: the notebook's names are here", "after: the course's environment"]
)
def test_what_is_right_passes(report: str, name: str) -> None:
    assert f"PASSED ::{name}\n" in report


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Cell 3", "mismatch 'text/plain'"),
        ("solution 1.2", "the folded solution of 1.2 does not pass: not yet"),
        ("solution 1.3", "AttributeError"),
        ("solution 1.4", "exercise 1.4 takes None for right"),
        ("after: this one fails", "AssertionError"),
    ],
)
def test_what_is_wrong_fails_and_says_so(report: str, name: str, says: str) -> None:
    assert f"FAILED ::{name} " in report and says in report, report


def test_a_good_notebook_passes(tmp_path: Path) -> None:
    said = run_pytest(tmp_path, good_notebook())
    assert " 12 passed in " in said or " 11 passed, 1 skipped in " in said


def test_the_environment_comes_back() -> None:
    before = dict(os.environ)
    with course_environment():
        assert os.environ["EPOCH_SYNC"] == "1"
    assert dict(os.environ) == before


def test_solution_with_several_checks_tests_each() -> None:
    notebook = good_notebook()
    folded = cell(notebook, "solution-1-3")
    folded.source = folded.source.replace("check('1.3', answer)", "check('1.3', answer)\ncheck('1.4', answer)")
    source = as_test(list(solutions(notebook))[2])
    assert source.count("_reply.passed") == 2 and "check('1.4', _given).passed" in source
