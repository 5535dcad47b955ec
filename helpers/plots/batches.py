"""Batches: how an epoch is cut into them, and what the mean over one does to a loss and its gradient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from helpers.plots.figures import BESIDE, note
from helpers.plots.style import BLACK, BLUE, CYCLE, FAINT, GREY, PLATE, RED, SKY, ink


def sample_grid(axes: Axes, num_samples: int, used: Sequence[Sequence[int]], columns: int = 32) -> None:
    """Every sample as a square in a place of its own, with the number of the batch that used it in this epoch.

    `used` holds the batches of the epoch so far, each a list of row numbers; the last of them is the current one.
    """
    place = np.arange(num_samples)
    x, y = place % columns, place // columns
    axes.scatter(x, y, s=160, marker="s", facecolor="white", edgecolor=FAINT, linewidth=0.8)
    for number, batch in enumerate(used, start=1):
        rows, now = np.asarray(batch), number == len(used)
        axes.scatter(x[rows], y[rows], s=160, marker="s", facecolor=BLUE if now else "#CFE3F1", edgecolor="white")
        axes.scatter(x[rows], y[rows], s=34, marker=f"${number}$", color="white" if now else "#333333", linewidth=0.2)
    axes.set(xlim=(-1, columns), ylim=(num_samples // columns + 1, -1), aspect="equal")
    axes.set_axis_off()


def batch_strip(axes: Axes, num_samples: int, batch_size: int, drop_last: bool = False) -> None:
    """One epoch as a strip, cut into its batches to scale; a short last batch stands out, or is hatched if dropped."""
    full, rest = divmod(num_samples, batch_size)
    edge = "white" if full <= 150 else "none"  # closer together, the cuts would hide the batches
    axes.bar(np.arange(full) * batch_size, 1, width=batch_size, align="edge", color=SKY, edgecolor=edge, linewidth=1)
    if rest:
        colour, text = (GREY, f"{rest:,} left out") if drop_last else (BLUE, f"last batch: {rest:,}")
        look: dict[str, Any] = {"color": "white", "edgecolor": GREY, "hatch": "///"} if drop_last else {"color": BLUE}
        axes.bar(full * batch_size, 1, width=rest, align="edge", **look)
        note(axes, text, (num_samples, 1), (0, 6), ha="right", color=colour)
    if full:
        note(axes, f"{full:,} full batches of {batch_size:,}", (0, 1), (0, 6))
    axes.set(xlim=(0, num_samples), ylim=(0, 1.25), yticks=[], xlabel="samples, in the order of this epoch")
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False)


def sorted_losses(axes: Axes, losses: np.ndarray) -> None:
    """The losses of a batch's samples, shape (B,), as bars from the largest down, and their mean as a line."""
    mean = float(np.mean(losses))
    axes.bar(range(1, len(losses) + 1), np.sort(losses)[::-1], color=SKY, width=0.85)
    axes.axhline(mean, color=RED, linestyle="--")
    note(axes, f"their mean: {mean:.3f}", (1, mean), (0, 4), ha="right", color=RED, **BESIDE)
    axes.set(xlabel="patients of the batch, largest loss first", ylabel="squared error", xlim=(0, len(losses) + 1))
    axes.grid(visible=False, axis="x")


def loss_bowl(axes: Axes, loss_at, low: float, high: float) -> None:
    """Contours of a loss over two weights in [low, high]; `loss_at` maps points (n, 2) to losses (n,)."""
    side = np.linspace(low, high, 80)
    first, second = np.meshgrid(side, side)
    heights = np.asarray(loss_at(np.column_stack([first.ravel(), second.ravel()]))).reshape(first.shape)
    levels = heights.min() + (heights.max() - heights.min()) * np.linspace(0.03, 1, 10) ** 2
    axes.contour(first, second, heights, levels=levels, colors=FAINT, linewidths=0.8, linestyles="-")
    axes.grid(visible=False)
    axes.set(aspect="equal", xlabel="weight of the BMI", ylabel="weight of the blood pressure")


