"""The training loop: `update` is one update of the weights, and `train` repeats it for every batch of every epoch.

`train()` is the only loop of the course, and it is an iterator: it yields after every update, and to stop is to stop
iterating. Everything else consumes that iterator: histories, early stopping, progress bars, live pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from helpers.checks import LessonError, positive_int
from helpers.devices import RandomState
from helpers.training.config import Config, Progress, iterations_per_epoch
from helpers.training.measuring import Metrics, measure
from helpers.training.optimizers import make_optimizer, rate_setter
from helpers.training.sample_checks import check_run

if TYPE_CHECKING:
    from helpers.data import Samples


Model = Any  # an nn.Module: PyTorch's types do not know that one may have a penalty()


def update(model: Model, optimizer: torch.optim.Optimizer, inputs: Tensor, targets: Tensor, config: Config) -> Tensor:
    """Change the weights once, by one batch; returns the batch's mean squared error as a 0-d tensor on the device."""
    predictions = model(inputs)  # 1. forward: what does the model say?
    loss = (predictions - targets).square().mean()  # 2. loss: how wrong is it, on average over the batch?
    objective = loss + config.penalty_weight * model.penalty() if config.penalty_weight else loss
    optimizer.zero_grad()
    objective.backward()  # 3. backpropagation: which way does every weight change it?
    optimizer.step()  # 4. update: one step the other way
    return loss.detach()  # 5. repeat, for every batch


def _updates(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    train_set: Samples,
    validation_set: Samples | None,
    config: Config,
    metrics: Metrics,
    first_epoch: int,
) -> Iterator[Progress]:
    num_samples, device = len(train_set), train_set.targets.device
    per_epoch = iterations_per_epoch(num_samples, config.batch_size, config.drop_last)
    num_updates, done, samples_seen, seconds, resumed = per_epoch * config.num_epochs, 0, 0, 0.0, perf_counter()
    set_rate = rate_setter(optimizer, config, num_updates)
    generator, model_draws = torch.Generator().manual_seed(config.seed), RandomState(config.seed, device)

    for epoch in range(1, config.num_epochs + 1):
        if not model.training:  # a model in training mode may hold layers that were frozen on purpose
            model.train()
        # Drawn on the CPU and moved once per epoch: the same order on every device, and no waiting in between.
        order = torch.randperm(num_samples, generator=generator) if config.shuffle else torch.arange(num_samples)
        batches = order.to(device).split(config.batch_size)[:per_epoch]
        if epoch < first_epoch:  # made by a former run: drawn, and passed over
            done, samples_seen = done + per_epoch, samples_seen + sum(map(len, batches))
            continue
        losses: list[Tensor] = []
        for batch in batches:
            learning_rate = set_rate(done)
            with model_draws, torch.enable_grad():
                losses.append(update(model, optimizer, *train_set[batch], config))
            done += 1
            samples_seen += len(batch)
            train_loss = validation_loss = None
            measured: dict[str, float] = {}
            if len(losses) == per_epoch:
                train_loss = _mean_over_samples(losses, batches)
                if validation_set is not None:
                    validation_loss, measured = measure(model, validation_set, metrics)
                if device.type != "cpu":
                    torch.accelerator.synchronize(device)  # the last step, too, belongs to the time of its epoch
            seconds += perf_counter() - resumed
            yield Progress(
                update=done, num_updates=num_updates, epoch=epoch, num_epochs=config.num_epochs,
                samples_seen=samples_seen, seconds=seconds, loss=losses[-1], learning_rate=learning_rate,
                train_loss=train_loss, validation_loss=validation_loss, metrics=measured,
            )  # fmt: skip
            resumed = perf_counter()


def _mean_over_samples(losses: list[Tensor], batches: tuple[Tensor, ...]) -> float:
    """The mean over samples from the means over batches, each weighted by its number of samples."""
    sizes = torch.tensor([len(batch) for batch in batches], dtype=torch.float64)
    return float((torch.stack(losses).cpu().double() * sizes).sum() / sizes.sum())


def train(
    model: nn.Module,
    train_set: Samples,
    validation_set: Samples | None = None,
    config: Config | None = None,
    *,
    optimizer: torch.optim.Optimizer | Callable[..., Any] | None = None,
    metrics: Mapping[str, Callable[[Tensor, Tensor], Any]] | None = None,
    first_epoch: int = 1,
) -> Iterator[Progress]:
    """Train `model` in place, yielding a `Progress` after every update.

    The same seed gives the same batches and, on the same device, the same losses, whoever watches and whatever random
    numbers they draw; a model's dropout draws from the seed as well.

    Args:
        model: predicts one number (B,) for inputs (B, features).
        train_set, validation_set: what to learn from, and what to measure the model on when an epoch ends.
        config: the settings; `Config()` without it.
        optimizer: one of your own in place of `config.optimizer`: an optimiser of the model's weights, or what makes
            one when called with the weights and `lr=config.learning_rate`, such as `torch.optim.Adagrad`.
        metrics: more to measure on the validation set: name -> function of (predictions, targets), both (N,). Found in
            `Progress.metrics` and as columns of `History.epochs`.
        first_epoch: where to go on with a run that was interrupted: the epochs before it count as made. Give the same
            settings, the weights as they were, and their optimizer; a model with dropout draws other numbers.

    Raises `LessonError` before any work, for a model that does not fit the samples or has no weights to train, a device
    mismatch, or settings that leave no update.
    """
    config = Config() if config is None else config
    check_run(model, train_set, validation_set, config, metrics, own_optimizer=optimizer is not None)
    if positive_int("first_epoch", first_epoch) > config.num_epochs:
        raise LessonError(f"The run has {config.num_epochs} epochs, so first_epoch cannot be {first_epoch}.")
    chosen = make_optimizer(model, config, optimizer)
    return _updates(model, chosen, train_set, validation_set, config, dict(metrics or {}), first_epoch)
