"""Run the notebooks again and rewrite their saved outputs, with the smallest possible difference.

    python -m tests.tools.refresh                      all notebooks
    python -m tests.tools.refresh notebooks/03_….ipynb one of them
    python -m tests.tools.refresh --check              write nothing; fail if an output would change

A cell whose outputs say and show the same as before keeps them byte for byte, so that a second run changes nothing.
"""

import argparse
import base64
import copy
import io
import json
import re
import sys
from pathlib import Path

import nbformat
import numpy as np
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from nbval.kernel import CURRENT_ENV_KERNEL_NAME, NbvalKernelspecManager
from PIL import Image

from tests.tools.kernel import course_environment
from tests.tools.notebook_rules import METADATA, WIDGET_VIEW
from tests.tools.prose import TIMING_TAG

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
SECONDS_PER_CELL = 300
# A pixel counts as changed when a channel moves by more than an eighth of its range: rounding in another machine's
# anti-aliasing stays below that. A picture counts as changed from 2 such pixels in 10,000 on.
VISIBLE_STEP = 32
VISIBLE_SHARE = 2e-4


def same_picture(one: str, other: str) -> bool:
    """Whether two base64-encoded PNGs look the same."""
    if one == other:
        return True
    first, second = (
        np.asarray(Image.open(io.BytesIO(base64.b64decode(png))).convert("RGBA"), np.int16) for png in (one, other)
    )
    if first.shape != second.shape:
        return False
    changed = (np.abs(first - second) > VISIBLE_STEP).any(axis=-1)
    return bool(changed.mean() < VISIBLE_SHARE)


def _words(output: NotebookNode) -> dict:
    """An output without its pictures."""
    words = copy.deepcopy(dict(output))
    words.pop("traceback", None)  # it holds addresses and line numbers of libraries
    words["data"] = {kind: value for kind, value in output.get("data", {}).items() if kind != "image/png"}
    return words


def _pictures(outputs: list[NotebookNode]) -> list[str]:
    return [output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})]


def _without_figures(outputs: list[NotebookNode]) -> str:
    """The words of a cell that measures time, with every number blotted out."""
    words = json.dumps([_words(output) for output in outputs], sort_keys=True)
    return re.sub(r"[ \d.,]*\d[\d.,]*(e[+-]?\d+)?", "#", words)


def nothing_changed(old: NotebookNode, new: NotebookNode) -> bool:
    """Whether a reader sees the same outputs in both cells; of a timing, whether only the figures differ."""
    if TIMING_TAG in new.metadata.get("tags", []):
        return bool(old.outputs) and _without_figures(old.outputs) == _without_figures(new.outputs)
    if [_words(output) for output in old.outputs] != [_words(output) for output in new.outputs]:
        return False
    before, after = _pictures(old.outputs), _pictures(new.outputs)
    return len(before) == len(after) and all(map(same_picture, before, after))


def tidy(notebook: NotebookNode) -> None:
    """Drop what would churn or not open elsewhere: timings, the machine's kernel, views of widgets that are gone."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        for output in cell.outputs:
            data = output.get("data", {})
            data.pop(WIDGET_VIEW, None)
            if "image/png" in data:
                data["image/png"] = data["image/png"].replace("\n", "")
        cell.outputs = [output for output in cell.outputs if output.get("data", True)]


def run(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """A copy of the notebook, executed in a fresh kernel of this Python. Raises CellExecutionError."""
    fresh = copy.deepcopy(notebook)
    for cell in fresh.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    manager = AsyncKernelManager(kernel_name=CURRENT_ENV_KERNEL_NAME, kernel_spec_manager=NbvalKernelspecManager())
    client = NotebookClient(
        fresh,
        km=manager,
        timeout=SECONDS_PER_CELL,
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    )
    with course_environment():
        client.execute()
    tidy(fresh)
    return fresh


def refresh(path: Path, check: bool = False) -> list[str]:
    """Run one notebook and write its new outputs, unless `check`.

    Returns what changed, as ids of cells, and "the file" where only its form did. Raises CellExecutionError, with
    the file untouched.
    """
    old_text = path.read_text(encoding="utf-8")
    old = nbformat.reads(old_text, as_version=4)
    new = run(old, path.parent)
    changed = []
    for before, after in zip(old.cells, new.cells, strict=True):
        if after.cell_type != "code":
            continue
        if nothing_changed(before, after):
            after.outputs = before.outputs
        if before.outputs != after.outputs or before.execution_count != after.execution_count:
            changed.append(after.id)
    nbformat.validate(new)
    new_text = nbformat.writes(new) + "\n"
    if new_text == old_text:
        return []
    if not check:
        path.write_text(new_text, encoding="utf-8", newline="\n")
    return changed or ["the file"]


def main(arguments: list[str] | None = None) -> int:
    """The command line; 1 when a notebook failed, when there was none, or when --check found a change."""
    parser = argparse.ArgumentParser(description="Run notebooks and refresh their saved outputs.")
    parser.add_argument("notebooks", nargs="*", type=Path, help="the notebooks to run (default: all)")
    parser.add_argument("--check", action="store_true", help="write nothing, fail if an output would change")
    options = parser.parse_args(arguments)
    paths = options.notebooks or sorted(NOTEBOOKS.glob("*.ipynb"))
    if not paths:
        print(f"There are no notebooks in {NOTEBOOKS}.", file=sys.stderr)
        return 1
    faults = 0
    for path in paths:
        try:
            changed = refresh(path, options.check)
        except CellExecutionError as error:
            print(f"{path.name}: stopped, the file is as it was\n{error}", file=sys.stderr)
            faults += 1
            continue
        print(f"{path.name}: {', '.join(changed) if changed else 'nothing changed'}")
        faults += bool(changed) and options.check
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
