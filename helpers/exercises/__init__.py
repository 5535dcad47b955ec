"""Exercises that answer back: `check("1.3", answer)` says at once whether an answer is right, and if not, why.

The exercises of notebook N stand in `notebook_N.py` as a dictionary `EXERCISES` from a name such as "1.3" to a judge,
made by one of the functions here. A judge knows the right answer and the wrong ones that people really give.
"""

from __future__ import annotations

import copy
import html
import itertools
import math
import re
import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module

import numpy as np

from helpers.checks import LessonError, did_you_mean

NOTEBOOKS = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Reply:
    """What `check` answers: `passed` is True, False, or None while there is no answer yet; `text` says why."""

    passed: bool | None
    text: str

    @property
    def mark(self) -> str:
        """The sign in front of the text: right, not yet, or waiting for an answer."""
        return {True: "✓", False: "✗", None: "…"}[self.passed]

    def __repr__(self) -> str:
        return f"{self.mark} {self.text}"

    def _repr_html_(self) -> str:
        # A border and a mark, not colour alone; the text keeps the page's own colour, light or dark.
        colour = {True: "#009E73", False: "#D55E00", None: "#888888"}[self.passed]
        return (
            f'<div role="status" style="border-left: 4px solid {colour}; padding: 0.3em 0.8em">'
            f"<b>{self.mark}</b> {html.escape(self.text)}</div>"
        )


Judge = Callable[[object], Reply]

NOTHING = "Your function returns nothing yet: end it with return."
SOMETHING_ELSE = (
    "Your function returns something other than what was asked for: look at the type and shape of what it returns."
)
UNREADABLE = "This answer cannot be read: give a plain number, text, list or function."
# What a learner's generator yields is read up to here, so that an endless one ends.
MOST_ITEMS = 100_000


def check(name: str, answer: object = None) -> Reply:
    """Judge an answer to the exercise called `name`, such as "1.3"; None and ... are no answer yet.

    Raises:
        LessonError: for an exercise that does not exist. Never for a wrong answer, whatever it is.
    """
    judge = find(name)
    if answer is None or answer is ...:
        return Reply(None, f"Exercise {name} waits for your answer: replace None above and run the cell again.")
    try:
        return judge(answer)
    except KeyboardInterrupt:
        raise
    except BaseException:  # an answer may be anything, and raise anything when it is looked at
        return Reply(False, SOMETHING_ELSE if callable(answer) else UNREADABLE)


def find(name: str) -> Judge:
    """The judge of one exercise."""
    known = exercises()
    if not isinstance(name, str) or name not in known:
        raise LessonError(f"There is no exercise {shown(name)}{did_you_mean(shown(name).strip(QUOTES), known)}.")
    return known[name]


def exercises() -> dict[str, Judge]:
    """All exercises of the course by name."""
    found: dict[str, Judge] = {}
    for notebook in NOTEBOOKS:
        found |= import_module(f"helpers.exercises.notebook_{notebook}").EXERCISES
    return found


# ---------------------------------------------------------------------------------------- judges


def number(
    expected: float,
    wrong: Mapping[float, str] | None = None,
    *,
    right: str = "",
    tolerance: float = 1e-6,
    otherwise: str = "Not that number yet.",
) -> Judge:
    """A judge of one number, given as int, float, fraction, array, tensor or text.

    Args:
        wrong: from a wrong number that people give to the sentence that says what it means.
        right: what to say with the praise.
        tolerance: relative; absolute where the expected number is 0.
        otherwise: the hint for any other number.
    """

    def judge(answer: object) -> Reply:
        given = as_numbers(answer)
        if given is None or given.size != 1:
            return Reply(False, f"One number is wanted here, and this is {_kind(answer)}.")
        value = float(given.reshape(-1)[0])
        if _close(value, expected, tolerance):
            return _right(right)
        # The nearest of the known mistakes, so that a generous tolerance never gives another one's hint.
        near = [mistake for mistake in wrong or {} if _close(value, mistake, max(tolerance, 1e-3))]
        return Reply(False, wrong[min(near, key=lambda mistake: abs(mistake - value))] if near else otherwise)

    return judge


def numbers(
    expected: Iterable[float],
    wrong: Iterable[tuple[Iterable[float], str]] = (),
    *,
    right: str = "",
    tolerance: float = 1e-6,
    otherwise: str = "Not those numbers yet.",
) -> Judge:
    """A judge of several numbers in order, given as a list, tuple, array, tensor or column."""
    target = np.asarray(list(expected), dtype=float)
    mistakes = [(np.asarray(list(values), dtype=float), hint) for values, hint in wrong]

    def same(given: np.ndarray, values: np.ndarray, tolerance: float) -> bool:
        return given.shape == values.shape and all(map(lambda a, b: _close(a, b, tolerance), given, values))

    def judge(answer: object) -> Reply:
        given = as_numbers(answer)
        if given is None:
            return Reply(False, f"{len(target)} numbers are wanted here, and this is {_kind(answer)}.")
        given = given.reshape(-1)
        if same(given, target, tolerance):
            return _right(right)
        for values, hint in mistakes:
            if same(given, values, max(tolerance, 1e-3)):
                return Reply(False, hint)
        if len(given) != len(target):
            return Reply(False, f"{len(target)} numbers are wanted here, and there are {len(given)}.")
        return Reply(False, otherwise)

    return judge


