"""The figures of notebook 4."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers.plots.figures import label_end, log_axis, note
from helpers.plots.losses import knob_curves
from helpers.plots.style import BLUE, CYCLE, GREY, LINES, ORANGE, TRAIN, VALIDATION, ink

MOST_MARKS = 20  # points of a line that are marked one by one
READABLE_GAP = 0.09  # of the axis' height, between two names at the ends of lines


def validation_curves(figure: Figure, curves: Mapping[str, tuple[Sequence, Sequence, Sequence]]) -> dict[str, float]:
    """A panel per setting (values, training and validation RMSE), lines named in the first; returns each one's span."""
    panels = figure.axes
    for axes, (name, (values, train_rmse, validation_rmse)) in zip(panels, curves.items(), strict=True):
        knob_curves(axes, name, values, train_rmse, validation_rmse)
    _, (values, train_rmse, validation_rmse) = next(iter(curves.items()))
    middle = len(values) // 2
    axes, below, above = panels[0], (middle, train_rmse[middle]), (middle, validation_rmse[middle])
    note(axes, "training", below, (-8, -4), ha="right", va="center", color=ink(TRAIN))
    note(axes, "validation", above, (0, 9), ha="center", va="center", color=ink(VALIDATION))
    axes.set_ylabel("RMSE (stars)")
    return {name: float(np.ptp(validation_rmse)) for name, (_, _, validation_rmse) in curves.items()}


def two_ways_to_look(figure: Figure, grid: Sequence[tuple[float, float]], draws: Sequence[tuple[float, float]]) -> None:
    """As many tries on a grid and at random, over an important setting (x) and an idle one (y), both from 0 to 1.

    The marks below each square are the values of the important setting that were tried.
    """
    ways = (("grid", grid, BLUE), ("random", draws, ORANGE))
    for axes, (name, tries, colour) in zip(figure.subplots(1, 2), ways, strict=True):
        x, y = np.array(tries, dtype=float).T
        axes.scatter(x, y, color=colour, zorder=3)
        axes.vlines(x, -0.16, -0.06, color=colour, clip_on=False, linewidth=2)
        axes.set(xlim=(-0.05, 1.05), ylim=(-0.05, 1.05), xticks=[], yticks=[])
        axes.set_title(f"{name}: {len(set(x))} values tried")
        axes.set_xlabel("a setting that matters", labelpad=26)
        axes.set_ylabel("one that does not")


def race(axes: Axes, searches: Mapping[str, pd.DataFrame]) -> None:
    """Best so far (columns `seconds`, `rmse`) of each search as a staircase against seconds, named at its end."""
    longest = max(table["seconds"].iloc[-1] for table in searches.values())
    lowest = min(table["rmse"].min() for table in searches.values())
    ends = []
    for (name, table), colour, line in zip(searches.items(), CYCLE, LINES, strict=False):
        seconds, rmse = table["seconds"].to_numpy(), table["rmse"].to_numpy()
        axes.step(seconds, rmse, where="post", color=colour, linestyle=line)
        axes.plot(seconds[-1], rmse[-1], "o", color=colour, markersize=4)
        ends.append((seconds[-1], rmse[-1], name, colour))
    axes.set(xlabel="seconds of training, on this machine", ylabel="lowest validation RMSE so far")
    axes.set(ylim=(lowest - 0.005, lowest + 0.115), xlim=(0, 1.02 * longest))
    for x, y, name, colour in ends:
        label_end(axes, x, y, name, colour)


def score_by_share(
    axes: Axes, shares: Sequence[float], scores: Sequence[float], errors: Sequence[float], truth: Sequence[float]
) -> None:
    """For each share held back: the score with its error, and the RMSE of the same model on a large set apart."""
    axes.errorbar(shares, scores, yerr=errors, color=VALIDATION, marker="o", linestyle="--", capsize=3)
    axes.plot(shares, truth, color=GREY, marker="s")
    label_end(axes, shares[-1], scores[-1] - 0.016, "  the score,\n  ± its sd", VALIDATION)
    label_end(axes, shares[-1], truth[-1] + 0.008, "  the same model\n  on others", GREY)
    axes.set(xlabel="share of the ratings held back", ylabel="RMSE (stars)")
    log_axis(axes.xaxis)
    axes.minorticks_off()
    axes.set_xticks(list(shares), [f"{share:.0%}" for share in shares])


def named_lines(axes: Axes, lines: Mapping[str, tuple[Any, Any]], **options: Any) -> None:
    """Several lines (x, y), each with a colour, a stroke and its name at the end."""
    heights = sorted((y[-1], name) for name, (_, y) in lines.items())
    low, high = heights[0][0], max(max(y) for _, y in lines.values())
    places, last = {}, -np.inf
    for height, name in heights:
        last = places[name] = max(height, last + READABLE_GAP * (high - low))
    for (name, (x, y)), colour, line in zip(lines.items(), CYCLE, LINES, strict=False):
        axes.plot(x, y, color=colour, linestyle=line, marker="." if len(x) < MOST_MARKS else "")
        label_end(axes, x[-1], places[name], name, colour)
    axes.set(**options)
