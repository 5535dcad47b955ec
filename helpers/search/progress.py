"""How far a search has got, in one line below the cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from IPython.core.interactiveshell import InteractiveShell
from IPython.display import display

from helpers.devices import runs_in_place

RMSE = "neg_root_mean_squared_error"  # scikit-learn's searches look for the largest score: the RMSE with a minus sign


def where(results: Mapping[str, Any], done: int, planned: int, scoring: object, refit: object) -> str:
    """How far a search is, and the best setting so far; with several scores, by the one that `refit` names."""
    rounds, scores = results.get("iter"), results.get("mean_test_score", results.get(f"mean_test_{refit}"))
    text = f"{'█' * round(20 * done / planned):░<20} "
    text += "" if rounds is None else f"round {rounds[-1] + 1}: "
    text += f"{done} of {planned} settings"
    if scores is None or not np.isfinite(scores).any():
        return text
    best = int(np.nanargmax(scores))
    score = f"RMSE {-scores[best]:.4f}" if scoring == RMSE else f"score {scores[best]:.4f}"
    settings = (f"{name} {value}" for name, value in results["params"][best].items())
    return f"{text} · best so far: {score} with {', '.join(settings)}"


class ProgressLine:
    """One line below the cell, rewritten in place; where live parts run in place, only its last text."""

    def __init__(self) -> None:
        self._text, self._handle = "", None
        self._at_once = not runs_in_place()

    def write(self, text: str) -> None:
        """Replace the line."""
        self._text = text
        if self._at_once:
            self._show()

    def close(self) -> None:
        """Leave the last text standing."""
        if self._text and not self._at_once:
            self._show()

    def _show(self) -> None:
        if not InteractiveShell.initialized():
            return  # a script has no cell to write below
        data = {"text/plain": self._text}
        if self._handle is None:
            self._handle = display(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)
