"""A small course with judges of its own, and a class of thirty that hands in everything a class hands in."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tests.tools.classroom.assignment import Assignment, read
from tests.tools.classroom.handout import for_learners

JUDGES = '''
"""The judges of a small course."""

from helpers.exercises import choice, function, number, numbers


def _double(learners):
    return None if learners(21) == 42 else "Twice the number, please."


EXERCISES = {
    "1.1": number(980, {970: "You rounded down: the last 672 ratings are still a batch."}),
    "1.2": choice("b", {"a": "That is the mean.", "c": "That is the median."}),
    "1.3": function(_double),
    "1.4": numbers([1, 2, 3]),
}
'''
SOLUTION = "<details><summary>Solution</summary>\n\n```python\n{}\n```\n</details>"
CELLS = {
    "1.1": ("answer = None", 'check("1.1", answer)', "answer = per_epoch * 10"),
    "1.2": ('answer = None  # "a", "b" or "c"', 'check("1.2", answer)', 'answer = "b"'),
    "1.3": ("def double(x): ...", 'check("1.3", None)  # replace None with double', "def double(x):\n    return 2 * x"),
    "1.4": ("answer = None", 'check("1.4", answer)', "answer = [1, 2, 3]"),
}
GIVEN = {"1.3": "double"}
RIGHT = {number: solution for number, (_, _, solution) in CELLS.items()}
Change = Callable[[NotebookNode], None]


@pytest.fixture(scope="session")
def course(tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    """One notebook of four exercises, in a folder with its judges."""
    cells = [
        new_markdown_cell("# A small course", id="head"),
        new_code_cell("from helpers.exercises import check", id="imports"),
        new_code_cell("rounds = []\nper_epoch = 98", id="numbers"),
        new_code_cell("raise SystemError('a cell that no answer needs')", id="unneeded"),
    ]
    for number, (stub, test, solution) in CELLS.items():
        name = number.replace(".", "-")
        cells.append(new_code_cell(f"{stub}\n{test}", id=f"exercise-{name}"))
        given = GIVEN.get(number, "answer")
        cells.append(
            new_markdown_cell(SOLUTION.format(f'{solution}\n\ncheck("{number}", {given})'), id=f"solution-{name}")
        )
    folder = tmp_path_factory.mktemp("course")
    (folder / "judges.py").write_text(JUDGES)
    nbformat.write(new_notebook(cells=cells), folder / "01_small.ipynb")
    return read(folder / "01_small.ipynb")


def answered(notebook: NotebookNode, answers: dict[str, str]) -> NotebookNode:
    """A copy in which the learner has written these answers, in the notebook as it is or as it was handed out."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        for number, answer in answers.items():
            if cell.get("id") == f"exercise-{number.replace('.', '-')}":
                test = CELLS[number][1].replace("None)", f"{GIVEN.get(number, 'answer')})")
                cell.source = f"{answer}\n{test}" if "check(" in cell.source else answer
    return notebook


def without(*ids: str) -> Change:
    def change(notebook: NotebookNode) -> None:
        notebook.cells = [cell for cell in notebook.cells if cell.id not in ids]

    return change


def first_cell(source: str) -> Change:
    return lambda notebook: notebook.cells.insert(2, new_code_cell(source))


def edited(cell_id: str, source: str) -> Change:
    def change(notebook: NotebookNode) -> None:
        next(cell for cell in notebook.cells if cell.id == cell_id).source = source

    return change


