"""What makes a judge: of a number, several numbers, a letter, or a function that the learner writes.

A judge knows the right answer and the wrong ones that people really give.
"""

from __future__ import annotations

import copy
import html
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from helpers.exercises.answers import as_numbers, clip, kind_of


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


@dataclass(frozen=True)
class Judge:
    """Judges answers to one exercise.

    Attributes:
        look: from an answer to a reply, or to the sentence that says why it is not right.
        kind: what is asked for: "number", "numbers", "choice", "function", or "answer" for anything else.
        hints: the sentences for the wrong answers that it knows.
    """

    look: Callable[[object], Reply | str]
    kind: str = "answer"
    hints: tuple[str, ...] = ()

    def __call__(self, answer: object) -> Reply:
        reply = self.look(answer)
        return Reply(False, reply) if isinstance(reply, str) else reply


NOTHING = "Your function returns nothing yet: end it with return."
SOMETHING_ELSE = (
    "Your function returns something other than what was asked for: look at the type and shape of what it returns."
)
UNREADABLE = "This answer cannot be read: give a plain number, text, list or function."
# What a learner's generator yields is read up to here, so that an endless one ends.
MOST_ITEMS = 100_000


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

    wrong = wrong or {}

    def judge(answer: object) -> Reply | str:
        given = as_numbers(answer)
        if given is None or given.size != 1:
            return f"One number is wanted here, and this is {kind_of(answer)}."
        value = float(given.reshape(-1)[0])
        if _close(value, expected, tolerance):
            return _right(right)
        # The nearest of the known mistakes, so that a generous tolerance never gives another one's hint.
        near = [mistake for mistake in wrong if _close(value, mistake, max(tolerance, 1e-3))]
        return wrong[min(near, key=lambda mistake: abs(mistake - value))] if near else otherwise

    return Judge(judge, "number", tuple(wrong.values()))


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

    def judge(answer: object) -> Reply | str:
        given = as_numbers(answer)
        if given is None:
            return f"{len(target)} numbers are wanted here, and this is {kind_of(answer)}."
        given = given.reshape(-1)
        if same(given, target, tolerance):
            return _right(right)
        for values, hint in mistakes:
            if same(given, values, max(tolerance, 1e-3)):
                return hint
        if len(given) != len(target):
            return f"{len(target)} numbers are wanted here, and there are {len(given)}."
        return otherwise

    return Judge(judge, "numbers", tuple(hint for _, hint in mistakes))


def choice(expected: str, wrong: Mapping[str, str], *, right: str = "") -> Judge:
    """A judge of one letter or word out of several; upper and lower case are the same."""
    options = sorted([expected, *wrong])

    def judge(answer: object) -> Reply | str:
        given = answer.strip().strip(".()\"'").lower() if isinstance(answer, str) else None
        if given == expected.lower():
            return _right(right)
        for option, hint in wrong.items():
            if given == option.lower():
                return hint
        listed = ", ".join(f'"{option}"' for option in options)
        return f"Answer with one of {listed}, in quotation marks."

    return Judge(judge, "choice", tuple(wrong.values()))


def function(test: Callable[[Callable], str | None], *, right: str = "") -> Judge:
    """A judge of a function that the learner writes: `test` tries it and returns a hint, or None if all is well.

    The learner's function gets copies of what `test` passes it and may change them. What it raises, and a first call
    that returns nothing, is answered here; `test` sees neither.
    """

    def judge(answer: object) -> Reply | str:
        if not callable(answer):
            return f"A function is wanted here (its name, without brackets), and this is {kind_of(answer)}."
        try:
            hint = test(_guarded(answer))
        except _Told as told:
            hint = str(told)
        return clip(hint, 400) if hint else _right(right)

    return Judge(judge, "function")


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
            raise _Told(f"Your function stopped with {type(error).__name__}: {clip(str(error))}") from error
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
