"""Searching for good settings with scikit-learn: `train()` as an estimator, and searches that show where they are.

`GridSearch` and `HalvingSearch` are scikit-learn's own `GridSearchCV` and `HalvingGridSearchCV`; all they add is a line
of progress and that an interrupt keeps the rows that are finished.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, Self

import joblib
import numpy as np
import pandas as pd
import torch
from IPython.core.interactiveshell import InteractiveShell
from IPython.display import display
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 (makes the next import possible)
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import nn

from helpers.checks import LessonError, positive_int
from helpers.data import Samples
from helpers.devices import available_cores, runs_in_place
from helpers.models import MLP, CollaborativeFilter
from helpers.training import Config, History, predict, train

RMSE = "neg_root_mean_squared_error"  # scikit-learn's searches look for the largest score: the RMSE with a minus sign
CONFIG_NAMES = tuple(field.name for field in fields(Config))
IDLE_SECONDS = 40  # workers end after so long without work: they may outlive a kernel that was killed
SMALLEST_SHARED = "100K"  # arrays from this size on are shared with the workers instead of sent to them


# ---------------------------------------------------------------------------------------- the estimator


class _TrainedByTheLoop(RegressorMixin, BaseEstimator):
    """What both estimators share; each has its own settings, model and inputs."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        """Train from new weights on X (N, features), y (N,). Raises `LessonError` for settings that no run can use."""
        config = Config(**{name: value for name, value in self.get_params().items() if name in CONFIG_NAMES})
        X, y = validate_data(self, X, y, y_numeric=True)
        samples = Samples(self._inputs(X), torch.tensor(y, dtype=torch.float32))
        self.model_ = self._make_model(samples)
        self.history_ = History.of(train(self.model_, samples, None, config)).epochs
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predictions (N,) as float64, for X (N, features)."""
        check_is_fitted(self, "model_")
        inputs = self._inputs(validate_data(self, X, reset=False))
        self._check_known(inputs)
        return predict(self.model_, inputs).numpy().astype(np.float64)

    def _check_known(self, inputs: torch.Tensor) -> None:
        """Raise `LessonError` for inputs that the fitted model cannot take."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # The course's defaults make ten updates on the tiny sets of scikit-learn's checks: too few for a good score.
        tags.regressor_tags.poor_score = True
        return tags


class LoopRegressor(_TrainedByTheLoop):
    """`train()` on an MLP as a scikit-learn regressor: X (N, features) numbers, y (N,).

    `hidden` is the MLP's, `seed` that of the initial weights and of the batches, the others are settings of `Config`.
    After fit: `model_`, `history_` (a DataFrame, one row per epoch), `n_features_in_`.
    """

    def __init__(
        self,
        hidden: tuple[int, ...] = (64,),
        *,
        num_epochs: int = 10,
        batch_size: int = 1024,
        learning_rate: float = 0.001,
        optimizer: str = "adam",
        weight_decay: float = 0.0,
        seed: int = 42,
    ) -> None:
        self.hidden = hidden
        self.num_epochs = num_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.weight_decay = weight_decay
        self.seed = seed

    def _inputs(self, X: np.ndarray) -> torch.Tensor:
        return torch.tensor(X, dtype=torch.float32)

    def _make_model(self, samples: Samples) -> nn.Module:
        return MLP(samples.inputs.shape[1], self.hidden, seed=self.seed)


class RatingRegressor(_TrainedByTheLoop):
    """`train()` on the collaborative filter as a scikit-learn regressor: X (N, 2) rows [user, movie], y (N,) stars.

    Args:
        embedding_dim: numbers per user and per movie.
        num_users, num_movies: rows of the two tables. None takes the largest row number met in fit: give them where
            part of the data is left out, as cross-validation does, so that every row has its place.

    The other settings, and what fit leaves behind, are as for `LoopRegressor`.
    """

    def __init__(
        self,
        embedding_dim: int = 50,
        *,
        num_users: int | None = None,
        num_movies: int | None = None,
        num_epochs: int = 10,
        batch_size: int = 1024,
        learning_rate: float = 0.001,
        optimizer: str = "adam",
        weight_decay: float = 0.0,
        seed: int = 42,
    ) -> None:
        self.embedding_dim = embedding_dim
        self.num_users = num_users
        self.num_movies = num_movies
        self.num_epochs = num_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.weight_decay = weight_decay
        self.seed = seed

    def _inputs(self, X: np.ndarray) -> torch.Tensor:
        if X.shape[1] != 2:
            raise LessonError(f"X needs two columns of row numbers, [user, movie]; you gave {X.shape[1]}.")
        if (X < 0).any():
            raise LessonError("Negative values in data passed to RatingRegressor: X holds row numbers from 0.")
        if (np.floor(X) != X).any():
            raise LessonError("X holds row numbers, [user, movie], which are whole numbers; you gave fractions.")
        return torch.tensor(X, dtype=torch.int64)

    def _make_model(self, samples: Samples) -> nn.Module:
        met = (samples.inputs.max(dim=0).values + 1).tolist()
        self.num_rows_ = [given or most for given, most in zip((self.num_users, self.num_movies), met, strict=True)]
        self._check_known(samples.inputs)
        mean = samples.targets.mean().item()
        return CollaborativeFilter(*self.num_rows_, self.embedding_dim, mean=mean, seed=self.seed)

    def _check_known(self, inputs: torch.Tensor) -> None:
        for name, row, count in zip(("user", "movie"), inputs.max(dim=0).values.tolist(), self.num_rows_, strict=True):
            if row >= count:
                raise LessonError(
                    f"X holds {name} row {row}, but the model's table has rows 0 to {count - 1}: give num_{name}s."
                )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = tags.input_tags.positive_only = True
        return tags


def arrays(samples: Samples) -> tuple[np.ndarray, np.ndarray]:
    """Samples as scikit-learn wants them: X (N, features) and y (N,), sharing memory with the tensors on the CPU."""
    return samples.inputs.cpu().numpy(), samples.targets.cpu().numpy()


# ---------------------------------------------------------------------------------------- many fits at once


def on_all_cores(number: int | None = None) -> joblib.parallel_config:
    """A `with` block in which scikit-learn fits on every core this process may use, one thread each.

    Large arrays lie in memory once and are seen by all workers. For a cluster, joblib's own block takes its place:
    `with joblib.parallel_config("dask"):` once a `dask.distributed.Client` is connected, or "ray" after Ray's
    `register_ray()`.
    """
    most = available_cores()
    number = most if number is None else positive_int("number", number)
    return joblib.parallel_config(
        "loky",
        n_jobs=number,
        inner_max_num_threads=1,
        idle_worker_timeout=IDLE_SECONDS,
        max_nbytes=SMALLEST_SHARED,
        mmap_mode="r",
    )


class _AFewAtATime:
    """A scikit-learn search that hands its candidates out a few at a time: so it can say where it is, and be stopped.

    `_run_search`, calling `evaluate_candidates` as often as it likes, is where scikit-learn's documentation of
    `BaseSearchCV` puts new schedules. An interrupt (the ■ button) ends the search; what is finished stays in
    `cv_results_`, its best among them in `best_params_`, and `interrupted_` is True.
    """

    def _run_search(self, evaluate_candidates: Callable, *, callback_ctx=None) -> None:
        self.interrupted_, self.num_fits_ = False, 0
        line = ProgressLine()

        def a_few_at_a_time(candidates, cv=None, more_results=None, callback_ctx=None) -> dict:
            candidates, results, extra = list(candidates), {}, None
            size = _how_many(self.n_jobs, self.n_splits_)
            for start in range(0, len(candidates), size):
                few = slice(start, start + size)
                if more_results:  # successive halving's own columns: the round, and what each fit may use
                    extra = {name: values[few] for name, values in more_results.items()}
                # Without callback_ctx: scikit-learn numbers its tasks anew in every call, and they would clash.
                results = evaluate_candidates(candidates[few], cv, more_results=extra)
                self.num_fits_ = len(results["params"]) * self.n_splits_
                line.write(_where(results, min(start + size, len(candidates)), len(candidates), self.scoring))
            return results

        try:
            super()._run_search(a_few_at_a_time, callback_ctx=callback_ctx)
        except KeyboardInterrupt:
            if self.num_fits_ == 0:
                raise  # nothing to keep
            self.interrupted_ = True
            line.write(f"Interrupted: the {self.num_fits_} finished fits are kept.")
        finally:
            line.close()


class GridSearch(_AFewAtATime, GridSearchCV):
    """scikit-learn's `GridSearchCV`, with a line of progress, and keeping its finished rows when it is interrupted."""


