"""The estimators stand scikit-learn's checks; searches go parallel, say where they are, keep what is done."""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from jupyter_client.manager import start_new_kernel
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, ShuffleSplit, cross_validate, validation_curve
from sklearn.utils.estimator_checks import check_estimator

from helpers.checks import LessonError
from helpers.data import load_ratings, split
from helpers.devices import available_cores
from helpers.models import CollaborativeFilter
from helpers.search import (
    RMSE,
    GridSearch,
    HalvingSearch,
    RandomSearch,
    RatingRegressor,
    SearchSpace,
    arrays,
    best_so_far,
    linear,
    log,
    on_all_cores,
    results_table,
)
from helpers.training import Config, History, evaluate, train
from tests.tools.kernel import course_environment

ROWS = "feeds more or fewer than two columns, and a rating has a user and a movie"
# Each of these passes on the same estimator as soon as it is handed two of the columns: see RowsOfAnyTable.
NEED_TWO_COLUMNS = {
    f"check_{name}": ROWS
    for name in (
        "fit_score_takes_y",
        "dont_overwrite_parameters",
        "n_features_in_after_fitting",
        "positive_only_tag_during_fit",
        "estimators_dtypes",
        "dtype_object",
        "pipeline_consistency",
        "estimators_nan_inf",
        "estimators_pickle",
        "f_contiguous_array_estimator",
        "regressors_train",
        "regressor_data_not_an_array",
        "regressors_no_decision_function",
        "supervised_y_2d",
        "regressors_int",
        "methods_sample_order_invariance",
        "methods_subset_invariance",
        "fit2d_1sample",
        "fit2d_1feature",
        "dict_unchanged",
        "fit2d_predict1d",
    )
}


class RowsOfAnyTable(RatingRegressor):
    """Takes the first and the last column of any table for users and movies."""

    def _inputs(self, X: np.ndarray) -> torch.Tensor:
        return super()._inputs(X[:, [0, -1]])


@pytest.fixture(scope="module")
def ratings() -> tuple[np.ndarray, np.ndarray]:
    """600 ratings by 30 users of 40 movies, tastes and all."""
    random = np.random.RandomState(0)
    X = np.column_stack([random.randint(0, 30, 600), random.randint(0, 40, 600)])
    tastes = random.normal(size=(30, 2)) @ random.normal(size=(2, 40))
    return X, (3.5 + 0.5 * tastes[X[:, 0], X[:, 1]]).astype(np.float32)


def small(**settings: object) -> RatingRegressor:
    return RatingRegressor(**({"num_users": 30, "num_movies": 40, "num_epochs": 2, "batch_size": 100} | settings))


GRID = {"embedding_dim": [2, 4, 8], "learning_rate": [0.001, 0.01]}


# ---------------------------------------------------------------------------------------- the estimator


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.parametrize(
    ("estimator", "expected_failures"),
    [(RowsOfAnyTable(), {}), (RatingRegressor(), NEED_TWO_COLUMNS)],
    ids=["ratings, any table", "ratings"],
)
def test_scikit_learns_estimator_checks(estimator: RatingRegressor, expected_failures: dict[str, str]) -> None:
    results = check_estimator(estimator, expected_failed_checks=expected_failures, on_skip=None)

    xfailed = {result["check_name"] for result in results if result["status"] == "xfail"}
    assert xfailed == set(expected_failures), "a check is named that does not fail any more"
    # array_api needs an environment variable of SciPy's; everything else has run.
    assert {r["check_name"] for r in results if r["status"] == "skipped"} <= {"check_array_api_input"}
    assert sum(result["status"] == "passed" for result in results) > 25


def test_it_is_the_course_loop(ratings) -> None:
    whole = load_ratings()
    parts = split(whole)
    config = Config(num_epochs=1, learning_rate=0.01, weight_decay=0.05)
    model = CollaborativeFilter.for_ratings(whole, parts.train, 8)
    History.of(train(model, parts.train, None, config))

    estimator = RatingRegressor(8, num_epochs=1, learning_rate=0.01, weight_decay=0.05).fit(*arrays(parts.train))
    inputs, targets = arrays(parts.validation)
    loss = np.mean((estimator.predict(inputs) - targets) ** 2)
    assert loss == pytest.approx(evaluate(model, parts.validation), abs=1e-6)
    assert list(estimator.history_["epoch"]) == [1]


