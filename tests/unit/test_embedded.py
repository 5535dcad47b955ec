"""The embedded ratings: the same everywhere, shaped like MovieLens, and with a truth that is true."""

import hashlib

import numpy as np
import pandas as pd
import pytest

from helpers.data import embedded, load_ratings, split
from helpers.models import CollaborativeFilter
from helpers.training import Config, train


@pytest.fixture(scope="module")
def ratings():
    return load_ratings()


@pytest.fixture(scope="module")
def real_table(movielens):
    return pd.read_csv(movielens / "ratings.csv")


def test_the_numbers_are_frozen(ratings):
    """Notebooks quote these ratings: they may never change, on any machine or with any version of NumPy."""
    digest = hashlib.sha256()
    for column in ("user_id", "movie_id", "timestamp"):
        digest.update(ratings.table[column].to_numpy().astype("<i8").tobytes())
    digest.update((2 * ratings.table["rating"].to_numpy()).astype("<i8").tobytes())
    assert digest.hexdigest() == "3a1322d8f8122719d526e459c6ecef86c68109c2e065840a39ce3717125cdc6f"
    films = "\n".join(ratings.movies["title"] + ratings.movies["genres"]).encode()
    assert hashlib.sha256(films).hexdigest()[:16] == "041c717cc90266fa"


def test_generating_them_again_gives_the_same(ratings):
    table, movies, truth = embedded.generate()
    pd.testing.assert_frame_equal(table, ratings.table[table.columns.to_list()])
    assert np.array_equal(truth.expected_rating, ratings.truth.expected_rating)


def test_they_are_called_embedded_and_stars_go_from_a_half_to_five(ratings):
    assert ratings.name == "embedded" and ratings.scale == (0.5, 5.0)


def test_sizes(ratings):
    table = ratings.table
    assert (len(table), ratings.num_users, ratings.num_movies) == (125_000, 1_000, 2_000)
    assert not table.duplicated(["user_id", "movie_id"]).any()
    assert table.groupby("user").size().min() >= 20
    assert table.groupby("movie").size().min() >= 1
    assert set(table["rating"]) == {level / 2 for level in range(1, 11)}


def test_films_are_invented_one_by_one(ratings):
    movies = ratings.movies
    assert movies["title"].is_unique
    assert movies["title"].str.contains(r" \(\d{4}\)$").all() and movies["title"].str.len().max() < 90
    assert movies["year"].between(1950, 2024).all()
    counts = movies["genres"].str.split("|").map(len)
    assert set(counts) == {1, 2, 3}
    assert set(movies["genres"].str.split("|").explode()) == set(ratings.truth.genres)


def test_no_real_film_is_among_them(ratings, movielens):
    real = pd.read_csv(movielens / "movies.csv")["title"]
    plain = [
        titles.str.replace(r" \(\d{4}\)$", "", regex=True).str.lower() for titles in (real, ratings.movies["title"])
    ]
    assert not set(plain[0]) & set(plain[1])


def test_nobody_rates_a_film_before_it_appeared(ratings):
    year = pd.to_datetime(ratings.table["timestamp"], unit="s").dt.year.to_numpy()
    assert year.min() == 2018 and year.max() == 2024
    assert (year >= ratings.movies["year"].to_numpy()[ratings.table["movie"]]).all()


def test_the_distribution_of_stars_is_movielens_s(ratings, real_table):
    """Mean and sd within 0.01 stars; the share of each of the ten levels within half a percentage point."""
    ours, theirs = ratings.table["rating"], real_table["rating"]
    assert ours.mean() == pytest.approx(theirs.mean(), abs=0.01)
    assert ours.std() == pytest.approx(theirs.std(), abs=0.01)
    shares = [stars.value_counts(normalize=True).sort_index() for stars in (ours, theirs)]
    assert (shares[0] - shares[1]).abs().max() < 0.005


def test_the_tails_are_as_long_as_movielens_s(ratings, real_table):
    """Ratings per user: median within 20 %, the share of the busiest tenth within 5 points. Per film: see below.

    MovieLens has 9,724 films for 610 users where there are 2,000 for 1,000 here, so most of its films have next to no
    ratings; what carries over is that the first tenth has about half of all ratings, and that many films have few.
    """
    ours, theirs = ratings.table.groupby("user_id").size(), real_table.groupby("userId").size()
    assert ours.median() == pytest.approx(theirs.median(), rel=0.2)
    assert busiest_tenth(ours) == pytest.approx(busiest_tenth(theirs), abs=0.05)
    films = ratings.table.groupby("movie_id").size()
    assert 0.4 < busiest_tenth(films) < busiest_tenth(real_table.groupby("movieId").size())
    assert (films <= 5).mean() > 0.15 and films.max() < 0.6 * ratings.num_users


