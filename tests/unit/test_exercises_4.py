"""The exercises of notebook 4 take right answers in any form, and name the mistake in a wrong one."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import ShuffleSplit, train_test_split

from helpers.data import load_ratings, split
from helpers.exercises import check
from helpers.search import RMSE, GridSearch, RandomSearch, RatingRegressor, SearchSpace, arrays, linear, log


def rounds_with(given: tuple[int, ...], left: Callable[[int, int], int]) -> int:
    num_models, first_epochs, factor, num_rounds = given
    total = 0
    for number in range(num_rounds):
        total += num_models * first_epochs * factor**number
        num_models = left(num_models, factor)
    return total


def halving(*given: int) -> int:
    return rounds_with(given, lambda models, factor: math.ceil(models / factor))


def rounded_down(num_models: int, first_epochs: int, factor: int, num_rounds: int) -> int:
    return sum(num_models // factor**number * first_epochs * factor**number for number in range(num_rounds))


def best_within(epochs: pd.DataFrame, seconds: float) -> float | None:
    losses = epochs.loc[epochs["seconds"] <= seconds, "validation_loss"]
    return losses.min() if len(losses) else None


def longer_only_once(num_models: int, first_epochs: int, factor: int, num_rounds: int) -> int:
    epochs = [first_epochs] + [first_epochs * factor] * (num_rounds - 1)
    return sum(num_models // factor**number * epochs[number] for number in range(num_rounds))


SIZE_8 = {"embedding_dim": 8, "learning_rate": 0.01, "weight_decay": 0.08, "num_epochs": 5}


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("4.1", 10), ("4.1", 10.0), ("4.1", torch.tensor(10)), ("4.1", math.ceil(80_000 / 8192)),
        ("4.2", "c"), ("4.2", "C"), ("4.2", "(c)"),
        ("4.3", halving), ("4.4", "c"),
        ("4.5", [195_000, 2.34]), ("4.5", (195_000, 2.34)), ("4.5", np.array([195_000, 2.34])),
        ("4.6", best_within), ("4.7", SIZE_8), ("4.7", SIZE_8 | {"optimizer": "Adam"}),
        ("4.7", SIZE_8 | {"num_epochs": np.int64(5)}),
        ("4.7", SIZE_8 | {"batch_size": 1000}),  # 400 updates, the whole budget
    ],
)  # fmt: skip
def test_right_answers(name: str, answer: object) -> None:
    reply = check(name, answer)
    assert reply.passed, reply


@pytest.mark.parametrize(
    ("name", "answer", "hint"),
    [
        ("4.1", 9, "rounded down"), ("4.1", 80_000 / 8192, "did not round"), ("4.1", 79, "batches of 1,024"),
        ("4.1", 100, "ten epochs"), ("4.1", 13, "trains on 80,000"),
        ("4.2", "a", "among themselves"), ("4.2", "b", "cannot show"), ("4.2", "d", "neither was compared"),
        ("4.3", lambda models, first, factor, rounds: None, "return"),
        ("4.3", lambda models, first, factor, rounds: models * first * 10, "After the first round"),
        ("4.3", lambda models, first, factor, rounds: sum(first * factor**n for n in range(rounds)), "How many models"),
        ("4.3", rounded_down, "rounds up"), ("4.3", longer_only_once, "the same for all rounds"),
        ("4.3", lambda models, first, factor, rounds: sum(models // factor**n * first for n in range(rounds)),
         "the same for all rounds"),
        ("4.3", lambda *given: rounds_with(given, lambda models, factor: (models + 1) // factor), "(7, 1, 3, 2)"),
        ("4.3", lambda *given: rounds_with(given, lambda n, factor: n // factor + n % factor), "(8, 1, 3, 2)"),
        ("4.4", "a", "luck"), ("4.4", "b", "collects"), ("4.4", "d", "luckier"),
        ("4.5", [192_000, 2.304], "biases"), ("4.5", [195_000, 0.78], "weights alone"),
        ("4.5", [195_000, 3.12], "Adam"),
        ("4.5", [195_000, 2_340_000], "megabyte"),
        ("4.6", lambda epochs, seconds: None, "return"),
        ("4.6", lambda epochs, seconds: epochs["validation_loss"], "other than what was asked for"),
        ("4.6", lambda epochs, seconds: epochs["validation_loss"].min(), "not ended yet"),
        ("4.6", lambda epochs, seconds: epochs[epochs.seconds <= seconds]["validation_loss"].iloc[-1], "last loss"),
        ("4.6", lambda epochs, seconds: epochs[epochs.seconds <= seconds]["epoch"].max(), "number of an epoch"),
        ("4.6", lambda epochs, seconds: epochs["validation_loss"].idxmin(), "number of an epoch"),
        ("4.6", lambda epochs, seconds: epochs[epochs.seconds <= seconds].validation_loss.min(), "No epoch has ended"),
        ("4.7", "0.01", "dictionary"), ("4.7", {}, "790 updates"),
        ("4.7", {"batch": 4}, "no setting 'batch': there are embedding_dim, num_epochs, "),
        ("4.7", {"num_users": 9}, "no setting 'num_users'"), ("4.7", {"num_movies": 9}, "no setting 'num_movies'"),
        ("4.7", {"patience": 2}, "no setting 'patience'"),
        ("4.7", {"patience_share": 0.1}, "no setting 'patience_share'"),
        ("4.7", {"embedding_dim": 1025}, "1025 numbers is too large to try"),
        ("4.7", {"embedding_dim": 1024, "batch_size": 0}, "batch_size"),  # so many numbers may be tried
        ("4.7", {"batch_size": 0}, "batch_size"), ("4.7", {"num_epochs": 4}, "gets nowhere"),
        ("4.7", {"num_epochs": 2, "learning_rate": 0.005}, "nothing holds the weights back"),
        ("4.7", {"num_epochs": 2, "learning_rate": 0.005, "weight_decay": 0.2}, "How many numbers"),
        ("4.7", {"optimizer": "sgd", "learning_rate": 1e9, "num_epochs": 2}, "diverged"),
        ("4.7", SIZE_8 | {"weight_decay": 0.05, "batch_size": 4096, "num_epochs": 20}, "went on for too long"),
        ("4.8", "GridSearch", "the object itself"),
    ],
)  # fmt: skip
def test_wrong_answers_get_their_own_hint(name: str, answer: object, hint: str) -> None:
    reply = check(name, answer)
    assert reply.passed is False and hint in reply.text, reply


def test_4_6_repeats_no_right_number_as_wrong() -> None:
    """A loss that is right for one budget and wrong for another: the reply names the budget it is wrong for."""
    reply = check("4.6", lambda epochs, seconds: 0.7)
    told = "0.9, 0.7, 0.8, 0.6 after 0.5, 1.0, 1.5, 2.0 seconds the answer for 9 seconds is 0.6; yours says 0.7."
    assert told in reply.text


def test_4_6_may_change_its_table() -> None:
    def spoils(epochs: pd.DataFrame, seconds: float) -> float | None:
        epochs.loc[epochs["seconds"] > seconds, "validation_loss"] = float("nan")
        left = epochs["validation_loss"].dropna()
        return left.min() if len(left) else None

    assert check("4.6", spoils).passed


def test_4_7_trains_what_the_notebooks_regressor_trains() -> None:
    """The same ratings, the plain embedding, the seed that was given; and the error after the last epoch."""
    ratings, settings = load_ratings(), {"learning_rate": 0.01, "num_epochs": 2, "seed": 7}
    parts = train_test_split(split(ratings).train_index, test_size=0.2, random_state=42)
    (X, y), (X_left, y_left) = (arrays(ratings.samples(part)) for part in parts)
    model = RatingRegressor(num_users=ratings.num_users, num_movies=ratings.num_movies, **settings).fit(X, y)
    rmse = root_mean_squared_error(y_left, model.predict(X_left))
    assert f"RMSE {rmse:.3f} at the end" in check("4.7", settings).text


# ---------------------------------------------------------------------------------------- a search of one's own


@pytest.fixture(scope="module")
def few() -> dict:
    """The notebook's fifth of the users, and how its searches validate."""
    ratings = load_ratings()
    X, y = arrays(split(ratings).train)
    theirs = X[:, 0] < 200
    return {"X": X[theirs], "y": y[theirs], "cv": ShuffleSplit(1, test_size=0.2, random_state=42)}


