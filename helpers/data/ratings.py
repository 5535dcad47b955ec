"""From ratings and patients to tensors: loading, numbering, splitting, standardising."""

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
import sklearn.datasets
import torch
from sklearn.model_selection import train_test_split
from torch import Tensor

from helpers.checks import LessonError, one_of, seed_number, share, switch
from helpers.data import embedded, movielens
from helpers.data.embedded import Truth

__all__ = ["Ratings", "Samples", "Split", "Truth", "load_diabetes", "load_ratings", "split", "standardise"]


@dataclass(frozen=True, eq=False)
class Samples:
    """Training data on one device; `samples[index]` is a batch.

    inputs: (N, features) floats, or (N, 2) int64 rows [user, movie] for ratings.
    targets: (N,) floats: what is to be predicted.
    """

    inputs: Tensor
    targets: Tensor

    def __post_init__(self) -> None:
        if not (isinstance(self.inputs, Tensor) and isinstance(self.targets, Tensor)):
            raise LessonError("Samples need tensors: torch.as_tensor(array) makes one of an array or a list.")
        if self.inputs.device != self.targets.device:
            raise LessonError(
                f"The inputs are on {self.inputs.device} and the targets on {self.targets.device}: "
                "move both to one device."
            )
        if self.inputs.ndim != 2 or self.targets.ndim != 1 or len(self.inputs) != len(self.targets):
            raise LessonError(
                "Samples need inputs of shape (N, features) and targets of shape (N,); "
                f"you gave {tuple(self.inputs.shape)} and {tuple(self.targets.shape)}."
            )
        if len(self.targets) == 0:
            raise LessonError("Samples need at least one sample; you gave none.")

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: Tensor | slice) -> tuple[Tensor, Tensor]:
        if isinstance(index, Tensor) and index.dtype == torch.int64 and index.ndim == 1:
            # The same as inputs[index] for row numbers from 0, in less time: measured, 4 to 18 % of a whole update.
            return self.inputs.index_select(0, index), self.targets.index_select(0, index)
        return self.inputs[index], self.targets[index]

    def __repr__(self) -> str:
        kind = str(self.targets.dtype).removeprefix("torch.")
        return f"Samples({len(self):,} × {self.inputs.shape[1]}, {kind}, {self.device})"

    @property
    def device(self) -> torch.device:
        return self.targets.device

    def to(self, device_or_dtype: torch.device | torch.dtype | str) -> "Samples":
        """The same samples on another device, or in another precision (row numbers stay whole numbers)."""
        if not isinstance(device_or_dtype, torch.dtype):
            return Samples(self.inputs.to(device_or_dtype), self.targets.to(device_or_dtype))
        inputs = self.inputs.to(device_or_dtype) if self.inputs.is_floating_point() else self.inputs
        return Samples(inputs, self.targets.to(device_or_dtype))


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
        rows = self.table if index is None else self.table.iloc[index]
        inputs = torch.tensor(rows[["user", "movie"]].to_numpy(), dtype=torch.int64, device=device)
        return Samples(inputs, torch.tensor(rows["rating"].to_numpy(), dtype=torch.float32, device=device))


def _row_of(kind: str, published: int, ids: np.ndarray, name: str) -> int:
    row = int(np.searchsorted(ids, published)) if isinstance(published, int | np.integer) else len(ids)
    if row == len(ids) or ids[row] != published:
        raise LessonError(
            f"There is no rating with {kind} id {published!r} in {name!r}: its {kind} ids lie between {ids[0]} and "
            f"{ids[-1]}, such as {ids[len(ids) // 2]}."
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
    test_size = share("test_size", test_size)
    by = one_of("by", by, ("random", "time"))
    seed = seed_number("seed", seed)
    num_validation = int(np.ceil(test_size * len(ratings)))  # as scikit-learn rounds
    if num_validation >= len(ratings):
        raise LessonError(
            f"test_size={test_size} of {len(ratings)} ratings leaves nothing to train on; take a smaller share."
        )
    if by == "random":
        train_index, validation_index = train_test_split(
            np.arange(len(ratings)), test_size=test_size, random_state=seed
        )
    else:
        oldest_first = np.argsort(ratings.table["timestamp"].to_numpy(), kind="stable")
        train_index, validation_index = np.split(oldest_first, [len(ratings) - num_validation])
    return Split(
        ratings.samples(train_index, device), ratings.samples(validation_index, device), train_index, validation_index
    )


def load_ratings(
    source: str | os.PathLike = "embedded", cache: str | None = None, mirror: str | None = None
) -> Ratings:
    """Ratings by name or from a folder of your own.

    source: "embedded" (invented, instant, no network), a MovieLens set ("ml-latest-small", "ml-100k", "ml-1m",
        "ml-20m", "ml-25m": downloaded once, checked by its SHA-256), or the path of an unpacked MovieLens folder or of
        a ratings.csv of your own.
    cache: the folder that keeps downloads; mirror: the address of a folder that holds the same archives.
    Raises `LessonError`, in one sentence, for an unknown source, a failed download and malformed files.
    """
    # A table would be compared with the name cell by cell.
    if isinstance(source, str) and source == "embedded":
        pieces = _embedded()
        # pandas copies on write: what a learner changes in these tables stays theirs.
        return Ratings(
            "embedded", pieces[0].copy(deep=False), pieces[1].copy(deep=False), pieces[2], (0.5, 5.0), pieces[3]
        )
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


def load_diabetes(
    test_size: float = 0.2,
    seed: int = 42,
    standardise_targets: bool = False,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> tuple[Samples, Samples]:
    """scikit-learn's diabetes set as (train, validation): 442 patients, 10 measurements each, and how the disease went.

    Split as `train_test_split(..., random_state=seed)` does, and standardised with the training part's means and
    standard deviations. Targets (25 to 346, a score without a unit) stay as they are unless `standardise_targets`.
    Source: Efron et al. (2004), Least Angle Regression, Annals of Statistics 32(2).
    """
    test_size, seed = share("test_size", test_size), seed_number("seed", seed)
    inputs, targets = sklearn.datasets.load_diabetes(return_X_y=True)
    if not 1 <= np.ceil(test_size * len(targets)) < len(targets):
        raise LessonError(
            f"test_size={test_size} of {len(targets)} patients leaves nothing to train on; take a smaller share."
        )
    parts = train_test_split(inputs, targets, test_size=test_size, random_state=seed)
    train_inputs, validation_inputs = standardise(*parts[:2])
    train_targets, validation_targets = parts[2:]
    if switch("standardise_targets", standardise_targets):
        train_targets, validation_targets = standardise(train_targets, validation_targets)

    def place(array: np.ndarray) -> Tensor:
        return torch.tensor(array, dtype=dtype, device=device)

    train = Samples(place(train_inputs), place(train_targets))
    return train, Samples(place(validation_inputs), place(validation_targets))


def standardise(train: np.ndarray, validation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both parts with the training part's mean taken off and divided by its standard deviation, column by column.

    The validation part plays no part in the statistics: it stands for patients not met yet.
    """
    mean, spread = train.mean(axis=0), train.std(axis=0)
    # A constant column stays at zero: its spread is 0 but for the rounding of its mean, and must not scale that up.
    spread = np.where(np.ptp(train, axis=0) == 0, 1.0, spread)
    return (train - mean) / spread, (validation - mean) / spread
