"""Recommending, folding in, and reading tastes; and the figures the course promises for its recommender."""

import os
import re
from fractions import Fraction
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import Ridge

from helpers.checks import LessonError, shown
from helpers.data import Split, load_ratings, split
from helpers.models import CollaborativeFilter, RatingMLP
from helpers.recommender import (
    Newcomer,
    around,
    fold_in,
    genre_readability,
    genre_table,
    genre_tastes,
    map_axes,
    scores_for,
    similar,
    strongest_reason,
    taste_recovery,
    top,
    true_stars,
)
from helpers.training import Config, History, early_stopping, evaluate, iterations_per_epoch, train


@pytest.fixture(scope="module")
def ratings():
    return load_ratings()


@pytest.fixture(scope="module")
def parts(ratings) -> Split:
    return split(ratings)


@pytest.fixture(scope="module")
def model(ratings, parts) -> CollaborativeFilter:
    model = CollaborativeFilter.for_ratings(ratings, parts.train)
    History.of(train(model, parts.train, None, Config(num_epochs=5, learning_rate=0.005, weight_decay=0.08)))
    return model


@pytest.fixture(scope="module")
def movielens():
    folder = os.environ.get("MOVIELENS_DIR")
    if not folder or not (Path(folder) / "ml-latest-small").is_dir():
        pytest.skip("MOVIELENS_DIR names no folder that holds ml-latest-small")
    return load_ratings(Path(folder) / "ml-latest-small")


def small_model(num_movies: int = 7, seed: int = 3) -> CollaborativeFilter:
    """A double-precision model with rows of visible size, biases included."""
    model = CollaborativeFilter(4, num_movies, 3, mean=3.4).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.7, generator=generator)
    return model


# ---------------------------------------------------------------------------------------- the promised figures


def test_the_embedded_split_has_98_iterations_an_epoch_the_last_of_672(parts):
    assert len(parts.train) == 100_000
    assert iterations_per_epoch(len(parts.train), 1024) == 98
    assert len(parts.train.targets.split(1024)[-1]) == 672


def test_the_trained_model_comes_within_a_tenth_of_the_noise_floor(ratings, parts, model):
    floor = ratings.truth.noise_floor(parts.validation_index)
    assert floor < evaluate(model, parts.validation) ** 0.5 < 1.1 * floor


@pytest.mark.parametrize("embedding_dim", [0, 2, 50])
@pytest.mark.parametrize("weight_decay", [0.0, 0.08])
def test_no_model_passes_the_noise_floor_at_any_epoch(ratings, parts, embedding_dim, weight_decay):
    floor = ratings.truth.noise_floor(parts.validation_index)
    model = CollaborativeFilter.for_ratings(ratings, parts.train, embedding_dim)
    settings = Config(num_epochs=8, learning_rate=0.01, weight_decay=weight_decay)
    history = History.of(train(model, parts.train, parts.validation, settings))
    assert history.best_validation_loss**0.5 > floor


def test_movielens_at_the_textbook_defaults(movielens):
    parts = split(movielens, seed=42)
    model = CollaborativeFilter.for_ratings(movielens, parts.train, 50)
    settings = Config(num_epochs=10, batch_size=1024, learning_rate=0.001)
    history = History.of(train(model, parts.train, parts.validation, settings))
    assert history.epochs["validation_loss"].iloc[-1] ** 0.5 == pytest.approx(0.887, abs=0.005)


def test_movielens_with_weight_decay_and_longer_steps(movielens):
    parts = split(movielens, seed=42)
    model = CollaborativeFilter.for_ratings(movielens, parts.train, 50)
    settings = Config(num_epochs=3, batch_size=1024, learning_rate=0.01, weight_decay=0.05)
    history = History.of(train(model, parts.train, parts.validation, settings))
    assert history.best_validation_loss**0.5 <= 0.865


# ---------------------------------------------------------------------------------------- recommending


