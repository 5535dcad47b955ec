"""What a model predicts, and how wrong it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from helpers.checks import LessonError
from helpers.training.sample_checks import check_model, check_samples, in_mode, taking

if TYPE_CHECKING:
    from helpers.data import Samples

Metrics = Mapping[str, Callable[[Tensor, Tensor], Any]]
EVALUATION_ROWS = 65_536


@torch.no_grad()
def predict(model: nn.Module, inputs: Tensor) -> Tensor:
    """Predictions (N,) for inputs (N, features), without keeping what a gradient would need."""
    check_model(model)
    if not isinstance(inputs, Tensor):
        raise LessonError(
            f"predict() takes inputs, a tensor of shape (N, features), and not a {type(inputs).__name__}."
        )
    with taking(inputs, "these inputs"), in_mode(model, training=False):
        return torch.cat([model(rows) for rows in inputs.split(EVALUATION_ROWS)])


def evaluate(model: nn.Module, samples: Samples) -> float:
    """Mean squared error over all samples, each counted once. Raises `LessonError` where model and samples clash."""
    check_samples(model, samples, "given")
    return measure(model, samples, {})[0]


def measure(model: nn.Module, samples: Samples, metrics: Metrics) -> tuple[float, dict[str, float]]:
    """Mean squared error over all samples, and every metric of the same predictions by its name."""
    predictions = predict(model, samples.inputs)
    loss = float((predictions - samples.targets).square().mean())
    return loss, {name: float(metric(predictions, samples.targets)) for name, metric in metrics.items()}
