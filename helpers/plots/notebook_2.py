"""Drawings of notebook 2 that are more than a few lines: paths that grow, clouds of slopes, the race."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from helpers.plots.figures import BESIDE, label_end, note
from helpers.plots.style import BLACK, CYCLE, GREY, LINES, PLATE, ink

BEYOND = 1e6  # a path that leaves the picture for good is drawn to here: matplotlib needs finite numbers


def growing_paths(axes: Axes, paths: Mapping[str, np.ndarray], frames: int = 12) -> Iterator[int]:
    """Paths of two weights, (n, 2) each, that grow side by side: yields how many updates are shown by now.

    Colours and line styles differ; a dot shows where each path has got to. The axes keep the limits they have.
    """
    limits = axes.get_xlim(), axes.get_ylim()
    lines = []
    for (name, places), colour, line in zip(paths.items(), CYCLE, LINES, strict=False):
        trail = axes.plot([], [], color=colour, linestyle=line, linewidth=1.4, label=name)[0]
        tip = axes.plot([], [], marker="o", color=colour, markersize=8, linestyle="none", markeredgecolor="white")[0]
        lines.append((trail, tip, np.clip(np.nan_to_num(places, nan=BEYOND), -BEYOND, BEYOND)))
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    axes.set(xlim=limits[0], ylim=limits[1])
    longest = max(len(places) for *_, places in lines) - 1
    for updates in np.unique(np.linspace(longest / frames, longest, frames).round().astype(int)):
        for trail, tip, places in lines:
            shown = places[: updates + 1]
            trail.set_data(*shown.T)
            tip.set_data(*shown[-1:].T)
        yield int(updates)


def slope_clouds(axes: Axes, clouds: Mapping[str, np.ndarray], marks: Mapping[str, float]) -> None:
    """Where a slope was after each of many updates: a row of dots per run, with mean and standard deviation written.

    marks: slopes to compare with, drawn as vertical lines with their names.
    """
    for place, (slopes, colour) in enumerate(zip(clouds.values(), CYCLE, strict=False)):
        some = np.asarray(slopes)[:: max(1, len(slopes) // 1500)]
        height = place + 0.5 * (np.arange(len(some)) * 0.618 % 1 - 0.5)  # evenly spread, without a random number
        axes.plot(some, height, ".", color=colour, markersize=2.5, alpha=0.35)
        text = f"{np.mean(slopes):.3f} ± {np.std(slopes):.3f}"
        note(axes, text, (1.01, place), (0, 0), color=ink(colour), va="center", annotation_clip=False, **BESIDE)
    for (name, slope), colour, line in zip(marks.items(), (GREY, BLACK), ("-", "--"), strict=False):
        axes.axvline(slope, color=colour, linestyle=line, linewidth=1.4)
        right, side = (4, "left") if slope == max(marks.values()) else (-4, "right")
        note(axes, name, (slope, 1), (right, 2), xycoords=("data", "axes fraction"), color=ink(colour), ha=side)
    axes.set_yticks(range(len(clouds)), list(clouds))
    axes.set(ylim=(len(clouds) - 0.4, -0.6), xlabel="slope after an update")
    axes.grid(visible=False, axis="y")


def race_curves(axes: Axes, runs: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> None:
    """Loss against seconds, one (seconds, losses) per run, each named at its end, where the names keep a distance."""
    ends = []
    for (name, (seconds, losses)), colour, line in zip(runs.items(), CYCLE, LINES, strict=False):
        axes.plot(seconds, losses, color=colour, linestyle=line)
        ends.append((losses[-1], name, colour))
    (low, high), height, right = axes.get_ylim(), -np.inf, axes.get_xlim()[1]
    for loss, name, colour in sorted(ends):
        height = max(loss, height + 0.07 * (high - low))
        label_end(axes, right, height, name, colour)
    axes.set_xlim(right=right)
    axes.set(xlabel="seconds of training", ylabel="mean squared error")


def mean_and_spread(axes: Axes, names: Sequence[str], values: np.ndarray, ylabel: str) -> None:
    """Values (names, runs) as small dots, those of one run joined by a faint line, their means as large markers."""
    places = np.arange(len(names))
    axes.plot(places, values, color=GREY, linestyle="-", linewidth=0.7, marker=".", alpha=0.6)
    means = values.mean(1)
    axes.plot(places, means, color=BLACK, marker="D", linestyle="none", markersize=7)
    for place, mean in zip(places, means, strict=True):
        note(axes, f"{mean:.3f}", (place, mean), (9, 0), va="center", bbox=PLATE)
    axes.set_xticks(places, names)
    axes.set(xlim=(-0.4, len(names) - 0.4), ylabel=ylabel)
