"""Arguments of a kind that nobody thought of: each gets its one sentence, before any work."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from helpers.checks import LessonError
from helpers.data import load_ratings
from helpers.live import live_picture, live_training, log_slider, menu, num_parameters, training_bytes
from helpers.models import MLP
from helpers.search import RatingRegressor, SearchSpace, choices, linear, log
from helpers.training import iterations_per_epoch, predict

SPACE = SearchSpace(rate=log(0.001, 1), share=linear(0, 1), kind=choices("a", "b"))
PAIRS, STARS = np.array([[0, 0], [1, 1]]), np.array([1.0, 2.0])


@pytest.mark.fault("one sentence, before any work")
@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: RatingRegressor(num_users="3").fit(PAIRS, STARS), "num_users must be a whole number"),
        (lambda: RatingRegressor(num_movies=1.5).fit(PAIRS, STARS), "num_movies must be a whole number"),
        (lambda: linear(1, 10**400), r"Each end of linear\(1, a whole number of about 400 digits\) must be a number"),
        (lambda: log("a", 2), r"Each end of log\('a', 2\) must be a number"),
        (lambda: SearchSpace(5), "made of settings by name, .*; you gave 5"),
        (lambda: SPACE.edges(5), "Give a value for each of rate, share; you gave 5"),
        (lambda: SPACE.edges({"rate": 0.1}), "Give a value for each of rate, share"),
        (lambda: SPACE.stretched({"rate": -1, "share": 0.5}), "rate must be a number above zero"),
        (lambda: SPACE.stretched({"rate": 0.1, "share": "x"}), "share must be a number"),
        (lambda: num_parameters(3), "must be an nn.Module"),
        (lambda: training_bytes("many", "adam"), "parameters must be a whole number"),
        (lambda: load_ratings().samples("x"), "index picks ratings by their places, 0 to .*; you gave 'x'"),
        (lambda: load_ratings().samples(0), "index picks ratings by their places, 0 to .*; you gave 0"),
        (lambda: load_ratings().samples([10**9]), "index picks ratings by their places"),
        (lambda: iterations_per_epoch(10, 3, drop_last=np.array([1, 2])), "drop_last must be True or False"),
        (lambda: predict(MLP(3), torch.zeros(4, 5)), r"cannot take these inputs, of shape \(4, 5\)"),
        (lambda: live_training(3), "start must be a function; you gave 3"),
        (lambda: live_picture("draw"), "draw must be a function; you gave 'draw'"),
        (lambda: menu([["a"], ["b"]]), "A menu's options are words, numbers or the like"),
    ],
)
def test_an_argument_of_an_odd_kind_is_named_in_one_sentence(call, said):
    with pytest.raises(LessonError, match=said):
        call()


def test_numbers_of_every_kind_are_numbers():
    assert log_slider(Fraction(1, 1000), 1, 0.01).options[0] == 0.001
    assert linear(np.int64(1), np.int64(4)).steps(4) == [1, 2, 3, 4]


def test_a_setting_may_be_called_start():
    def run(start):
        yield start

    assert live_training(run, start=log_slider(0.1, 10, 1)).history.updates["loss"].tolist() == [1.0]


def test_a_loss_may_be_numpys_array_of_one_number():
    def start():
        yield np.array([4.0])
        yield np.float32(3), np.array(2)

    losses = live_training(start).history
    assert losses.updates["loss"].tolist() == [4.0, 3.0]
    assert losses.epochs["validation_loss"].tolist() == [2.0]
