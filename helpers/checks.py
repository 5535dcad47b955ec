"""The one-sentence error for learners, and the small checks that raise it before any work is done.

Every check returns the value as a plain Python number, so that what was checked is also what is used.
"""

import math
from collections.abc import Iterable
from difflib import get_close_matches
from numbers import Integral, Real
from typing import Any, TypeGuard

QUOTES = "\"'"
LARGEST_SEED = 2**32 - 1  # NumPy's
LARGEST_COUNT = 10**15  # more than any run can count, and small enough for every library below


class LessonError(ValueError):
    """A mistake that can be put right: the message says what was wrong and what would be right."""


def shown(value: object) -> str:
    """`value` as an error quotes it: on one line, and no longer than a line."""
    if isinstance(value, int) and value.bit_length() > 200:  # Python refuses to write out the longest ones at all
        return f"a whole number of about {round(value.bit_length() * math.log10(2)):,} digits"
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a list with such a number in it, or an object that has no text at all
        return f"a {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:79]}…"


def is_whole(value: object) -> TypeGuard[int]:
    """Whether `value` is a whole number by its type: 3, but neither 3.0 nor True."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def _as_float(value: object) -> float:
    """`value` as a float; NaN for anything that is not a number, infinity for one that no float can hold."""
    # NumPy's bool is not a Real, Python's is an Integral: both are switches, not numbers.
    if not isinstance(value, Real) or isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf


def positive_int(name: str, value: object) -> int:
    """`value` as an int of 1 or more.

    Raises `LessonError` for anything else, including True, 64.0 and numbers that nothing could count up to.
    """
    if not is_whole(value) or value < 1:
        raise LessonError(f"{name} must be a whole number of 1 or more, such as 1 or 64; you gave {shown(value)}.")
    if value > LARGEST_COUNT:
        raise LessonError(f"{name} must be at most {LARGEST_COUNT:,}; you gave {shown(value)}.")
    return int(value)


def seed_number(name: str, value: object) -> int:
    """`value` as an int that PyTorch, NumPy and scikit-learn all take for a seed. Raises `LessonError` for others."""
    if not is_whole(value) or not 0 <= value <= LARGEST_SEED:
        raise LessonError(
            f"{name} must be a whole number from 0 to {LARGEST_SEED:,}, such as 42; you gave {shown(value)}."
        )
    return int(value)


def positive_number(name: str, value: object) -> float:
    """`value` as a float above zero. Raises `LessonError` for zero, negatives, infinity, NaN and all but numbers."""
    number = _as_float(value)
    if not 0 < number < math.inf:
        raise LessonError(f"{name} must be a number above zero, such as 0.001; you gave {shown(value)}.")
    return number


def number_from_zero(name: str, value: object) -> float:
    """`value` as a float of zero or more (zero switches a setting off). Raises `LessonError` for anything else."""
    number = _as_float(value)
    if not 0 <= number < math.inf:
        raise LessonError(f"{name} must be zero (off) or a number above it; you gave {shown(value)}.")
    return number


def finite_number(name: str, value: Any, *, whole: bool = False) -> Any:
    """`value` as it is if it is a number, negative or not; with `whole` only 3 and not 3.0. Raises `LessonError`."""
    if not (is_whole(value) if whole else math.isfinite(_as_float(value))):
        kind = "a whole number, such as 3" if whole else "a number, such as 0.5"
        raise LessonError(f"{name} must be {kind}; you gave {shown(value)}.")
    return value


def share(name: str, value: object, *, or_zero: bool = False) -> float:
    """`value` as a float strictly between 0 and 1, or zero if that may be. Raises `LessonError` for anything else."""
    number = _as_float(value)
    if not (0 < number < 1 or (or_zero and number == 0)):
        off = "0 (off) or " if or_zero else ""
        raise LessonError(
            f"{name} must be {off}a share between 0 and 1, such as 0.2 for 20 %; you gave {shown(value)}."
        )
    return number


def switch(name: str, value: object) -> bool:
    """`value` if it is True or False. Raises `LessonError` for anything else."""
    if not isinstance(value, bool):
        raise LessonError(f"{name} must be True or False; you gave {shown(value)}.")
    return value


def function(name: str, value: Any) -> Any:
    """`value` if it can be called. Raises `LessonError` for anything else."""
    if not callable(value):
        raise LessonError(f"{name} must be a function; you gave {shown(value)}.")
    return value


def one_of(name: str, value: object, choices: Iterable[str]) -> str:
    """`value` if it is among `choices`. Raises `LessonError` with the nearest choice for anything else."""
    choices = tuple(choices)
    if isinstance(value, str) and value in choices:
        return value
    listed = ", ".join(repr(choice) for choice in choices)
    raise LessonError(f"{name} must be one of {listed}; you gave {shown(value)}{did_you_mean(value, choices)}.")


def did_you_mean(value: object, choices: Iterable[str]) -> str:
    """` (did you mean 'adam'?)`, or nothing where no choice comes near."""
    near = get_close_matches(shown(value).strip(QUOTES).lower(), list(choices), n=1, cutoff=0.6)
    return f" (did you mean {near[0]!r}?)" if near else ""
