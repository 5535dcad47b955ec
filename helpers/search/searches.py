"""scikit-learn's own searches, which say where they are and keep what is finished when they are interrupted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import joblib
import numpy as np
import pandas as pd
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 (makes the next import possible)
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, RandomizedSearchCV, _search
from sklearn.model_selection._search import BaseSearchCV

from helpers.checks import LessonError, positive_int
from helpers.devices import available_cores
from helpers.search.progress import RMSE, ProgressLine, where

IDLE_SECONDS = 40  # workers end after so long without work: they may outlive a kernel that was killed
SMALLEST_SHARED = "100K"  # arrays from this size on are shared with the workers instead of sent to them


def on_all_cores(number: int | None = None) -> joblib.parallel_config:
    """A `with` block in which scikit-learn fits on every core this process may use, one thread each.

    Large arrays lie in memory once and are seen by all workers. For a cluster, joblib's own block takes its place:
    `with joblib.parallel_config("dask"):` once a `dask.distributed.Client` is connected, or "ray" after Ray's
    `register_ray()`.
    """
    number = available_cores() if number is None else positive_int("number", number)
    return joblib.parallel_config(
        "loky",
        n_jobs=number,
        inner_max_num_threads=1,
        idle_worker_timeout=IDLE_SECONDS,
        max_nbytes=SMALLEST_SHARED,
        mmap_mode="r",
    )


class _AFewAtATime(BaseSearchCV):
    """A scikit-learn search that hands its candidates out a few at a time: so it can say where it is, and be stopped.

    `_run_search`, calling `evaluate_candidates` as often as it likes, is where scikit-learn's documentation of
    `BaseSearchCV` puts new schedules. An interrupt (the ■ button) ends the search; what is finished stays in
    `cv_results_`, its best among them in `best_params_`, and `interrupted_` is True.
    """

    def fit(self, X, y=None, **params) -> Self:
        """As scikit-learn's own. An interrupt while the winner is trained once more costs its model, and no score."""
        self._scores: Mapping[str, Any] = {}
        try:
            return super().fit(X, y, **params)
        except KeyboardInterrupt:
            if not self._scores:
                raise
        self.cv_results_, self.interrupted_ = self._scores, True
        metric = self.refit if isinstance(self.refit, str) else "score"
        if self.refit and f"mean_test_{metric}" in self._scores:
            self.best_index_ = self._select_best_index(self.refit, metric, self._scores)
            self.best_params_ = self._scores["params"][self.best_index_]
            self.best_score_ = self._scores[f"mean_test_{metric}"][self.best_index_]
        return self

    def _run_search(self, evaluate_candidates: Callable, *, callback_ctx=None) -> None:
        self.interrupted_, self.num_fits_ = False, 0
        line = ProgressLine()

        def a_few_at_a_time(candidates, cv=None, more_results=None, callback_ctx=None) -> dict:
            candidates, results, extra = list(candidates), {}, None
            size = _how_many(self.n_jobs, self.n_splits_)
            with _failures_looked_at_together():
                for start in range(0, len(candidates), size):
                    few = slice(start, start + size)
                    if more_results:  # successive halving's own columns: the round, and what each fit may use
                        extra = {name: values[few] for name, values in more_results.items()}
                    # Without callback_ctx: scikit-learn numbers its tasks anew in every call, and they would clash.
                    results = evaluate_candidates(candidates[few], cv, more_results=extra)
                    self._scores, self.num_fits_ = results, len(results["params"]) * self.n_splits_
                    done = min(start + size, len(candidates))
                    line.write(where(results, done, len(candidates), self.scoring, self.refit))
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


@contextmanager
def _failures_looked_at_together() -> Iterator[None]:
    """One warning at the end, and an error only if no setting at all could be trained.

    scikit-learn looks at all that it was handed at once: with a few at a time, one bad setting would end the search.
    """
    look, seen = _search._warn_or_raise_about_fit_failures, []

    def keep(fits: list, error_score: object) -> None:
        seen.append((fits, error_score))

    _search._warn_or_raise_about_fit_failures = keep
    try:
        yield
    finally:
        _search._warn_or_raise_about_fit_failures = look
    look([fit for fits, _ in seen for fit in fits], seen[-1][1])


class GridSearch(_AFewAtATime, GridSearchCV):
    """scikit-learn's `GridSearchCV`, with a line of progress, and keeping its finished rows when it is interrupted."""


class RandomSearch(_AFewAtATime, RandomizedSearchCV):
    """scikit-learn's `RandomizedSearchCV`, with a line of progress, and keeping its finished rows when interrupted."""


class HalvingSearch(_AFewAtATime, HalvingGridSearchCV):
    """scikit-learn's `HalvingGridSearchCV`, with a line of progress, and keeping its finished rows when interrupted."""

    def _select_best_index(self, refit: object, refit_metric: str, results: Mapping[str, Any]) -> int:
        """The best of the last round; after an interrupt the best of all, because that round is not whole."""
        scores = results["mean_test_score"]
        if self.interrupted_ and np.isfinite(scores).any():
            return int(np.nanargmax(scores))
        return super()._select_best_index(refit, refit_metric, results)


def _how_many(n_jobs: int | None, num_splits: int) -> int:
    """Candidates to hand out at once: enough to give every worker one fit."""
    return math.ceil(joblib.effective_n_jobs(n_jobs) / num_splits)


def results_table(search: BaseSearchCV) -> pd.DataFrame:
    """One row per finished setting, in the order of the search, of a search that scored by `RMSE`.

    Its settings, then `rmse` and `rmse_sd` (mean and sd over folds) and `seconds` (of one fit, mean over folds);
    after successive halving also `round`, from 1.
    Raises `LessonError` for a search that has not run, or was scored by something else.
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


def best_so_far(search: BaseSearchCV) -> pd.DataFrame:
    """How a search gained on its goal: after each fit the `seconds` spent on fits, and the lowest `rmse` so far.

    Seconds are those of the fits one after the other; on several cores the clock shows fewer.
    Raises as `results_table`.
    """
    table = results_table(search)
    return pd.DataFrame({"seconds": table["seconds"].cumsum() * search.n_splits_, "rmse": table["rmse"].cummin()})
