"""What a run did, and when it is enough: both read the progress that `train()` yields."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TypeGuard

import pandas as pd
import torch

from helpers.checks import LessonError, number_from_zero, positive_int, shown
from helpers.training.config import Progress

MOST_SCATTERED = 10_000  # losses that lie about as tensors of their own


class History:
    """What a run did, collected from its progress: feed it with `add`, read `epochs` and `updates`.

    Losses stay on the device until somebody looks.
    """

    def __init__(self) -> None:
        self._progress: list[Progress] = []
        self._losses: list[float] = []
        self._gathered = 0

    @classmethod
    def of(cls, run: Iterable[Progress]) -> History:
        """Consume a whole run and keep its history."""
        history = cls()
        for progress in _each(run):
            history.add(progress)
        return history

    def add(self, progress: Progress) -> Progress:
        """Keep one progress, and hand it on."""
        self._progress.append(progress)
        if progress.epoch_ended or len(self._progress) - self._gathered >= MOST_SCATTERED:
            self._gather()
        return progress

    def _gather(self) -> None:
        # Thousands of single losses, scattered among the tensors of their updates, would keep the memory of those from
        # being used again: a few runs grew by hundreds of megabytes. So the losses of an epoch, or of thousands of
        # updates of a loop that never says that one has ended, move into one tensor.
        epoch = self._progress[self._gathered :]
        losses = torch.stack([progress.loss for progress in epoch]).unbind()
        self._progress[self._gathered :] = [replace(p, loss=loss) for p, loss in zip(epoch, losses, strict=True)]
        self._gathered = len(self._progress)

    def __len__(self) -> int:
        return len(self._progress)

    @property
    def last(self) -> Progress | None:
        """The newest progress."""
        return self._progress[-1] if self._progress else None

    @property
    def losses(self) -> list[float]:
        """The batch's loss at every update, in a list of your own; new ones are read from the device in one go."""
        unread = self._progress[len(self._losses) :]
        if unread:
            self._losses += torch.stack([progress.loss for progress in unread]).tolist()
        return list(self._losses)

    @property
    def updates(self) -> pd.DataFrame:
        """One row per update: update, epoch, samples_seen, seconds, loss."""
        rows = [(p.update, p.epoch, p.samples_seen, p.seconds) for p in self._progress]
        table = pd.DataFrame(rows, columns=["update", "epoch", "samples_seen", "seconds"])
        return table.assign(loss=self.losses)

    @property
    def epochs(self) -> pd.DataFrame:
        """One row per finished epoch: epoch, update, samples_seen, seconds, train_loss, validation_loss, metrics."""
        names = ["epoch", "update", "samples_seen", "seconds", "train_loss", "validation_loss"]
        finished = [p for p in self._progress if p.epoch_ended]
        rows = [[*(getattr(p, name) for name in names), *p.metrics.values()] for p in finished]
        columns = [*names, *(finished[0].metrics if finished else ())]
        return pd.DataFrame(rows, columns=columns).astype({"train_loss": float, "validation_loss": float})

    def _best(self) -> Progress | None:
        finished = [(p.validation_loss, p) for p in self._progress if is_finite(p.validation_loss)]
        return min(finished, key=lambda pair: pair[0])[1] if finished else None

    @property
    def best_epoch(self) -> int | None:
        """The first epoch with the lowest validation loss, from 1; None without one."""
        best = self._best()
        return best.epoch if best else None

    @property
    def best_validation_loss(self) -> float | None:
        """The lowest validation loss, at the end of `best_epoch`."""
        best = self._best()
        return best.validation_loss if best else None


def _each(run: Iterable[Progress]) -> Iterator[Progress]:
    for progress in run if isinstance(run, Iterable) else [run]:
        if not isinstance(progress, Progress):
            raise LessonError(f"A run is what train() yields, or what passes it on; you gave {shown(progress)}.")
        yield progress


def is_finite(loss: float | None) -> TypeGuard[float]:
    """Whether a loss is there and is a number (a diverged run has inf or NaN)."""
    return loss is not None and math.isfinite(loss)


def early_stopping(run: Iterable[Progress], patience: int = 3, min_delta: float = 0.0) -> Iterator[Progress]:
    """Pass a run on until its validation loss has not fallen by more than `min_delta` for `patience` epochs.
    Raises `LessonError` before any work for a patience that is not a positive whole number; at the end of the first
    epoch for a run without a validation set.
    """
    return _until_patience_ends(run, positive_int("patience", patience), number_from_zero("min_delta", min_delta))


def _until_patience_ends(run: Iterable[Progress], patience: int, min_delta: float) -> Iterator[Progress]:
    best, waited = math.inf, 0
    for progress in _each(run):
        yield progress
        if not progress.epoch_ended:
            continue
        if progress.validation_loss is None:
            raise LessonError("Early stopping watches the validation loss: give train() a validation set.")
        if progress.validation_loss < best - min_delta:
            best, waited = progress.validation_loss, 0
        else:
            waited += 1
            if waited >= patience:
                return
