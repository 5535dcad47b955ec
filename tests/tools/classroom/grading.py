"""Grade one notebook: run what its answers need, take the answers out, and let the course's own judges look at them.

The learner's checks are left out and ours take their place: of a learner's `check("1.3", x)` only `x` counts. Answers
leave the learner's kernel as files and are judged in a fresh one, so that redefining `check`, or anything else in the
learner's kernel, wins nothing.
"""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

from nbformat import NotebookNode

from tests.tools.classroom.assignment import NO_ANSWER, Exercise, calls, same_code, without_check
from tests.tools.classroom.kernels import Limits, Outcome, run_cells
from tests.tools.classroom.slices import needed_cells
from tests.tools.classroom.submissions import Submission

RIGHT, WRONG, UNANSWERED = "right", "wrong", "unanswered"
IMPORTED = re.compile(r"^(?:from|import) ((?:helpers|torch|sklearn|pandas|numpy|matplotlib)[\w.]*)", re.MULTILINE)
NOT_JUDGED = "Your answer could not be judged"
MOST_STARTS = 4  # of a kernel for one notebook: a cell that ends it is left out the next time

TAKE_OUT = """
import cloudpickle as _cloudpickle, pathlib as _pathlib
_pathlib.Path({path!r}).write_bytes(_cloudpickle.dumps({answer}))
"""
PREPARE = """
import json as _json, pathlib as _pathlib, pickle as _pickle
from helpers.exercises import check as _check, find as _find
for _number in {numbers!r}: _find(_number)
"""
JUDGE = """
_reply = _check({number!r}, _pickle.loads(_pathlib.Path({path!r}).read_bytes()))
_pathlib.Path({path!r} + ".json").write_text(_json.dumps([_reply.passed, _reply.text]))
"""


@dataclass
class Mark:
    """What became of one exercise, and the sentence that says why."""

    status: str
    hint: str = ""
    answer: str = ""  # the learner's code


@dataclass
class Grade:
    """What became of one notebook of one learner."""

    learner: str
    file: str
    notebook: str = ""
    problem: str = ""
    marks: dict[str, Mark] = field(default_factory=dict)

    @property
    def points(self) -> int:
        return sum(mark.status == RIGHT for mark in self.marks.values())

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Grade:
        plain = json.loads(text)
        return cls(**plain | {"marks": {number: Mark(**mark) for number, mark in plain["marks"].items()}})


@dataclass
class _Answer:
    exercise: Exercise
    begins: int  # place of the exercise's own cell, or of the only one
    place: int  # of the cell after which it is taken
    expression: str
    source: str

    @property
    def as_handed_out(self) -> bool:
        return same_code(self.source, self.exercise.stub) and self.expression in (*NO_ANSWER, self.exercise.answer)


def grade(submission: Submission, limits: Limits, folder: Path) -> Grade:
    """Grade one submission; `folder` is where its cells run."""
    assignment = submission.assignment
    result = Grade(submission.learner, submission.file.name, assignment.name if assignment else "", submission.problem)
    if assignment is None or submission.notebook is None:
        if assignment is not None:
            result.marks = {number: Mark(UNANSWERED) for number in assignment.exercises}
        return result
    cells = [cell for cell in submission.notebook.cells if cell.cell_type == "code"]
    answers, others = {}, {exercise.cell_id for exercise in assignment.exercises.values()}
    for number, exercise in assignment.exercises.items():
        found = _find(exercise, cells, others - {exercise.cell_id})
        if found is None:
            result.marks[number] = Mark(UNANSWERED, "The cell of this exercise is gone.")
        elif found.as_handed_out:
            result.marks[number] = Mark(UNANSWERED)
        else:
            answers[number] = found
    if answers:
        given = {_runnable(cell.source) for cell in assignment.notebook.cells if cell.cell_type == "code"}
        marks, result.problem = _run_and_judge(answers, cells, given, limits, folder)
        result.marks |= marks
    result.marks = {number: result.marks[number] for number in assignment.exercises}
    return result


