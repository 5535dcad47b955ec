"""What a run did, in a sentence whose figures are the same on any machine, and how far it is."""

from __future__ import annotations

import numpy as np

from helpers.live.controls import write_number
from helpers.live.curve import Curve
from helpers.plots import in_metric
from helpers.training import is_finite


def progress_line(curve: Curve, outcome: str, elapsed: float) -> str:
    """Where a run stands, and how long it will take; or how it ended."""
    last = curve.history.last
    if last is None:
        return f"no update · {outcome}" if outcome else "starting"
    if not curve.num_updates:
        line, left = f"update {last.update:,}", None
    else:
        line = f"update {last.update:,} of {last.num_updates:,} · epoch {last.epoch:,} of {last.num_epochs:,}"
        left = elapsed / len(curve) * (last.num_updates - len(curve))
    if outcome:
        return f"{line} · {'done' if outcome == 'complete' else outcome}"
    if left is None:
        return line
    return f"{line} · {left:.0f} s left" if left >= 1 else f"{line} · less than 1 s left"


def sentence(curve: Curve, metric: str, outcome: str) -> str:
    """What the curve did."""
    history, newest = curve.history, curve.history.last
    epochs = history.epochs
    if outcome == "failed" or newest is None:
        return "The run ended with an error."
    if outcome == "diverged":
        where = f"in epoch {newest.epoch}" if curve.num_updates else f"at update {newest.update:,}"
        return f"Diverged {where}: the loss is no longer a number. Try a smaller learning rate."
    ended = "Stopped" if outcome == "stopped" else "Ended"
    if not curve.num_updates:
        return _of_a_plain_loop(curve, metric, ended)
    if not len(epochs):
        return f"{ended} before the first epoch ended."
    first, last = epochs.iloc[0], epochs.iloc[-1]
    name = "loss" if metric == "mse" else "RMSE"
    words = f"{ended} after {_count(newest.update, 'update')}, {_count(len(epochs), 'epoch')}. Training {name}"
    words += _fall(first["train_loss"], last["train_loss"], metric) + "."
    if is_finite(history.best_validation_loss):
        best = significant(in_metric(history.best_validation_loss, metric))
        words += f" Validation {name} was lowest after epoch {history.best_epoch}: {best}"
        if history.best_epoch != last["epoch"]:
            words += f" (at the end: {significant(in_metric(last['validation_loss'], metric))})"
        words += "."
    return words


def _of_a_plain_loop(curve: Curve, metric: str, ended: str) -> str:
    tenth = max(1, len(curve) // 10)
    words = f"{ended} after {_count(len(curve), 'update')}. The loss, in means over a tenth of the run,"
    words += _fall(curve.losses[:tenth].mean(), curve.losses[-tenth:].mean(), metric) + "."
    best = curve.best_epoch()
    if best is not None:
        losses, rows = in_metric(curve.epochs.validation_losses, metric), curve.epochs.rows
        words += f" Validation loss was lowest after update {rows[best] + 1:,}: {significant(losses[best])}"
        words += f" (at the end: {significant(losses[-1])})." if best != len(losses) - 1 else "."
    return words


def _fall(first: float, last: float, metric: str) -> str:
    start, end = (significant(in_metric(np.float64(loss), metric)) for loss in (first, last))
    if start == end:
        return f" is {end}"
    return f" {'fell' if last < first else 'rose'} from {start} to {end}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def significant(number: float, digits: int = 3) -> str:
    """A number with three significant digits, which do not depend on the CPU: 2,910 and 0.872."""
    return write_number(float(f"{number:.{digits}g}"))
