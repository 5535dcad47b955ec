"""What a trained collaborative filter is good for: recommending, welcoming a newcomer, reading tastes off vectors."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold, cross_val_predict
from torch import Tensor

from helpers.checks import LARGEST_COUNT, LessonError, is_whole, positive_int, positive_number, shown
from helpers.data import Ratings, Truth
from helpers.data.embedded import BASE_LEVEL, LEVELS, level_chances
from helpers.models import CollaborativeFilter


@torch.no_grad()
def scores_for(model: CollaborativeFilter, user: int) -> Tensor:
    """What the model predicts for every movie for the user in this row: (num_movies,) stars."""
    user = _row("user", user, model.num_users)
    movies = torch.arange(model.num_movies, device=model.mean.device)
    return model(torch.stack([torch.full_like(movies, user), movies], dim=1))


def top(scores: Tensor, n: int = 5, exclude: Iterable[int] | Iterable[bool] = ()) -> list[int]:
    """The row numbers of the n highest scores, highest first, without those in `exclude` (films seen already).

    exclude: row numbers, or a mask with one True or False for every row. Fewer than n come back where fewer are left;
    a score that is not a finite number is left out. Raises `LessonError` for a row that is not there.
    """
    positive_int("n", n)
    if not isinstance(scores, Tensor) or scores.ndim != 1:
        raise LessonError(f"Scores are a tensor with one number for each row, of shape (N,); you gave {shown(scores)}.")
    scores = scores.detach().clone() if scores.is_floating_point() else scores.double()
    scores[_left_out(exclude, len(scores))] = -torch.inf
    scores[~torch.isfinite(scores)] = -torch.inf  # NaN would be the highest of all
    n = min(n, int(torch.isfinite(scores).sum()))
    return scores.topk(n).indices.tolist()


def _left_out(exclude: Any, num_rows: int) -> Tensor:
    """Row numbers or a mask, as a mask of all rows."""
    given = exclude.tolist() if hasattr(exclude, "tolist") else exclude
    rows = [_plain(row) for row in given] if isinstance(given, Iterable) else [given]
    if len(rows) == num_rows and all(isinstance(row, bool) for row in rows):
        return torch.tensor(rows)
    if not all(_is_row(row, num_rows) for row in rows):
        raise LessonError(
            f"What is left out is a list of row numbers from 0 to {num_rows - 1}, or one True or False for each of the "
            f"{num_rows} rows; you gave {shown(exclude)}."
        )
    mask = torch.zeros(num_rows, dtype=torch.bool)
    mask[torch.tensor(rows, dtype=torch.int64)] = True
    return mask


def similarity(vectors: Tensor, vector: Tensor) -> Tensor:
    """The cosine of the angle between `vector` (d,) and every row of `vectors` (rows, d): 1 is the same direction."""
    return torch.nn.functional.cosine_similarity(vectors, vector.unsqueeze(0), dim=1)


def similar(vectors: Tensor, movie: int, n: int = 5, exclude: Iterable[int] | Iterable[bool] = ()) -> list[int]:
    """The n movies whose vectors point most nearly where this movie's does, itself and those in `exclude` left out."""
    movie = _row("movie", movie, len(vectors))
    left_out = _left_out(exclude, len(vectors))
    left_out[movie] = True
    return top(similarity(vectors, vectors[movie]), n, left_out)


def _row(kind: str, row: Any, num_rows: int) -> int:
    row = _plain(row)
    if not _is_row(row, num_rows):
        raise LessonError(
            f"A {kind} is a row number from 0 to {num_rows - 1}: ratings.{kind}_row(id) finds it; "
            f"you gave {shown(row)}."
        )
    return int(row)


def _is_row(row: object, num_rows: int) -> bool:
    return is_whole(row) and 0 <= row < num_rows


def _plain(value: object) -> Any:
    """A single number of NumPy or PyTorch as Python's own; anything else as it is."""
    return value.item() if isinstance(value, Tensor | np.ndarray | np.generic) and value.ndim == 0 else value


@dataclass(frozen=True, eq=False)
class Newcomer:
    """A user the model was not trained on.

    bias: () stars. vector: (d,).
    scores: (num_movies,) predicted stars.
    reasons: (num_movies, n) how many stars each of the n ratings given adds to each prediction; with the model's mean
        and the movie's bias they add up to `scores` exactly.
    left_over: (n,) how many stars each rating lies above the model's mean with the movie's bias.
    """

    bias: Tensor
    vector: Tensor
    scores: Tensor
    reasons: Tensor
    left_over: Tensor


