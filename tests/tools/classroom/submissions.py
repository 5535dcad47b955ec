"""A folder of submissions: who handed in what, and which notebook of the course it is."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tests.tools.classroom.assignment import Assignment, calls

NOT_SUBMISSIONS = {".ipynb_checkpoints", "__pycache__", "__MACOSX"}


@dataclass(frozen=True, eq=False)
class Submission:
    """What one learner handed in for one notebook; or, without `notebook`, the `problem` that there is with it."""

    learner: str
    file: Path
    assignment: Assignment | None = None
    notebook: NotebookNode | None = None
    problem: str = ""


def find(folder: Path, course: list[Assignment]) -> list[Submission]:
    """Every submission: a folder of notebooks or one notebook, named by its learner.

    What cannot be read, is no notebook of this course or was handed in twice is a submission with a problem.
    """
    by_learner: dict[str, list[Path]] = defaultdict(list)
    for entry in sorted(folder.iterdir()):
        if not entry.name.startswith(".") and entry.name not in NOT_SUBMISSIONS:
            by_learner[entry.name if entry.is_dir() else entry.stem].append(entry)
    return [found for learner, entries in by_learner.items() for found in _of_learner(learner, entries, course)]


def _of_learner(learner: str, entries: list[Path], course: list[Assignment]) -> Iterator[Submission]:
    files = [file for entry in entries for file in (_files(entry) if entry.is_dir() else [entry])]
    notebooks = [file for file in files if file.suffix.lower() == ".ipynb"]
    if not notebooks:
        yield Submission(learner, entries[0], problem="no notebook was handed in")
    found = [_read(learner, file, course) for file in notebooks]
    times = Counter(one.assignment.name for one in found if one.assignment)
    for one in found:
        if one.assignment and times[one.assignment.name] > 1:
            names = ", ".join(other.file.name for other in found if other.assignment is one.assignment)
            if one.file == next(other.file for other in found if other.assignment is one.assignment):
                problem = f"handed in {times[one.assignment.name]} times ({names}): keep one"
                yield Submission(learner, one.file, one.assignment, problem=problem)
        else:
            yield one


def _files(folder: Path) -> list[Path]:
    inside = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return [file for file in inside if not NOT_SUBMISSIONS & set(file.relative_to(folder).parts)]


def _read(learner: str, file: Path, course: list[Assignment]) -> Submission:
    try:
        notebook = nbformat.read(file, as_version=4)
        nbformat.writes(notebook).encode()  # what cannot be written down can be neither graded nor shown
        assignment = _which(notebook, course)
    # JSON that is broken, a picture called .ipynb, a format of the future, a cell that is none: nbformat's many
    except Exception as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        return Submission(learner, file, problem=f"is no notebook: {said[0][:120]}")
    if assignment is None:
        return Submission(learner, file, problem="is no notebook of this course: it has none of its exercises")
    return Submission(learner, file, assignment, notebook)


def _which(notebook: NotebookNode, course: list[Assignment]) -> Assignment | None:
    """The notebook of the course with which this one shares most exercises, by the ids of cells or by their checks."""
    ids = {cell.get("id", "").removesuffix("-check") for cell in notebook.cells}
    numbers = {number for cell in notebook.cells if cell.cell_type == "code" for number in calls(cell.source)}
    shared = {
        one.name: sum(exercise.number in numbers or exercise.cell_id in ids for exercise in one.exercises.values())
        for one in course
    }
    best = max(shared, key=lambda name: shared[name], default="")
    return next(one for one in course if one.name == best) if shared.get(best) else None
