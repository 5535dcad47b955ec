"""The exercises of a notebook as an instructor sees them: what is handed out, what is locked, what is checked."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tests.tools.exercises import solutions

NO_ANSWER = ("", "None", "...")  # what stands in a check until the learner puts the answer there
NOTEBOOKS = Path(__file__).resolve().parents[3] / "notebooks"


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes:
        number: "1.3".
        stub: the code that learners find, without its check.
        answer: the expression that is checked, such as "answer" or the name of a function.
        tail: what follows the check in the cell, such as the figure that shows it; often empty.
    """

    number: str
    stub: str
    answer: str
    tail: str = ""

    @property
    def cell_id(self) -> str:
        """Of the cell that the learner writes in; its check stands in `cell_id + "-check"`."""
        return f"exercise-{self.number.replace('.', '-')}"


@dataclass(frozen=True)
class Assignment:
    """One notebook of the course and its exercises."""

    path: Path
    notebook: NotebookNode
    exercises: dict[str, Exercise]

    @property
    def name(self) -> str:
        return self.path.stem


def assignments(folder: Path = NOTEBOOKS) -> list[Assignment]:
    """The notebooks of a course, in order."""
    return [read(path) for path in sorted(folder.glob("*.ipynb"))]


def read(path: Path) -> Assignment:
    """One notebook, with its exercises taken apart. Raises ValueError for a check without a solution."""
    notebook = nbformat.read(path, as_version=4)
    answers = {number: call for found in solutions(notebook) for number, call in calls(found.source).items()}
    exercises = {}
    for cell in notebook.cells:
        for number, given in calls(cell.source).items() if cell.cell_type == "code" else ():
            if number not in answers:
                raise ValueError(f"{path.name}: exercise {number} has no folded solution, so it cannot be handed out.")
            stub, tail = without_check(cell.source)
            exercises[number] = Exercise(number, stub, answers[number] if given in NO_ANSWER else given, tail)
    return Assignment(path, notebook, exercises)


def calls(source: str) -> dict[str, str]:
    """From the number of each `check` in this code to the expression that is checked ("" where there is none)."""
    return {number: given for number, given, _ in _checks(source)}


def without_check(source: str) -> tuple[str, str]:
    """The code before the first check and the code behind it, the lines of all checks left out."""
    lines, found = source.splitlines(), _checks(source)
    drop = {line for _, _, (first, last) in found for line in range(first, last + 1)}
    start = min(drop, default=len(lines) + 1)
    kept = [(number, line) for number, line in enumerate(lines, start=1) if number not in drop]
    before = "\n".join(line for number, line in kept if number < start).rstrip()
    after = "\n".join(line for number, line in kept if number > start).strip()
    return before, after


def same_code(one: str, other: str) -> bool:
    """Whether two pieces of code are the same but for comments and white space."""
    return _shape(one) == _shape(other)


def _shape(source: str) -> str:
    try:
        return ast.dump(ast.parse(source))
    except (SyntaxError, ValueError):
        return source.strip()


def _checks(source: str) -> list[tuple[str, str, tuple[int, int]]]:
    """Every statement `check("1.3", …)` of this code: its number, what is checked, its first and last line."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # a magic, or a learner in the middle of a line: by its text
        pattern = re.compile(r"""^check\(\s*["'](\d+\.\d+)["']\s*(?:,\s*(.*?))?\)\s*(?:#.*)?$""", re.MULTILINE)
        places = [(found, source.count("\n", 0, found.start()) + 1) for found in pattern.finditer(source)]
        return [(found[1], found[2] or "", (line, line)) for found, line in places]
    found = []
    for statement in tree.body:
        for call in ast.walk(statement):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "check":
                number, *given = call.args
                if isinstance(number, ast.Constant) and isinstance(number.value, str):
                    text = ast.unparse(given[0]) if given else ""
                    found.append((number.value, text, (statement.lineno, statement.end_lineno)))
    return found
