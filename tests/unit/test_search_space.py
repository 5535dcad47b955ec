"""A search space: what every range must do, whatever its numbers, and what cannot be searched."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.checks import LessonError
from helpers.search import Knob, SearchSpace, choices, linear, log

NUMBERS = st.floats(1e-6, 1e6, allow_nan=False)


@st.composite
def ranges(draw: st.DrawFn) -> Knob:
    if draw(st.booleans()):
        low = draw(st.integers(1, 10_000))
        high = low + draw(st.integers(1, 10_000))
    else:
        low = float(f"{draw(NUMBERS):.3g}")
        high = float(f"{low * draw(st.floats(1.1, 1e6)):.3g}")
    return draw(st.sampled_from([linear, log]))(low, high)


@given(ranges(), st.floats(0, 1))
def test_a_value_lies_in_its_range_and_whole_ranges_give_whole_numbers(knob: Knob, place: float) -> None:
    value = knob.at(place)
    assert knob.low <= value <= knob.high
    assert isinstance(value, int) == knob.whole
    assert knob.at(0) == knob.low and knob.at(1) == knob.high


@given(ranges(), st.floats(0, 1))
def test_place_undoes_at(knob: Knob, place: float) -> None:
    value = knob.at(place)
    assert knob.at(knob.place(value)) == pytest.approx(value, rel=1e-3)
    assert 0 <= knob.place(value) <= 1


def test_choices_lie_side_by_side() -> None:
    assert [choices("adam", "sgd").place(name) for name in ("adam", "sgd")] == [0.25, 0.75]


@given(ranges(), st.floats(0, 1), st.floats(0, 1))
def test_farther_on_the_scale_is_never_less(knob: Knob, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert knob.at(low) <= knob.at(high)


@given(ranges(), st.integers(2, 30))
def test_steps_rise_from_end_to_end(knob: Knob, number: int) -> None:
    steps = knob.steps(number)
    assert steps == sorted(set(steps)) and steps[0] == knob.low and steps[-1] == knob.high
    assert len(steps) <= number


@given(ranges(), st.integers(0, 2**32 - 1))
def test_draws_are_repeatable_and_in_range(knob: Knob, seed: int) -> None:
    space = SearchSpace(setting=knob, optimizer=choices("adam", "sgd"))
    with pytest.raises(LessonError, match=r"^number must be"):
        space.draws(0, seed)
    draws = space.draws(5, seed)
    assert draws == space.draws(5, seed)
    assert all(knob.low <= draw["setting"] <= knob.high and draw["optimizer"] in ("adam", "sgd") for draw in draws)


@given(ranges(), st.sampled_from(["low", "high"]))
def test_a_stretched_range_holds_the_old_one(knob: Knob, side: str) -> None:
    wider = knob.stretched(side)
    assert wider.low <= knob.low and wider.high >= knob.high and wider.whole == knob.whole
    assert (wider.high if side == "low" else wider.low) == (knob.high if side == "low" else knob.low)
    assert wider.low > 0, "settings from above zero stay above zero"


@settings(max_examples=20)
@given(st.floats(1e-5, 1e-2), st.floats(10, 1e4), st.integers(0, 1000))
def test_each_factor_of_ten_gets_the_same_room(low: float, ratio: float, seed: int) -> None:
    draws = np.log(log(low, low * ratio).rvs(400, random_state=seed))
    assert np.mean(draws < math.log(low) + math.log(ratio) / 2) == pytest.approx(0.5, abs=0.13)


def test_grids_draws_and_edges_of_a_space() -> None:
    space = SearchSpace(
        learning_rate=log(0.0001, 0.01),
        weight_decay=linear(0, 0.2),
        batch_size=log(256, 1024),
        optimizer=choices("a", "b"),
    )
    assert space.grid(3) == {
        "learning_rate": [0.0001, 0.001, 0.01], "weight_decay": [0, 0.1, 0.2], "batch_size": [256, 512, 1024],
        "optimizer": ["a", "b"],
    }  # fmt: skip
    inside = {"learning_rate": 0.001, "weight_decay": 0.1, "batch_size": 512, "optimizer": "a"}
    assert space.edges(inside) == {} and space.stretched(inside) == space
    corner = inside | {"learning_rate": 0.0095, "weight_decay": 0, "batch_size": 260}
    assert space.edges(corner) == {"learning_rate": "high", "batch_size": "low"}, "no decay below none"
    wider = space.stretched(corner)
    assert wider["learning_rate"] == log(0.0001, 0.1) and wider["batch_size"] == log(128, 1024)
    assert wider["weight_decay"] == space["weight_decay"] and wider["optimizer"] == space["optimizer"]
    assert linear(1, 9).steps(1) == [5]


@pytest.mark.fault("one sentence")
@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: linear(2, 1), "from a lower to a higher number; you gave linear(2, 1)"),
        (lambda: log(0, 1), "starts above zero; you gave log(0, 1)"),
        (lambda: linear(0, math.inf), "Each end of linear(0, inf) must be a number"),
        (lambda: linear("0", 1), "Each end of linear('0', 1) must be a number, such as 0.5; you gave '0'"),
        (lambda: linear(False, 1), "must be a number"),
        (choices, "at least one value"),
        (lambda: SearchSpace(learning_rate=[0.1, 0.2]), "learning_rate must be linear(low, high), log(low, high)"),
        (lambda: linear(0, 1).steps(0), "number must be"),
        (lambda: SearchSpace(a=linear(0, 1)).draws(1, seed=-1), "seed"),
    ],
)
def test_a_space_that_cannot_be(make, says: str) -> None:
    with pytest.raises(LessonError) as error:
        make()
    assert says in str(error.value)


def test_choices_are_met_in_their_order_and_listed_whole() -> None:
    knob = choices("a", "b", "c", "d")
    assert [knob.at(place) for place in (0.0, 0.24, 0.26, 0.5, 0.99, 1.0)] == ["a", "a", "b", "c", "d", "d"]
    assert knob.steps(2) == ["a", "b", "c", "d"]


def test_the_same_seed_draws_the_same_values() -> None:
    knob = log(0.001, 1)
    assert knob.rvs(random_state=3) == knob.rvs(random_state=3) != knob.rvs(random_state=4)
    assert knob.rvs(4, random_state=3) == knob.rvs(4, random_state=3) and len(set(knob.rvs(4, random_state=3))) == 4
    space = SearchSpace(rate=knob)
    assert space.draws(3) == space.draws(3, seed=42) != space.draws(3, seed=43)


@pytest.mark.parametrize(
    ("knob", "lower", "higher"),
    [
        (linear(2.5, 3.5), linear(2.0, 3.5), linear(2.5, 4.0)),  # half of the range
        (linear(0.5, 4.5), linear(0.25, 4.5), linear(0.5, 6.5)),  # above zero it stays
        (linear(0.0, 0.2), linear(0.0, 0.2), linear(0.0, 0.3)),
        (linear(-1.0, 1.0), linear(-2.0, 1.0), linear(-1.0, 2.0)),
        (linear(4, 8), linear(2, 8), linear(4, 10)),
        (linear(1, 4), linear(1, 4), linear(1, 6)),
        (log(0.01, 1.0), log(0.001, 1.0), log(0.01, 10.0)),
        (log(2, 8), log(1, 8), log(2, 16)),
    ],
)
def test_a_stretched_range_has_half_of_it_more(knob: Knob, lower: Knob, higher: Knob) -> None:
    assert knob.stretched("low") == lower and knob.stretched("high") == higher


def test_a_tenth_of_a_range_is_its_edge() -> None:
    space = SearchSpace(decay=linear(1.0, 11.0), rate=log(0.01, 1.0))
    for decay, side in ((1.5, "low"), (2.0, "low"), (2.5, None), (9.5, None), (10.0, "high")):
        assert space.edges({"decay": decay, "rate": 0.1}).get("decay") == side


@pytest.mark.fault("one sentence")
@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (choices, "choices() needs at least one value to choose from."),
        (lambda: linear(1, 1), "A range goes from a lower to a higher number; you gave linear(1, 1)."),
        (lambda: SearchSpace(rate=5), "rate must be linear(low, high), log(low, high) or choices(…), not 5."),
        (lambda: SearchSpace(a=linear(0, 1)).draws(1, seed=-1), "seed must be"),
        (lambda: SearchSpace(a=linear(0, 1)).edges(5), "Give a value for each of a; you gave 5."),
        (lambda: SearchSpace(a=linear(0, 1)).edges({"b": 1}), "Give a value for each of a; you gave {'b': 1}."),
        (lambda: SearchSpace(a=log(1, 2), b=log(1, 2)).edges({"a": 1}), "Give a value for each of a, b; you gave {'a'"),
        (lambda: SearchSpace(a=linear(0, 1)).edges({"a": "x"}), "a must be a number"),
        (lambda: SearchSpace(a=log(1, 10)).edges({"a": 0}), "a must be a number above"),
    ],
)
def test_what_a_space_refuses_is_said_whole(make, sentence: str) -> None:
    with pytest.raises(LessonError) as error:
        make()
    assert str(error.value).startswith(sentence)
