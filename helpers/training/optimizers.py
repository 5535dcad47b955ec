"""The optimisers and learning-rate schedules there are: one table each, from which menus, checks and memory follow."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from helpers.checks import LessonError, shown

if TYPE_CHECKING:
    from helpers.training.config import Config


class OptimizerKind(NamedTuple):
    """One row of the table of optimisers.

    Attributes:
        label: its name in menus and prose.
        make: PyTorch's class, with what sets this optimiser apart.
        numbers_per_weight: numbers that it keeps for every weight, beside the weight and its gradient.
        decays_weights: it shrinks all weights itself, so that the model's penalty() has no part in the objective.
    """

    label: str
    make: Callable[..., torch.optim.Optimizer]
    numbers_per_weight: int
    decays_weights: bool = False


OPTIMIZERS = {
    "sgd": OptimizerKind("SGD", torch.optim.SGD, 0),
    "momentum": OptimizerKind("momentum", partial(torch.optim.SGD, momentum=0.9), 1),
    "rmsprop": OptimizerKind("RMSprop", torch.optim.RMSprop, 1),
    "adam": OptimizerKind("Adam", torch.optim.Adam, 2),
    "adamw": OptimizerKind("AdamW", torch.optim.AdamW, 2, decays_weights=True),
}


class ScheduleKind(NamedTuple):
    """One row of the table of schedules: `factor` gives, for the part of the run that is over (0 to 1), the share of
    the full learning rate that is left."""

    label: str
    factor: Callable[[float], float]


SCHEDULES = {
    "constant": ScheduleKind("constant", lambda over: 1.0),
    "linear": ScheduleKind("linear", lambda over: 1.0 - over),
    "cosine": ScheduleKind("cosine", lambda over: 0.5 + 0.5 * math.cos(math.pi * over)),
}


def rate_setter(optimizer: torch.optim.Optimizer, config: Config, num_updates: int) -> Callable[[int], float]:
    """A function that sets the learning rate for update 0, 1, … of `num_updates`, and returns it.

    During warm-up the rate rises in equal steps; from there on the schedule says what is left of it. A constant rate
    is not touched, so that a scheduler of one's own may set it.
    """
    groups, decay = optimizer.param_groups, SCHEDULES[config.schedule].factor
    if config.schedule == "constant" and config.warmup == 0:
        return lambda update: float(groups[0]["lr"])
    # By PyTorch's name for it, under which an optimiser's saved state brings it back.
    full_rates = [float(group.setdefault("initial_lr", group["lr"])) for group in groups]
    warm = round(config.warmup * num_updates)

    def set_rate(update: int) -> float:
        rising = update < warm
        factor = (update + 1) / (warm + 1) if rising else decay((update - warm) / (num_updates - warm))
        for group, rate in zip(groups, full_rates, strict=True):
            group["lr"] = factor * rate
        return factor * full_rates[0]

    return set_rate


def make_optimizer(
    model: nn.Module, config: Config, own: torch.optim.Optimizer | Callable[..., Any] | None = None
) -> torch.optim.Optimizer:
    """PyTorch's own optimiser for these settings, fused into one kernel where the device has it.

    `own` takes its place: an optimiser of the model's weights, or what makes one from them, called as
    `own(weights, lr=config.learning_rate)`.
    Raises `LessonError` for a model without weights to train, or an `own` that cannot train them.
    """
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    if not weights:
        raise LessonError("The model has no weights to train.")
    if own is not None:
        return _checked(own if isinstance(own, torch.optim.Optimizer) else _made(own, weights, config), model)
    kind = OPTIMIZERS[config.optimizer]
    options: dict[str, Any] = {"lr": config.learning_rate}
    if _has_fused(weights[0]) and "fused" in inspect.signature(kind.make).parameters:
        options["fused"] = True
    if kind.decays_weights:
        options["weight_decay"] = config.weight_decay
    return kind.make(weights, **options)


def _has_fused(weight: Tensor) -> bool:
    return weight.device.type in ("cpu", "cuda", "mps") and weight.is_floating_point()


def _made(own: Callable[..., Any], weights: list[nn.Parameter], config: Config) -> torch.optim.Optimizer:
    made = cause = None
    try:
        made = own(weights, lr=config.learning_rate) if callable(own) else own
    except TypeError as error:  # a function of something else
        cause = error
    if not isinstance(made, torch.optim.Optimizer):
        raise LessonError(
            "optimizer must be one of torch.optim, such as torch.optim.Adagrad, or a function of (weights, lr) that "
            f"makes one; you gave {shown(own)}."
        ) from cause
    return made


def _checked(optimizer: torch.optim.Optimizer, model: nn.Module) -> torch.optim.Optimizer:
    known = {id(weight) for weight in model.parameters()}
    if not all(id(weight) in known for group in optimizer.param_groups for weight in group["params"]):
        raise LessonError("The optimizer holds weights of another model: make it from this model's parameters().")
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    if closure is not None and closure.default is inspect.Parameter.empty:
        raise LessonError(
            f"{type(optimizer).__name__} wants to compute the loss several times an update, which this loop does not "
            "do: take another optimizer."
        )
    return optimizer


def warm_up() -> None:
    """Make one optimiser: the first imports `torch.compile` (a second, 70 MB), better now than at a slider's move."""
    torch.optim.SGD([torch.zeros(1)], lr=0.1)
