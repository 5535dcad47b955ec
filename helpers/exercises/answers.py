"""What learners give as answers, read as numbers and named in a reply."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from helpers.checks import shown


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


def _as_float(item: Any) -> float:
    try:
        return float(item)
    except OverflowError:
        return math.inf


def plain(answer: object) -> list[int | float] | None:
    """Whatever holds numbers as a list of Python's own, whole ones as int: to compare and to show. None as above."""
    values = as_numbers(answer)
    return None if values is None else [int(v) if v.is_integer() else v for v in values.reshape(-1).tolist()]


def kind_of(answer: object) -> str:
    """What a reply calls an answer."""
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


def clip(text: str, longest: int = 200) -> str:
    """A text on one line, and cut short."""
    text = " ".join(text.split())
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
