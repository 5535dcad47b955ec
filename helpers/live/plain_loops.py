"""Training loops that a learner wrote: what they yield, a loss now and then with a validation loss, as progress."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from numbers import Real
from time import perf_counter
from typing import Any

import numpy as np
import torch

from helpers.checks import LessonError, shown
from helpers.training import Progress

ZERO = torch.tensor(0.0, dtype=torch.float64)
UNKNOWN = 0  # how many updates a loop of one's own will make


def as_progress(run: Iterable[Any]) -> Generator[Progress]:
    """What `train()` yields as it is; of another loop every loss as the progress of one update.

    A validation loss ends a stretch that counts as an epoch: its training loss is the mean since the one before.
    Raises `LessonError` for anything that is not a run, and anything in it that is not a loss.
    """
    if not isinstance(run, Iterable) or isinstance(run, str | bytes | dict | torch.Tensor):
        raise LessonError(
            "start must return a run: what train() yields, or a generator of losses (def start(…): … yield loss); "
            f"it gave {shown(run)}."
        )
    return _progress(run)


def _progress(run: Iterable[Any]) -> Generator[Progress]:
    update, epoch, seconds, total, count, resumed = 0, 1, 0.0, ZERO, 0, perf_counter()
    try:
        for given in run:
            if isinstance(given, Progress):
                yield given
                continue
            update, seconds = update + 1, seconds + perf_counter() - resumed
            loss, validation_loss = given if isinstance(given, tuple) and len(given) == 2 else (given, None)
            loss = _loss(loss).detach()
            total, count = total + loss, count + 1
            train_loss = None
            if validation_loss is not None:
                validation_loss, train_loss = float(_loss(validation_loss)), float(total / count)
                total, count = ZERO, 0
            yield Progress(
                update=update, num_updates=UNKNOWN, epoch=epoch, num_epochs=epoch, samples_seen=update, seconds=seconds,
                loss=loss, train_loss=train_loss, validation_loss=validation_loss,
            )  # fmt: skip
            epoch += train_loss is not None
            resumed = perf_counter()
    finally:
        if hasattr(run, "close"):
            run.close()


def _loss(value: Any) -> torch.Tensor:
    if isinstance(value, np.ndarray) and value.size == 1 and value.dtype.kind in "fiu":
        value = value.item()
    if isinstance(value, torch.Tensor) and value.numel() == 1 and not value.is_complex():
        return value.reshape(()).double()
    if isinstance(value, Real) and not isinstance(value, bool):
        return torch.tensor(float(value), dtype=torch.float64)
    raise LessonError(
        f"A loop yields its loss, one number, or (loss, validation_loss) now and then; yours gave {shown(value)}."
    )
