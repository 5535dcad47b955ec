"""A class of thirty is graded: every row is right, whatever learners hand in, and an interrupt loses nothing."""

from __future__ import annotations

import copy
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from tests.classroom.conftest import CLASS, PROBLEMS, answered
from tests.tools.classroom import grade as tool
from tests.tools.classroom.assignment import Assignment
from tests.tools.classroom.feedback import table
from tests.tools.classroom.grading import Grade
from tests.tools.classroom.handout import for_learners
from tests.tools.classroom.kernels import Limits, run_cells

LIMITS = Limits(cell_seconds=4, seconds=60, megabytes=2_000)
AT_ONCE = 4  # more than cores: a kernel that starts is waited for longer than it computes
LETTERS = {"R": "right", "W": "wrong", "U": "unanswered"}
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def graded(course: Assignment, submissions: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Grade], Path]:
    to = tmp_path_factory.mktemp("graded")
    return tool.grade_all(submissions, to, [course], LIMITS, workers=AT_ONCE, notebooks=course.path.parent), to


@pytest.mark.parametrize("learner", CLASS)
def test_every_row_is_right(graded: tuple[list[Grade], Path], learner: str) -> None:
    (own,) = [grade for grade in graded[0] if grade.learner == learner]
    assert [mark.status for mark in own.marks.values()] == [LETTERS[letter] for letter in CLASS[learner][2]], own
    assert own.points == CLASS[learner][2].count("R")


@pytest.mark.parametrize("learner", PROBLEMS)
def test_what_cannot_be_graded_is_a_row_that_says_why(graded: tuple[list[Grade], Path], learner: str) -> None:
    (own,) = [grade for grade in graded[0] if grade.learner == learner]
    assert PROBLEMS[learner] in own.problem and own.points == 0


@pytest.mark.fault("deletes a copy, not the course")
def test_a_submission_that_deletes_the_folder_it_runs_in_deletes_a_copy(tmp_path: Path) -> None:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    kept = [folder / "01.ipynb", tmp_path / "README.md"]
    for file in kept:
        file.write_text("the course's")
    delete = "import os, shutil\nseen = os.listdir()\nshutil.rmtree('..', ignore_errors=True)\n"
    outcome = run_cells([delete + "print(seen, os.path.exists('../notebooks/01.ipynb'))"], folder, LIMITS)
    assert outcome.outputs[0][0].text == "['01.ipynb'] False\n", "it saw the course, and deleted what it saw"
    assert all(file.read_text() == "the course's" for file in kept)


ELSEWHERE = {  # learners, the code that they have in the exercise's own cell and in new ones below it
    "below the given cell": ("answer = None", ["answer = 980"]),
    "in two cells": ("answer = 490", ["answer *= 2"]),
    "in a better copy": ("answer = 97 * 10", ["answer = 98 * 10"]),
    "and tried on": ("answer = 980", []),
}


@pytest.mark.fault("the right mark: an answer is what its check sees, wherever it was written")
@pytest.mark.parametrize("handed_out", [True, False])
def test_the_answer_is_what_its_check_sees(course: Assignment, tmp_path: Path, handed_out: bool) -> None:
    for learner, (own, more) in ELSEWHERE.items():
        notebook = copy.deepcopy(for_learners(course) if handed_out else course.notebook)
        at = next(place for place, cell in enumerate(notebook.cells) if cell.id == "exercise-1-1")
        check = notebook.cells[at].source.splitlines()[-1]
        ends = "" if handed_out else f"\n{check}"
        notebook.cells[at].source = own + ("" if handed_out or more else ends)
        new = [new_code_cell(source + ends) for source in more]
        notebook.cells[at + 1 : at + 1] = new
        notebook.cells.append(new_code_cell('x = 7\ncheck("1.1", x * 4)') if not more else new_code_cell("pass"))
        nbformat.write(notebook, tmp_path / f"{learner}.IPYNB")
    grades = tool.grade_all(tmp_path, tmp_path / "grades", [course], LIMITS, AT_ONCE, course.path.parent)
    assert {grade.learner: grade.marks["1.1"].status for grade in grades} == dict.fromkeys(sorted(ELSEWHERE), "right")


