"""Notebook 4 runs on MovieLens when the one line that says so is changed, and its own search finds a good setting."""

import re

import nbformat
import pytest

from tests.notebooks.test_movielens import _words, movielens  # noqa: F401 (a fixture)
from tests.tools.refresh import NOTEBOOKS, run

LINE = 'SOURCE = "embedded"'


def test_the_notebook_runs_on_movielens_and_its_search_reaches_0_860(movielens, monkeypatch) -> None:  # noqa: F811
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")  # its strict run covers searches on all cores
    path = NOTEBOOKS / "04_hyperparameter_playground.ipynb"
    notebook = nbformat.read(path, as_version=4)
    changed = [cell for cell in notebook.cells if cell.cell_type == "code" and LINE in cell.source]
    assert len(changed) == 1
    changed[0].source = changed[0].source.replace(LINE, f"SOURCE = {str(movielens)!r}")

    ran = run(notebook, path.parent)

    outputs = [output for cell in ran.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    assert "100,836 ratings by 610 users of 9,724 films" in _words(ran, "load-the-data")
    assert "nobody knows the best possible RMSE" in _words(ran, "load-the-data")
    assert _words(ran, "the-playground").startswith("playground(data=MovieLens, ")
    # Settings found by search on validation ratings, trained on the 80 % of seed 42, and once on the other 20 %.
    tested = re.search(r"test RMSE (0\.\d{3}); plain defaults (0\.\d{3})", _words(ran, "the-test-once"))
    assert float(tested[1]) <= 0.860
    assert float(tested[2]) == pytest.approx(0.8866, abs=0.004)  # measured with a plain loop, apart from the course
    assert re.search(r"trained in \d+\.\d seconds", _words(ran, "the-test-seconds"))  # how many: make bench
    _the_prose_about_movielens_is_true(ran)


def _the_prose_about_movielens_is_true(ran: nbformat.NotebookNode) -> None:
    """What the notebook says of MovieLens beside the embedded ratings' figures."""
    assert re.search(r"The lowest, 0\.\d{3}: .*learning rate 0\.01\.", _words(ran, "heat-maps"))
    found = re.search(r"winner (0\.\d{3}), the grid's winner (0\.\d{3})", _words(ran, "halving-rounds"))
    assert float(found[1]) <= float(found[2]) + 0.003, "halving finds the grid's own winner there, or its equal"
