"""The drawings of notebook 3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from helpers.plots.figures import note
from helpers.plots.style import BLUE, FAINT, GREY, ORANGE, SKY, ink

Column = tuple[Sequence[float], Sequence[float] | None]


def ladder(axes: Axes, names: Sequence[str], columns: Mapping[str, Column]) -> None:
    """One row per rung, first on top; per column (name -> scores, sd or None; two at most) a marker and its numbers."""
    shifts = (0,) if len(columns) == 1 else (-0.18, 0.18)
    styles = zip(shifts, (BLUE, ORANGE), ("o", "D"), strict=False)
    for (column, (scores, errors)), (shift, colour, marker) in zip(columns.items(), styles, strict=True):
        rows = np.arange(len(names)) + shift
        axes.errorbar(scores, rows, xerr=errors, color=colour, marker=marker, linestyle="none", capsize=3, label=column)
        for score, row in zip(scores, rows, strict=True):
            note(axes, f"{score:.3f}", (score, row), (12, 0), va="center", fontsize=8, color=ink(colour))
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.6)
    axes.legend(loc="lower right")


def factorisation(axes: Axes, num_users: int, num_movies: int, embedding_dim: int) -> None:
    """R ≈ P Qᵀ as rectangles: a large sparse table, and the two thin full ones whose product fills it."""
    random = np.random.RandomState(0)
    wide, high, thin = 4.0, 2.4, 0.42
    places = {"R": (0.0, 0.0, wide, high), "P": (5.1, 0.0, thin, high), "Q": (6.2, high - thin, wide, thin)}
    for name, (x, y, width, height) in places.items():
        axes.add_patch(Rectangle((x, y), width, height, facecolor="white" if name == "R" else SKY, edgecolor="black"))
    filled = random.uniform(0.08, (wide - 0.08, high - 0.08), (90, 2))
    axes.scatter(filled[:, 0], filled[:, 1], s=7, color=GREY, marker="s")
    row, column = 1.55, 2.9  # one user, one film: their cell, and the two vectors that predict it
    axes.add_patch(Rectangle((column, row), 0.16, 0.16, facecolor=ORANGE, edgecolor="black", zorder=3))
    axes.add_patch(Rectangle((5.1, row), thin, 0.16, facecolor=ORANGE, edgecolor="black", zorder=3))
    axes.add_patch(Rectangle((6.2 + column, high - thin), 0.16, thin, facecolor=ORANGE, edgecolor="black", zorder=3))
    axes.text(4.55, high / 2, "≈", fontsize=20, ha="center", va="center")
    axes.text(5.86, high - thin / 2, "×", fontsize=16, ha="center", va="center")
    words = {
        "R": f"$R$: {num_users:,} users × {num_movies:,} films\nmostly empty",
        "P": f"$P$\n{num_users:,} × {embedding_dim}",
        "Q": f"$Q^T$: {embedding_dim} × {num_movies:,}\nno empty cell",
    }
    for name, (x, y, width, _) in places.items():
        axes.text(x + width / 2, y - 0.12, words[name], ha="center", va="top", fontsize=9)
    axes.set(xlim=(-0.1, 10.4), ylim=(-0.75, high + 0.1), aspect="equal")
    axes.set_axis_off()


def promises(axes: Axes, names: Sequence[str], promised: Sequence[float], due: Sequence[float] | None = None) -> None:
    """Stars promised per group of films and, where they are known, the stars due; the gap is the winner's curse."""
    rows = np.arange(len(names))
    axes.plot(promised, rows, "D", color=ORANGE, label="promised")
    if due is not None:
        axes.hlines(rows, due, promised, color=FAINT, linewidth=5, zorder=1)
        axes.plot(due, rows, "o", color=BLUE, label="true, on average")
    axes.set_yticks(rows, names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlabel("stars")
    axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5))