def _find(exercise: Exercise, cells: list[NotebookNode], others: set[str]) -> _Answer | None:
    """The learner's answer: what the exercise's own check sees; without it, what the last check of its number sees.

    A cell still as it was handed out is no answer if there is another; cells of `others` are answers to these.
    """
    checked: dict[int, str] = {}  # place of the code that a check belongs to -> what it checks
    for place, cell in enumerate(cells):
        if exercise.number in (found := calls(cell.source)) and cell.get("id") not in others:
            # A check that stands in a cell of its own, as in the hand-out, belongs to the cell before it.
            checked[place if without_check(cell.source)[0] else max(place - 1, 0)] = found[exercise.number]
    last = next(reversed(checked.values()), "")
    by_id = [place for place, cell in enumerate(cells) if cell.get("id") == exercise.cell_id]
    answers = []
    # What the locked check of the hand-out checks is what stands before it, wherever the learner wrote it.
    locked = [max(place - 1, 0) for place, cell in enumerate(cells) if cell.get("id") == f"{exercise.cell_id}-check"]
    locked = [place for place in locked[-1:] if place in checked and cells[place].get("id") not in others]
    with_check = [place for place in by_id[-1:] if place in checked]
    for place in [*by_id[-1:], *checked, *with_check, *locked]:  # from the last resort to the first
        given, source = checked.get(place, last), without_check(cells[place].source)[0]
        begins = min(by_id[-1:] + [place])
        answers.append(_Answer(exercise, begins, place, exercise.answer if given in NO_ANSWER else given, source))
    return next((answer for answer in reversed(answers) if not answer.as_handed_out), (answers or [None])[-1])


def _run_and_judge(
    answers: dict[str, _Answer], cells: list[NotebookNode], given: set[str], limits: Limits, folder: Path
) -> tuple[dict[str, Mark], str]:
    """The marks of these answers, and what went wrong on the way; `given` is the code that was handed out."""
    sources = [_runnable(cell.source) for cell in cells]
    wanted = {answer.begins: "" for answer in answers.values()}
    for answer in answers.values():  # two exercises may have been answered in one cell
        wanted[answer.place] = ", ".join(filter(None, (wanted.get(answer.place), answer.expression)))
    needed = needed_cells(sources, wanted)
    marks, problem = _marks(answers, sources, needed, limits, folder)
    wrong = {number: answers[number] for number, mark in marks.items() if mark.status == WRONG}
    if not wrong:
        return marks, problem
    # A cell that was left out may have been wanted after all: where a name is missing, everything runs, from the top.
    # And a cell of the learner's own may have changed what an answer uses in a way that cannot be seen in the code:
    # through another name, or inside a function. Nobody is marked wrong before all of these have run.
    missing = any("NameError" in marks[number].hint for number in wrong)
    own = {place: "" for place, source in enumerate(sources) if source not in given}
    more = set(range(len(sources))) if missing else needed_cells(sources, own | wanted)
    if more > needed:
        again, later = _marks(wrong, sources, more, limits, folder)
        marks |= {number: mark for number, mark in again.items() if missing or mark.status == RIGHT}
        problem = later if missing else problem
    return marks, problem


def _marks(
    answers: dict[str, _Answer], sources: list[str], needed: set[int], limits: Limits, folder: Path
) -> tuple[dict[str, Mark], str]:
    with tempfile.TemporaryDirectory() as kept:
        outs = {number: str(Path(kept) / number) for number in answers}
        errors, problem = _take_out(answers, outs, sources, needed, limits, folder)
        marks = {number: Mark(WRONG, said, answers[number].source) for number, said in errors.items()}
        taken = {number: out for number, out in outs.items() if number not in errors and Path(out).exists()}
        marks |= _judge(taken, answers, limits, folder)
    for number, answer in answers.items():
        marks.setdefault(number, Mark(WRONG, f"Your code did not get this far: {problem}.", answer.source))
    return marks, problem