OUT_OF_SIGHT = {  # cells of the learner's own that change a thing which an answer uses, and that answer
    "a loop": (["rows = [[1], [2]]", "for row in rows:\n    row.append(490)"], "rows[0][1] + rows[1][1]"),
    "an argument": (["found = []\ndef fill(out):\n    out.append(980)", "fill(found)"], "found[0]"),
    "another name": (["mine = []\nalso_mine = mine", "also_mine.append(980)"], "mine[0]"),
    "a library": (["import heapq\nheap = []", "heapq.heappush(heap, 980)"], "heap[0]"),
}


@pytest.mark.fault("the right mark: what an answer uses may have been changed out of sight")
def test_an_answer_that_uses_what_was_changed_out_of_sight_is_right(course: Assignment, tmp_path: Path) -> None:
    for learner, (before, answer) in OUT_OF_SIGHT.items():
        notebook = answered(course.notebook, {"1.1": f"answer = {answer}"})
        at = next(place for place, cell in enumerate(notebook.cells) if cell.id == "exercise-1-1")
        notebook.cells[at:at] = [new_code_cell(source) for source in before]
        nbformat.write(notebook, tmp_path / f"{learner}.ipynb")
    grades = tool.grade_all(tmp_path, tmp_path / "grades", [course], LIMITS, AT_ONCE, course.path.parent)
    assert {grade.learner: grade.marks["1.1"].status for grade in grades} == dict.fromkeys(OUT_OF_SIGHT, "right")


