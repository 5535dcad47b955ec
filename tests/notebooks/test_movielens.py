"""Notebook 3 runs on MovieLens when the one line that says so is changed."""

import ast
import json
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


AGAIN = """
import json
paired = [[gain.mean(), gain.std(ddof=1)] for gain in gains.values()]
print(json.dumps({"ladder": list(board["RMSE"]), "paired": paired, "like": {title: list(films_like(
    int(np.flatnonzero(ratings.movies["title"] == title)[0])).index) for title in like_frozen}}))
"""


def test_the_recommender_runs_on_movielens_by_one_changed_line(movielens: Path) -> None:
    """It runs, says nothing that holds for the invented ratings only, and gives the figures that it shows frozen."""
    path = NOTEBOOKS / "03_embedding_recommender.ipynb"
    notebook = nbformat.read(path, as_version=4)
    changed = [cell for cell in notebook.cells if cell.cell_type == "code" and LINE in cell.source]
    assert len(changed) == 1
    changed[0].source = changed[0].source.replace(LINE, f"ratings = load_ratings({str(movielens)!r})")
    notebook.cells.append(nbformat.v4.new_code_cell(AGAIN, id="again"))

    ran = run(notebook, path.parent)

    outputs = [output for cell in ran.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    assert "100,836 ratings by 610 users of 9,724 movies" in _words(ran, "load")
    assert "nobody knows the noise floor" in _words(ran, "floor")
    assert "no truth to compare with" in _words(ran, "recovery")
    assert "the distance" in _words(ran, "floor-distance")
    assert "oracle" not in _words(ran, "list-stars")
    assert "never given" in _words(ran, "selection")
    assert "because" in _words(ran, "newcomer-live")
    again = json.loads(_words(ran, "again"))
    frozen = {cell.id: cell.source for cell in notebook.cells}
    assert again["ladder"] == pytest.approx(_value(frozen["scoreboard"], "frozen"), abs=0.0015)
    for found, shown in zip(again["paired"], _value(frozen["paired-differences"], "frozen_gains"), strict=True):
        assert found == pytest.approx(shown, abs=0.0015)
    for title, films in _value(frozen["similar-frozen"], "like_frozen").items():
        assert len(set(films) & set(again["like"][title])) >= 4, (title, again["like"][title])


def _value(source: str, name: str) -> object:
    """What a cell assigns to a name, where it is a literal."""
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == name:
            return ast.literal_eval(statement.value)
    raise AssertionError(f"no cell assigns {name}")
