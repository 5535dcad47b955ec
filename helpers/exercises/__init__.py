"""Exercises that answer back: `check("1.3", answer)` says at once whether an answer is right, and if not, why.

The exercises of notebook N stand in `notebook_N.py` as a dictionary `EXERCISES` from a name such as "1.3" to a judge,
made by one of the functions of `judges.py`.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from helpers.checks import LessonError, did_you_mean, is_whole, shown
from helpers.exercises.answers import as_numbers, plain
from helpers.exercises.instructor import own_judges
from helpers.exercises.judges import (
    SOMETHING_ELSE,
    UNREADABLE,
    Judge,
    Reply,
    choice,
    function,
    number,
    numbers,
)

# A file of judges is all that a notebook needs to have exercises.
NOTEBOOKS = tuple(sorted(int(path.stem[9:]) for path in Path(__file__).parent.glob("notebook_*.py")))


def check(name: str, answer: object = None) -> Reply:
    """Judge an answer to the exercise called `name`, such as "1.3"; None and ... are no answer yet.
    Raises `LessonError` for an exercise that does not exist. Never for a wrong answer, whatever it is.
    """
    judge = find(name)
    if answer is None or answer is ...:
        return Reply(None, f"Exercise {name} is waiting for your answer: replace None above and run the cell again.")
    try:
        reply = judge(answer)
    except KeyboardInterrupt:
        raise
    except BaseException:  # an answer may be anything, and raise anything when it is looked at
        reply = Reply(False, SOMETHING_ELSE if callable(answer) else UNREADABLE)
    if not isinstance(reply, Reply):  # a judge that an instructor wrote
        raise LessonError(f"The judge of {name} must give what those of number(), choice() and function() give.")
    _solved[name] = _solved.get(name, False) or bool(reply.passed)
    hints = reply.passed is not False or getattr(own_judges(), "HINTS", True)
    return reply if hints else Reply(False, "Not right yet.")


# The exercises that were answered in this kernel: whether one answer was right. Nothing is written or sent.
_solved: dict[str, bool] = {}


def how_far(notebook: int) -> Reply:
    """Which exercises of a notebook are solved, tried or open, as far as this kernel has seen.
    Raises `LessonError` for a notebook that the course does not have.
    """
    if not is_whole(notebook) or notebook not in NOTEBOOKS:
        raise LessonError(f"notebook must be one of {', '.join(map(str, NOTEBOOKS))}; you gave {shown(notebook)}.")
    names = [name for name in exercises() if name.startswith(f"{notebook}.")]
    kinds = {"solved": True, "tried": False, "open": None}
    groups = {kind: [name for name in names if _solved.get(name) is state] for kind, state in kinds.items()}
    parts = [f"{len(group)} {kind} ({', '.join(group)})" for kind, group in groups.items() if group]
    done = len(groups["solved"]) == len(names)
    if done:
        advice = "That is all of them: you have done what this notebook asks."
    elif groups["tried"]:
        advice = f"Next: {groups['tried'][0]}, with its hint."
    else:
        advice = f"Next: {groups['open'][0]}."
    return Reply(done or None, f"Of {len(names)} exercises: {', '.join(parts)}. {advice}")


def find(name: str) -> Judge:
    """The judge of one exercise, of the instructor's or of the course's; no other notebook's judges are loaded."""
    if isinstance(name, str):
        own = getattr(own_judges(), "EXERCISES", {})
        notebook = name.partition(".")[0]
        course = _of_notebook(int(notebook)) if notebook in map(str, NOTEBOOKS) else {}
        if judge := own.get(name) or course.get(name):
            return judge
    raise LessonError(f"There is no exercise {shown(name)}{did_you_mean(name, exercises())}.")


def exercises() -> dict[str, Judge]:
    """All exercises of the course by name."""
    found: dict[str, Judge] = {}
    for notebook in NOTEBOOKS:
        found |= _of_notebook(notebook)
    return found | getattr(own_judges(), "EXERCISES", {})


def _of_notebook(notebook: int) -> dict[str, Judge]:
    return import_module(f"helpers.exercises.notebook_{notebook}").EXERCISES
