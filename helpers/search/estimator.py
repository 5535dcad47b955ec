"""`train()` on the collaborative filter as a scikit-learn estimator."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, fields
from typing import Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from helpers.checks import LessonError, positive_int, share
from helpers.data import Samples
from helpers.models import CollaborativeFilter
from helpers.training import BestWeights, Config, History, early_stopping, predict, train

CONFIG_NAMES = tuple(field.name for field in fields(Config))


@dataclass(eq=False, repr=False)
class RatingRegressor(RegressorMixin, BaseEstimator):
    """`train()` on the collaborative filter as a scikit-learn regressor: X (N, 2) rows [user, movie], y (N,) stars.

    Args:
        embedding_dim: numbers per user and per movie.
        num_users, num_movies: rows of the two tables. None takes the largest row number met in fit: give them where
            part of the data is left out, as cross-validation does, so that every row has its place.
        patience: stop when so many epochs have brought no new best on ratings held back from X, and go back to the best
            weights, as scikit-learn's `MLPRegressor(early_stopping=True)` does; None trains for num_epochs on all of X.
        patience_share: the share of X that is held back for it.
        seed: of the initial weights, of the batches, and of what is held back.

    The others are settings of `Config`. After fit: `model_`, `history_` (a DataFrame, one row per epoch), `num_epochs_`
    (how many of them the model has learned from), `n_features_in_`.
    """

    embedding_dim: int = 50
    _: KW_ONLY
    num_users: int | None = None
    num_movies: int | None = None
    num_epochs: int = 10
    batch_size: int = 1024
    learning_rate: float = 0.001
    optimizer: str = "adam"
    schedule: str = "constant"
    warmup: float = 0.0
    weight_decay: float = 0.0
    patience: int | None = None
    patience_share: float = 0.1
    seed: int = 42

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        """Train from new weights on X (N, 2), y (N,). Raises `LessonError` for settings that no run can use."""
        config = Config(**{name: value for name, value in self.get_params().items() if name in CONFIG_NAMES})
        for name in ("num_users", "num_movies", "patience"):
            if getattr(self, name) is not None:
                positive_int(name, getattr(self, name))
        X, y = validate_data(self, X, y, y_numeric=True)
        samples, held_back = Samples(self._inputs(X), torch.tensor(y, dtype=torch.float32)), None
        met = samples.inputs.max(dim=0).values  # of all: what is held back has its rows, too
        if self.patience is not None:
            samples, held_back = self._two_parts(samples)
        self.model_ = self._make_model(met, samples.targets.mean().item())
        if held_back is None or self.patience is None:
            self.history_ = History.of(train(self.model_, samples, None, config)).epochs
            self.num_epochs_ = config.num_epochs
            return self
        best = BestWeights(self.model_)
        run = best.watch(train(self.model_, samples, held_back, config))
        self.history_ = History.of(early_stopping(run, self.patience)).epochs
        if best.epoch is not None:  # None: the run diverged at once
            best.restore()
        self.num_epochs_ = best.epoch or 0
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predictions (N,) as float64, for X (N, 2)."""
        check_is_fitted(self, "model_")
        inputs = self._inputs(validate_data(self, X, reset=False))
        self._check_known(inputs)
        return predict(self.model_, inputs).numpy().astype(np.float64)

    def _two_parts(self, samples: Samples) -> tuple[Samples, Samples]:
        number = round(share("patience_share", self.patience_share) * len(samples))
        if not 0 < number < len(samples):
            raise LessonError(
                f"patience_share={self.patience_share} of {len(samples)} ratings leaves nothing to train on, "
                "or nothing to stop by."
            )
        order = torch.randperm(len(samples), generator=torch.Generator().manual_seed(self.seed))
        return Samples(*samples[order[number:]]), Samples(*samples[order[:number]])

    def _inputs(self, X: np.ndarray) -> torch.Tensor:
        if X.shape[1] != 2:
            raise LessonError(f"X needs two columns of row numbers, [user, movie]; you gave {X.shape[1]}.")
        if (X < 0).any():
            raise LessonError("Negative values in data passed to RatingRegressor: X holds row numbers from 0.")
        if (np.floor(X) != X).any():
            raise LessonError("X holds row numbers, [user, movie], which are whole numbers; you gave fractions.")
        if (X >= 2**31).any():
            raise LessonError(f"X holds row numbers, [user, movie]; no table has a row {X.max():g}.")
        return torch.tensor(X, dtype=torch.int64)

    def _make_model(self, met: torch.Tensor, mean: float) -> CollaborativeFilter:
        rows = (given or most + 1 for given, most in zip((self.num_users, self.num_movies), met.tolist(), strict=True))
        num_users, num_movies = self.num_rows_ = list(rows)
        self._check_known(met[None])
        return CollaborativeFilter(num_users, num_movies, self.embedding_dim, mean=mean, seed=self.seed)

    def _check_known(self, inputs: torch.Tensor) -> None:
        for name, row, count in zip(("user", "movie"), inputs.max(dim=0).values.tolist(), self.num_rows_, strict=True):
            if row >= count:
                raise LessonError(
                    f"X holds {name} row {row}, but the model's table has rows 0 to {count - 1}: give num_{name}s."
                )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # The course's defaults make ten updates on the tiny sets of scikit-learn's checks: too few for a good score.
        tags.regressor_tags.poor_score = True
        tags.input_tags.categorical = tags.input_tags.positive_only = True
        return tags


def arrays(samples: Samples) -> tuple[np.ndarray, np.ndarray]:
    """Samples as scikit-learn wants them: X (N, features) and y (N,), sharing memory with the tensors on the CPU."""
    return samples.inputs.cpu().numpy(), samples.targets.cpu().numpy()