def busiest_tenth(counts: pd.Series) -> float:
    return counts.nlargest(len(counts) // 10).sum() / counts.sum()


def test_users_and_films_differ_as_movielens_s_do(ratings, real_table):
    """The sd over users of their mean rating, and over films with 20 or more ratings: within 0.1 stars."""
    theirs = real_table.rename(columns={"userId": "user_id", "movieId": "movie_id"})
    for who in ("user_id", "movie_id"):
        spreads = []
        for table in (ratings.table, theirs):
            groups = table.groupby(who)["rating"]
            spreads.append(groups.mean()[groups.size() >= 20].std())
        assert spreads[0] == pytest.approx(spreads[1], abs=0.1)


def test_people_rate_more_of_what_they_like(ratings):
    truth, table = ratings.truth, ratings.table
    tasted = (truth.user_tastes[table["user"]] * truth.movie_tastes[table["movie"]]).sum(axis=1)
    rated_by = table.groupby("movie").size().to_numpy()
    anybody = (truth.user_tastes @ truth.movie_tastes.T).mean(axis=0) @ rated_by / rated_by.sum()
    assert tasted.mean() > anybody + 0.1  # the same films, but rated by anybody


def test_expected_ratings_and_variances_are_sums_over_ten_levels():
    leaning = np.array([-3.0, 0.5, 2.2, 3.5, 4.9, 9.0])
    chances = embedded.level_chances(leaning)
    assert chances.shape == (6, 10) and np.allclose(chances.sum(axis=1), 1) and (chances > 0).all()
    assert (np.diff(chances @ embedded.LEVELS) > 0).all()  # who leans higher rates higher


def test_the_truth_is_unbiased_and_its_errors_have_the_stated_variance(ratings):
    """Over 125,000 ratings: z-scores of the mean error, of its variance, and of the mean error among the extremes."""
    truth = ratings.truth
    error = truth.rating - truth.expected_rating
    assert z(error) < 4
    assert z(error**2 - truth.rating_variance) < 4
    for part in np.array_split(np.argsort(truth.expected_rating), 10) + np.array_split(np.arange(125_000), 10):
        assert z(error[part]) < 4


def z(values: np.ndarray) -> float:
    return abs(values.mean()) / (values.std() / np.sqrt(len(values)))


def test_the_noise_floor_is_the_error_of_the_truth(ratings):
    index = split(ratings).validation_index
    floor = ratings.truth.noise_floor(index)
    stars = ratings.table["rating"].to_numpy()[index]
    assert floor == pytest.approx(np.sqrt(np.mean((stars - ratings.truth.expected_rating[index]) ** 2)), abs=1e-12)
    assert floor == pytest.approx(np.sqrt(ratings.truth.rating_variance[index].mean()), abs=0.01)
    assert floor == pytest.approx(0.793, abs=0.002)


def test_tastes_are_relative_and_genres_can_be_told_apart(ratings):
    truth = ratings.truth
    assert np.allclose(truth.user_tastes.sum(axis=1), 0)
    action, sci_fi = (truth.user_tastes[:, truth.genres.index(genre)] for genre in ("Action", "Sci-Fi"))
    assert ((action > 0.4) & (sci_fi < -0.2)).sum() >= 30  # enough users who like action but not sci-fi


def test_the_truth_cannot_be_overwritten(ratings):
    with pytest.raises(ValueError, match="read-only"):
        ratings.truth.user_bias[0] = 9
    assert "noise floor" in repr(ratings.truth) and len(repr(ratings.truth)) < 200


def rmse_by_epoch(ratings, parts, embedding_dim, config):
    model = CollaborativeFilter.for_ratings(ratings, parts.train, embedding_dim)
    losses = [step.validation_loss for step in train(model, parts.train, parts.validation, config) if step.epoch_ended]
    return np.sqrt(losses)


def test_there_is_daylight_between_biases_factors_and_the_floor(ratings):
    """Biases stay 12 % above the floor, textbook settings come within 10 % of it, better ones within 8 %."""
    parts = split(ratings)
    floor = ratings.truth.noise_floor(parts.validation_index)
    biases = rmse_by_epoch(
        ratings, parts, 0, Config(num_epochs=4, batch_size=1024, learning_rate=0.01, weight_decay=0.02)
    ).min()
    textbook = rmse_by_epoch(ratings, parts, 50, Config(num_epochs=10, batch_size=1024, learning_rate=0.001)).min()
    better = rmse_by_epoch(
        ratings, parts, 50, Config(num_epochs=3, batch_size=1024, learning_rate=0.01, weight_decay=0.08)
    ).min()
    assert floor < better < textbook < 1.10 * floor < 1.12 * floor < biases
    assert better < 1.08 * floor


def test_the_future_is_harder_to_predict_than_the_past(ratings):
    """With a split by time, even for users and films that were trained on: that is the planted drift."""
    config, errors = Config(num_epochs=3, batch_size=1024, learning_rate=0.01, weight_decay=0.08), {}
    for by in ("random", "time"):
        parts = split(ratings, by=by)
        model = CollaborativeFilter.for_ratings(ratings, parts.train)
        for _ in train(model, parts.train, None, config):
            pass
        known = np.ones(len(parts.validation), dtype=bool)
        for column in (0, 1):
            known &= np.isin(parts.validation.inputs[:, column], parts.train.inputs[:, column])
        error = (model(parts.validation.inputs).detach() - parts.validation.targets).numpy()[known]
        floor = ratings.truth.noise_floor(parts.validation_index[known])
        errors[by] = np.sqrt(np.mean(error**2)) / floor
    assert errors["time"] > errors["random"] + 0.03
