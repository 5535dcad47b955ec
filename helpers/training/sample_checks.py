"""Do model, samples and settings fit together? Tried on a few rows, as they will be used, before any work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from helpers.checks import LessonError, shown
from helpers.devices import RandomState
from helpers.training.config import Config, iterations_per_epoch

if TYPE_CHECKING:
    from helpers.data import Samples

TRIED = 2  # rows
TAKEN = {"epoch", "update", "samples_seen", "seconds", "train_loss", "validation_loss"}


@contextmanager
def in_mode(model: nn.Module, training: bool) -> Iterator[None]:
    """The model in training or evaluation mode; afterwards every layer is in the mode that it was in before."""
    modes = [(module, module.training) for module in model.modules()]
    if model.training != training:
        model.train(training)
    try:
        yield
    finally:
        for module, before in modes:
            module.training = before


def check_run(
    model: nn.Module,
    train_set: Samples,
    validation_set: Samples | None,
    config: Config,
    metrics: Any,
    own_optimizer: bool = False,
) -> None:
    """Raise `LessonError`, in one sentence, for anything that `train()` could not work with."""
    if not isinstance(config, Config):
        raise LessonError(f"config must be a Config, such as Config(num_epochs=5), and not a {_kind(config)}.")
    check_samples(model, train_set, "training")
    if validation_set is not None:
        check_samples(model, validation_set, "validation")
    if not any(weight.requires_grad for weight in model.parameters()):
        raise LessonError("The model has no weights to train.")
    if config.penalty_weight and not hasattr(model, "penalty"):
        raise LessonError("weight_decay is the weight of the model's penalty(), and this model has none: set it to 0.")
    if own_optimizer and config.penalty_weight != config.weight_decay:
        raise LessonError("With an optimizer of your own, give weight_decay to that optimizer and not to Config.")
    if iterations_per_epoch(len(train_set), config.batch_size, config.drop_last) == 0:
        raise LessonError(
            f"drop_last leaves nothing to train on: {len(train_set)} samples fill no batch of {config.batch_size}."
        )
    _check_metrics(metrics, validation_set)
    _try_training(model, train_set, config)


def check_model(model: object) -> None:
    """Raise `LessonError` for what is no model."""
    if not isinstance(model, nn.Module):
        raise LessonError(f"The model must be an nn.Module, such as MLP(10), and not a {_kind(model)}.")


def check_samples(model: nn.Module, samples: Samples, name: str) -> None:
    """Raise `LessonError` unless the model predicts one number for each sample."""
    check_model(model)
    if not isinstance(getattr(samples, "targets", None), Tensor):
        raise LessonError(
            f"The {name} set must be Samples, such as Samples(inputs, targets) or the parts of a split by their names, "
            f"and not a {_kind(samples)}."
        )
    weight = next(model.parameters(), None)
    if weight is not None and weight.device != samples.targets.device:
        raise LessonError(
            f"The model is on {weight.device} and the {name} set on {samples.targets.device}: move both to one device."
        )
    _check_values(samples.inputs, f"inputs of the {name} set")
    _check_values(samples.targets, f"targets of the {name} set")
    if samples.targets.dtype == torch.bool:
        raise LessonError(f"The targets of the {name} set must be numbers: make True and False 1 and 0 with .float().")
    rows = _rows_to_try(samples.inputs)
    with in_mode(model, training=False), torch.no_grad():
        predictions = _predictions(model, samples, rows, f"the inputs of the {name} set")
    _check_shape(predictions, len(rows))


def _check_values(values: Tensor, what: str) -> None:
    if values.is_complex():
        raise LessonError(f"The {what} must be real numbers, not {_dtype(values)}.")
    if values.requires_grad:
        raise LessonError(f"The {what} belong to a computation that keeps gradients: give them with .detach().")
    # NaN and infinity survive into the extremes, which need no memory of their own.
    if values.is_floating_point() and values.numel() and not torch.stack(values.aminmax()).isfinite().all():
        row = int((~values.isfinite().view(len(values), -1).all(1)).nonzero()[0, 0])
        raise LessonError(
            f"The {what} must be finite numbers, and row {row} holds NaN or infinity: leave such rows out."
        )


def _rows_to_try(inputs: Tensor) -> Tensor:
    """The first rows, and for row numbers of a table those with the lowest and the highest of every column."""
    first = torch.arange(min(TRIED, len(inputs)), device=inputs.device)
    if inputs.is_floating_point() or inputs.dtype == torch.bool:
        return first
    return torch.cat([first, inputs.argmin(0), inputs.argmax(0)])


def _try_training(model: Any, samples: Samples, config: Config) -> None:
    """One forward in training mode, with the shortest batch that will come; buffers and random numbers stay."""
    rest = 0 if config.drop_last else len(samples) % config.batch_size
    shortest = rest or min(config.batch_size, len(samples))
    rows = torch.arange(min(shortest, TRIED), device=samples.targets.device)
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    with in_mode(model, training=True), torch.enable_grad(), RandomState(config.seed, samples.targets.device):
        try:
            predictions = _predictions(model, samples, rows, f"a batch of {shortest} in training")
            if config.penalty_weight:
                _try_penalty(model)
        finally:
            with torch.no_grad():
                for buffer, before in buffers:
                    buffer.copy_(before)
    _check_shape(predictions, len(rows))
    if not predictions.requires_grad:
        raise LessonError(
            "The model's predictions carry no gradient back to its weights: leave out .detach(), .item() and "
            "torch.no_grad() in its forward."
        )


def _try_penalty(model: Any) -> None:
    try:
        float(torch.as_tensor(model.penalty()).detach())
    except LessonError:
        raise
    except Exception as error:
        raise LessonError(f"The model's penalty() must give one number: {_reason(error)}.") from error


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0].rstrip(".")


def _predictions(model: nn.Module, samples: Samples, rows: Tensor, what: str) -> Tensor:
    inputs = samples.inputs[rows]
    with taking(inputs, what, len(samples)):
        predictions = model(inputs)
    if not isinstance(predictions, Tensor) or not predictions.is_floating_point():
        given = _dtype(predictions) if isinstance(predictions, Tensor) else f"a {_kind(predictions)}"
        raise LessonError(f"The model must predict a tensor of floats, but gives {given}.")
    return predictions


@contextmanager
def taking(inputs: Tensor, what: str, *num_rows: int) -> Iterator[None]:
    """A block in which a model is given `inputs`, perhaps a part of `num_rows`: its failure becomes one sentence."""
    try:
        yield
    except LessonError:
        raise
    except Exception as error:  # whatever a learner's forward may raise
        shape = (*num_rows, *inputs.shape[len(num_rows) :])
        raise LessonError(
            f"The model cannot take {what}, of shape {shape} and dtype {_dtype(inputs)}: {_reason(error)}."
        ) from error


def _check_shape(predictions: Tensor, num_rows: int) -> None:
    # (B, 1) against (B,) would be broadcast to (B, B): every prediction compared with every target.
    if predictions.shape != (num_rows,):
        too_deep = predictions.shape == (num_rows, 1)
        raise LessonError(
            f"The model must predict one number per sample, shape {(num_rows,)} for {num_rows} samples; "
            f"it gives {tuple(predictions.shape)}{': end its forward with .squeeze(1)' if too_deep else ''}."
        )


def _check_metrics(metrics: Any, validation_set: Samples | None) -> None:
    if metrics is None or (isinstance(metrics, dict) and not metrics):
        return
    if not isinstance(metrics, dict) or not all(isinstance(name, str) and callable(metrics[name]) for name in metrics):
        raise LessonError(f"metrics must map names to functions, such as {{'mae': mae}}; you gave {shown(metrics)}.")
    if TAKEN & set(metrics):
        raise LessonError(f"A metric cannot be called {min(TAKEN & set(metrics))}: History has a column of that name.")
    if validation_set is None:
        raise LessonError("Metrics are measured on the validation set: give train() one.")
    targets = validation_set.targets[:TRIED]
    for name, metric in metrics.items():
        try:
            float(metric(targets, targets))
        except Exception as error:
            raise LessonError(
                f"The metric {name} must give one number for predictions and targets, both of shape (N,): "
                f"{_reason(error)}."
            ) from error


def _dtype(values: Tensor) -> str:
    return str(values.dtype).removeprefix("torch.")


def _kind(value: object) -> str:
    return type(value).__name__