def test_fitting_again_starts_again(ratings) -> None:
    X, y = ratings
    once = small().fit(X, y).predict(X)
    estimator = small().fit(X[:5], y[:5])
    assert np.array_equal(estimator.fit(X, y).predict(X), once)


@pytest.mark.parametrize(
    ("X", "says"),
    [
        (np.zeros((4, 3), int), "two columns"),
        (np.array([[0, 0.5]] * 4), "whole numbers"),
        (np.array([[0, -1]] * 4), "Negative values"),
        (np.array([[30, 0]] * 4), "user row 30, but the model's table has rows 0 to 29"),
        (np.array([[0, 40]] * 4), "movie row 40"),
    ],
)
def test_rows_that_no_table_has(X: np.ndarray, says: str) -> None:
    with pytest.raises(LessonError, match=says):
        small().fit(X, np.ones(4))


def test_rows_never_met(ratings) -> None:
    X, y = ratings
    with pytest.raises(LessonError, match="give num_users"):
        RatingRegressor(num_epochs=1).fit(X[X[:, 0] < 9], y[X[:, 0] < 9]).predict(X)
    with pytest.raises(NotFittedError):
        RatingRegressor().predict(X)
    with pytest.raises(LessonError, match="batch_size"):
        small(batch_size=0).fit(X, y)


def test_scikit_learns_own_tools_take_it(ratings) -> None:
    X, y = ratings
    scores = cross_validate(small(learning_rate=0.01), X, y, cv=3, scoring=RMSE)["test_score"]
    assert scores.shape == (3,) and np.isfinite(scores).all()
    _, validation = validation_curve(small(), X, y, param_name="num_epochs", param_range=[1, 20], cv=3, scoring=RMSE)
    assert (validation[1] > validation[0]).all()  # more epochs are better here
    own = GridSearchCV(small(), GRID, cv=3, scoring=RMSE).fit(X, y)
    shown = GridSearch(small(), GRID, cv=3, scoring=RMSE).fit(X, y)
    assert own.best_params_ == shown.best_params_ and own.best_score_ == shown.best_score_
    assert np.array_equal(own.cv_results_["mean_test_score"], shown.cv_results_["mean_test_score"])
    assert np.array_equal(own.predict(X), shown.predict(X))


def test_results_as_a_table(ratings) -> None:
    search = GridSearch(small(), GRID, cv=2, scoring=RMSE, refit=False).fit(*ratings)
    table = results_table(search)
    assert list(table.columns) == ["embedding_dim", "learning_rate", "rmse", "rmse_sd", "seconds"]
    folds = np.array([search.cv_results_[f"split{fold}_test_score"] for fold in (0, 1)])
    assert np.allclose(table["rmse_sd"], folds.std(axis=0)) and table["rmse_sd"].gt(0).any()
    assert len(table) == 6 and table["rmse"].min() == pytest.approx(-search.best_score_)
    assert (table["seconds"] > 0).all()


@pytest.mark.fault("one sentence")
def test_a_table_of_other_searches_is_refused(ratings) -> None:
    with pytest.raises(LessonError, match=r"^This search has no results yet: call its fit\(\) first"):
        results_table(GridSearch(small(), GRID, cv=2, scoring=RMSE))
    other = GridSearch(small(), {"num_epochs": [1]}, cv=2, refit=False).fit(*ratings)
    with pytest.raises(LessonError, match=r"scoring='neg_root_mean_squared_error'; this one has scoring=None"):
        results_table(other)


def test_best_so_far_never_rises(ratings) -> None:
    search = GridSearch(small(), GRID, cv=2, scoring=RMSE, refit=False).fit(*ratings)
    table, gained = results_table(search), best_so_far(search)
    assert gained["rmse"].is_monotonic_decreasing and gained["rmse"].iloc[-1] == table["rmse"].min()
    assert gained["seconds"].is_monotonic_increasing
    assert gained["seconds"].iloc[-1] == pytest.approx(2 * table["seconds"].sum())


