"""Loss curves: the losses of a run, and of runs with one setting changed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from helpers.checks import one_of
from helpers.plots.figures import BESIDE, label_end, note
from helpers.plots.style import BEST, BEST_MARK, FLOOR, PLATE, TRAIN, VALIDATION
from helpers.training import History, is_finite

X_AXES = {"update": "updates", "epoch": "epochs", "samples_seen": "samples seen", "seconds": "seconds of training"}
METRICS = {"mse": "mean squared error", "rmse": "RMSE (stars)"}


def in_metric(loss, metric: str):
    """A mean squared error (number, array or column) in the metric that a picture shows; NaN where it has no root."""
    with np.errstate(invalid="ignore"):
        return np.sqrt(loss) if one_of("metric", metric, METRICS) == "rmse" else loss


def loss_curves(axes: Axes, history: History, *, metric: str = "mse", floor: float | None = None) -> None:
    """Training and validation loss of one run after every epoch, labelled at their ends, the best epoch marked.

    Args:
        metric: "mse", or "rmse" for its root (in stars for ratings).
        floor: a loss (in the metric) that no model can pass, drawn as a line.
    """
    table = history.epochs
    epochs = table["epoch"]
    for column, colour, line, name in (
        ("train_loss", TRAIN, "-", "training"),
        ("validation_loss", VALIDATION, "--", "validation"),
    ):
        if table[column].notna().any():
            heights = in_metric(table[column], metric)
            axes.plot(epochs, heights, color=colour, linestyle=line)
            label_end(axes, epochs.iloc[-1], heights.iloc[-1], name, colour)
    if is_finite(history.best_validation_loss):
        best, height = history.best_epoch or 0, in_metric(history.best_validation_loss, metric)
        axes.plot(best, height, **BEST_MARK)
        # Above the slow climb that follows the best epoch; where little or nothing follows, above the fall before it.
        side = "center" if best > 0.8 * epochs.iloc[-1] else "left"
        note(axes, f"best: {height:.4g}", (best, height), (0, 12), color=BEST, ha=side, bbox=PLATE)
    if floor is not None:
        axes.axhline(floor, color=FLOOR, linestyle=":", linewidth=1.4)
        note(axes, "noise floor", (0.99, floor), (0, -12), color=FLOOR, ha="right", **BESIDE)
    axes.set(xlabel=X_AXES["epoch"], ylabel=METRICS[metric])


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