def _runnable(source: str) -> str:
    before, after = without_check(source)
    return f"{before}\n{after}".strip("\n")


def _take_out(
    answers: dict[str, _Answer],
    outs: dict[str, str],
    sources: list[str],
    needed: set[int],
    limits: Limits,
    folder: Path,
) -> tuple[dict[str, str], str]:
    """Run the needed cells and write each answer to its file; returns an error where there is none, and a problem."""
    left_out: set[int] = set()
    problem = ""
    for _ in range(MOST_STARTS):
        program: list[tuple[int, str, str]] = []  # place, number of the exercise or "", code
        for place in sorted(needed - left_out):
            here = {number: answer for number, answer in answers.items() if answer.place == place}
            # Most exercises call their answer `answer`: what an earlier one left there is no answer to this one.
            begun = [answer for answer in answers.values() if answer.begins == place]
            forget = "".join(f"globals().pop({name!r}, None)\n" for name in _names_of_stubs(begun))
            program += [(place, "", forget)] if forget else []
            program.append((place, "", sources[place]))
            for number, answer in here.items():
                program.append((place, number, TAKE_OUT.format(path=outs[number], answer=answer.expression)))
        outcome = run_cells([code for _, _, code in program], folder, limits, _imports(sources))
        if outcome.ended_by is None:
            break
        place = program[outcome.ended_by][0]
        problem = f"a cell ended the kernel ({outcome.why})"
        left_out.add(place)
    return _errors(program, outcome, answers, left_out, problem), problem


def _imports(sources: list[str]) -> str:
    """The course's packages, imported before the clock runs: on a busy machine that alone may take a cell's time."""
    names = sorted({name for source in sources for name in IMPORTED.findall(source)})
    return "from contextlib import suppress\n" + "".join(
        f"with suppress(Exception):\n    import {name}\n" for name in names
    )


def _names_of_stubs(answers: list[_Answer]) -> list[str]:
    return sorted({answer.expression for answer in answers if answer.expression.isidentifier()})


def _errors(
    program: list[tuple[int, str, str]], outcome: Outcome, answers: dict[str, _Answer], left_out: set[int], problem: str
) -> dict[str, str]:
    said = {number: outcome.errors[at] for at, (_, number, _) in enumerate(program) if number and at in outcome.errors}
    in_cell = {
        place: outcome.errors[at]
        for at, (place, number, _) in enumerate(program)
        if not number and at in outcome.errors
    }
    errors = {}
    for number, answer in answers.items():
        if answer.place in left_out:
            errors[number] = f"Your code was stopped: {problem.partition('(')[2].rstrip(')')}."
        elif number in said:  # an answer that stood before its cell failed is an answer
            errors[number] = f"Your code stopped with {in_cell.get(answer.place) or said[number]}."
    return errors


def _judge(outs: dict[str, str], answers: dict[str, _Answer], limits: Limits, folder: Path) -> dict[str, Mark]:
    """Judge the answers in a fresh kernel, which knows nothing of the learner's."""
    marks: dict[str, Mark] = {}
    waiting = dict(outs)
    while waiting:
        numbers = list(waiting)
        cells = [JUDGE.format(number=number, path=waiting[number]) for number in numbers]
        outcome = run_cells(cells, folder, limits, PREPARE.format(numbers=numbers))
        for at, number in enumerate(numbers):
            reply, source = Path(waiting[number] + ".json"), answers[number].source
            if reply.exists():
                passed, text = json.loads(reply.read_text())
                marks[number] = Mark({True: RIGHT, False: WRONG, None: UNANSWERED}[passed], text, source)
            elif at in outcome.errors or at == outcome.ended_by:
                why = outcome.errors.get(at, outcome.why)
                marks[number] = Mark(WRONG, f"{NOT_JUDGED}: {why}.", source)
            if number in marks:
                del waiting[number]
        if len(waiting) == len(numbers):
            break
    return marks
