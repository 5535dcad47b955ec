"""What the playground learns from, and what learning it takes."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch

from helpers.checks import LessonError, one_of, positive_int
from helpers.data import Ratings, Samples, files_stamp, load_diabetes, load_ratings, shuffled_parts, split
from helpers.training import OPTIMIZERS
from helpers.training.sample_checks import check_model

BYTES = 4  # of a float32
TEST_SEED = 42  # of the split that holds a test part back: the same for every run
MOST_RATINGS = 2_000_000  # that the page is handed as a file


def num_parameters(model: torch.nn.Module) -> int:
    """How many numbers a model learns."""
    check_model(model)
    return sum(weight.numel() for weight in model.parameters())


def training_bytes(parameters: int, optimizer: str) -> int:
    """Bytes that training keeps for its weights: each one, its gradient, and what the optimiser remembers of it."""
    kept = OPTIMIZERS[one_of("optimizer", optimizer, OPTIMIZERS)].numbers_per_weight
    return BYTES * positive_int("parameters", parameters) * (2 + kept)


class Task(NamedTuple):
    """What a run learns from, and how its loss is measured."""

    train: Samples
    validation: Samples
    metric: str
    floor: float | None  # in the metric
    num_rows: tuple[int, int] | None  # users and movies; None for patients


def load_task(source: str, validation_share: float, seed: int, test_size: float = 0.0) -> Task:
    """Data by name or path, split, and read anew where a file of it has changed; `test_size` of it takes no part.
    Raises `LessonError` for ratings that cannot be had.
    """
    return _task(source, validation_share, seed, test_size, files_stamp(source))


@lru_cache(maxsize=3)  # one for each data: with every new share or seed the former splits are of no use
def _task(source: str, validation_share: float, seed: int, test_size: float, stamp: object) -> Task:
    if source == "diabetes":
        return Task(*load_diabetes(validation_share, seed), "mse", None, None)
    ratings = _ratings(source, stamp)
    known = split(ratings, test_size, seed=TEST_SEED).train_index if test_size else np.arange(len(ratings))
    train_index, validation_index = (known[rows] for rows in shuffled_parts(len(known), validation_share, seed))
    floor = ratings.truth.noise_floor(validation_index) if ratings.truth else None
    parts = ratings.samples(train_index), ratings.samples(validation_index)
    return Task(*parts, "rmse", floor, (ratings.num_users, ratings.num_movies))


@lru_cache(maxsize=2)
def _ratings(source: str, stamp: object) -> Ratings:
    try:
        return load_ratings(source)
    except LessonError as error:
        raise LessonError(f"{error} The playground goes on with the other data.") from error


def ratings_csv(source: str) -> str:
    """Ratings as the program of `program` reads them.
    Raises `LessonError` for the patients, and for more ratings than a page should be handed.
    """
    if source == "diabetes":
        raise LessonError("The patients need no file: they come with scikit-learn.")
    ratings = _ratings(source, files_stamp(source))
    if len(ratings) > MOST_RATINGS:
        raise LessonError(f"{len(ratings):,} ratings are too many for a page: take the file they came from.")
    table = ratings.table[["user_id", "movie_id", "rating"]]
    return table.rename(columns={"user_id": "userId", "movie_id": "movieId"}).to_csv(index=False)
