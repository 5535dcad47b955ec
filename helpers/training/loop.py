"""The training loop, and what watches it: settings, history, early stopping.

`train()` is the only loop of the course, and it is an iterator: it yields after every update, and to stop is to stop
iterating. Everything else here consumes that iterator.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

import pandas as pd
import torch
from torch import Tensor, nn

from helpers.checks import LessonError, number_from_zero, one_of, positive_int, positive_number, seed_number, switch

if TYPE_CHECKING:
    from helpers.data import Samples

OPTIMIZERS = ("sgd", "momentum", "rmsprop", "adam")
REDUCTIONS = ("mean", "sum")


# ---------------------------------------------------------------------------------------- settings


@dataclass(frozen=True)
class Config:
    """The settings of one run, checked as soon as they are given.

    Args:
        num_epochs: how many times every training sample is seen.
        batch_size: samples per update.
        learning_rate: how far an update moves: the factor on the gradient, or on what the optimiser makes of it.
        optimizer: "sgd", "momentum" (SGD with momentum 0.9), "rmsprop" or "adam".
        weight_decay: weight of the model's `penalty()` in the objective (L2; for embeddings on the looked-up rows).
        drop_last: leave out a last batch that is smaller than batch_size.
        shuffle: draw a new order of the samples for every epoch.
        reduction: "mean" or "sum" over the batch, of the loss that is differentiated; reported losses are always means.
        seed: of the order of the samples.

    Raises:
        LessonError: for a setting that no run can use, in one sentence.
    """

    num_epochs: int = 10
    batch_size: int = 1024
    learning_rate: float = 0.001
    optimizer: str = "adam"
    weight_decay: float = 0.0
    drop_last: bool = False
    shuffle: bool = True
    reduction: str = "mean"
    seed: int = 42

    def __post_init__(self) -> None:
        positive_int("num_epochs", self.num_epochs)
        positive_int("batch_size", self.batch_size)
        positive_number("learning_rate", self.learning_rate)
        number_from_zero("weight_decay", self.weight_decay)
        one_of("optimizer", self.optimizer, OPTIMIZERS)
        one_of("reduction", self.reduction, REDUCTIONS)
        switch("drop_last", self.drop_last)
        switch("shuffle", self.shuffle)
        seed_number("seed", self.seed)


def iterations_per_epoch(num_samples: int, batch_size: int, drop_last: bool = False) -> int:
    """How many batches one epoch has: ceil(N / B), or floor(N / B) when the short last batch is dropped."""
    positive_int("num_samples", num_samples)
    positive_int("batch_size", batch_size)
    return num_samples // batch_size if drop_last else math.ceil(num_samples / batch_size)


# ---------------------------------------------------------------------------------------- the loop


@dataclass(slots=True, eq=False)
class Progress:
    """Where a run stands after one update.

    Attributes:
        update: updates made so far, of num_updates in the whole run.
        epoch: the epoch this update belongs to, from 1, of num_epochs.
        samples_seen: samples used so far, over all epochs.
        seconds: time spent training and validating; it stands still while somebody else works between two updates.
        loss: mean squared error over this update's batch, a 0-d tensor on the device; `float(loss)` waits for it.
        train_loss: mean over the epoch's samples at the end of an epoch, otherwise None.
        validation_loss: the same after the epoch's last update on the validation set; None without one.
    """

    update: int
    num_updates: int
    epoch: int
    num_epochs: int
    samples_seen: int
    seconds: float
    loss: Tensor
    train_loss: float | None = None
    validation_loss: float | None = None

    @property
    def epoch_ended(self) -> bool:
        """Whether this was the last update of its epoch."""
        return self.train_loss is not None


def train(
    model: nn.Module, train_set: Samples, validation_set: Samples | None = None, config: Config | None = None
) -> Iterator[Progress]:
    """Train `model` in place, yielding a `Progress` after every update.

    The same seed gives the same batches and, on the same device, the same losses, whoever watches.

    Raises:
        LessonError: before any work, for a model that does not fit the samples or has no weights to train, a device
            mismatch, or settings that leave no update.
    """
    config = Config() if config is None else config
    if not isinstance(config, Config):
        raise LessonError(f"config must be a Config, such as Config(num_epochs=5), and not a {_kind(config)}.")
    _check_samples(model, train_set, "training")
    if validation_set is not None:
        _check_samples(model, validation_set, "validation")
    _trainable(model)
    if config.weight_decay and not hasattr(model, "penalty"):
        raise LessonError("weight_decay is the weight of the model's penalty(), and this model has none: set it to 0.")
    if iterations_per_epoch(len(train_set), config.batch_size, config.drop_last) == 0:
        raise LessonError(
            f"drop_last leaves nothing to train on: {len(train_set)} samples fill no batch of {config.batch_size}."
        )
    return _updates(model, train_set, validation_set, config)


def _updates(
    model: nn.Module, train_set: Samples, validation_set: Samples | None, config: Config
) -> Iterator[Progress]:
    num_samples, device = len(train_set), train_set.targets.device
    per_epoch = iterations_per_epoch(num_samples, config.batch_size, config.drop_last)
    optimizer = make_optimizer(model, config)
    generator = torch.Generator().manual_seed(config.seed)
    update, samples_seen, seconds, resumed = 0, 0, 0.0, perf_counter()

    for epoch in range(1, config.num_epochs + 1):
        model.train()
        # Drawn on the CPU and moved once per epoch: the same order on every device, and no waiting in between.
        order = torch.randperm(num_samples, generator=generator) if config.shuffle else torch.arange(num_samples)
        batches = order.to(device).split(config.batch_size)[:per_epoch]
        losses: list[Tensor] = []
        for batch in batches:
            inputs, targets = train_set[batch]

            predictions = model(inputs)  # 1. forward: what does the model say?
            errors = (predictions - targets).square()
            loss = errors.mean()  # 2. loss: how wrong is it, on average over the batch?
            objective = loss + config.weight_decay * model.penalty() if config.weight_decay else loss
            if config.reduction == "sum":
                objective = objective * len(batch)
            optimizer.zero_grad()
            objective.backward()  # 3. backpropagation: which way does every weight change it?
            optimizer.step()  # 4. update: one step the other way
            # 5. repeat, for every batch

            losses.append(loss.detach())
            update += 1
            samples_seen += len(batch)
            train_loss = validation_loss = None
            if len(losses) == per_epoch:
                train_loss = _mean_over_samples(losses, batches)
                validation_loss = _mean_squared_error(model, validation_set) if validation_set is not None else None
            seconds += perf_counter() - resumed
            yield Progress(
                update,
                per_epoch * config.num_epochs,
                epoch,
                config.num_epochs,
                samples_seen,
                seconds,
                losses[-1],
                train_loss,
                validation_loss,
            )
            resumed = perf_counter()


def _mean_over_samples(losses: list[Tensor], batches: tuple[Tensor, ...]) -> float:
    """The mean over samples from the means over batches, each weighted by its number of samples."""
    sizes = torch.tensor([len(batch) for batch in batches], dtype=torch.float64)
    return float((torch.stack(losses).cpu().double() * sizes).sum() / sizes.sum())


def make_optimizer(model: nn.Module, config: Config) -> torch.optim.Optimizer:
    """PyTorch's own optimiser for these settings, fused into one kernel where the device has it."""
    weights = _trainable(model)
    rate, fused = config.learning_rate, {"fused": True} if _has_fused(weights[0]) else {}
    if config.optimizer == "adam":
        return torch.optim.Adam(weights, lr=rate, **fused)
    if config.optimizer == "rmsprop":
        return torch.optim.RMSprop(weights, lr=rate)
    return torch.optim.SGD(weights, lr=rate, momentum=0.9 if config.optimizer == "momentum" else 0.0, **fused)