def test_random_search_is_scikit_learns(ratings) -> None:
    space = SearchSpace(learning_rate=log(0.001, 0.1), embedding_dim=log(2, 16), weight_decay=linear(0, 0.1))
    options = dict(n_iter=6, random_state=3, cv=2, scoring=RMSE, refit=False)
    own = RandomizedSearchCV(small(), space, **options).fit(*ratings)
    shown = RandomSearch(small(), space, **options).fit(*ratings)
    assert own.cv_results_["params"] == shown.cv_results_["params"] == space.draws(6, seed=3)
    assert np.array_equal(own.cv_results_["mean_test_score"], shown.cv_results_["mean_test_score"])
    assert own.best_params_ == shown.best_params_ and shown.num_fits_ == 12 and not shown.interrupted_


@pytest.mark.parametrize("refit", [False, "r2"])
def test_a_search_by_several_scores(ratings, refit: bool | str) -> None:
    search = GridSearch(small(), GRID, cv=2, scoring=["r2", RMSE], refit=refit).fit(*ratings)
    assert len(search.cv_results_["mean_test_r2"]) == 6 and search.num_fits_ == 12


# ---------------------------------------------------------------------------------------- early stopping inside


def test_it_stops_by_ratings_of_its_own_and_keeps_the_best_weights(ratings) -> None:
    X, y = ratings
    model = small(num_epochs=200, learning_rate=0.05, patience=2, patience_share=0.25).fit(X, y)
    epochs = model.history_
    assert len(epochs) == model.num_epochs_ + 2 < 200
    assert model.num_epochs_ == epochs["epoch"][epochs["validation_loss"].idxmin()]
    held_back = torch.randperm(600, generator=torch.Generator().manual_seed(42))[:150].numpy()
    loss = np.mean((model.predict(X[held_back]) - y[held_back]) ** 2)
    assert loss == pytest.approx(epochs["validation_loss"].min(), rel=1e-5)
    assert small(num_epochs=2).fit(X, y).num_epochs_ == 2
    assert np.isfinite(small(patience=1, patience_share=1 / 600).fit(X, y).history_["validation_loss"]).all()


@pytest.mark.fault("one sentence")
@pytest.mark.parametrize(
    ("settings", "says"),
    [({"patience": 0}, "patience must be"), ({"patience": 2, "patience_share": 0.0001}, "leaves nothing to train on"),
     ({"patience": 2, "patience_share": 0.9999}, "leaves nothing to train on"),
     ({"patience": 2, "patience_share": 2}, "^patience_share must be")],
)  # fmt: skip
def test_early_stopping_that_cannot_be(ratings, settings: dict, says: str) -> None:
    with pytest.raises(LessonError, match=says):
        small(**settings).fit(*ratings)


def test_halving_is_scikit_learns(ratings) -> None:
    options = dict(cv=2, scoring=RMSE, resource="num_epochs", min_resources=1, max_resources=4, factor=2)
    search = HalvingSearch(small(), GRID, **options).fit(*ratings)
    assert search.n_candidates_ == [6, 3, 2] and search.n_resources_ == [1, 2, 4]
    table = results_table(search)
    assert list(table)[:3] == ["round", *GRID]
    assert list(table["round"]) == [1] * 6 + [2] * 3 + [3] * 2
    assert list(table["num_epochs"]) == [1] * 6 + [2] * 3 + [4] * 2
    assert search.best_params_["num_epochs"] == 4


# ---------------------------------------------------------------------------------------- many fits at once


def cannot_fit(self: RatingRegressor, X: np.ndarray, y: np.ndarray) -> None:
    raise AssertionError("this process was to leave the fits to its workers")


def test_two_workers_give_what_one_gives(ratings, monkeypatch: pytest.MonkeyPatch) -> None:
    search = GridSearch(small(), GRID, cv=2, scoring=RMSE, refit=False)
    alone = search.fit(*ratings).cv_results_["mean_test_score"]
    monkeypatch.setattr(RatingRegressor, "fit", cannot_fit)  # in this process; a worker imports the real one
    with on_all_cores(2):
        together = search.fit(*ratings).cv_results_["mean_test_score"]
    np.testing.assert_allclose(alone, together, rtol=1e-6)


@pytest.mark.parametrize("number", [None, 1, 3])
def test_there_are_as_many_workers_as_cores_or_as_were_asked_for(number: int | None) -> None:
    with on_all_cores(number):
        assert joblib.effective_n_jobs(None) == (number or available_cores())
    with pytest.raises(LessonError, match=r"^number must be a whole number of 1 or more"):
        on_all_cores(0)


