"""Notebook 3 runs on MovieLens when the one line that says so is changed."""

import os
from pathlib import Path

import nbformat
import pytest

from tests.tools.refresh import NOTEBOOKS, run

LINE = "ratings = load_ratings()"


@pytest.fixture
def movielens() -> Path:
    folder = Path(os.environ.get("MOVIELENS_DIR", "")) / "ml-latest-small"
    if not os.environ.get("MOVIELENS_DIR") or not folder.is_dir():
        pytest.skip("MOVIELENS_DIR names no folder that holds ml-latest-small")
    return folder.resolve()


def _words(notebook: nbformat.NotebookNode, cell_id: str) -> str:
    cell = next(cell for cell in notebook.cells if cell.id == cell_id)
    return "\n".join(
        output.get("text") or "".join(output.get("data", {}).get("text/plain", "")) for output in cell.outputs
    )


def test_the_recommender_runs_on_movielens_by_one_changed_line(movielens: Path) -> None:
    path = NOTEBOOKS / "03_embedding_recommender.ipynb"
    notebook = nbformat.read(path, as_version=4)
    changed = [cell for cell in notebook.cells if cell.cell_type == "code" and LINE in cell.source]
    assert len(changed) == 1
    changed[0].source = changed[0].source.replace(LINE, f"ratings = load_ratings({str(movielens)!r})")

    ran = run(notebook, path.parent)

    outputs = [output for cell in ran.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    assert "100,836 ratings by 610 users of 9,724 movies" in _words(ran, "load")
    assert "nobody knows the noise floor" in _words(ran, "floor")
    assert "no truth to compare with" in _words(ran, "recovery")
    assert "the distance" in _words(ran, "floor-distance")
    assert "because" in _words(ran, "newcomer-live")
    assert "better than biases by +" in _words(ran, "paired-differences")