def test_scores_are_the_models_own_predictions():
    model = small_model()
    inputs = torch.tensor([[2, movie] for movie in range(7)])
    assert torch.equal(scores_for(model, 2), model(inputs).detach())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_top_is_sorted_and_leaves_out_what_was_seen(dtype):
    scores = torch.tensor([3.0, 5.0, 1.0, 4.0, 2.0], dtype=dtype)
    assert top(scores, 3) == [1, 3, 0]
    assert top(scores, 3, exclude=[1, 0]) == [3, 4, 2]
    assert top(scores, 99, exclude=[1]) == [3, 0, 4, 2]
    assert scores.tolist() == [3.0, 5.0, 1.0, 4.0, 2.0]


def test_top_takes_whole_numbers_and_leaves_out_what_is_no_number():
    assert top(torch.tensor([3, 5, 1]), 2) == [1, 0]
    assert top(torch.tensor([3.0, torch.nan, 5.0, torch.inf]), 3) == [2, 0]


@pytest.mark.fault("one sentence")
@pytest.mark.parametrize("row", [7, -1, 1.0, True, "1"])
def test_a_row_that_is_not_there_is_refused_in_a_sentence(row):
    given = f"ratings.*_row\\(id\\) finds it; you gave {row!r}"
    with pytest.raises(LessonError, match=f"A user is a row number from 0 to 3: {given}"):
        scores_for(small_model(), row)
    with pytest.raises(LessonError, match=f"A movie is a row number from 0 to 6: {given}"):
        similar(torch.ones(7, 2), row)


@pytest.mark.fault("one sentence")
@pytest.mark.parametrize(
    ("scores", "n", "words"),
    [
        ([1.0, 2.0], 1, r"^Scores are a tensor .* you gave \[1\.0, 2\.0\]\.$"),
        (torch.ones(1, 2), 1, r"^Scores are a tensor .* you gave tensor\(\[\[1"),
        (torch.ones(2), 0, r"^n must be a whole number of 1 or more"),
    ],
)
def test_what_top_cannot_rank(scores, n, words):
    with pytest.raises(LessonError, match=words):
        top(scores, n)


MASK = [True, False, False, True, False]


@pytest.mark.parametrize(
    "exclude",
    [MASK, np.array(MASK), torch.tensor(MASK), pd.Series(MASK), list(np.array(MASK)), [0, 3]]
    + [
        np.array([0, 3], np.uint8),
        torch.tensor([3, 0], dtype=torch.uint8),
        {0, 3},
        iter([0, 3]),
        pd.Series([0, 3], index=[7, 9]),
    ],
    ids=lambda exclude: type(exclude).__name__,
)
def test_what_is_left_out_may_be_rows_or_a_mask(exclude):
    assert top(torch.tensor([3.0, 5.0, 1.0, 4.0, 2.0]), 9, exclude) == [1, 4, 2]


@pytest.mark.fault("one sentence")
@pytest.mark.parametrize(
    "exclude", [[-1], [5], 7, torch.tensor(7), [1.0], ["1"], "1", None, MASK[:4], [*MASK, True], [True, 2]]
)
def test_a_row_to_leave_out_that_is_not_there_is_refused_in_a_sentence(exclude):
    says = "row numbers from 0 to 4, or one True or False for each of the 5 rows"
    with pytest.raises(LessonError, match=rf"{says}; you gave {re.escape(shown(exclude))}\.$"):
        top(torch.ones(5), 2, exclude)


def test_newcomers_can_be_compared():
    first, second = (fold_in(small_model(), [1, 4], [5.0, 0.5], 0.1) for _ in range(2))
    assert first == first and first != second


def test_rows_and_ratings_may_be_tensors():
    model, stars = small_model(), torch.tensor([5.0, 0.5])
    plain = fold_in(model, [1, 4], [5.0, 0.5], 0.1)
    for movies in (torch.tensor([1, 4]), torch.tensor([1, 4], dtype=torch.uint8), np.array([1, 4], np.uint8)):
        assert torch.equal(fold_in(model, movies, stars, 0.1).scores, plain.scores)
    assert torch.equal(scores_for(model, torch.tensor(2)), scores_for(model, np.int64(2)))


def test_bytes_of_zeros_and_ones_are_rows_too():
    """A mask would pick other films: rows 0 and 1 of type uint8 are rows 0 and 1."""
    rows, model = np.array([1, 0], np.uint8), small_model()
    assert torch.equal(fold_in(model, rows, [5.0, 1.0], 0.1).scores, fold_in(model, [1, 0], [5.0, 1.0], 0.1).scores)