@pytest.mark.fault("a changed judge grades again, however EPOCH_JUDGES names it; a name without a file is one sentence")
def test_judges_are_found_and_their_changes_noticed(
    course: Assignment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    handed_in, folder = tmp_path / "handed in", tmp_path / "course"
    shutil.copytree(course.path.parent, folder)
    handed_in.mkdir()
    nbformat.write(answered(course.notebook, {"1.1": "answer = 980"}), handed_in / "index.ipynb")
    monkeypatch.chdir(tmp_path)
    command = [str(handed_in), "--notebooks", str(folder), "--to", str(tmp_path / "grades")]

    def mark() -> str:
        assert tool.main(command) == 0
        with (tmp_path / "grades/grades.csv").open(encoding="utf-8-sig", newline="") as file:
            return next(csv.DictReader(file))["1.1"]

    assert mark() == "right"
    judges = (folder / "judges.py").read_text()
    (folder / "judges.py").write_text(judges.replace("980", "981"))
    assert mark() == "wrong"
    (tmp_path / "mine.py").write_text(judges)
    monkeypatch.setenv("EPOCH_JUDGES", "mine.py")
    assert mark() == "right"
    assert "Feedback for index" in (tmp_path / "grades/feedback/index (learner).html").read_text()
    monkeypatch.setenv("EPOCH_JUDGES", "gone.py")
    assert tool.main(command) == 1 and "there is no such file" in capsys.readouterr().err


def test_hints_are_the_judges_and_limits_are_named(graded: tuple[list[Grade], Path]) -> None:
    hints = {grade.learner: [mark.hint for mark in grade.marks.values()] for grade in graded[0]}
    assert "You rounded down" in hints["Eva rounded down"][0]
    assert "more than 4 seconds" in hints["Oli forever"][1]
    assert "more than 4 seconds" in hints["Pam forever in a function"][2]
    assert "memory" in hints["Quy ten gigabytes"][3]
    assert "the kernel died" in hints["Sue kernel killed"][1]
    assert "gone" in hints["Uma deleted cell"][1]
    assert "NameError" in hints["Wim forgot a cell"][0]
    assert "SyntaxError" in hints["Yan syntax error"][0]


def test_the_table_the_csv_and_the_pages(graded: tuple[list[Grade], Path]) -> None:
    grades, to = graded
    assert len(table(grades).splitlines()) == 31 and "Xia 🎉 émoji" in table(grades)
    with (to / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = {row["learner"]: row for row in csv.DictReader(file)}
    assert len(rows) == 30 and rows["Ada all right"]["points"] == "4" and rows["Eva rounded down"]["1.1"] == "wrong"
    page = (to / "feedback" / "Eva rounded down.html").read_text(encoding="utf-8")
    assert "You rounded down" in page and "97 * 10" in page
    assert "Xia%20" in (to / "feedback" / "index.html").read_text(encoding="utf-8")


def test_a_second_run_grades_nothing_again_and_a_changed_file_once(
    graded: tuple[list[Grade], Path], course: Assignment, submissions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again: Counter[str] = Counter()
    real = tool.grade
    monkeypatch.setattr(tool, "grade", lambda one, *rest: again.update([one.learner]) or real(one, *rest))
    folder = course.path.parent
    assert tool.grade_all(submissions, graded[1], [course], LIMITS, AT_ONCE, folder) == graded[0] and not again
    late = submissions / "broken json.ipynb"
    late.write_text("[]")
    tool.grade_all(submissions, graded[1], [course], LIMITS, AT_ONCE, folder)
    late.write_text('{"cells": [')
    assert again == {"broken json": 1}


@pytest.mark.fault("one sentence, and nothing was started")
def test_no_notebook_at_once_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tool.main([str(tmp_path), "--to", str(tmp_path / "to"), "--at-once", "0"]) == 1
    assert capsys.readouterr().err.startswith("--at-once must be a whole number of 1 or more")
    assert not (tmp_path / "to").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to a single process")
def test_an_interrupt_keeps_what_is_finished(course: Assignment, submissions: Path, tmp_path: Path) -> None:
    handed_in, to = tmp_path / "handed in", tmp_path / "grades"
    handed_in.mkdir()
    for one in sorted(submissions.iterdir())[:10]:
        (shutil.copytree if one.is_dir() else shutil.copy)(one, handed_in / one.name)
    command = [sys.executable, "-m", "tests.tools.classroom.grade", handed_in, "--to", to, "--at-once", str(AT_ONCE)]
    command += ["--notebooks", course.path.parent, "--cell-seconds", "4", "--seconds", "60", "--megabytes", "2000"]
    finished = to / "finished"
    # What was started in a shell's background ignores SIGINT, and so would all that it starts.
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=ROOT, preexec_fn=heard, **output) as run:
        deadline = time.monotonic() + 120
        while len(list(finished.glob("*.json"))) < 3 and time.monotonic() < deadline:
            time.sleep(0.2)
        run.send_signal(signal.SIGINT)
        said = run.communicate(timeout=60)[0]
    kept = {file: file.stat().st_mtime_ns for file in finished.glob("*.json")}
    assert run.returncode == 130 and "kept" in said and 3 <= len(kept) < 10
    rest = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"{len(kept)} of 10 were graded before" in rest.stdout
    assert len(list(finished.glob("*.json"))) == 10
    assert all(file.stat().st_mtime_ns == when for file, when in kept.items())


CELL = {"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "execution_count": None, "source": ""}


@pytest.mark.fault("a row that says so; the others are graded")
@pytest.mark.parametrize(
    "cell",
    [{**CELL, "id": 5}, {**CELL, "source": 5}, {**CELL, "source": "check('1.1', '\ud800')"}, None, {"id": "a"}],
    ids=["number for an id", "number for code", "half a letter", "no cell", "no kind"],
)
def test_one_damaged_file_does_not_end_the_grading(course: Assignment, tmp_path: Path, cell: object) -> None:
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}
    (tmp_path / "Ann.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    (tmp_path / "Bob.ipynb").write_text("{")
    grades = tool.grade_all(tmp_path, tmp_path / "to", [course], LIMITS, 1, course.path.parent)
    assert [grade.learner for grade in grades] == ["Ann", "Bob"]
    assert all("is no notebook" in grade.problem for grade in grades)


@pytest.mark.fault("a row that says so; the others are graded")
def test_what_nobody_thought_of_does_not_end_the_grading(
    course: Assignment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for learner in ("Ann", "Bob"):
        (tmp_path / f"{learner}.ipynb").write_text("{")
    real = tool.grade
    monkeypatch.setattr(tool, "grade", lambda one, *rest: real(one, *rest) if one.learner == "Bob" else 1 / 0)
    grades = tool.grade_all(tmp_path, tmp_path / "to", [course], LIMITS, 1, course.path.parent)
    assert [grade.problem[:20] for grade in grades] == ["could not be graded:", "is no notebook: Note"]
    assert len(list((tmp_path / "to" / "finished").iterdir())) == 1  # Ann is graded the next time
