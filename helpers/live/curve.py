"""The losses of one run as arrays, read from the device only when somebody looks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from helpers.plots import in_metric
from helpers.training import History, Progress

MOST_POINTS = 300  # of one line, each standing for the highest and the lowest loss around it
X_COLUMNS = {"update": 0, "epoch": 0, "samples_seen": 1, "seconds": 2}
VAGUE = {"size", "share", "learning", "weight"}
ROOM = 3  # times a usual loss: above that a single run is wild, and leaves through the top


@dataclass(frozen=True)
class Epochs:
    """What is known of every finished epoch: where its last update is, and its losses (NaN where there is none)."""

    rows: np.ndarray
    train_losses: np.ndarray
    validation_losses: np.ndarray


class Curve:
    """One run.

    Args:
        settings: label -> text of every setting it was started with; what differs from another run is its name there.
        name: a name that it has anyway, such as that of an experiment's button.
    """

    def __init__(self, settings: Mapping[str, str] | None = None, name: str = "") -> None:
        self.settings, self.name = dict(settings or {}), name
        self.history = History()
        self.num_updates = self.num_epochs = 0
        self.diverged = False
        self._unread: list[Progress] = []
        self._rows = np.empty((0, 4))  # update, samples_seen, seconds, loss
        self._epochs: list[tuple[int, float, float]] = []
        self._spans: dict[str, tuple] = {}  # by metric: how long it was, and the span; asked for in every frame

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, progress: Progress) -> None:
        """Keep one progress; nothing is read from the device yet."""
        self._unread.append(progress)

    def read(self) -> None:
        """Read what is new. A run ends at its first loss that is not a number, wherever a time slice ended."""
        unread, self._unread = self._unread, []
        if not unread or self.diverged:
            return
        losses = torch.stack([progress.loss for progress in unread]).double().cpu().numpy()
        self.num_updates, self.num_epochs = unread[-1].num_updates, unread[-1].num_epochs
        for number, (progress, loss) in enumerate(zip(unread, losses, strict=True)):
            self.history.add(progress)
            validation_loss = np.nan if progress.validation_loss is None else progress.validation_loss
            if progress.train_loss is not None:  # an epoch has ended
                self._epochs.append((len(self._rows) + number, progress.train_loss, validation_loss))
            if not (np.isfinite(loss) and (progress.validation_loss is None or np.isfinite(validation_loss))):
                self.diverged, unread = True, unread[: number + 1]
                break
        new = [(p.update, p.samples_seen, p.seconds, loss) for p, loss in zip(unread, losses, strict=False)]
        self._rows = np.concatenate([self._rows, np.array(new)])

    def x(self, name: str) -> np.ndarray:
        """The horizontal place of every update, counted in `name` (one of `plots.X_AXES`)."""
        return self._rows[:, X_COLUMNS[name]] * (self.epochs_per_update if name == "epoch" else 1)

    @property
    def epochs_per_update(self) -> float:
        """What turns a number of updates into one of epochs."""
        return self.num_epochs / self.num_updates if self.num_updates else 1.0

    @property
    def losses(self) -> np.ndarray:
        """Mean squared error of every update's batch."""
        return self._rows[:, 3]

    @property
    def epochs(self) -> Epochs:
        """Every finished epoch."""
        table = np.array(self._epochs).reshape(-1, 3)
        return Epochs(table[:, 0].astype(int), table[:, 1], table[:, 2])

    def best_epoch(self) -> int | None:
        """Which of `epochs` (from 0) has the lowest validation loss; None without one."""
        losses = self.epochs.validation_losses
        return int(np.nanargmin(np.where(np.isfinite(losses), losses, np.inf))) if np.isfinite(losses).any() else None

    def end(self, name: str) -> float:
        """Where the run ends or, while it trains, is expected to end."""
        if not len(self):
            return 1.0
        here, known = float(self.x(name)[-1]), self.num_updates
        if not known:  # a loop of one's own, that has not said how long it is
            return nice(here)
        end = here * known / len(self)
        return nice(end) if name == "seconds" and len(self) < known else end  # an estimate, which wavers

    def compact(self) -> Curve:
        """A copy for the picture only: without the history, and with no more updates than can be drawn."""
        copy, epochs = Curve(self.settings, self.name), self.epochs
        copy.num_updates, copy.num_epochs, copy.diverged = self.num_updates, self.num_epochs, self.diverged
        starts = np.arange(0, len(self), max(1, math.ceil(len(self) / (2 * MOST_POINTS))))
        kept = np.union1d(starts, epochs.rows[_some(len(epochs.rows))]).astype(int)
        where = {row: place for place, row in enumerate(kept)}
        copy._rows = self._rows[kept]
        copy._epochs = [(where[row], train, validation) for row, train, validation in self._epochs if row in where]
        copy._spans = dict(self._spans)
        return copy

    def span(self, metric: str) -> tuple[float, float] | None:
        """The lowest and highest loss worth showing: the noise of single batches and a wild start set no axis."""
        known = self._spans.get(metric)
        if known is None or (known[0] != len(self) and self.history.last is not None):
            self._spans[metric] = known = len(self), self._span_now(metric)
        return known[1]

    def _span_now(self, metric: str) -> tuple[float, float] | None:
        updates = in_metric(self.losses, metric)
        updates = updates[np.isfinite(updates)]
        if not len(updates):
            return None
        # Means over about fifty stretches.
        starts = np.arange(0, len(updates), max(1, len(updates) // 50))
        means = np.add.reduceat(updates, starts) / np.diff(np.append(starts, len(updates)))
        epochs = in_metric(np.concatenate([self.epochs.train_losses, self.epochs.validation_losses]), metric)
        levels = np.concatenate([means, epochs[np.isfinite(epochs)]])
        usual = max(updates[0], np.percentile(means, 25))
        low, high = float(levels.min()), float(levels.max())
        return low, min(high, float(usual * ROOM)) if low > 0 else high  # the logarithm of a density may be negative

    def for_page(self, metric: str, batches: bool = True) -> dict[str, Any]:
        """What the page draws: points (unless without `batches`) and epochs as 4-byte floats, a row for each.

        Never more than `MOST_POINTS` stretches, so a page that comes late, or is reloaded, gets the whole curve with
        its next message: some kilobytes, and nothing to put together.
        """
        epochs, places, best = self.epochs, self._rows[:, :3], self.best_epoch()
        few = _some(len(epochs.rows))
        if best is not None:  # it is drawn whatever else is
            few = np.union1d(few, [best])
        table = np.column_stack([epochs.train_losses, epochs.validation_losses])[few]
        table = np.column_stack([places[epochs.rows[few]], in_metric(table, metric)])
        starts, losses = thin(in_metric(self.losses if batches else self.losses[:0], metric))
        with np.errstate(over="ignore"):  # what float32 cannot hold is off the picture anyway
            points, table = (rows.astype("<f4") for rows in (np.column_stack([places[starts], losses]), table))
        return {
            "points": points.tobytes(),
            "epochs": table.tobytes(),
            "per_update": self.epochs_per_update,
            "num_epochs": self.num_epochs,
            "best": -1 if best is None else int(np.searchsorted(few, best)),
            "diverged": self.diverged,
        }

    def called(self, present: Curve) -> str:
        """What tells this run from the present one, for the end of its line: "batch 32, rate 0.01"."""
        if self.name and present.name and self.name != present.name:
            return self.name
        mine = [(label, text) for label, text in self.settings.items() if present.settings.get(label) != text]
        words = ", ".join(f"{_short(label)} {text}" for label, text in mine[:2])
        return (words or "the same again") + (f" and {len(mine) - 2} more" if len(mine) > 2 else "")


def _short(label: str) -> str:
    """A label without the words that say least: "batch" for "batch size"."""
    return " ".join(word for word in label.split() if word not in VAGUE) or label


def _some(count: int) -> np.ndarray:
    """Which of `count` epochs are drawn: all of them, unless they are more than anybody could see."""
    return np.unique(np.linspace(0, count - 1, min(count, 2 * MOST_POINTS)).astype(int)) if count else np.arange(0)


def thin(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and heights of at most 2 × `MOST_POINTS` points that look like all: of each stretch the highest and lowest.

    Both of a stretch have the same row: what is read off there is a range.
    """
    if len(y) <= 2 * MOST_POINTS:
        return np.arange(len(y)), y
    # Stretches of 2, 4, 8, … updates: the same ones in every frame, so the drawn line does not shimmer as it grows.
    stretch = 2 ** math.ceil(math.log2(len(y) / MOST_POINTS))
    starts = np.arange(0, len(y), stretch)
    ends = np.column_stack([np.fmax.reduceat(y, starts), np.fmin.reduceat(y, starts)])
    return starts.repeat(2), ends.ravel()


def nice(end: float) -> float:
    """The next of 1, 1.5, 2, 3, 5, 7, 10, …: an end that is only guessed stands still while it will do."""
    power = 10.0 ** math.floor(math.log10(end)) if end > 0 else 1e-3
    return next(step * power for step in (1, 1.5, 2, 3, 5, 7, 10) if step * power >= end * 0.999)