def test_similar_goes_by_direction_not_by_length():
    vectors = torch.tensor([[1.0, 0.0], [9.0, 9.0], [0.2, 0.01], [-5.0, 0.0]])
    assert similar(vectors, 0, 3) == [2, 1, 3]
    assert (
        similar(vectors, 0, 3, exclude=[1])
        == similar(vectors, 0, 3, torch.tensor([False, True, False, False]))
        == [2, 3]
    )


# ---------------------------------------------------------------------------------------- a newcomer


@pytest.mark.parametrize("movies", [[4], [0, 6, 2], [0, 1, 2, 3, 4, 5, 6]])
def test_folding_in_is_the_closed_form_ridge_solution(movies):
    model, stars = small_model(), np.linspace(0.5, 5, len(movies))
    newcomer = fold_in(model, movies, stars, 0.24)

    vectors, biases = model.movie_embedding.weight.detach().numpy(), model.movie_bias.weight.detach().numpy()[:, 0]
    inputs = np.column_stack([np.ones(7), vectors])
    ridge = Ridge(alpha=0.24, fit_intercept=False, solver="svd")
    ridge.fit(inputs[movies], stars - 3.4 - biases[movies])
    assert np.allclose([newcomer.bias, *newcomer.vector], ridge.coef_, atol=1e-9)
    assert np.allclose(newcomer.scores, 3.4 + biases + ridge.predict(inputs), atol=1e-9)


def test_a_trained_models_newcomer_agrees_with_ridge_to_a_millionth_of_a_star(model):
    """In the float32 that training uses by default, against the same solution in float64."""
    movies, stars = [3, 500, 1200, 1999, 77], [5, 1, 4.5, 3, 2]
    newcomer = fold_in(model.double(), movies, stars, 5 * 0.08)
    inputs = np.column_stack([np.ones(model.movie_bias.num_embeddings), model.movie_embedding.weight.detach().numpy()])
    biases = model.movie_bias.weight.detach().numpy()[:, 0]
    targets = np.array(stars) - float(model.mean) - biases[movies]
    ridge = Ridge(alpha=5 * 0.08, fit_intercept=False, solver="cholesky").fit(inputs[movies], targets)
    expected = float(model.mean) + biases + ridge.predict(inputs)
    assert np.abs(newcomer.scores.numpy() - expected).max() < 1e-6


def test_no_neighbouring_row_has_a_lower_objective():
    model, movies, stars = small_model(), [0, 3, 5], torch.tensor([5.0, 1.0, 4.0], dtype=torch.float64)
    newcomer = fold_in(model, movies, stars.tolist(), len(movies) * 0.1)

    def objective(bias, vector):
        films = model.movie_bias.weight[movies, 0] + model.movie_embedding.weight[movies] @ vector
        predicted = model.mean + bias + films
        return ((stars - predicted) ** 2 + 0.1 * (bias**2 + vector @ vector)).mean().item()

    lowest = objective(newcomer.bias, newcomer.vector)
    for direction in torch.eye(3, dtype=torch.float64) * 1e-3:
        assert objective(newcomer.bias, newcomer.vector + direction) > lowest
        assert objective(newcomer.bias, newcomer.vector - direction) > lowest
    assert objective(newcomer.bias + 1e-3, newcomer.vector) > lowest < objective(newcomer.bias - 1e-3, newcomer.vector)