@torch.no_grad()
def fold_in(model: CollaborativeFilter, movies: Sequence[int], stars: Sequence[float], penalty: float) -> Newcomer:
    """The bias and vector that fit a new user's ratings best while every movie stays as it is.

    The lowest point of

        sum_i (y_i - bias - vector · q_i)^2 + penalty · (bias^2 + |vector|^2)

    with y_i = stars_i - mean - movie bias_i: a ridge regression, solved rather than trained. With penalty = n · weight
    decay for n ratings it is the user's part of the training objective, one step of the alternating least squares in
    Koren, Bell & Volinsky (2009), "Matrix factorization techniques for recommender systems". A fixed penalty, such
    as 2, trusts a few ratings less than many; notebook 3 chooses one, and measures what it gains.

    Args:
        movies: row numbers of the n rated movies, each once. stars: their ratings.
        penalty: what the squared length of the new row costs, in stars².

    Raises `LessonError` without ratings, for unequal lengths, a movie rated twice or unknown, stars that are not
    numbers, a penalty that is not above zero (a few ratings cannot settle that many numbers), or a model without biases
    or vectors.
    """
    penalty = positive_number("penalty", penalty)
    if not isinstance(movies, Iterable) or not isinstance(stars, Iterable):
        raise LessonError(f"Give a list of movies and a list of their stars; you gave {shown(movies)}, {shown(stars)}.")
    # Tensors of one number are never equal in a set: numbers are.
    movies, stars = [_plain(movie) for movie in movies], [_plain(star) for star in stars]
    vectors, movie_bias = _tables(model, movies, stars)
    ones = torch.ones_like(movie_bias).unsqueeze(1)  # what the bias multiplies
    everything = torch.cat([ones, vectors], dim=1)  # (movies, 1 + d)
    rows = torch.tensor(movies, dtype=torch.int64, device=vectors.device)
    rated, given = everything[rows], torch.as_tensor(stars, dtype=vectors.dtype).to(vectors.device)
    left_over = given - model.mean - movie_bias[rows]
    gram = rated.T @ rated + penalty * torch.eye(rated.shape[1]).to(vectors)
    solver = torch.linalg.solve(gram, rated.T)  # (1 + d, n): how the row answers to each rating
    row = solver @ left_over
    reasons = everything @ solver * left_over
    return Newcomer(row[0], row[1:], model.mean + movie_bias + reasons.sum(1), reasons, left_over)


def _tables(model: CollaborativeFilter, movies: Sequence[int], stars: Sequence[float]) -> tuple[Tensor, Tensor]:
    """The movies' vectors (movies, d) and biases (movies,), of a model and ratings that can be folded in."""
    if not hasattr(model, "movie_bias") or model.movie_bias is None or model.movie_embedding is None:
        raise LessonError("Folding in needs a model with biases and embeddings.")
    if len(movies) == 0 or len(movies) != len(stars):
        counts = f"{len(movies)} movies and {len(stars)} ratings"
        raise LessonError(f"Give one rating for each movie, and at least one: there are {counts}.")
    if not all(_is_row(movie, model.num_movies) for movie in movies):
        raise LessonError(f"Movies are row numbers from 0 to {model.num_movies - 1}: ratings.movie_row(id) finds them.")
    if len(set(movies)) != len(movies):
        raise LessonError("A movie is in the list twice: give each of them one rating.")
    for star in stars:
        if not isinstance(star, Real) or not abs(star) < math.inf or abs(star) > LARGEST_COUNT:
            raise LessonError(f"Ratings are numbers of stars, such as 4.5; you gave {shown(star)}.")
    return model.movie_embedding.weight, model.movie_bias.weight.squeeze(1)


def strongest_reason(newcomer: Newcomer, movie: int, titles: Sequence[str], least: float = 0.01) -> str:
    """Which of the newcomer's ratings adds most to the prediction for this movie, in words.

    titles: of the rated movies, in the order in which they were folded in. Below `least` stars nothing is named.
    """
    stars, place = newcomer.reasons[movie].max(0)
    if stars < least:
        return "because everybody likes it"
    # The newcomer gave more than the model expected of anybody, or less: liked and disliked, seen from the model.
    feeling = "liked" if newcomer.left_over[place] > 0 else "did not like"
    return f"because you {feeling} {titles[int(place)]}"


def true_stars(truth: Truth) -> np.ndarray:
    """What each user would give each movie on average, drift aside, in stars: (users, movies). An oracle's scores."""
    leaning = BASE_LEVEL + truth.user_bias[:, None] + truth.movie_bias + truth.user_tastes @ truth.movie_tastes.T
    return np.stack([level_chances(row) @ LEVELS for row in leaning])


def genre_table(ratings: Ratings, least: int = 1) -> pd.DataFrame:
    """Which movie has which genre: one row per movie, one boolean column per genre on `least` movies or more."""
    table = ratings.movies["genres"].str.get_dummies("|").astype(bool)
    return table.loc[:, table.sum() >= positive_int("least", least)]


