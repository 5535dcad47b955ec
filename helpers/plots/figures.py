"""Figures, and what several drawings share: names at lines, plain log axes, tables as colours.

Figures are plain matplotlib `Figure` objects, never pyplot's: nothing is left open behind a re-run cell. What a learner
or a film is called is written as it is: a dollar sign in a title starts no formula.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullFormatter, ScalarFormatter

from helpers.plots.style import contrast, ink, use_style

AS_WRITTEN: dict[str, Any] = {"parse_math": False}
BESIDE: dict[str, Any] = {"xycoords": ("axes fraction", "data")}  # of words at a height of the data

use_style()


def new_figure(width: float = 7, height: float = 3.5, columns: int = 1, rows: int = 1, **options):
    """A figure (inches) that pyplot does not know, and its axes: one, or an array of them. Options go to `subplots`."""
    figure = Figure(figsize=(width, height))
    return figure, figure.subplots(rows, columns, **options)


class Captioned:
    """A finished figure and the sentence that says what it shows, displayed as a picture with a caption."""

    def __init__(self, figure: Figure, text: str) -> None:
        self.figure, self.text = figure, text

    @cached_property
    def png(self) -> bytes:
        """The picture as a PNG file."""
        buffer = io.BytesIO()
        # Without the version of matplotlib in it, the same picture is the same file.
        self.figure.savefig(buffer, format="png", metadata={"Software": None})
        return buffer.getvalue()

    def __repr__(self) -> str:
        return self.text

    def _ipython_display_(self) -> None:
        # JupyterLab gives a PNG no text alternative, so the sentence also stands below it, for every reader.
        display({"image/png": self.png, "text/plain": self.text}, raw=True, metadata={"image/png": {"alt": self.text}})
        display({"text/markdown": f"*{self.text}*", "text/plain": self.text}, raw=True)


def show(figure: Figure, text: str) -> Captioned:
    """A figure with a sentence that says what the data in it shows: as the last line of a cell it is displayed."""
    return Captioned(figure, text)


def note(axes: Axes, text: str, place: tuple[Any, Any], offset: tuple[float, float], **look: Any) -> None:
    """Words beside a place, so many points to its right and above it."""
    axes.annotate(text, place, offset, textcoords="offset points", **look)


def label_end(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    """Name a line at its right end, where the eye arrives."""
    note(axes, text, (x, y), (6, 0), color=ink(colour), va="center", annotation_clip=False, **AS_WRITTEN)


def log_axis(axis) -> None:
    """A logarithmic axis labelled in plain numbers (0.5, 1, 2), also between the powers of ten."""
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    low, high = sorted(axis.get_view_interval())
    if low > 0 and high / low < 30:
        decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
        ticks = [step * 10.0**decade for decade in decades for step in (1, 2, 3, 5, 7)]
        axis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
        axis.set_major_formatter(ScalarFormatter())
        axis.set_minor_formatter(NullFormatter())


def heat_map(axes: Axes, values: np.ndarray, rows: Sequence, columns: Sequence, *, limits=None):
    """A table (rows, columns) as colours with its numbers written in, readable on either end of the scale."""
    low, high = limits or (np.nanmin(values), np.nanmax(values))
    image = axes.imshow(values, vmin=low, vmax=high, aspect="auto")
    axes.set_xticks(range(len(columns)), columns, **AS_WRITTEN)
    axes.set_yticks(range(len(rows)), rows, **AS_WRITTEN)
    axes.grid(visible=False)
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            behind = to_hex(tuple(image.to_rgba(value)))
            colour = max("white", "black", key=lambda colour: contrast(colour, behind))
            axes.text(column, row, f"{value:.3f}", ha="center", va="center", color=colour)
    return image