def test_the_reasons_add_up_and_each_belongs_to_its_rating():
    model, movies, stars = small_model(), [1, 4], [5.0, 1.0]
    newcomer = fold_in(model, movies, stars, 0.1)
    with torch.no_grad():
        base = model.mean + model.movie_bias.weight[:, 0]
        assert torch.allclose(base + newcomer.reasons.sum(1), newcomer.scores)
        # A rating that is exactly what mean and movie bias say adds nothing.
        neutral = fold_in(model, movies, [float(base[1]), 1.0], 0.1)
    assert torch.allclose(neutral.reasons[:, 0], torch.zeros(7, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(neutral.reasons[:, 1], newcomer.reasons[:, 1])


@pytest.mark.parametrize(
    ("movies", "stars", "penalty", "words"),
    [
        ([], [], 0.1, "at least one"),
        ([1, 2], [3.0], 0.1, r"one rating for each movie, .* there are 2 movies and 1 ratings\.$"),
        ([1, 1], [3.0, 4.0], 0.1, "^A movie is in the list twice"),
        ([7], [3.0], 0.1, "row numbers from 0 to 6"),
        ([-1], [3.0], 0.1, "row numbers from 0 to 6"),
        ([3.0], [3.0], 0.1, "row numbers from 0 to 6"),
        (torch.tensor([1, 1]), [3.0, 4.0], 0.1, "twice"),
        ([1], [float("nan")], 0.1, "Ratings are numbers of stars, .* you gave nan"),
        ([1, 2], [3.0, -float("inf")], 0.1, "Ratings are numbers of stars, .* you gave -inf"),
        ([1], ["5"], 0.1, "Ratings are numbers of stars, .* you gave '5'"),
        ([1], [3.0], 0.0, "penalty"),
    ],
)
def test_bad_ratings_of_a_newcomer_are_refused_in_a_sentence(movies, stars, penalty, words):
    with pytest.raises(LessonError, match=words):
        fold_in(small_model(), movies, stars, penalty)


def test_a_model_without_vectors_cannot_fold_in():
    with pytest.raises(LessonError, match=r"^Folding in needs a model with biases and embeddings"):
        fold_in(CollaborativeFilter(4, 7, 0), [1], [3.0], 0.1)
    with pytest.raises(LessonError, match="biases and embeddings"):
        fold_in(RatingMLP(4, 7, 2), [1], [3.0], 0.1)


def test_real_ratings_have_no_tastes_to_recover():
    with pytest.raises(LessonError, match=r"^Only invented ratings come .* no truth to compare with\.$"):
        taste_recovery(small_model(), None)


# ---------------------------------------------------------------------------------------- what the vectors know


def test_the_oracle_ranks_by_what_was_planted(ratings):
    """Its stars are near the best possible prediction of each rating: drift alone, which it leaves out, moves those."""
    stars = true_stars(ratings.truth)
    assert stars.shape == (ratings.num_users, ratings.num_movies)
    table = ratings.table
    off = ratings.truth.expected_rating - stars[table["user"], table["movie"]]
    assert -0.25 < off.mean() < 0 and off.std() < 0.15  # users grow stricter
    first = np.argsort(table["timestamp"].to_numpy())[:5_000]
    assert abs(off[first].mean()) < 0.04


def test_genre_table_names_genres_and_leaves_out_rare_and_unlisted_ones(ratings):
    table = genre_table(ratings)
    assert table.shape == (ratings.num_movies, len(ratings.truth.genres))
    some = ratings.movies.iloc[17]
    assert sorted(table.columns[table.iloc[17]]) == sorted(some["genres"].split("|"))
    assert genre_table(ratings, least=10**6).empty


def test_a_genre_on_one_film_is_listed_unless_more_are_asked_for():
    few = SimpleNamespace(movies=pd.DataFrame({"genres": ["rare|twice", "twice|often", "often", "often"]}))
    assert list(genre_table(few)) == ["often", "rare", "twice"]
    assert list(genre_table(few, least=2)) == ["often", "twice"]
    with pytest.raises(LessonError, match=r"^least must be"):
        genre_table(few, least=0)


def test_genre_tastes_are_stars_above_the_average_movie():
    genres = pd.DataFrame({"a": [True, True, False, False], "b": [False, False, False, True]})
    vectors = torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 0.0], [0.0, 8.0]])
    tastes = genre_tastes(torch.tensor([[1.0, -1.0], [1.0, 2.0]]), vectors, genres)
    for user, (one, other) in enumerate([(1, -1), (1, 2)]):
        assert tastes.loc[user, "a"] == pytest.approx((2 - 1) * one + (0 - 2) * other)
        assert tastes.loc[user, "b"] == pytest.approx((0 - 1) * one + (8 - 2) * other)


