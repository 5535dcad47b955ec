"""Settings: whatever kind of number is given, a plain one is kept and used; what no run can use is refused."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.checks import LessonError
from helpers.models import MLP
from helpers.training import Config, History, iterations_per_epoch, train
from tests.builders import patients


class Rate(float):
    """A float with a name of its own, as libraries of units have."""


COUNTS = ["num_epochs", "batch_size"]
KINDS_OF_WHOLE = [int, np.int64, np.int32, np.uint8, np.int8]
KINDS_OF_NUMBER = [float, Rate, np.float64, np.float32, Fraction]


@given(st.sampled_from(COUNTS), st.sampled_from(KINDS_OF_WHOLE), st.integers(1, 127))
@settings(max_examples=100, deadline=None)
def test_every_kind_of_whole_number_is_kept_as_an_int(name, kind, value):
    kept = getattr(Config(**{name: kind(value)}), name)
    assert type(kept) is int and kept == value


@given(
    st.sampled_from(["learning_rate", "weight_decay", "warmup"]),
    st.sampled_from(KINDS_OF_NUMBER),
    st.floats(1 / 64, 63 / 64, width=32),
)
@settings(max_examples=100, deadline=None)
def test_every_kind_of_number_is_kept_as_a_float(name, kind, value):
    kept = getattr(Config(**{name: kind(value)}), name)
    assert type(kept) is float and kept == pytest.approx(value, rel=1e-6)


@given(st.sampled_from(COUNTS + ["seed", "learning_rate", "weight_decay", "warmup"]), st.integers(16, 20_000))
@settings(max_examples=60, deadline=None)
def test_numbers_that_nothing_can_hold_are_refused_in_one_short_sentence(name, digits):
    if name in ("learning_rate", "weight_decay") and digits <= 308:
        return  # a float holds it
    with pytest.raises(LessonError, match=f"^{name} must be") as error:
        Config(**{name: 10**digits})
    assert "\n" not in str(error.value) and len(str(error.value)) < 200


def test_a_fraction_too_small_for_a_float_is_not_above_zero():
    with pytest.raises(LessonError, match="learning_rate must be a number above zero"):
        Config(learning_rate=Fraction(1, 10**400))


@pytest.mark.parametrize(
    "given_as",
    [
        {"num_epochs": np.int8(3), "batch_size": np.int64(8), "seed": np.int64(42), "learning_rate": np.float64(0.25)},
        {"num_epochs": 3, "batch_size": np.uint8(8), "seed": np.uint32(42), "learning_rate": Fraction(1, 4)},
    ],
)
def test_a_run_with_numpys_numbers_is_the_run_with_pythons(given_as):
    plain = Config(num_epochs=3, batch_size=8, seed=42, learning_rate=0.25)
    assert Config(**given_as) == plain
    losses = [History.of(train(MLP(4), patients(), None, config)).losses for config in (plain, Config(**given_as))]
    assert losses[0] == losses[1] and len(losses[0]) == 21


def test_127_epochs_in_eight_bits_are_127_epochs():
    run = train(MLP(2, ()), patients(3, 2), None, Config(num_epochs=np.int8(127), batch_size=1))
    assert len(list(run)) == 127 * 3


def test_settings_are_given_by_name():
    with pytest.raises(TypeError, match="positional"):
        Config(3)


def test_batches_of_an_epoch_take_the_same_numbers():
    assert iterations_per_epoch(np.int64(10), np.int8(4)) == 3
    for wrong in (math.nan, 10**30, torch.tensor(3)):
        with pytest.raises(LessonError, match="batch_size must be"):
            iterations_per_epoch(10, wrong)