def test_workers_use_one_thread_and_share_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = load_ratings().samples()
    for library in ("OMP", "MKL"):  # two in this process: a worker has one all the same
        monkeypatch.setenv(f"{library}_NUM_THREADS", "2")
    with on_all_cores(2):
        threads = joblib.Parallel()(joblib.delayed(torch.get_num_threads)() for _ in range(2))
        kinds = joblib.Parallel()(joblib.delayed(type)(array) for array in arrays(samples))
    assert threads == [1, 1]
    assert all(issubclass(kind, np.memmap) for kind in kinds), kinds


def test_a_real_dask_cluster(ratings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    search = GridSearch(small(), GRID, cv=2, scoring=RMSE, refit=False)
    alone = search.fit(*ratings).cv_results_["mean_test_score"]
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", local_directory=tmp_path
        ) as cluster,
        distributed.Client(cluster),
    ):
        monkeypatch.setattr(RatingRegressor, "fit", cannot_fit)
        with joblib.parallel_config("dask"):
            search.fit(*ratings)
    np.testing.assert_allclose(alone, search.cv_results_["mean_test_score"], rtol=1e-6)


def test_a_grid_may_be_an_array(ratings) -> None:
    """NumPy's numbers are numbers: what a learner writes most easily must not fail in every fit."""
    search = GridSearch(small(), {"batch_size": 2 ** np.arange(6, 8)}, cv=2, scoring=RMSE).fit(*ratings)
    assert search.best_params_["batch_size"] in (64, 128) and np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.fault("a warning: a setting that cannot be trained scores nan, and the others are compared")
@pytest.mark.parametrize("bad_at", [0, 1, 2])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning", "ignore:One or more of the test scores")
def test_one_setting_that_cannot_be_trained_does_not_end_a_search(ratings, bad_at: int) -> None:
    rates = [0.01, 0.02]
    rates.insert(bad_at, -1.0)
    search = GridSearch(small(), {"learning_rate": rates}, cv=2, scoring=RMSE).fit(*ratings)
    alone = GridSearchCV(small(), {"learning_rate": rates}, cv=2, scoring=RMSE).fit(*ratings)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
    assert np.isnan(search.cv_results_["mean_test_score"][bad_at]) and search.best_params_ == alone.best_params_
    with pytest.raises(ValueError, match="All the 4 fits failed"):
        GridSearch(small(), {"learning_rate": [-1.0, -2.0]}, cv=2, scoring=RMSE).fit(*ratings)


def test_rows_too_large_for_any_table_are_refused(ratings) -> None:
    X, y = ratings
    with pytest.raises(LessonError, match="row numbers"):
        small().fit(X * 1e300, y)


# ---------------------------------------------------------------------------------------- interrupted


class StopsAt(RatingRegressor):
    """Is interrupted in its n-th fit, as by the ■ button."""

    fits, last = 0, 4

    def fit(self, X: np.ndarray, y: np.ndarray) -> "StopsAt":
        StopsAt.fits += 1
        if StopsAt.fits > StopsAt.last:
            raise KeyboardInterrupt
        return super().fit(X, y)


@pytest.mark.fault("the rows that were finished, and the word Interrupted")
@pytest.mark.parametrize("kind", [GridSearch, RandomSearch, HalvingSearch])
def test_an_interrupt_keeps_the_finished_rows(ratings, kind: type) -> None:
    more = {HalvingSearch: {"resource": "num_epochs", "max_resources": 4, "factor": 2}, RandomSearch: {"n_iter": 6}}
    StopsAt.fits, StopsAt.last = 0, 4
    search = kind(StopsAt(num_users=30, num_movies=40), GRID, cv=2, scoring=RMSE, refit=False, **more.get(kind, {}))
    search.fit(*ratings)
    assert search.interrupted_ and search.num_fits_ == 4
    table = results_table(search)
    assert len(table) == 2 and np.isfinite(table["rmse"]).all()
    assert -search.best_score_ == table["rmse"].min()
    StopsAt.last = 1_000
    assert not search.fit(*ratings).interrupted_


