"""Make the course for learners: the notebooks without solutions and outputs, and what they need.

    python -m tests.tools.classroom.handout                    all notebooks, into `handout`
    python -m tests.tools.classroom.handout --notebooks 1 2    some of them
    python -m tests.tools.classroom.handout --no-hints         a wrong answer is called wrong, without the reason
    python -m tests.tools.classroom.handout --nbgrader DIR     also an nbgrader course: DIR/source, with hidden tests

Each exercise becomes two cells, with nbgrader's metadata: one for the learner, and one that is locked and checks.
"""

from __future__ import annotations

import argparse
import copy
import os
import re
import shutil
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from tqdm.auto import tqdm

from tests.tools.classroom.assignment import NOTEBOOKS, Assignment, Exercise, assignments, calls
from tests.tools.exercises import DETAILS
from tests.tools.kernel import course_environment
from tests.tools.notebook_rules import METADATA

ROOT = NOTEBOOKS.parent
BESIDE = ("helpers", "requirements.txt", "pyproject.toml", "LICENSE")
ONE_POINT = 1
NO_HINTS = (
    '"""Read by `check`: a wrong answer is called wrong, without the reason."""\n\nEXERCISES = {}\nHINTS = False\n'
)
README = """# {title}

{list}

With Python 3.11 or newer, in this folder:

```
python3 -m venv .venv
.venv/bin/python -m pip install -r requirements.txt
.venv/bin/python -m jupyterlab notebooks
```

On Windows:

```
py -m venv .venv
.venv\\Scripts\\python -m pip install -r requirements.txt
.venv\\Scripts\\python -m jupyterlab notebooks
```

Write your answers in the cells above each check, and run both. Unanswered exercises stop nothing. When you are done,
save the notebook and hand in the file `notebooks/….ipynb`, named as it is.
"""
HIDDEN = """
### BEGIN HIDDEN TESTS
from helpers.exercises import check as _check

assert _check({number!r}, {answer}).passed
### END HIDDEN TESTS"""


def for_learners(assignment: Assignment, hidden_tests: bool = False) -> NotebookNode:
    """The notebook without solutions and outputs, each exercise in a cell to answer in and a locked one that checks.

    With `hidden_tests` the locked cell also fails for an answer that is not right, in the lines that nbgrader removes
    from what learners see.
    """
    notebook = copy.deepcopy(assignment.notebook)
    notebook.metadata, cells = nbformat.from_dict(METADATA), []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            numbers = list(calls(cell.source))
            if numbers:
                cells += _apart(cell, [assignment.exercises[number] for number in numbers], hidden_tests)
                continue
        elif DETAILS.search(cell.source):
            cell.source = DETAILS.sub("", cell.source).strip()
            if not cell.source:
                continue
        cells.append(cell)
    notebook.cells = cells
    return notebook


def _apart(cell: NotebookNode, exercises: list[Exercise], hidden_tests: bool) -> list[NotebookNode]:
    exercise = exercises[0]
    answer = copy.deepcopy(cell)
    answer.id, answer.source = exercise.cell_id, exercise.stub
    answer.metadata["nbgrader"] = _metadata(exercise.cell_id, solution=True)
    test = nbformat.v4.new_code_cell("\n".join(f'check("{one.number}", {one.answer})' for one in exercises))
    test.id = f"{exercise.cell_id}-check"
    test.metadata["nbgrader"] = _metadata(test.id, solution=False)
    if hidden_tests:
        test.source += "".join(HIDDEN.format(number=one.number, answer=one.answer) for one in exercises)
    else:
        test.metadata |= {"editable": False, "deletable": False}
    cells = [answer, test]
    if exercise.tail:
        cells.append(nbformat.v4.new_code_cell(exercise.tail, id=f"{exercise.cell_id}-after"))
    return cells


def _metadata(name: str, solution: bool) -> dict:
    plain = {"grade": not solution, "grade_id": name, "locked": not solution, "schema_version": 3,
             "solution": solution, "task": False}  # fmt: skip
    return plain if solution else plain | {"points": ONE_POINT}