def searching(few: dict, space: dict, number: int = 12, scoring: str = RMSE, fit: bool = True) -> RandomSearch:
    model = RatingRegressor(8, num_users=1000, num_movies=2000, num_epochs=2, learning_rate=0.01, weight_decay=0.1)
    search = RandomSearch(model, space, n_iter=number, random_state=0, cv=few["cv"], scoring=scoring, refit=False)
    return search.fit(few["X"], few["y"]) if fit else search


GOOD = SearchSpace(learning_rate=log(0.01, 0.05), weight_decay=linear(0.08, 0.2), num_epochs=linear(3, 6))


def test_a_good_search_is_right_and_told_that_its_score_flatters(few) -> None:
    reply = check("4.8", searching(few, GOOD))
    assert reply.passed and "chosen for being low" in reply.text, reply
    assert "12 tries over learning_rate, num_epochs, weight_decay, lowest" in reply.text


@pytest.mark.parametrize(
    ("space", "options", "hint"),
    [
        (GOOD, {"fit": False}, "has not run yet"),
        (GOOD, {"fit": False, "scoring": "r2"}, "scoring=RMSE"),
        (GOOD, {"number": 2}, "at least 12 tries"),
        (GOOD, {"number": 1}, "at least 12 tries"),
        ({"num_epochs": [1, 2], "batch_size": [1024]}, {"number": 2}, "over 1 settings"),
        ({"learning_rate": linear(0.0001, 0.1)}, {"fit": False}, "logarithmic scale"),
        ({"learning_rate": linear(0.01, 0.1)}, {"fit": False}, "logarithmic scale"),
        (
            SearchSpace(learning_rate=log(0.0001, 0.0003), weight_decay=linear(0, 0.1), batch_size=log(512, 2048)),
            {}, "It never turned num_epochs",
        ),
        (
            SearchSpace(learning_rate=log(0.0001, 0.0003), weight_decay=linear(0, 0.1), num_epochs=linear(1, 3)),
            {}, "Look at its best rows: which way",
        ),
    ],
)  # fmt: skip
def test_a_search_that_falls_short(few, space: dict, options: dict, hint: str) -> None:
    reply = check("4.8", searching(few, space, **options))
    assert reply.passed is False and hint in reply.text, reply


@pytest.mark.parametrize(
    ("grid", "hint"),
    [
        ({"learning_rate": [0.01, 0.1]}, "has not run yet"), ([{"learning_rate": [0.01, 0.1]}], "has not run yet"),
        (SearchSpace(learning_rate=linear(0.0001, 0.1)), "logarithmic scale"),
    ],
)  # fmt: skip
def test_a_grid_is_a_search_too(grid: object, hint: str) -> None:
    assert hint in check("4.8", GridSearch(RatingRegressor(), grid, scoring=RMSE)).text


@pytest.mark.parametrize("name", [f"4.{number}" for number in range(1, 9)])
def test_no_answer_is_no_mistake(name: str) -> None:
    assert check(name, None).passed is None
    assert check(name, "not an answer").passed is False