def choice(expected: str, wrong: Mapping[str, str], *, right: str = "") -> Judge:
    """A judge of one letter or word out of several; upper and lower case are the same."""
    options = sorted([expected, *wrong])

    def judge(answer: object) -> Reply:
        given = answer.strip().strip(".()\"'").lower() if isinstance(answer, str) else None
        if given == expected.lower():
            return _right(right)
        for option, hint in wrong.items():
            if given == option.lower():
                return Reply(False, hint)
        listed = ", ".join(f'"{option}"' for option in options)
        return Reply(False, f"Answer with one of {listed}, in quotation marks.")

    return judge


def function(test: Callable[[Callable], str | None], *, right: str = "") -> Judge:
    """A judge of a function that the learner writes: `test` tries it and returns a hint, or None if all is well.

    The learner's function gets copies of what `test` passes it and may change them. What it raises, and a first call
    that returns nothing, is answered here; `test` sees neither.
    """

    def judge(answer: object) -> Reply:
        if not callable(answer):
            return Reply(False, f"A function is wanted here (its name, without brackets), and this is {_kind(answer)}.")
        try:
            hint = test(_guarded(answer))
        except _Told as told:
            hint = str(told)
        return Reply(False, _clip(hint, 400)) if hint else _right(right)

    return judge


class _Told(Exception):
    """Ends a test of a learner's function with a sentence for the learner."""


def _guarded(learners: Callable) -> Callable:
    calls = itertools.count(1)

    def guarded(*arguments: object, **keywords: object) -> object:
        arguments, keywords = copy.deepcopy((arguments, keywords))
        try:
            result = learners(*arguments, **keywords)
            if isinstance(result, Iterator):  # the work of a generator is done, and fails, while it is read
                result = list(itertools.islice(result, MOST_ITEMS))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # sys.exit() too: it is part of the lesson, and no crash
            raise _Told(f"Your function stopped with {type(error).__name__}: {_clip(str(error))}") from error
        if next(calls) == 1 and result is None:
            raise _Told(NOTHING)
        return result

    return guarded


def _right(text: str) -> Reply:
    """Praise, and then what there is to say: a sentence of its own, or what follows a colon."""
    if not text or text.startswith("Right"):
        return Reply(True, text or "Right.")
    return Reply(True, f"Right{'.' if text[0].isupper() else ':'} {text}")


def _close(a: float, b: float, tolerance: float) -> bool:
    return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance if b == 0 else 0.0)


def as_numbers(answer: object) -> np.ndarray | None:
    """Whatever holds numbers as a float64 array; None for what does not, and for switches and complex numbers."""
    if isinstance(answer, (set, dict)):
        return None
    try:
        if isinstance(answer, str):
            # 100,000 is a number; 0,5 might be one or two, so it is none.
            answer = re.sub(r"(?<=\d)[,_](?=\d{3}(\D|$))", "", answer.strip())
        elif hasattr(answer, "detach"):  # a tensor; not all of their kinds are NumPy's as well
            answer = answer.detach().cpu().to_dense().tolist()
        elif isinstance(answer, (list, tuple)):
            answer = [item.tolist() if hasattr(item, "tolist") else item for item in answer]
        values = np.asarray(answer)
        if values.dtype.kind in "iufU":
            return values.astype(float)
        return (
            np.array([_as_float(item) for item in values.flat]).reshape(values.shape) if values.dtype == "O" else None
        )
    except (TypeError, ValueError, RuntimeError):
        return None


def _as_float(item: object) -> float:
    try:
        return float(item)  # type: ignore[arg-type]
    except OverflowError:
        return math.inf


def plain(answer: object) -> list[int | float] | None:
    """Whatever holds numbers as a list of Python's own, whole ones as int: to compare and to show. None as above."""
    values = as_numbers(answer)
    return None if values is None else [int(v) if v.is_integer() else v for v in values.reshape(-1).tolist()]


def _kind(answer: object) -> str:
    if callable(answer):
        return "a function"
    if isinstance(answer, str):
        return f"the text {shown(answer)}"
    values = as_numbers(answer)
    return (
        f"{values.size} numbers"
        if values is not None and values.size != 1
        else f"{shown(answer)} ({type(answer).__name__})"
    )


QUOTES = "\"'"


def shown(value: object) -> str:
    """A value as a sentence can show it, on one line and cut short; a few have no text of their own."""
    try:
        return _clip(reprlib.repr(value), 80)
    except Exception:  # an integer of too many digits, say
        return f"this {type(value).__name__}"


def _clip(text: str, longest: int = 200) -> str:
    text = " ".join(text.split())
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
