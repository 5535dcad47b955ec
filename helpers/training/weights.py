"""Keeping a model's best weights, and writing and reading them."""

from __future__ import annotations

import contextlib
import copy
import math
import os
import pickle
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from helpers.checks import LessonError, shown
from helpers.training.config import Progress
from helpers.training.history import is_finite
from helpers.training.sample_checks import check_model


class BestWeights:
    """Keeps a copy of a model's weights from the epoch with the lowest validation loss.

    >>> best = BestWeights(model)
    >>> for progress in best.watch(train(model, train_set, validation_set)): ...
    >>> best.restore()
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.epoch: int | None = None
        self.validation_loss = math.inf
        self._weights: dict[str, Tensor] | None = None

    def watch(self, run: Iterable[Progress]) -> Iterator[Progress]:
        """Pass a run on, copying the weights whenever an epoch is the best so far."""
        for progress in run:
            if is_finite(progress.validation_loss) and progress.validation_loss < self.validation_loss:
                self.epoch, self.validation_loss = progress.epoch, progress.validation_loss
                self._weights = copy.deepcopy(self.model.state_dict())
            yield progress

    def restore(self) -> None:
        """Put the best weights back into the model."""
        self.model.load_state_dict(self._kept())

    def save(self, path: str | Path) -> None:
        """Write the best weights to a file that `load_weights` reads."""
        _write_weights(self._kept(), path)

    def _kept(self) -> dict[str, Tensor]:
        if self._weights is None:
            raise LessonError("There are no best weights yet: no epoch with a validation loss has ended.")
        return self._weights


def save_weights(model: nn.Module, path: str | Path) -> None:
    """Write a model's weights to a file that `load_weights` reads."""
    check_model(model)
    _write_weights(model.state_dict(), path)


def _as_path(path: object) -> Path:
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise LessonError(f"Weights are kept in a file: give a path, such as 'weights.pt'; you gave {shown(path)}.")
    return Path(path)


def _write_weights(weights: dict[str, Tensor], path: str | Path) -> None:
    path = _as_path(path)
    if not path.name:
        raise LessonError(f"Weights are written to a file, such as 'weights.pt'; you gave {os.fspath(path)!r}.")
    # Written beside its place and moved there when it is whole: a full disk leaves the former file as it was.
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        torch.save({name: weight.cpu() for name, weight in weights.items()}, partial)
        partial.replace(path)
    except (OSError, RuntimeError) as error:
        raise LessonError(f"The weights could not be written to {path} ({error}).") from error
    finally:
        with contextlib.suppress(OSError):  # if the folder does not exist either, the sentence above has said so
            partial.unlink(missing_ok=True)


def load_weights(model: nn.Module, path: str | Path) -> None:
    """Read weights written by `save_weights` into a model of the same shape; on any error the model stays as it was.
    Raises `LessonError` for a missing, truncated or foreign file, one that carries code, or weights of another shape or
    kind, NaN among them.
    """
    check_model(model)
    path = _as_path(path)
    if not path.is_file():
        raise LessonError(f"There is no file of weights at {path}.")
    try:
        with warnings.catch_warnings(action="ignore"):  # about foreign files: the error below says it plainly
            weights = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise LessonError(f"{path} holds more than weights, or is not a file of weights: it was not loaded.") from error
    except Exception as error:  # a damaged file breaks the reader anywhere
        raise LessonError(f"{path} is damaged or not a file of weights: save it again.") from error
    if not isinstance(weights, dict) or not all(
        isinstance(name, str) and isinstance(weight, Tensor) for name, weight in weights.items()
    ):
        raise LessonError(f"{path} does not hold weights by their names: save it with save_weights().")
    expected = {name: tuple(weight.shape) for name, weight in model.state_dict().items()}
    found = {name: tuple(weight.shape) for name, weight in weights.items()}
    if expected != found:
        name = min(expected.items() ^ found.items())[0]
        raise LessonError(
            f"The weights in {path} are of another model: {name} is {found.get(name, 'missing')} there"
            f" and {expected.get(name, 'missing')} here."
        )
    for name, here in model.state_dict().items():
        _check_usable(weights[name], here, f"{name} in {path}")
    model.load_state_dict(weights)


def _check_usable(weight: Tensor, here: Tensor, what: str) -> None:
    """Everything that would stop `load_state_dict` half-way, or let it store nonsense."""
    if weight.layout != torch.strided or weight.is_quantized or weight.is_meta:
        raise LessonError(f"{what} is not a plain tensor of numbers: save it with save_weights().")
    if weight.dtype != here.dtype and not (weight.is_floating_point() and here.is_floating_point()):
        raise LessonError(f"{what} has dtype {weight.dtype}, and the model wants {here.dtype}.")
    if weight.is_floating_point() and not weight.isfinite().all():
        raise LessonError(f"{what} holds NaN or infinity, as a diverged run leaves it: save the best weights instead.")