def test_genres_are_readable_from_vectors_that_hold_them_and_not_from_noise():
    generator = torch.Generator().manual_seed(0)
    genres = pd.DataFrame(torch.rand(600, 3, generator=generator).lt(0.3).numpy(), columns=list("abc"))
    noise = torch.randn(600, 8, generator=generator)
    told = noise.clone()
    told[:, :3] += 6 * torch.as_tensor(genres.to_numpy(copy=True)).float()
    assert genre_readability(noise, genres) == pytest.approx(0.5, abs=0.05)
    assert genre_readability(told, genres) > 0.95
    # The same films in the same parts, unless another seed is asked for.
    assert genre_readability(noise, genres) == genre_readability(noise, genres, seed=42)
    assert genre_readability(noise, genres) != genre_readability(noise, genres, seed=43)


def test_vectors_as_long_as_there_are_films_do_not_drown_a_genre():
    """What a regression without a penalty reads off them is noise."""
    generator = torch.Generator().manual_seed(0)
    genres = pd.DataFrame(torch.rand(100, 3, generator=generator).lt(0.5).numpy(), columns=list("abc"))
    vectors = torch.randn(100, 80, generator=generator)
    vectors[:, :3] += 3 * torch.as_tensor(genres.to_numpy(copy=True)).float()
    assert genre_readability(vectors, genres) > 0.8


def test_training_finds_genres_and_planted_tastes_that_the_start_knows_nothing_of(ratings, parts, model):
    start = CollaborativeFilter.for_ratings(ratings, parts.train)
    genres = genre_table(ratings)
    assert genre_readability(start.movie_embedding.weight, genres) == pytest.approx(0.5, abs=0.05)
    assert genre_readability(model.movie_embedding.weight, genres) > 0.7
    score, floors = taste_recovery(model, ratings.truth)
    assert score > 0.45 > 10 * np.abs(floors).max()
    assert abs(taste_recovery(start, ratings.truth)[0]) < 0.05


def test_the_truth_itself_is_recovered_whatever_the_rotation(ratings):
    rotation = np.linalg.qr(np.random.RandomState(1).standard_normal((8, 8)))[0]
    model = CollaborativeFilter(ratings.num_users, ratings.num_movies, 8).double()
    with torch.no_grad():
        model.user_embedding.weight.copy_(torch.as_tensor(ratings.truth.user_tastes @ rotation))
        model.movie_embedding.weight.copy_(torch.as_tensor(ratings.truth.movie_tastes @ rotation))
        model.user_embedding.weight += 3  # everybody's taste alike: a bias could hold it
    score, floors = taste_recovery(model, ratings.truth, shuffles=5)
    assert score == pytest.approx(1)
    assert len(floors) == 5
    some = np.arange(40)
    score, floors = taste_recovery(model, ratings.truth, some)
    assert score == pytest.approx(1) and len(floors) == 20
    assert np.array_equal(floors, taste_recovery(model, ratings.truth, some, seed=42)[1])
    assert not np.array_equal(floors, taste_recovery(model, ratings.truth, None)[1])
    with pytest.raises(LessonError, match=r"^A model without embeddings has learned no tastes"):
        taste_recovery(CollaborativeFilter(ratings.num_users, ratings.num_movies, 0), ratings.truth)


@pytest.mark.parametrize("mirror", [1, -1])
@pytest.mark.parametrize("turn", [0.0, 1.0, 3.0, 5.5])
def test_a_circle_reads_the_same_however_the_map_is_turned_or_mirrored(turn, mirror):
    names = ["c", "a", "d", "b", "e"]
    angles = mirror * (turn + np.arange(5) * 2 * np.pi / 5)
    places = np.column_stack([np.cos(angles), np.sin(angles)])
    assert around(places, names) == ["a", "c", "e", "b", "d"]


def test_map_axes_are_the_two_widest_directions_whatever_the_signs():
    spread = torch.randn(200, 3, generator=torch.Generator().manual_seed(1)).double()
    spread = spread * torch.tensor([1.0, 9.0, 3.0])
    for signs in product((1, -1), repeat=3):
        axes = map_axes(torch.tensor(signs) * spread + torch.tensor([50.0, 0.0, 0.0]))  # where they lie does not matter
        assert torch.allclose(axes, torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]).double(), atol=0.15)