@pytest.mark.fault("every score, and the word Interrupted; only the winner's model is missing")
@pytest.mark.parametrize("kind", [GridSearch, HalvingSearch])
def test_an_interrupt_while_the_winner_is_trained_again_costs_no_score(ratings, kind: type) -> None:
    more = {"resource": "num_epochs", "max_resources": 2, "factor": 2} if kind is HalvingSearch else {}
    whole = kind(small(), GRID, cv=2, scoring=RMSE, **more).fit(*ratings)
    StopsAt.fits, StopsAt.last = 0, whole.num_fits_ if kind is GridSearch else 2 * len(whole.cv_results_["params"])
    search = kind(StopsAt(num_users=30, num_movies=40), GRID, cv=2, scoring=RMSE, **more).fit(*ratings)
    assert search.interrupted_ and len(results_table(search)) == len(results_table(whole))
    assert set(search.best_params_) == set(whole.best_params_) and np.isfinite(search.best_score_)
    with pytest.raises(NotFittedError):
        search.predict(ratings[0])


class ScoresFall(StopsAt):
    """Predicts worse and worse from fit to fit."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        return super().predict(X) + StopsAt.fits


@pytest.mark.fault("the best of all finished rows")
def test_an_interrupt_in_a_later_round_of_halving_keeps_the_best_of_all(ratings) -> None:
    StopsAt.fits, StopsAt.last = 0, 7  # six candidates in the first round, one of three in the second
    search = HalvingSearch(
        ScoresFall(num_users=30, num_movies=40), GRID, cv=ShuffleSplit(1, random_state=0), scoring=RMSE, refit=False,
        resource="num_epochs", max_resources=4, factor=2,
    )  # fmt: skip
    search.fit(*ratings)
    table = results_table(search)
    assert search.interrupted_ and list(table["round"]) == [1] * 6 + [2]
    assert search.best_index_ == table["rmse"].idxmin() and -search.best_score_ == table["rmse"].min()
    StopsAt.last = 1_000
    whole = search.fit(*ratings)
    assert results_table(whole)["round"][whole.best_index_] == 3, "a whole search answers with its last round"


@pytest.mark.fault("KeyboardInterrupt")
def test_an_interrupt_before_the_first_row_is_an_interrupt(ratings) -> None:
    StopsAt.fits, StopsAt.last = 0, 0
    with pytest.raises(KeyboardInterrupt):
        GridSearch(StopsAt(num_users=30, num_movies=40), GRID, cv=2, scoring=RMSE).fit(*ratings)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator:
    with course_environment():
        monkeypatch.delenv("EPOCH_SYNC")
        manager, client = start_new_kernel()
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.mark.fault("the rows that were finished; the next cell works")
def test_in_a_kernel_the_line_moves_and_the_stop_button_keeps_rows(kernel) -> None:
    manager, client = kernel
    lines, errors = [], []

    def hear(message: dict) -> None:
        content, kind = message["content"], message["msg_type"]
        if kind in ("display_data", "update_display_data"):
            lines.append((kind, content["data"]["text/plain"]))
            if len(lines) == 3:
                manager.interrupt_kernel()
        elif kind == "error" or (kind == "stream" and content["name"] == "stderr"):
            errors.append(content)

    def run(source: str) -> None:
        reply = client.execute_interactive(textwrap.dedent(source), output_hook=hear, timeout=120)
        assert reply["content"]["status"] == "ok", errors

    run("""
        from helpers.data import load_ratings
        from helpers.search import *
        X, y = arrays(load_ratings().samples())
        grid = {"num_epochs": [1] * 200}
        search = GridSearch(RatingRegressor(num_users=1000, num_movies=2000), grid, scoring=RMSE, cv=2, refit=False)
        with on_all_cores(2):
            search.fit(X, y)
    """)
    assert [kind for kind, _ in lines[:3]] == ["display_data", "update_display_data", "update_display_data"]
    assert re.search(r" 1 of 200 settings · best so far: RMSE \d\.\d{4} with num_epochs 1$", lines[0][1])
    assert "2 of 200 settings" in lines[1][1]
    assert lines[-1][1].startswith("Interrupted: the ") and not errors
    run("assert search.interrupted_ and 3 <= len(results_table(search)) < 200, len(results_table(search))")
    run("""
        small = GridSearch(RatingRegressor(num_users=1000, num_movies=2000), {"num_epochs": [1]}, scoring=RMSE, cv=2)
        with on_all_cores(2):
            assert not small.fit(X[:4000], y[:4000]).interrupted_
    """)
    assert not errors
