"""Samples, row numbers, splits, patients."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import sklearn.datasets
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from helpers.checks import LessonError
from helpers.data import Ratings, Samples, load_diabetes, load_ratings, split, standardise
from helpers.data.ratings import _number


@pytest.fixture(scope="module")
def ratings():
    return load_ratings()


def small(num_ratings: int = 10) -> Ratings:
    rows = np.arange(num_ratings)
    table = pd.DataFrame(
        {"user_id": 100 - rows, "movie_id": 7 * rows % 97, "rating": 0.5 + rows % 10 / 2, "timestamp": rows * 37 % 101}
    )
    movies = pd.DataFrame({"movie_id": table["movie_id"], "title": "A", "genres": "Drama", "year": 2000})
    return Ratings("small", *_number(table, movies), (0.5, 5.0))


def test_a_batch_is_inputs_and_targets():
    samples = Samples(torch.arange(10.0).reshape(5, 2), torch.arange(5.0))
    inputs, targets = samples[torch.tensor([3, 1])]
    assert inputs.tolist() == [[6, 7], [2, 3]] and targets.tolist() == [3, 1] and len(samples) == 5
    assert [samples[rows][1].tolist() for rows in (slice(3, None), samples.targets > 2)] == [[3, 4], [3, 4]]
    assert samples.device == torch.device("cpu")


def test_precision_changes_numbers_but_not_row_numbers():
    rows = Samples(torch.tensor([[0, 1]]), torch.tensor([3.5])).to(torch.float64)
    assert rows.inputs.dtype == torch.int64 and rows.targets.dtype == torch.float64
    assert Samples(torch.zeros(1, 2), torch.zeros(1)).to(torch.float64).inputs.dtype == torch.float64
    assert rows.to("cpu").targets.dtype == torch.float64


@pytest.mark.parametrize("shapes", [((3, 2), (2,)), ((3,), (3,)), ((3, 2), (3, 1)), ((0, 2), (0,))])
def test_samples_that_do_not_fit_together_are_refused(shapes):
    with pytest.raises(LessonError, match="Samples need"):
        Samples(*(torch.zeros(shape) for shape in shapes))


@pytest.mark.fault("one sentence, before any work")
def test_samples_that_are_no_tensors_or_lie_apart_are_refused():
    for wrong in ((np.zeros((2, 1)), np.zeros(2)), (torch.zeros(2, 1), [0.0, 1.0])):
        with pytest.raises(LessonError, match="Samples need tensors: torch"):
            Samples(*wrong)
    with pytest.raises(LessonError, match="inputs are on meta and the targets on cpu: move both"):
        Samples(torch.zeros(2, 1, device="meta"), torch.zeros(2))


def test_samples_can_be_compared():
    samples = Samples(torch.zeros(2, 1), torch.zeros(2))
    assert samples == samples and samples != Samples(torch.zeros(2, 1), torch.zeros(2))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_constant_column_stays_at_zero(dtype):
    train = np.full((442, 2), 0.1, dtype)
    assert train.std(axis=0).min() > 0  # the mean is rounded
    assert all(np.abs(part).max() < 1e-6 for part in standardise(train, train[:2]))


@pytest.mark.fault("one sentence")
def test_a_table_is_no_source_of_ratings():
    with pytest.raises(LessonError, match="A source of ratings is a name or a path"):
        load_ratings(pd.DataFrame({"user": [1], "movie": [2]}))


@pytest.mark.fault("one sentence with the devices that there are")
@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
@pytest.mark.parametrize(
    "place",
    [
        lambda: load_diabetes(device="cuda"),
        lambda: split(small(), device="cuda"),
        lambda: small().samples(device=torch.device("cuda")),
        lambda: small().samples().to("cuda"),
        lambda: small().samples().to("quantum"),
    ],
)
def test_a_device_that_is_not_there_is_named(place):
    with pytest.raises(LessonError, match=r"This machine has no .*cuda|no device called 'quantum'"):
        place()


@pytest.mark.fault("one sentence, before any work")
def test_a_seed_that_some_library_refuses_is_refused_at_once():
    for work in (lambda seed: split(load_ratings(), seed=seed), lambda seed: load_diabetes(seed=seed)):
        with pytest.raises(LessonError, match="seed must be a whole number from 0 to 4,294,967,295"):
            work(2**32)


def test_the_embedded_ratings_as_tensors(ratings):
    samples = ratings.samples()
    assert samples.inputs.shape == (125_000, 2) and samples.inputs.dtype == torch.int64
    assert samples.targets.dtype == torch.float32
    assert ratings.samples(np.array([5, 3])).targets.tolist() == ratings.table["rating"].iloc[[5, 3]].tolist()
    assert torch.equal(ratings.samples(slice(3, 6)).inputs, samples.inputs[3:6])
    assert (len(ratings), ratings.num_users, ratings.num_movies) == (125_000, 1_000, 2_000)
    assert "125,000 ratings by 1,000 users" in repr(ratings)


def test_what_a_learner_changes_stays_theirs(ratings):
    before = ratings.table["rating"].sum()
    mine = load_ratings()
    mine.table["rating"] = 0.0
    mine.table.loc[0, "user"] = -1
    mine.movies.loc[0, "title"] = "Mine"
    del mine.table["timestamp"]
    with pytest.raises(ValueError, match="read-only"):
        mine.user_ids[0] = 1
    fresh = load_ratings()
    assert fresh.table["rating"].sum() == before and fresh.table.loc[0, "user"] == 0 and "timestamp" in fresh.table
    assert fresh.movies.loc[0, "title"] != "Mine"


def test_row_numbers_and_published_ids_are_two_names_for_the_same(ratings):
    table = ratings.table
    assert (ratings.user_ids[table["user"]] == table["user_id"]).all()
    assert (ratings.movie_ids[table["movie"]] == table["movie_id"]).all()
    assert [ratings.user_row(ratings.user_ids[row]) for row in (0, 17, 999)] == [0, 17, 999]
    assert [ratings.movie_row(int(ratings.movie_ids[row])) for row in (0, 17, 1_999)] == [0, 17, 1_999]
    assert ratings.movies.index.equals(pd.RangeIndex(2_000))


@pytest.mark.parametrize("published", [0, -1, 10**9, 1.5, "7", None, True])
def test_an_unseen_id_is_named(ratings, published):
    with pytest.raises(LessonError, match=f"user id {published!r} in 'embedded': its user ids lie between"):
        ratings.user_row(published)
    with pytest.raises(LessonError, match=f"movie id {published!r} in 'embedded'"):
        ratings.movie_row(published)


@pytest.mark.fault("one sentence with the ids that there are")
def test_an_unseen_id_is_told_where_the_others_lie():
    with pytest.raises(LessonError, match=r"user id 7 in 'small': its user ids lie between 91 and 100, such as 96\."):
        small().user_row(7)


ids = st.lists(st.integers(0, 10**12), min_size=1, max_size=40)


@settings(deadline=None)
@given(ids, st.randoms(use_true_random=False))
def test_numbering_any_ids_goes_there_and_back(user_ids, random):
    movie_ids = random.sample(user_ids, len(user_ids))
    table = pd.DataFrame({"user_id": user_ids, "movie_id": movie_ids, "rating": 3.0, "timestamp": 0})
    movies = pd.DataFrame({"movie_id": [movie_ids[0], 10**13], "title": "B", "genres": "War", "year": 1999})
    ratings = Ratings("any", *_number(table, movies), (0.5, 5.0))
    assert set(ratings.table["user"]) == set(range(len(set(user_ids))))
    assert set(ratings.table["movie"]) == set(range(ratings.num_movies))
    for user_id, row in zip(user_ids, ratings.table["user"], strict=True):
        assert ratings.user_row(user_id) == row and ratings.user_ids[row] == user_id
    for movie_id, row in zip(movie_ids, ratings.table["movie"], strict=True):
        assert ratings.movie_row(movie_id) == row and ratings.movies["movie_id"][row] == movie_id
    assert 10**13 not in ratings.movie_ids  # a movie nobody rated needs no row
    assert ratings.movies["title"].notna().all() and ratings.movies["genres"].notna().all()


def test_the_split_is_scikit_learn_s(ratings):
    parts = split(ratings)
    train_index, validation_index = train_test_split(np.arange(125_000), test_size=0.2, random_state=42)
    assert np.array_equal(parts.train_index, train_index) and np.array_equal(parts.validation_index, validation_index)
    assert len(parts.train) == 100_000
    assert np.array_equal(parts.validation.targets, ratings.table["rating"].to_numpy()[validation_index])


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 60), st.floats(0.01, 0.99), st.integers(0, 99), st.sampled_from(["random", "time"]))
def test_any_split_is_a_partition(num_ratings, test_size, seed, by):
    ratings = small(num_ratings)
    num_validation = int(np.ceil(test_size * num_ratings))
    if num_validation == num_ratings:
        with pytest.raises(LessonError, match="leaves nothing to train on"):
            split(ratings, test_size, seed, by)
        return
    parts = split(ratings, test_size, seed, by)
    both = np.concatenate([parts.train_index, parts.validation_index])
    assert sorted(both) == list(range(num_ratings)) and len(parts.validation) == num_validation


def test_a_split_by_time_trains_on_the_past(ratings):
    parts, timestamp = split(ratings, by="time"), ratings.table["timestamp"].to_numpy()
    assert timestamp[parts.train_index].max() <= timestamp[parts.validation_index].min()
    assert len(parts.train) == 100_000


@pytest.mark.parametrize(
    "wrong, words",
    [
        ({"test_size": 0}, "test_size must be a share between 0 and 1"),
        ({"test_size": 1.0}, "test_size must be a share"),
        ({"test_size": 20}, "test_size must be a share"),
        ({"test_size": 0.95}, "test_size=0.95 of 10 ratings leaves nothing to train on"),
        ({"by": "tiem"}, "by must be one of 'random', 'time'; .* .did you mean 'time'"),
        ({"ratings": 5}, r"split\(\) takes ratings, such as load_ratings\(\) gives; you gave 5\."),
        ({"seed": -1}, "seed must be a whole number"),
        ({"seed": 1.5}, "seed must be a whole number"),
    ],
)
def test_a_bad_split_is_refused(wrong, words):
    with pytest.raises(LessonError, match=words):
        split(**{"ratings": small(), **wrong})


def test_patients_are_split_and_standardised_as_scikit_learn_does():
    inputs, targets = sklearn.datasets.load_diabetes(return_X_y=True)
    parts = train_test_split(inputs, targets, test_size=0.2, random_state=42)
    scaler = StandardScaler().fit(parts[0])
    train, validation = load_diabetes(dtype=torch.float64)
    assert (len(train), len(validation)) == (353, 89)
    assert np.allclose(train.inputs, scaler.transform(parts[0]), rtol=0, atol=1e-12)
    assert np.allclose(validation.inputs, scaler.transform(parts[1]), rtol=0, atol=1e-12)
    assert np.array_equal(train.targets, parts[2]) and np.array_equal(validation.targets, parts[3])
    assert load_diabetes()[0].inputs.dtype == torch.float32


def test_targets_are_standardised_on_request_by_the_training_part():
    train, validation = load_diabetes(standardise_targets=True, dtype=torch.float64)
    assert abs(train.targets.mean()) < 1e-12 and train.targets.std(correction=0) == pytest.approx(1)
    assert abs(validation.targets.mean()) > 1e-3


def test_a_constant_column_is_no_division_by_zero():
    train, validation = standardise(np.array([[1.0, 2.0], [1.0, 4.0]]), np.array([[3.0, 3.0]]))
    assert train.tolist() == [[0, -1], [0, 1]] and validation.tolist() == [[2, 0]]


@pytest.mark.parametrize("wrong", [{"test_size": 1}, {"test_size": 0.999}, {"seed": "a"}, {"standardise_targets": 1}])
def test_bad_settings_for_the_patients_are_refused(wrong):
    with pytest.raises(LessonError):
        load_diabetes(**wrong)


def test_imports_bring_what_is_needed_and_no_more():
    """scikit-learn takes a second and 80 MB, and so does what the first optimiser imports: live parts have it ready."""
    code = """
import gc, sys
import helpers.training
print(gc.get_freeze_count() > 100_000)
print("torch._dynamo" in sys.modules)
from helpers.live import playground
print("torch._dynamo" in sys.modules)
playground(num_epochs=1)
print("sklearn" in sys.modules)
"""
    environment = os.environ | {"EPOCH_SYNC": "1"}
    command = [sys.executable, "-c", code]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert said.split() == ["True", "False", "True", "False"]


@pytest.mark.fault("one sentence that names the setting")
@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ({"test_size": 0.999}, "test_size=0.999 of 442 patients leaves nothing to train on; take a smaller share."),
        ({"dtype": 5}, "dtype must be torch.float32 or torch.float64; you gave 5."),
        ({"standardise_targets": 3}, "standardise_targets must be True or False; you gave 3."),
    ],
)
def test_the_diabetes_data_say_what_they_cannot_do(setting, sentence):
    with pytest.raises(LessonError) as refused:
        load_diabetes(**setting)
    assert str(refused.value) == sentence