def renamed(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        cell.id = f"my-{cell.id}"


# One endless loop keeps a core busy and the other waits; both are interrupted alike.
FOREVER, WAITS_FOREVER = "while True:\n    pass", "import time\nwhile True:\n    time.sleep(1)"
TOO_LARGE = "answer = [0] * 1_300_000_000"
KILLED = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
CHEAT = "def check(*answer):\n    return 'Right.'\n\n\nimport helpers.exercises\nhelpers.exercises.check = check"
PATCH = "import math\nmath.isclose = lambda *a, **k: True\nimport numpy\nnumpy.isclose = math.isclose"
R, W, U = "right", "wrong", "unanswered"
# Name of the learner: answers, what else was done to the notebook, the marks of 1.1 to 1.4.
CLASS: dict[str, tuple[dict[str, str], Change | None, str]] = {
    "Ada all right": (RIGHT, None, "RRRR"),
    "Ben handed out": (RIGHT, None, "RRRR"),  # works on the hand-out
    "Cem unanswered": ({}, None, "UUUU"),
    "Dee all wrong": ({"1.1": "answer = 1", "1.2": "answer = 'a'", "1.3": "def double(x):\n    return x",
                       "1.4": "answer = [3, 2, 1]"}, None, "WWWW"),
    "Eva rounded down": (RIGHT | {"1.1": "answer = 97 * 10"}, None, "WRRR"),
    "Fei text": (RIGHT | {"1.1": "answer = '980'"}, None, "RRRR"),
    "Gus half": ({"1.2": "answer = 'B'\n1 / 0  # a slip after the answer", "1.4": "answer = (1, 2, 3)"}, None, "URUR"),
    "Hal no return": (RIGHT | {"1.3": "def double(x):\n    2 * x"}, None, "RRWR"),
    "Ida own name": (RIGHT | {"1.3": "double = lambda x: x + x"}, None, "RRRR"),
    "Jan nonsense": ({number: "answer = double = object()" for number in CELLS}, None, "WWWW"),
    "Kim cheats": ({"1.1": "answer = 1"}, first_cell(CHEAT), "WUUU"),
    "Lea patches": ({"1.1": "answer = 1", "1.4": "answer = [9, 9, 9]"}, first_cell(PATCH), "WUUW"),
    "Mia no check": ({}, edited("exercise-1-1", "answer = 980"), "RUUU"),
    "Nia prints right": ({}, edited("exercise-1-1", "answer = 5\nprint('✓ Right.')\ncheck('1.2', answer)"), "WUUU"),
    "Oli forever": (RIGHT | {"1.2": WAITS_FOREVER}, None, "RWRR"),
    "Pam forever in a function": (RIGHT | {"1.3": f"def double(x):\n    {FOREVER.replace(chr(10), chr(10) + '    ')}"},
                                  None, "RRWR"),
    "Quy ten gigabytes": (RIGHT | {"1.4": TOO_LARGE}, None, "RRRW"),
    "Ray exits": (RIGHT | {"1.1": "import sys\nsys.exit()"}, None, "WRRR"),
    "Sue kernel killed": (RIGHT | {"1.2": KILLED}, None, "RWRR"),
    "Tom exits for good": (RIGHT | {"1.3": "import os\nos._exit(1)"}, None, "RRWR"),
    "Uma deleted cell": (RIGHT, without("exercise-1-2"), "RURR"),
    "Val renamed cells": (RIGHT, renamed, "RRRR"),
    "Wim forgot a cell": (RIGHT, without("numbers"), "WRRR"),
    "Xia 🎉 émoji": (RIGHT, None, "RRRR"),
    "Yan syntax error": (RIGHT | {"1.1": "answer = = 980"}, None, "WRRR"),
    "Zoe magics": (RIGHT, first_cell("%timeit -n1 -r1 pass\n!true"), "RRRR"),
}  # fmt: skip
PROBLEMS = {  # the learner, and a word of what the row says
    "broken json": "is no notebook",
    "wrong notebook": "none of its exercises",
    "two files": "2 times",
    "empty folder": "no notebook",
}


@pytest.fixture(scope="session")
def submissions(course: Assignment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the class of thirty handed in."""
    folder = tmp_path_factory.mktemp("class") / "submissions"
    folder.mkdir()
    for number, (learner, (answers, change, _)) in enumerate(CLASS.items()):
        base = for_learners(course) if learner == "Ben handed out" else course.notebook
        notebook = answered(base, answers)
        if change is not None:
            change(notebook)
        if number % 2:
            nbformat.write(notebook, folder / f"{learner}.ipynb")
        else:
            (folder / learner).mkdir()
            nbformat.write(notebook, folder / learner / "01_small.ipynb")
    (folder / "broken json.ipynb").write_text('{"cells": [', encoding="utf-8")
    nbformat.write(new_notebook(cells=[new_code_cell("1 + 1")]), folder / "wrong notebook.ipynb")
    (folder / "two files").mkdir()
    for name in ("01_small.ipynb", "01_small-Copy1.ipynb"):
        nbformat.write(answered(course.notebook, RIGHT), folder / "two files" / name)
    (folder / "empty folder").mkdir()
    assert len(list(folder.iterdir())) == 30
    shutil.copytree(folder / "two files", folder / "two files" / ".ipynb_checkpoints")
    json.loads((folder / "Ada all right" / "01_small.ipynb").read_text())
    return folder
