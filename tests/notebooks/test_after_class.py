"""A notebook that JupyterLab opened, ran and saved passes what it should, and one sentence says what it does not."""

import json
import os
import re
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from tests.notebooks.samples import cell, good_notebook, run_pytest
from tests.tools.notebook_rules import METADATA, OF_OUTPUTS, RULES, WIDGET_VIEW, load, taught_from

# What JupyterLab 4.6 writes when it saves a notebook whose kernel has started.
OPENED = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
        "version": "3.11.7",
    },
}
WIDGETS = {"widgets": {"application/vnd.jupyter.widget-state+json": {"state": {}, "version_major": 2}}}
WHAT_TO_DO = r"01_course.ipynb was run and saved in JupyterLab.*make notebooks.*git checkout notebooks"


def taught() -> NotebookNode:
    """The good notebook after a class: a live part that stopped elsewhere, an exercise that was answered."""
    notebook = good_notebook()
    notebook.metadata = nbformat.from_dict(OPENED | WIDGETS)
    cell(notebook, "total").outputs[0].data |= {
        "text/plain": "3, when the class was over",
        WIDGET_VIEW: {"model_id": "1"},
    }
    cell(notebook, "total").metadata.execution = {"iopub.status.busy": "2026-01-01"}
    cell(notebook, "exercise-1-2").source = "answer = '1.2'\ncheck('1.2', answer)"
    cell(notebook, "exercise-1-3").execution_count = None
    return notebook


@pytest.mark.fault("all green; of every notebook one line says that outputs were not compared, and what to do")
def test_a_notebook_that_a_class_has_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    report = run_pytest(tmp_path, taught())
    assert "failed" not in report and "error" not in report.lower(), report
    assert "PASSED ::Cell 2\n" in report and "PASSED ::solution 1.4\n" in report
    assert len(re.findall(WHAT_TO_DO, report)) == 1
    book = load(tmp_path / "notebooks/01_course.ipynb")
    rest = [rule for rule in RULES if rule not in OF_OUTPUTS]
    assert not [fault for rule in rest for fault in rule(book, tmp_path / "notebooks/01_course.ipynb")]


@pytest.mark.fault("in CI it is a fault, in the same words")
def test_a_notebook_that_a_class_has_used_is_not_committed(tmp_path: Path) -> None:
    report = run_pytest(tmp_path, taught(), CI="true")
    assert re.search(rf"FAILED ::saved outputs - Failed: {WHAT_TO_DO}", report), report
    assert " 1 failed, " in report


def test_a_cell_that_fails_still_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    notebook = taught()
    cell(notebook, "total").source = "total = 1 / 0"
    assert "ZeroDivisionError" in run_pytest(tmp_path, notebook)


def test_a_notebook_that_was_only_opened_is_compared(tmp_path: Path) -> None:
    notebook = good_notebook()
    notebook.metadata = nbformat.from_dict(OPENED)
    cell(notebook, "total").outputs[0].data["text/plain"] = "5"
    assert taught_from(notebook, Path("01_course.ipynb")) is None
    assert "FAILED ::Cell 2" in run_pytest(tmp_path, notebook)


def test_no_committed_notebook_was_taught_from() -> None:
    notebooks = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
    found = [path for path in notebooks if json.loads(path.read_text(encoding="utf-8"))["metadata"] != METADATA]
    if found and not os.environ.get("CI"):
        pytest.skip(
            f"JupyterLab has saved {', '.join(path.name for path in found)}: before a commit, run make notebooks"
        )
    assert not found