def _trainable(model: nn.Module) -> list[nn.Parameter]:
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    if not weights:
        raise LessonError("The model has no weights to train.")
    return weights


def _has_fused(weight: Tensor) -> bool:
    return weight.device.type in ("cpu", "cuda", "mps") and weight.is_floating_point()


def _check_samples(model: nn.Module, samples: Samples, name: str) -> None:
    """Raise `LessonError` unless the model predicts one number for each sample: it is tried on the first two."""
    if not isinstance(model, nn.Module):
        raise LessonError(f"The model must be an nn.Module, such as MLP(10), and not a {_kind(model)}.")
    if not isinstance(getattr(samples, "targets", None), Tensor):
        raise LessonError(
            f"The {name} set must be Samples, such as Samples(inputs, targets) or the parts of a split by their names, "
            f"and not a {_kind(samples)}."
        )
    inputs, targets = samples.inputs[:2], samples.targets[:2]
    weight = next(model.parameters(), None)
    if weight is not None and weight.device != targets.device:
        raise LessonError(
            f"The model is on {weight.device} and the {name} set on {targets.device}: move both to one device."
        )
    try:
        predictions = predict(model, inputs)
    except (IndexError, RuntimeError, TypeError, ValueError) as error:
        kind = str(inputs.dtype).removeprefix("torch.")
        raise LessonError(
            f"The model cannot take the inputs of the {name} set, of shape {tuple(samples.inputs.shape)} and dtype "
            f"{kind}: {str(error).partition(chr(10))[0].rstrip('.')}."
        ) from error
    # (B, 1) against (B,) would be broadcast to (B, B): every prediction compared with every target.
    if predictions.shape != targets.shape:
        too_deep = predictions.shape == (*targets.shape, 1)
        raise LessonError(
            f"The model must predict one number per sample, shape {tuple(targets.shape)} for {len(targets)} samples; "
            f"it gives {tuple(predictions.shape)}{': end its forward with .squeeze(1)' if too_deep else ''}."
        )