def genre_tastes(user_vectors: Tensor, movie_vectors: Tensor, genres: pd.DataFrame) -> pd.DataFrame:
    """How many stars more each user's taste adds to a genre's average movie than to an average one: (users, genres).

    user_vectors: (users, d). movie_vectors: (movies, d). genres: as `genre_table` makes it, one row per movie.
    """
    average = movie_vectors.mean(0)
    centres = torch.stack([movie_vectors[torch.as_tensor(genres[name].to_numpy(copy=True))].mean(0) for name in genres])
    tastes = user_vectors @ (centres - average).T
    return pd.DataFrame(tastes.detach().cpu().numpy(), columns=list(genres))


def genre_readability(vectors: Tensor, genres: pd.DataFrame, seed: int = 42) -> float:
    """How well genres can be read off vectors that were never told them: 0.5 is a coin, 1 is perfect.

    A ridge regression learns each genre from the vectors of four fifths of the movies and reads the last fifth, in
    turn. The figure is the area under the ROC curve, averaged over genres: of a movie with the genre and one without,
    how often the one with it is read as the likelier (Hanley & McNeil 1982, Radiology 143).

    vectors: (movies, d), genres: (movies, genres) booleans, each genre on two movies at least.
    """
    inputs = vectors.detach().cpu().numpy()
    ridge = Ridge(alpha=0.1 * inputs.var() * len(inputs))
    folds = KFold(5, shuffle=True, random_state=seed)
    read = cross_val_predict(ridge, inputs, genres.to_numpy(dtype=float), cv=folds)
    return float(roc_auc_score(genres.to_numpy(), read, average="macro"))


def taste_recovery(
    model: CollaborativeFilter, truth: Truth, movies: np.ndarray | None = None, shuffles: int = 20, seed: int = 42
) -> tuple[float, np.ndarray]:
    """The correlation between learned and planted tastes, and the same after shuffling the planted ones.

    For every pair of a user and a movie, the learned taste is the dot product of their vectors and the planted taste
    that of `truth`; what is common to a user's or a movie's pairs is taken off both, since biases can hold it too.
    Shuffling hands each movie another one's planted taste: what is left then is luck, the floor of the score.

    Returns (score, floors of shape (shuffles,)); `movies` picks rows, all by default.
    """
    if model.user_embedding is None or model.movie_embedding is None:
        raise LessonError("A model without embeddings has learned no tastes: give it an embedding_dim of 1 or more.")
    if not isinstance(truth, Truth):
        raise LessonError("Only invented ratings come with the true tastes: real ones have no truth to compare with.")
    movies = np.arange(len(truth.movie_tastes)) if movies is None else np.asarray(movies)
    vectors = model.movie_embedding.weight.detach().cpu().double().numpy()[movies]
    learned = _pairs(model.user_embedding.weight.detach().cpu().double().numpy(), vectors)
    random = np.random.RandomState(seed)
    planted = [truth.movie_tastes[movies]] + [truth.movie_tastes[random.permutation(movies)] for _ in range(shuffles)]
    scores = [float((learned * _pairs(truth.user_tastes, tastes)).mean()) for tastes in planted]
    return scores[0], np.array(scores[1:])


def _pairs(user_side: np.ndarray, movie_side: np.ndarray) -> np.ndarray:
    """Dot products of all pairs, centred over users and over movies, scaled to mean square 1."""
    # Centring the factors centres their products over both.
    pairs = (user_side - user_side.mean(0)) @ (movie_side - movie_side.mean(0)).T
    return pairs / np.sqrt((pairs**2).mean())


def map_axes(vectors: Tensor) -> Tensor:
    """The two directions (d, 2) in which vectors (rows, d) differ most, for drawing them on paper: `vectors @ axes`.

    The first two principal components; of the two signs each could have, the one whose largest number is positive.
    """
    _, _, directions = torch.linalg.svd(vectors - vectors.mean(0), full_matrices=False)
    axes = directions[:2].T
    largest = axes.gather(0, axes.abs().argmax(0, keepdim=True))
    return axes * largest.sign()


def around(places: np.ndarray, names: Sequence[str]) -> list[str]:
    """Names in the order in which their places (names, 2) lie around the origin.

    A circle has no beginning and two directions: it is read from the first name in the alphabet towards the earlier of
    its two neighbours, so that a turned or mirrored map reads the same.
    """
    circle = [names[place] for place in np.argsort(np.arctan2(places[:, 1], places[:, 0]))]
    start = circle.index(min(circle))
    circle = circle[start:] + circle[:start]
    return circle if circle[1] < circle[-1] else circle[:1] + circle[:0:-1]
