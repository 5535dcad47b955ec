"""The settings of a run, and where a run stands."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from helpers.checks import number_from_zero, one_of, positive_int, positive_number, seed_number, share, switch
from helpers.training.optimizers import OPTIMIZERS, SCHEDULES

if TYPE_CHECKING:
    from torch import Tensor

CHECKS = {
    "num_epochs": positive_int,
    "batch_size": positive_int,
    "learning_rate": positive_number,
    "optimizer": lambda name, value: one_of(name, value, OPTIMIZERS),
    "schedule": lambda name, value: one_of(name, value, SCHEDULES),
    "warmup": lambda name, value: share(name, value, or_zero=True),
    "weight_decay": number_from_zero,
    "drop_last": switch,
    "shuffle": switch,
    "seed": seed_number,
}


@dataclass(frozen=True, kw_only=True)
class Config:
    """The settings of one run, checked as soon as they are given, and kept as plain numbers.

    Args:
        num_epochs: how many times every training sample is seen.
        batch_size: samples per update.
        learning_rate: how far an update moves: the factor on the gradient, or on what the optimiser makes of it.
        optimizer: "sgd", "momentum" (SGD with momentum 0.9), "rmsprop", "adam" or "adamw".
        schedule: what becomes of the learning rate: "constant", or "linear" or "cosine" down to zero.
        warmup: the share of all updates over which the learning rate first rises to its full value, such as 0.1.
        weight_decay: weight of the model's `penalty()` in the objective (L2; for embeddings on the looked-up rows).
            "adamw" shrinks all weights itself instead: by learning_rate times weight_decay of their size, every update.
        drop_last: leave out a last batch that is smaller than batch_size.
        shuffle: draw a new order of the samples for every epoch.
        seed: of the order of the samples, and of what the model draws while it trains (dropout).

    Raises `LessonError` for a setting that no run can use, in one sentence.
    """

    num_epochs: int = 10
    batch_size: int = 1024
    learning_rate: float = 0.001
    optimizer: str = "adam"
    schedule: str = "constant"
    warmup: float = 0.0
    weight_decay: float = 0.0
    drop_last: bool = False
    shuffle: bool = True
    seed: int = 42

    def __post_init__(self) -> None:
        for name, check in CHECKS.items():
            object.__setattr__(self, name, check(name, getattr(self, name)))

    @property
    def penalty_weight(self) -> float:
        """The weight of the model's `penalty()` in the objective: none where the optimiser shrinks the weights."""
        return 0.0 if OPTIMIZERS[self.optimizer].decays_weights else self.weight_decay


def iterations_per_epoch(num_samples: int, batch_size: int, drop_last: bool = False) -> int:
    """How many batches one epoch has: ceil(N / B), or floor(N / B) when the short last batch is dropped."""
    num_samples, batch_size = positive_int("num_samples", num_samples), positive_int("batch_size", batch_size)
    return num_samples // batch_size if switch("drop_last", drop_last) else math.ceil(num_samples / batch_size)


@dataclass(slots=True, eq=False, kw_only=True)
class Progress:
    """Where a run stands after one update.

    Attributes:
        update: updates made so far, of num_updates in the whole run.
        epoch: the epoch this update belongs to, from 1, of num_epochs.
        samples_seen: samples used so far, over all epochs.
        seconds: time spent training and validating; it stands still while somebody else works between two updates. A
            GPU is waited for when an epoch ends; within an epoch, an update counts as soon as the GPU has been told.
        loss: mean squared error over this update's batch, a 0-d tensor on the device; `float(loss)` waits for it.
        learning_rate: what this update was made with.
        train_loss: mean over the epoch's samples at the end of an epoch, otherwise None.
        validation_loss: the same after the epoch's last update on the validation set; None without one.
        metrics: what else was measured on the validation set at the end of an epoch, by name.
    """

    update: int
    num_updates: int
    epoch: int
    num_epochs: int
    samples_seen: int
    seconds: float
    loss: Tensor
    learning_rate: float = math.nan
    train_loss: float | None = None
    validation_loss: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)

    @property
    def epoch_ended(self) -> bool:
        """Whether this was the last update of its epoch."""
        return self.train_loss is not None