def _kind(value: object) -> str:
    return type(value).__name__


# ---------------------------------------------------------------------------------------- measuring

EVALUATION_ROWS = 65_536


@torch.no_grad()
def predict(model: nn.Module, inputs: Tensor) -> Tensor:
    """Predictions (N,) for inputs (N, features), without keeping what a gradient would need."""
    was_training = model.training
    model.eval()
    try:
        return torch.cat([model(rows) for rows in inputs.split(EVALUATION_ROWS)])
    finally:
        model.train(was_training)


def evaluate(model: nn.Module, samples: Samples) -> float:
    """Mean squared error over all samples, each counted once. Raises `LessonError` where model and samples clash."""
    _check_samples(model, samples, "given")
    return _mean_squared_error(model, samples)


def _mean_squared_error(model: nn.Module, samples: Samples) -> float:
    return float((predict(model, samples.inputs) - samples.targets).square().mean())


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
        for progress in run:
            history.add(progress)
        return history

    def add(self, progress: Progress) -> Progress:
        """Keep one progress, and hand it on."""
        self._progress.append(progress)
        if progress.epoch_ended:
            self._gather()
        return progress

    def _gather(self) -> None:
        # Thousands of single losses, scattered among the tensors of their updates, would keep the memory of those from
        # being used again: a few runs grew by hundreds of megabytes. So the losses of an epoch move into one tensor.
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
        """One row per finished epoch: epoch, update, samples_seen, seconds, train_loss, validation_loss."""
        names = ["epoch", "update", "samples_seen", "seconds", "train_loss", "validation_loss"]
        rows = [[getattr(p, name) for name in names] for p in self._progress if p.epoch_ended]
        return pd.DataFrame(rows, columns=names).astype({"train_loss": float, "validation_loss": float})

    def _best(self) -> Progress | None:
        finished = [p for p in self._progress if p.epoch_ended and is_finite(p.validation_loss)]
        return min(finished, key=lambda p: p.validation_loss, default=None)

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


def is_finite(loss: float | None) -> bool:
    """Whether a loss is there and is a number (a diverged run has inf or NaN)."""
    return loss is not None and math.isfinite(loss)


# ---------------------------------------------------------------------------------------- stopping


def early_stopping(run: Iterable[Progress], patience: int = 3, min_delta: float = 0.0) -> Iterator[Progress]:
    """Pass a run on until its validation loss has not fallen by more than `min_delta` for `patience` epochs.

    Raises:
        LessonError: before any work for a patience that is no positive integer; at the end of the first epoch
            for a run without a validation set.
    """
    positive_int("patience", patience)
    number_from_zero("min_delta", min_delta)
    return _until_patience_ends(run, patience, min_delta)


def _until_patience_ends(run: Iterable[Progress], patience: int, min_delta: float) -> Iterator[Progress]:
    best, waited = math.inf, 0
    for progress in run:
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


def _pay_first_use() -> None:
    """One tiny update of each optimiser: the first imports for a second, better now than at a slider's first move."""
    with torch.random.fork_rng(devices=[]):  # an import draws no random numbers
        for name in OPTIMIZERS:
            model = nn.Linear(1, 1)
            optimizer = make_optimizer(model, Config(optimizer=name))
            model(torch.zeros(1, 1)).sum().backward()
            optimizer.step()


_pay_first_use()