def build(to: Path, course: list[Assignment], hints: bool = True) -> list[Path]:
    """Write the hand-out into the empty or new folder `to`; returns the paths of its notebooks."""
    folder = to / "notebooks"
    folder.mkdir(parents=True)
    for name in BESIDE:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, to / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
        else:
            shutil.copy(source, to / name)
    for page in sorted(NOTEBOOKS.glob("*.md")):
        shutil.copy(page, folder)
    paths = []
    for assignment in course:
        paths.append(folder / assignment.path.name)
        nbformat.write(for_learners(assignment), paths[-1])
    if not hints:
        (folder / "judges.py").write_text(NO_HINTS, encoding="utf-8")
    listed = "\n".join(f"- [{title(one)}](notebooks/{one.path.name})" for one in course)
    (to / "README.md").write_text(README.format(title="Epoch by Epoch", list=listed), encoding="utf-8")
    return paths


def title(assignment: Assignment) -> str:
    """The notebook's first heading."""
    found = (re.search(r"^# (.+)$", cell.source, re.MULTILINE) for cell in assignment.notebook.cells)
    return next((match[1] for match in found if match), assignment.name)


def try_out(path: Path) -> str:
    """Run one handed-out notebook from the top with the hand-out's own `helpers`; returns what stopped it, or ''."""
    client = NotebookClient(
        nbformat.read(path, as_version=4), kernel_name="python3", timeout=300, record_timing=False,
        store_widget_state=False, resources={"metadata": {"path": str(path.parent)}},
    )  # fmt: skip
    try:
        client.execute(env=os.environ | {"PYTHONPATH": str(path.parents[1].resolve())})
    except CellExecutionError as error:
        return str(error).strip().splitlines()[-1]
    return ""


def write_nbgrader(to: Path, course: list[Assignment]) -> None:
    """An nbgrader course: an assignment in DIR/source for each notebook, with hidden tests in the locked cells."""
    for assignment in course:
        folder = to / "source" / assignment.name
        folder.mkdir(parents=True, exist_ok=True)
        nbformat.write(for_learners(assignment, hidden_tests=True), folder / assignment.path.name)
    config = to / "nbgrader_config.py"
    if not config.exists():
        config.write_text(
            "c = get_config()\nc.CourseDirectory.course_id = 'epoch-by-epoch'\nc.ExecutePreprocessor.timeout = 300\n"
        )


def main(arguments: list[str] | None = None) -> int:
    """The command line; 1 where the hand-out cannot be made or one of its notebooks stops."""
    parser = argparse.ArgumentParser(description="Make the course for learners.")
    parser.add_argument("--to", type=Path, default=Path("handout"), help="where it goes (default: handout)")
    parser.add_argument("--notebooks", type=int, nargs="+", metavar="N", help="which notebooks (default: all)")
    parser.add_argument("--no-hints", dest="hints", action="store_false", help="wrong answers without the reason")
    parser.add_argument("--nbgrader", type=Path, metavar="DIR", help="also write an nbgrader course")
    parser.add_argument("--untried", action="store_true", help="do not run the notebooks once")
    options = parser.parse_args(arguments)
    course = assignments()
    known = {int(one.name[:2]): one for one in course}
    unknown = [number for number in options.notebooks or [] if number not in known]
    if unknown:
        print(f"There is no notebook {unknown[0]}: there are {', '.join(map(str, known))}.", file=sys.stderr)
        return 1
    for folder in filter(None, (options.to, options.nbgrader)):
        if folder.exists() and not folder.is_dir():
            print(f"{folder} is a file: name a folder.", file=sys.stderr)
            return 1
    if options.to.exists() and any(options.to.iterdir()):
        print(f"{options.to} is not empty: remove it, or name another folder with --to.", file=sys.stderr)
        return 1
    course = [known[number] for number in options.notebooks or known]
    paths = build(options.to, course, options.hints)
    if options.nbgrader:
        write_nbgrader(options.nbgrader, course)
    faults = {}
    if not options.untried:
        with course_environment():
            for path in tqdm(paths, desc="trying the notebooks", unit=" notebooks"):
                faults[path] = try_out(path)
    for path, fault in faults.items():
        if fault:
            print(f"{path} stops: {fault}", file=sys.stderr)
    print(f"{options.to} holds {len(paths)} notebooks, helpers, requirements.txt and a README for learners.")
    return 1 if any(faults.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
