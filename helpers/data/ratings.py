"""Ratings: loading them by name or path, numbering their users and movies, and splitting them."""

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from helpers.checks import LessonError, one_of, seed_number, shown
from helpers.data import embedded, movielens
from helpers.data.embedded import Truth
from helpers.data.samples import Samples, held_back, shuffled_parts
from helpers.devices import on_cpu_unless


@dataclass(frozen=True, repr=False, eq=False)
class Ratings:
    """A table of ratings, with users and movies numbered from 0 so that a number can be a row of an embedding."""

    name: str
    table: pd.DataFrame  # one row per rating: user_id, movie_id, rating, timestamp (seconds), user, movie (row numbers)
    movies: pd.DataFrame  # one row per rated movie, index = row number: movie_id, title, genres ("Action|Sci-Fi"), year
    user_ids: np.ndarray  # (num_users,) sorted: user_ids[row] is the published id
    scale: tuple[float, float]  # lowest and highest possible rating, in stars
    truth: Truth | None = None  # what was planted: embedded ratings only

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        return (
            f"Ratings({self.name!r}: {len(self):,} ratings by {self.num_users:,} users of {self.num_movies:,} movies)"
        )

    @property
    def num_users(self) -> int:
        return len(self.user_ids)

    @property
    def num_movies(self) -> int:
        return len(self.movies)

    @property
    def movie_ids(self) -> np.ndarray:
        """(num_movies,) sorted: movie_ids[row] is the published id."""
        return self.movies["movie_id"].to_numpy()

    def user_row(self, user_id: int) -> int:
        """The row number of a user's published id. Raises `LessonError` for an id without a rating."""
        return _row_of("user", user_id, self.user_ids, self.name)

    def movie_row(self, movie_id: int) -> int:
        """The row number of a movie's published id. Raises `LessonError` for an id without a rating."""
        return _row_of("movie", movie_id, self.movie_ids, self.name)

    def samples(self, index: np.ndarray | None = None, device: torch.device | str | None = None) -> Samples:
        """Ratings as tensors, placed once on the device: inputs (N, 2) int64 [user, movie], targets (N,) float32 stars.

        `index` picks rows of `table` by position (all without it); without a `device` they stay on the CPU.
        """
        device = on_cpu_unless(device)
        try:
            if index is not None and np.ndim(index) == 0 and not isinstance(index, slice):
                raise TypeError("one place is no list of places")
            rows = self.table if index is None else self.table.iloc[index]
        except (TypeError, ValueError, IndexError) as error:
            last = len(self.table) - 1
            raise LessonError(
                f"index picks ratings by their places, 0 to {last:,}; you gave {shown(index)}."
            ) from error
        inputs = torch.tensor(rows[["user", "movie"]].to_numpy(), dtype=torch.int64, device=device)
        return Samples(inputs, torch.tensor(rows["rating"].to_numpy(), dtype=torch.float32, device=device))


def _row_of(kind: str, published: int, ids: np.ndarray, name: str) -> int:
    row = int(np.searchsorted(ids, published)) if isinstance(published, int | np.integer) else len(ids)
    if row == len(ids) or ids[row] != published:
        raise LessonError(
            f"There is no rating with {kind} id {shown(published)} in {name!r}: its {kind} ids lie between {ids[0]} "
            f"and {ids[-1]}, such as {ids[len(ids) // 2]}."
        )
    return row


class Split(NamedTuple):
    """Ratings to train on and ratings held back, as tensors and as positions in `ratings.table`."""

    train: Samples
    validation: Samples
    train_index: np.ndarray
    validation_index: np.ndarray


def split(
    ratings: Ratings,
    test_size: float = 0.2,
    seed: int = 42,
    by: str = "random",
    device: torch.device | str | None = None,
) -> Split:
    """Hold back a share of the ratings for validation.

    by="random" is scikit-learn's `train_test_split` with `random_state=seed`; by="time" holds back the newest ratings,
    so that the past predicts the future (`seed` then plays no part; some users and movies are seen for the first time).
    Raises `LessonError` for a share outside (0, 1), an unknown `by`, or too few ratings for two parts.
    """
    if not isinstance(ratings, Ratings):
        raise LessonError(f"split() takes ratings, such as load_ratings() gives; you gave {shown(ratings)}.")
    test_size = held_back(test_size, len(ratings), "ratings")
    by, seed = one_of("by", by, ("random", "time")), seed_number("seed", seed)
    if by == "random":
        train_index, validation_index = shuffled_parts(len(ratings), test_size, seed)
    else:
        oldest_first = np.argsort(ratings.table["timestamp"].to_numpy(), kind="stable")
        train_index, validation_index = np.split(oldest_first, [-int(np.ceil(test_size * len(ratings)))])
    train, validation = (ratings.samples(index, device) for index in (train_index, validation_index))
    return Split(train, validation, train_index, validation_index)


def load_ratings(
    source: str | os.PathLike = "embedded", cache: str | os.PathLike | None = None, mirror: str | None = None
) -> Ratings:
    """Ratings by name or from a folder of your own.

    source: "embedded" (invented, instant, no network), a MovieLens set ("ml-latest-small", "ml-100k", "ml-1m",
        "ml-20m", "ml-25m": downloaded once, checked by its SHA-256), or the path of an unpacked MovieLens folder or of
        a ratings.csv of your own.
    cache: the folder that keeps downloads (else EPOCH_CACHE, else the system's folder for such things); mirror: the
        address of a folder that holds the same archives (else MOVIELENS_URL). A proxy named by HTTPS_PROXY is used.
    Raises `LessonError`, in one sentence, for an unknown source, a failed download and malformed files.
    """
    if movielens.set_name(source) == "embedded":
        table, movies, user_ids, truth = _embedded()
        # pandas copies on write: what a learner changes in these tables stays theirs.
        return Ratings("embedded", table.copy(deep=False), movies.copy(deep=False), user_ids, (0.5, 5.0), truth)
    name, table, movies, scale = movielens.load(source, cache, mirror)
    return Ratings(name, *_number(table, movies), scale)


@lru_cache(maxsize=1)
def _embedded() -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray, Truth]:
    table, movies, truth = embedded.generate()
    return *_number(table, movies), truth


def _number(table: pd.DataFrame, movies: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Number users and movies 0, 1, 2, … in the order of their ids, and keep only the movies that have a rating."""
    user, user_ids = pd.factorize(table["user_id"].to_numpy(), sort=True)
    movie, movie_ids = pd.factorize(table["movie_id"].to_numpy(), sort=True)
    table = table[["user_id", "movie_id", "rating", "timestamp"]].assign(user=user, movie=movie)
    rated = movies.set_index("movie_id").reindex(movie_ids).rename_axis("movie_id").reset_index().rename_axis("movie")
    rated["title"] = rated["title"].fillna("movie " + rated["movie_id"].astype(str))
    rated["genres"] = rated["genres"].fillna("")
    rated["year"] = rated["year"].astype("Int64")
    user_ids.setflags(write=False)
    return table, rated, user_ids