def weight_path(axes: Axes, places: np.ndarray, label: str, colour: str, line: str = "-", offset=(6, 0)) -> None:
    """The places (n, 2) that two weights went through, update after update, the last one named."""
    axes.plot(places[:, 0], places[:, 1], color=colour, linestyle=line, linewidth=1.2, marker=".", markersize=3)
    axes.plot(*places[-1], marker="o", color=colour, markersize=8)
    leader = {"arrowstyle": "-", "color": colour, "linewidth": 0.8} if np.hypot(*offset) > 30 else None
    note(axes, label, places[-1], offset, color=ink(colour), va="center", arrowprops=leader, bbox=PLATE)


def gradient_cloud(axes: Axes, gradients: np.ndarray, full: np.ndarray, reach: float) -> None:
    """Batch gradients (n, 2) as arrows from the origin, that of all samples in black; `reach` around its tip."""
    arrows: dict[str, Any] = {"angles": "xy", "scale_units": "xy", "scale": 1}
    start = np.zeros(len(gradients))
    axes.quiver(start, start, gradients[:, 0], gradients[:, 1], color=BLUE, alpha=0.25, width=0.003, **arrows)
    axes.plot(gradients[:, 0], gradients[:, 1], ".", color=BLUE, markersize=4, alpha=0.7)
    axes.quiver(0, 0, *full, color=BLACK, edgecolor="white", linewidth=0.8, width=0.014, zorder=4, **arrows)
    limits = {"xlim": (full[0] - reach, full[0] + reach), "ylim": (full[1] - reach, full[1] + reach)}
    axes.set(aspect="equal", xlabel="gradient for the weight of the BMI", ylabel="… of the blood pressure", **limits)


def law_and_measurements(axes: Axes, law: tuple, measured: tuple, label: str, colour: str, marker: str) -> None:
    """A law as a line, (x, y), and what was measured of it, (x, y, half-width of the band), as points with bars."""
    line = "-" if marker == "o" else "--"
    axes.plot(*law, color=colour, linestyle=line, linewidth=1.2)
    x, y, band = measured
    # Any other marker is open and larger, so that what lies in the same place stays visible.
    size, face = (5, colour) if marker == "o" else (8, "none")
    axes.errorbar(
        x, y, yerr=band, color=colour, marker=marker, markersize=size, markerfacecolor=face, linestyle="none",
        capsize=3, label=label,
    )  # fmt: skip


def stacked_shares(axes: Axes, names: Sequence[str], shares: Mapping[str, Sequence[float]]) -> None:
    """Horizontal bars of length 1, one per name, cut into the shares of their parts; hatches differ in grey."""
    left = np.zeros(len(names))
    for (part, widths), colour, hatch in zip(shares.items(), CYCLE, ("", "//", "..", "xx"), strict=False):
        axes.barh(names, widths, left=left, color=colour, hatch=hatch, edgecolor="white", height=0.7, label=part)
        left = left + np.asarray(widths)
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.set(xlim=(0, 1), xlabel="share of the time")
    axes.legend(ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))


def tilted_line(axes: Axes, x: np.ndarray, y: np.ndarray, slope: float, honest_slope: float) -> None:
    """Points of one measurement, the first an outlier, and two lines through the origin: with it and without."""
    ends = np.array([-3.0, 4.0])
    axes.plot(x[1:], y[1:], "o", color=BLUE, markersize=4, alpha=0.5)
    axes.plot(ends, honest_slope * ends, color=GREY, linestyle="--", linewidth=1.4, label="without the mistake")
    axes.plot(ends, slope * ends, color=RED, linestyle="-", label="with the mistake")
    axes.plot(x[0], y[0], "D", color=RED, markersize=8)
    note(axes, "mistyped", (x[0], y[0]), (-10, 0), ha="right", va="center", color=RED, bbox=PLATE)
    axes.set(xlim=ends, ylim=(-14, 16), xlabel="BMI (standard deviations)", ylabel="target (standard deviations)")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
