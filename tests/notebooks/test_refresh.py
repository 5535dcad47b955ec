"""`make notebooks`: outputs that are true, do not churn, and open anywhere."""

import base64
import io
import json
import re
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from PIL import Image

from tests.notebooks.samples import run_pytest
from tests.tools import refresh as tool
from tests.tools.notebook_rules import WIDGET_VIEW
from tests.tools.refresh import main, nothing_changed, refresh, same_picture, tidy

SOURCES = {
    "imports": "import sys, time, ipywidgets, matplotlib.pyplot as plt\nfrom IPython.display import display",
    "print": "print('one')\nprint('two')\n6 * 7",
    "timing": "start = time.perf_counter()\nf'{time.perf_counter() - start:.9f} seconds'",
    "picture": "plt.plot([1, 2, 3])\nplt.show()",
    "widget": "ipywidgets.IntSlider(value=3, description='epochs')",
    "python": "sys.executable",
}


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    """A notebook that was never run, with what tends to churn."""
    cells = [new_markdown_cell("# Title", id="head")] + [
        new_code_cell(source, id=name) for name, source in SOURCES.items()
    ]
    next(cell for cell in cells if cell.id == "timing").metadata.tags = [tool.TIMING_TAG]
    cells[1].metadata.execution = {"iopub.status.busy": "2026-01-01"}
    path = tmp_path / "01_course.ipynb"
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": {"name": "other", "display_name": "Other"}}), path)
    return path


def outputs(path: Path) -> dict[str, list]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return {cell["id"]: cell["outputs"] for cell in cells if cell["cell_type"] == "code"}


def test_refreshed_then_byte_identical(notebook: Path) -> None:
    assert set(refresh(notebook)) == set(SOURCES)
    found = outputs(notebook)
    assert [output["output_type"] for output in found["print"]] == ["stream", "execute_result"]
    assert "image/png" in found["picture"][0]["data"]
    assert WIDGET_VIEW not in found["widget"][0]["data"] and "text/plain" in found["widget"][0]["data"]
    assert found["python"][0]["data"]["text/plain"] == [repr(sys.executable)]
    saved = json.loads(notebook.read_text(encoding="utf-8"))
    assert saved["metadata"] == tool.METADATA and all("execution" not in cell["metadata"] for cell in saved["cells"])

    written = notebook.read_bytes()
    assert refresh(notebook) == []
    assert notebook.read_bytes() == written


def test_what_was_refreshed_passes_the_strict_comparison(notebook: Path, tmp_path: Path) -> None:
    refresh(notebook)
    report = run_pytest(tmp_path, nbformat.read(notebook, as_version=4))
    # Every cell, and the memory of their kernel where it can be measured.
    assert re.search(rf"\b({len(SOURCES)}|{len(SOURCES) + 1}) passed", report) and "failed" not in report, report


def test_check_writes_nothing_and_fails(notebook: Path, capsys: pytest.CaptureFixture) -> None:
    assert main([str(notebook)]) == 0
    assert main(["--check", str(notebook)]) == 0
    text = notebook.read_text(encoding="utf-8").replace("6 * 7", "6 * 8")
    notebook.write_text(text, encoding="utf-8")
    capsys.readouterr()
    assert main(["--check", str(notebook)]) == 1
    assert "01_course.ipynb: print" in capsys.readouterr().out
    assert notebook.read_text(encoding="utf-8") == text


def test_a_cell_that_fails_leaves_the_file_alone(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = tmp_path / "01_course.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("1 / 0", id="fault")]), path)
    written = path.read_bytes()
    assert main([str(path)]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err and path.read_bytes() == written


def test_no_notebooks_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool, "NOTEBOOKS", tmp_path)
    assert main([]) == 1


@pytest.mark.fault("one sentence that lists the notebooks there are, before any is run")
@pytest.mark.parametrize("name", ["03", "notebooks", "notebooks/glossary.md", "notebooks/09_not_there.ipynb"])
def test_a_notebook_to_refresh_that_is_none(name: str, notebook: Path, capsys: pytest.CaptureFixture) -> None:
    written = notebook.read_bytes()
    assert main([str(notebook), name]) == 1
    [said] = capsys.readouterr().err.splitlines()
    assert said.startswith(f"{name} is not a notebook: ") and "01_epochs_batches_iterations.ipynb" in said
    assert notebook.read_bytes() == written


def png(pixels: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return base64.b64encode(buffer.getvalue()).decode()


def test_same_picture_sees_a_moved_dot_and_no_rounding() -> None:
    white = np.full((350, 600, 3), 255, np.uint8)
    dot, moved = white.copy(), white.copy()
    dot[100:106, 100:106] = 0
    moved[100:106, 110:116] = 0
    rounded = np.where(dot > 0, dot - 3, dot + 3).astype(np.uint8)
    assert same_picture(png(dot), png(rounded))
    assert not same_picture(png(dot), png(moved))
    assert not same_picture(png(dot), png(dot[:-1]))


def timing_cell(text: str) -> nbformat.NotebookNode:
    result = nbformat.v4.new_output("execute_result", {"text/plain": text})
    return new_code_cell("…", outputs=[result], metadata={"tags": [tool.TIMING_TAG]})


def test_timings_keep_their_old_figures_but_not_their_old_words() -> None:
    assert nothing_changed(timing_cell("12.5 s, 3 times as fast"), timing_cell(" 9.75 s, 12 times as fast"))
    assert not nothing_changed(timing_cell("12.5 s"), timing_cell("12.5 ms"))
    untagged = [timing_cell("12.5 s"), timing_cell("9.75 s")]
    for cell in untagged:
        cell.metadata.tags = []
    assert not nothing_changed(*untagged)


def test_an_output_of_a_widget_view_alone_goes() -> None:
    view = nbformat.v4.new_output("display_data", {WIDGET_VIEW: {"model_id": "1"}})
    both = nbformat.v4.new_output(
        "display_data", {WIDGET_VIEW: {"model_id": "1"}, "image/png": "a\nb", "text/plain": "t"}
    )
    cell = new_code_cell("…", outputs=[view, both])
    tidy(new_notebook(cells=[cell]))
    assert [dict(output.data) for output in cell.outputs] == [{"image/png": "ab", "text/plain": "t"}]
