"""A small notebook that keeps every rule, for tests of the tooling to spoil."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.tools.notebook_rules import METADATA

ROOT = Path(__file__).resolve().parents[2]
CHECK = textwrap.dedent(
    """
    class Reply(str):
        passed = False

    def check(number, answer=None):
        reply = Reply("right" if answer == number else "not yet")
        reply.passed = answer == number
        return reply
    """
).strip()


def solution(number: str) -> str:
    """A folded solution in the course's form."""
    return (
        f"<details><summary>Solution</summary>\n\n```python\nanswer = {number!r}  # as it stands\n"
        f"check({number!r}, answer)\n```\n\n</details>"
    )


def good_notebook() -> nbformat.NotebookNode:
    """A fresh copy each time: a head, imports, a figure in words, four exercises."""
    cells = [
        new_markdown_cell("# A course\n\n20 minutes. [The exercises](#The-exercises)", id="head"),
        new_code_cell("import math", id="imports"),
        new_code_cell(CHECK, id="checks"),
        new_code_cell("total = math.ceil(1000 / 300)\ntotal", id="total", outputs=[_result("4")]),
        new_markdown_cell("## The exercises", id="title"),
    ]
    for number in ("1.1", "1.2", "1.3", "1.4"):
        name = number.replace(".", "-")
        cells += [
            new_markdown_cell(f"What is {number}?", id=f"question-{name}"),
            new_code_cell(
                f"answer = None\ncheck({number!r}, answer)", id=f"exercise-{name}", outputs=[_result("'not yet'")]
            ),
            new_markdown_cell(solution(number), id=f"solution-{name}"),
        ]
    notebook = new_notebook(cells=cells, metadata=METADATA)
    count = 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            for output in cell.outputs:
                output.execution_count = count
    return notebook


def cell(notebook: nbformat.NotebookNode, name: str) -> nbformat.NotebookNode:
    """The cell with this id."""
    return next(cell for cell in notebook.cells if cell.id == name)


def _result(text: str) -> nbformat.NotebookNode:
    return new_output("execute_result", {"text/plain": text}, execution_count=0)


def run_pytest(folder: Path, notebook: nbformat.NotebookNode, after: str = "", **variables: str) -> str:
    """What pytest prints for this notebook, alone in a project of its own, with these after-checks."""
    (folder / "notebooks").mkdir()
    (folder / "tests/after").mkdir(parents=True)
    path = folder / "notebooks/01_course.ipynb"
    nbformat.write(notebook, path)
    if after:
        (folder / "tests/after/01_course.py").write_text(after)
    command = [sys.executable, "-m", "pytest", "-c", ROOT / "pyproject.toml", "-n", "0", "-p", "no:cacheprovider"]
    command += ["-rA", "--color=no", path]
    environment = dict(os.environ, **variables)
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True).stdout
