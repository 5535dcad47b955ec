"""The one-sentence error for learners, and the small checks that raise it before any work is done."""

import math
from collections.abc import Iterable
from difflib import get_close_matches
from numbers import Integral, Real

LARGEST_SEED = 2**32 - 1  # NumPy's


class LessonError(ValueError):
    """A mistake that can be put right: the message says what was wrong and what would be right."""


def is_whole(value: object) -> bool:
    """Whether `value` is a whole number by its type: 3 and not 3.0 or True."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_finite(value: object) -> bool:
    # NumPy's bool is not a Real, Python's is an Integral: both are switches, not numbers.
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def positive_int(name: str, value: object, hint: str = "") -> int:
    """`value` as an int of 1 or more; `hint` names what is counted.

    Raises `LessonError` for anything else, True and 64.0 too.
    """
    if not is_whole(value) or value < 1:
        counted = f" ({hint})" if hint else ""
        raise LessonError(f"{name} must be a whole number of 1 or more{counted}, such as 1 or 64; you gave {value!r}.")
    return int(value)


def seed_number(name: str, value: object) -> int:
    """`value` as an int that PyTorch, NumPy and scikit-learn all take for a seed. Raises `LessonError` for others."""
    if not is_whole(value) or not 0 <= value <= LARGEST_SEED:
        raise LessonError(f"{name} must be a whole number from 0 to {LARGEST_SEED:,}, such as 42; you gave {value!r}.")
    return int(value)


def positive_number(name: str, value: object) -> float:
    """`value` as a float above zero. Raises `LessonError` for zero, negatives, infinity, NaN and what is no number."""
    if not _is_finite(value) or value <= 0:
        raise LessonError(f"{name} must be a number above zero, such as 0.001; you gave {value!r}.")
    return float(value)


def number_from_zero(name: str, value: object) -> float:
    """`value` as a float of zero or more (zero switches a setting off). Raises `LessonError` for anything else."""
    if not _is_finite(value) or value < 0:
        raise LessonError(f"{name} must be zero (off) or a number above it; you gave {value!r}.")
    return float(value)


def finite_number(name: str, value: object, *, whole: bool = False) -> float:
    """`value` as it is if it is a number, negative or not; with `whole` only 3 and not 3.0. Raises `LessonError`."""
    if not (is_whole if whole else _is_finite)(value):
        kind = "a whole number, such as 3" if whole else "a number, such as 0.5"
        raise LessonError(f"{name} must be {kind}; you gave {value!r}.")
    return value


def share(name: str, value: object) -> float:
    """`value` as a float strictly between 0 and 1. Raises `LessonError` for anything else."""
    if not _is_finite(value) or not 0 < value < 1:
        raise LessonError(f"{name} must be a share between 0 and 1, such as 0.2 for 20 %; you gave {value!r}.")
    return float(value)


def switch(name: str, value: object) -> bool:
    """`value` if it is True or False. Raises `LessonError` for anything else."""
    if not isinstance(value, bool):
        raise LessonError(f"{name} must be True or False; you gave {value!r}.")
    return value


def one_of(name: str, value: object, choices: Iterable[str]) -> str:
    """`value` if it is among `choices`. Raises `LessonError` with the nearest choice for anything else."""
    choices = tuple(choices)
    if isinstance(value, str) and value in choices:
        return value
    listed = ", ".join(repr(choice) for choice in choices)
    raise LessonError(f"{name} must be one of {listed}; you gave {value!r}{did_you_mean(value, choices)}.")


def did_you_mean(value: object, choices: Iterable[str]) -> str:
    """` (did you mean 'adam'?)`, or nothing where no choice comes near."""
    near = get_close_matches(str(value).lower(), list(choices), n=1, cutoff=0.6)
    return f" (did you mean {near[0]!r}?)" if near else ""