def test_the_strongest_reason_says_whether_the_film_was_liked():
    model = small_model()
    newcomer = fold_in(model, [1, 4], [5.0, 0.5], 0.1)
    for movie in range(7):
        reason = strongest_reason(newcomer, movie, ["The Loved", "The Hated"])
        strongest = int(newcomer.reasons[movie].argmax())
        if newcomer.reasons[movie, strongest] < 0.01:
            assert reason == "because everybody likes it"
        else:
            assert reason == ["because you liked The Loved", "because you did not like The Hated"][strongest]


@pytest.mark.parametrize(
    ("above", "adds", "says"),
    [(0.5, 1.0, "you liked Alien"), (-0.5, 1.0, "you did not like Alien"), (0.0, 1.0, "you did not like Alien"),
     (0.5, 0.01, "you liked Alien"), (0.5, 0.009, "everybody likes it")],
)  # fmt: skip
def test_a_reason_is_named_from_a_hundredth_of_a_star(above, adds, says):
    nothing = torch.zeros(())
    reasons = torch.tensor([[-1.0, adds]], dtype=torch.float64)
    newcomer = Newcomer(nothing, nothing, nothing, reasons, torch.tensor([2.0, above]))
    assert strongest_reason(newcomer, 0, ["Brazil", "Alien"]) == f"because {says}"


def test_five_similar_films_unless_more_are_asked_for():
    vectors = torch.randn(9, 3, generator=torch.Generator().manual_seed(1))
    assert len(similar(vectors, 0)) == 5 and len(similar(vectors, 0, 7)) == 7
    assert len(top(vectors[:, 0])) == 5


# ---------------------------------------------------------------------------------------- against retraining


@pytest.mark.parametrize("user", [10, 200, 700])
def test_folding_a_user_in_comes_near_retraining_with_them(ratings, parts, user):
    """Without the user's ratings, then with them: folded in or retrained, the predictions differ by little."""
    mine = parts.train.inputs[:, 0] == user
    others = type(parts.train)(parts.train.inputs[~mine], parts.train.targets[~mine])
    settings = Config(num_epochs=5, learning_rate=0.005, weight_decay=0.08)
    without, retrained = (CollaborativeFilter.for_ratings(ratings, others) for _ in range(2))
    History.of(train(without, others, None, settings))
    History.of(train(retrained, parts.train, None, settings))
    movies, stars = parts.train.inputs[mine, 1].tolist(), parts.train.targets[mine].tolist()
    newcomer = fold_in(without, movies, stars, len(movies) * 0.08)
    distance = (newcomer.scores - scores_for(retrained, user)).square().mean().sqrt()
    print(user, int(mine.sum()), float(distance))
    assert distance < 0.3


def test_patience_ends_the_run_after_its_best_epoch(ratings, parts):
    model = CollaborativeFilter.for_ratings(ratings, parts.train)
    settings = Config(num_epochs=30, learning_rate=0.01)
    history = History.of(early_stopping(train(model, parts.train, parts.validation, settings), patience=2))
    assert len(history.epochs) == history.best_epoch + 2


@pytest.mark.fault("one sentence")
@pytest.mark.parametrize("scores", [[1.0, 2.0], np.ones(3), torch.ones(3, 4), None])
def test_the_top_of_what_is_no_row_of_scores(scores):
    with pytest.raises(LessonError, match="Scores are a tensor with one number for each row"):
        top(scores)


@pytest.mark.fault("one sentence")
@pytest.mark.parametrize(("movies", "stars"), [(1, [5.0]), ([1], 5.0), (None, None), ([1], [10**400])])
def test_what_is_no_list_of_movies_and_stars_is_not_folded_in(movies, stars):
    with pytest.raises(LessonError):
        fold_in(CollaborativeFilter(3, 4, 2), movies, stars, 1.0)


def test_a_penalty_may_be_a_fraction_or_numpys():
    model = CollaborativeFilter(3, 4, 2)
    for penalty in (Fraction(1, 2), np.uint64(1)):
        assert fold_in(model, [1], [5.0], penalty).bias == fold_in(model, [1], [5.0], float(penalty)).bias