class HalvingSearch(_AFewAtATime, HalvingGridSearchCV):
    """scikit-learn's `HalvingGridSearchCV`, with a line of progress, and keeping its finished rows when interrupted."""


def _how_many(n_jobs: int | None, num_splits: int) -> int:
    """Candidates to hand out at once: enough to give every worker one fit."""
    return math.ceil(joblib.effective_n_jobs(n_jobs) / num_splits)


def _where(results: Mapping[str, Any], done: int, planned: int, scoring: object) -> str:
    """How far a search is, and the best setting so far."""
    scores, rounds = np.asarray(results["mean_test_score"]), results.get("iter")
    text = f"{'█' * round(20 * done / planned):░<20} "
    text += (
        f"{done} of {planned} settings" if rounds is None else f"round {rounds[-1] + 1}: {done} of {planned} settings"
    )
    if not np.isfinite(scores).any():
        return text
    best = int(np.nanargmax(scores))
    score = f"RMSE {-scores[best]:.4f}" if scoring == RMSE else f"score {scores[best]:.4f}"
    settings = (f"{name} {value}" for name, value in results["params"][best].items())
    return f"{text} · best so far: {score} with {', '.join(settings)}"


class ProgressLine:
    """One line below the cell, rewritten in place; with EPOCH_SYNC, as live parts do, only its last text."""

    def __init__(self) -> None:
        self._text, self._handle = "", None
        self._at_once = not runs_in_place()

    def write(self, text: str) -> None:
        """Replace the line."""
        self._text = text
        if self._at_once:
            self._show()

    def close(self) -> None:
        """Leave the last text standing."""
        if self._text and not self._at_once:
            self._show()

    def _show(self) -> None:
        if not InteractiveShell.initialized():
            return  # a script has no cell to write below
        data = {"text/plain": self._text}
        if self._handle is None:
            self._handle = display(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)


def results_table(search: GridSearchCV | HalvingGridSearchCV) -> pd.DataFrame:
    """One row per finished setting, in the order of the search, of a search that scored by `RMSE`.

    Its settings, then `rmse` and `rmse_sd` (mean and sd over folds) and `seconds` (of one fit, mean over folds);
    after successive halving also `round`, from 1.

    Raises:
        LessonError: for a search that has not run, or was scored by something else.
    """
    if not hasattr(search, "cv_results_"):
        raise LessonError("This search has no results yet: call its fit() first.")
    if search.scoring != RMSE:
        raise LessonError(f"The table is of searches with scoring={RMSE!r}; this one has scoring={search.scoring!r}.")
    results = search.cv_results_
    table = pd.DataFrame(list(results["params"]))
    if "iter" in results:
        table.insert(0, "round", np.asarray(results["iter"]) + 1)
    return table.assign(
        rmse=-results["mean_test_score"], rmse_sd=results["std_test_score"], seconds=results["mean_fit_time"]
    )
