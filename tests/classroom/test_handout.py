"""What is handed out: no solution, no output, locked checks, and it runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from helpers.checks import LessonError
from helpers.exercises import NOTEBOOKS as NUMBERS
from helpers.exercises import check
from tests.classroom.conftest import JUDGES
from tests.tools.classroom import handout
from tests.tools.classroom.assignment import Assignment, assignments, calls, without_check
from tests.tools.classroom.questions import questions
from tests.tools.classroom.slices import needed_cells
from tests.tools.exercises import DETAILS

COURSE = assignments()


@pytest.mark.parametrize("assignment", COURSE, ids=lambda one: one.name)
def test_no_solution_and_no_output_is_handed_out(assignment: Assignment) -> None:
    handed = handout.for_learners(assignment)
    nbformat.validate(handed)
    assert not any(DETAILS.search(cell.source) for cell in handed.cells)
    assert not any(cell.outputs for cell in handed.cells if cell.cell_type == "code")
    tests = {cell.id: cell for cell in handed.cells if cell.id.startswith("exercise-") and "nbgrader" in cell.metadata
             and cell.metadata.nbgrader.grade}  # fmt: skip
    assert set(tests) == {f"{exercise.cell_id}-check" for exercise in assignment.exercises.values()}
    for exercise in assignment.exercises.values():
        test = tests[f"{exercise.cell_id}-check"]
        assert test.source == f'check("{exercise.number}", {exercise.answer})'
        assert test.metadata.nbgrader.locked and test.metadata.nbgrader.points == 1
    assert sum("HIDDEN" in cell.source for cell in handout.for_learners(assignment, True).cells) == len(tests)


def test_a_notebook_is_handed_out_and_runs(tmp_path: Path) -> None:
    to = tmp_path / "handout"
    assert handout.main(["--to", str(to), "--notebooks", "5", "--untried"]) == 0
    assert {path.name for path in to.iterdir()} == {"notebooks", "helpers", "requirements.txt", "pyproject.toml",
                                                    "LICENSE", "README.md"}  # fmt: skip
    assert handout.main(["--to", str(to), "--untried"]) == 1  # it is not empty


def test_what_stops_a_handed_out_notebook_is_said(course: Assignment, tmp_path: Path) -> None:
    path = tmp_path / "handout/notebooks/01_small.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(handout.for_learners(course), path)
    assert "a cell that no answer needs" in handout.try_out(path)


def test_an_unknown_notebook_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert handout.main(["--to", str(tmp_path / "x"), "--notebooks", "9"]) == 1
    assert "There is no notebook 9" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--to", "--nbgrader"])
def test_a_file_is_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str) -> None:
    (tmp_path / "file").touch()
    assert handout.main([option, str(tmp_path / "file")]) == 1 and "is a file" in capsys.readouterr().err


def test_an_instructors_judges_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "own.py"
    file.write_text(JUDGES)
    monkeypatch.setenv("EPOCH_JUDGES", str(file))
    assert check("1.2", "b").passed and "median" in check("1.2", "c").text
    file.write_text("EXERCISES = {}\nHINTS = False\n")
    assert check("1.2", "nonsense").text == "Not right yet."
    for wrong in ("EXERCISES = 3", "EXERCISES = {1.2: print}", "import sys; sys.exit()"):
        file.write_text(wrong)
        with pytest.raises(LessonError, match=r"EXERCISES|SystemExit"):
            check("1.2", "b")
    file.write_text("EXERCISES = {'1.2': lambda answer: answer == 'b'}")
    with pytest.raises(LessonError, match=r"The judge of 1\.2 must give"):
        check("1.2", "b")
    monkeypatch.setenv("EPOCH_JUDGES", str(tmp_path / "gone.py"))
    with pytest.raises(LessonError, match="no such file"):
        check("1.2", "b")


def test_judges_beside_the_notebooks_are_found(tmp_path: Path) -> None:
    (tmp_path / "judges.py").write_text(JUDGES)
    code = "from helpers.exercises import check; print(check('1.3', lambda x: 2 * x).passed)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_the_question_bank_has_every_exercise_once() -> None:
    bank = list(questions(COURSE))
    assert len({row.number for row in bank}) == len(bank) == sum(len(one.exercises) for one in COURSE)
    assert {int(row.number.split(".")[0]) for row in bank} == set(NUMBERS)
    assert all(row.question and row.section and row.minutes for row in bank)
    assert {"number", "choice", "function"} <= {row.kind for row in bank}
    assert any(row.tells_apart for row in bank)


def test_checks_are_found_and_taken_out_of_any_code() -> None:
    source = "x = 1\ncheck('1.1', x)  # now\nprint(x)"
    assert calls(source) == {"1.1": "x"} and without_check(source) == ("x = 1", "print(x)")
    magic = "%time x = 1\ncheck('1.1', x)  # replace None"
    assert calls(magic) == {"1.1": "x"} and without_check(magic) == ("%time x = 1", "")


def test_only_the_cells_that_an_answer_needs_run() -> None:
    cells = [
        "import math",
        "heavy = math.pi",
        "rows = []",
        "rows.append(1)",
        "rows = [2]",
        "answer = math.tau + rows[0]",
    ]
    assert needed_cells(cells, {5: "answer"}) == {0, 4, 5}
    assert needed_cells([*cells[:4], "for row in rows:\n    row.x = 1", "answer = rows"], {5: "answer"}) == {2, 3, 5}
    assert needed_cells(["%magic", "answer = 1"], {1: "answer"}) == {0, 1}
    # A cell that runs must come to its end, and a function may fill what another cell made.
    assert needed_cells(["a = 1", "b = a\nanswer = 2"], {1: "answer"}) == {0, 1}
    fills = ["board = {}\ndef score(name):\n    board[name] = 1", "score('one')", "names = board", "best = min(board)"]
    assert needed_cells(fills, {3: "best"}) == {0, 1, 3}
    assert needed_cells(["def f(a):\n    return a * b", "b = 2", "a = 3", "answer = f(1)"], {3: "answer"}) == {0, 1, 3}
    # What a function uses matters where it is called, and a loop's own name only inside it.
    uncalled = ["a = 1", "def f():\n    return a\nb = 2", "answer = b"]
    assert needed_cells(uncalled, {2: "answer"}) == {1, 2}
    two_answers = ["b = 2", "def double():\n    return b\nanswer = 1"]
    assert needed_cells(two_answers, {1: "answer"}) == {1}
    assert needed_cells(two_answers, {1: "double, answer"}) == {0, 1}
    loops = ["for a in range(3):\n    print(a)", "b = 2", "for a in [b]:\n    c = a", "answer = c"]
    assert needed_cells(loops, {3: "answer"}) == {1, 2, 3}
    # The course's own modules stay as they are, unless a learner gives their name to something else.
    drawn = ["from helpers import plots", "plots.show(1)", "answer = plots"]
    assert needed_cells(drawn, {2: "answer"}) == {0, 2}
    assert needed_cells([*drawn[:2], "plots = [1]", "plots.append(2)", "answer = plots"], {4: "answer"}) == {2, 3, 4}
    assert needed_cells(["import torch", "torch.manual_seed(1)", "answer = torch"], {2: "answer"}) == {0, 1, 2}
