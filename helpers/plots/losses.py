"""Loss curves: the losses of a run, and of runs with one setting changed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from helpers.checks import one_of
from helpers.plots.figures import floor_line, label_end, log_axis, note
from helpers.plots.style import BEST, BEST_MARK, PLATE, TRAIN, VALIDATION
from helpers.training import History, is_finite

X_AXES = {"update": "updates", "epoch": "epochs", "samples_seen": "samples seen", "seconds": "seconds of training"}
METRICS = {"mse": "mean squared error", "rmse": "RMSE (stars)"}


def in_metric(loss, metric: str):
    """A mean squared error (number, array or column) in the metric that a picture shows; NaN where it has no root."""
    with np.errstate(invalid="ignore"):
        return np.sqrt(loss) if one_of("metric", metric, METRICS) == "rmse" else loss


def loss_curves(
    axes: Axes,
    history: History,
    *,
    x: str = "epoch",
    metric: str = "mse",
    log: bool = False,
    floor: float | None = None,
    updates: bool = False,
    label: str = "",
) -> None:
    """Training and validation loss of one run, labelled at their ends, the best epoch marked.

    Args:
        x: what the horizontal axis counts, one of `X_AXES`.
        metric: "mse", or "rmse" for its root (in stars for ratings).
        log: a logarithmic vertical axis.
        floor: a loss (in the metric) that no model can pass, drawn as a line.
        updates: also the loss of every single batch, faintly.
        label: what tells this run from others in the same picture.
    """
    one_of("x", x, X_AXES)
    if updates:
        table = history.updates
        axes.plot(table[x], in_metric(table["loss"], metric), color=TRAIN, alpha=0.25, linewidth=0.8, linestyle="-")
    epochs = history.epochs
    for column, colour, line, name in (
        ("train_loss", TRAIN, "-", "training"),
        ("validation_loss", VALIDATION, "--", "validation"),
    ):
        if epochs[column].notna().any():
            heights = in_metric(epochs[column], metric)
            axes.plot(epochs[x], heights, color=colour, linestyle=line)
            label_end(axes, epochs[x].iloc[-1], heights.iloc[-1], f"{name} {label}".strip(), colour)
    if is_finite(history.best_validation_loss):
        best = epochs[epochs["epoch"] == history.best_epoch].iloc[0]
        height = in_metric(best["validation_loss"], metric)
        axes.plot(best[x], height, **BEST_MARK)
        # Above the slow climb that follows the best epoch; where little or nothing follows, above the fall before it.
        side = "center" if best[x] > 0.8 * epochs[x].iloc[-1] else "left"
        note(axes, f"best: {height:.4g}", (best[x], height), (0, 12), color=BEST, ha=side, bbox=PLATE)
    if floor is not None:
        floor_line(axes, floor)
    axes.set(xlabel=X_AXES[x], ylabel=METRICS[metric])
    if log:
        log_axis(axes.yaxis)


def knob_curves(axes: Axes, name: str, values: Sequence, train_rmse: Sequence, validation_rmse: Sequence) -> None:
    """Training and validation RMSE against the values of one setting, evenly spaced, the lowest validation marked."""
    places = range(len(values))
    axes.plot(places, train_rmse, color=TRAIN, marker=".", linestyle="-")
    axes.plot(places, validation_rmse, color=VALIDATION, marker=".", linestyle="--")
    best = int(np.argmin(validation_rmse))
    axes.plot(best, validation_rmse[best], **BEST_MARK)
    texts = [f"{value:,}" if value >= 1 else f"{value:g}" for value in values]
    axes.set_xticks(list(places), texts, fontsize=8, rotation=30 if max(map(len, texts)) > 5 else 0)
    axes.set_xlim(-0.4, len(values) - 0.6)
    axes.set_title(name.replace("_", " "))
