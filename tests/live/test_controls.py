"""Controls: the values a learner can choose, how they are written, and what cannot be."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.checks import LessonError
from helpers.live.controls import (
    Control,
    checkbox,
    float_slider,
    int_slider,
    log_slider,
    menu,
    powers_of_two,
    write_number,
)


def value(control: Control) -> object:
    return control.options[control.start]


def test_powers_of_two_have_both_ends_and_the_first_value() -> None:
    assert powers_of_two(1, 16, 4).options == (1, 2, 4, 8, 16)
    control = powers_of_two(4, 353, 50)
    assert control.options == (4, 8, 16, 32, 50, 64, 128, 256, 353) and value(control) == 50
    assert all(isinstance(option, int) for option in control.options)


def test_log_slider_has_round_numbers_in_even_steps() -> None:
    control = log_slider(0.0001, 1, 0.001)
    assert value(control) == 0.001 and control.options[0] == 0.0001 and control.options[-1] == 1
    assert len(control.options) == 25
    ratios = [b / a for a, b in zip(control.options, control.options[1:], strict=False)]
    assert min(ratios) > 1.3 and max(ratios) < 1.7
    assert control.texts[:3] == ("0.0001", "0.00015", "0.0002")
    assert value(log_slider(0.001, 1, 0.0042)) == 0.0042


def test_int_and_float_sliders_step_exactly() -> None:
    assert int_slider(1, 10, 4, step=3).options == (1, 4, 7, 10)
    assert int_slider(1, 9, 4, step=3).options == (1, 4, 7, 9)
    control = float_slider(0, 1, 0.3, step=0.1)
    assert control.options == (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)
    assert len(float_slider(-3, 3, 0).options) == 101


def test_menus_write_options_as_asked() -> None:
    assert menu(["sgd", "adam"]).texts == ("sgd", "adam") and value(menu(["sgd", "adam"], "adam")) == "adam"
    control = menu({"sgd": "plain SGD", None: "none"})
    assert control.options == ("sgd", None) and control.texts == ("plain SGD", "none")
    assert control.position("optimizer", None) == 1


def test_a_checkbox_is_true_or_false_and_not_one() -> None:
    assert value(checkbox(True)) is True and checkbox().texts == ("off", "on")
    with pytest.raises(LessonError):
        checkbox(True).position("shuffle", 1)


def test_units_stand_beside_the_number() -> None:
    assert powers_of_two(512, 1024, 512, unit="samples").texts == ("512 samples", "1,024 samples")


@pytest.mark.parametrize(
    ("number", "written"),
    [(1024, "1,024"), (0.0015, "0.0015"), (1e-4, "0.0001"), (1.0, "1"), (0, "0"), (-2.5, "-2.5"), (1e-9, "1e-09"),
     (1e-6, "0.000001"), (29_300.0, "29,300"), (3e10, "3e+10"), (True, "True"), ("adam", "adam")],
)  # fmt: skip
def test_numbers_are_written_as_people_write_them(number: object, written: str) -> None:
    assert write_number(number) == written


@pytest.mark.parametrize(
    "make",
    [
        lambda: int_slider(5, 1, 3),
        lambda: int_slider(1, 5, 9),
        lambda: int_slider(1, 1_000_000, 3),
        lambda: float_slider(1, 1, 1),
        lambda: log_slider(0, 1, 0.1),
        lambda: powers_of_two(0, 8, 1),
        lambda: powers_of_two(1, 8, 2.5),
        lambda: menu([]),
        lambda: menu(["sgd"], "adam"),
        lambda: menu(["sgd"], np.ones((40, 40))),
        lambda: int_slider(1, 10**400, 3),
        lambda: int_slider(1, 5, 10**400),
        lambda: float_slider(0, 1, 0, step=1e-320),
        lambda: menu([1, 2], 10**400),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(make) -> None:
    with pytest.raises(LessonError) as raised:
        make()
    assert "\n" not in str(raised.value) and str(raised.value).endswith(".") and len(str(raised.value)) < 250


@pytest.mark.fault("one sentence")
@pytest.mark.parametrize("make", [float_slider, int_slider])
def test_a_slider_upside_down_is_told_so(make: Callable[..., Control]) -> None:
    with pytest.raises(LessonError, match="goes from low to high, but 1 is not below 0"):
        make(1, 0, 1)


def test_numpys_whole_numbers_become_pythons() -> None:
    powers, whole = powers_of_two(np.int64(1), np.int64(8), np.int64(4)), int_slider(np.int64(1), 5, np.int64(3))
    assert powers.options == (1, 2, 4, 8) and whole.options == (1, 2, 3, 4, 5)
    assert {type(option) for option in (*powers.options, *whole.options)} == {int}


@pytest.mark.fault("one sentence")
def test_what_is_no_menu_no_tip_and_no_label() -> None:
    for action, words in (
        (lambda: menu([[1], [2]]), "A menu's options are words"),
        (lambda: int_slider(1, 9, 5, None), "tip must be words"),
        (lambda: int_slider(1, 9, 5, label=5), "label must be words"),
    ):
        with pytest.raises(LessonError, match=words):
            action()


FINITE = st.floats(-1e12, 1e12, allow_nan=False).filter(lambda value: value == 0 or abs(value) > 1e-12)


@settings(max_examples=60, deadline=None, database=None)
@given(st.lists(FINITE, min_size=3, max_size=3, unique=True).map(sorted))
def test_a_float_slider_has_its_ends_and_begins_at_its_value(numbers: list[float]) -> None:
    low, middle, high = numbers
    if not middle - low > 1e-6 * (high - low) < high - middle:
        return
    control = float_slider(low, high, middle)
    assert value(control) == pytest.approx(middle, rel=1e-8)
    assert control.options[0] == pytest.approx(low, rel=1e-8) and control.options[-1] == pytest.approx(high, rel=1e-8)
    assert list(control.options) == sorted(control.options) and len(control.options) <= 103


@settings(max_examples=60, deadline=None, database=None)
@given(st.integers(-30, 5), st.integers(1, 12), st.floats(0, 1))
def test_a_log_slider_over_any_decades_begins_at_its_value(decade: int, decades: int, share: float) -> None:
    low, high = 10.0**decade, 10.0 ** (decade + decades)
    first = low * (high / low) ** share
    first = min(max(first, low), high)
    control = log_slider(low, high, first)  # tiny numbers, too: 1e-30 is not 2e-30
    assert value(control) == pytest.approx(first, rel=1e-8)
    gaps = np.diff(np.log10(control.options))
    assert gaps.min() > 0 and gaps.max() < 0.31


@pytest.mark.parametrize(
    ("make", "named"),
    [(lambda: menu(["sgd", "adam"], "adamw"), "value"), (lambda: float_slider(0, 1, 0.5, step=-1), "step")],
)
def test_what_is_refused_is_named(make: Callable[[], Control], named: str) -> None:
    with pytest.raises(LessonError, match=rf"\b{named}\b"):
        make()


NAMED = {"unit": "u", "label": "l"}


@pytest.mark.parametrize(
    ("make", "is_"),
    [
        (lambda: powers_of_two(1, 4, 4), Control("slider", (1, 2, 4), ("1", "2", "4"), 2)),
        (lambda: powers_of_two(1, 2, 2, "t", **NAMED), Control("slider", (1, 2), ("1 u", "2 u"), 1, "t", "l")),
        (lambda: log_slider(1, 3, 2), Control("slider", (1, 1.5, 2, 3), ("1", "1.5", "2", "3"), 2)),
        (lambda: log_slider(1, 1.5, 1, "t", **NAMED), Control("slider", (1, 1.5), ("1 u", "1.5 u"), 0, "t", "l")),
        (lambda: int_slider(1, 3, 1), Control("slider", (1, 2, 3), ("1", "2", "3"), 0)),
        (lambda: int_slider(1, 2, 2, "t", **NAMED), Control("slider", (1, 2), ("1 u", "2 u"), 1, "t", "l")),
        (lambda: float_slider(0, 1, 0.5, step=0.5), Control("slider", (0, 0.5, 1), ("0", "0.5", "1"), 1)),
        (lambda: float_slider(0, 1, 1, "t", step=1, **NAMED), Control("slider", (0, 1), ("0 u", "1 u"), 1, "t", "l")),
        (lambda: menu([3, 4]), Control("menu", (3, 4), ("3", "4"), 0)),
        (lambda: menu([3, 4], 4, "t", label="l"), Control("menu", (3, 4), ("3", "4"), 1, "t", "l")),
        (lambda: checkbox(), Control("checkbox", (False, True), ("off", "on"), 0)),
        (lambda: checkbox(True, "t", label="l"), Control("checkbox", (False, True), ("off", "on"), 1, "t", "l")),
    ],
)  # fmt: skip
def test_what_every_maker_gives(make: Callable[[], Control], is_: Control) -> None:
    assert make() == is_


@pytest.mark.fault("one sentence that names it, says what was given and what there is")
@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: int_slider(1, 5, 9), "A slider goes from low to high with its value between them, not 1, 5, 9."),
        (lambda: powers_of_two(2, 2, 2), "A slider goes from low to high with its value between them, not 2, 2, 2."),
        (lambda: float_slider(1, 1, 1), "A slider goes from low to high, but 1 is not below 1."),
        (lambda: int_slider(0, 2000, 3), "A slider has at most 2,000 steps: give a step larger than 1."),
        (lambda: int_slider(-2000, 0, 0), "A slider has at most 2,000 steps: give a step larger than 1."),
        (lambda: int_slider("a", 5, 2), "low must be a whole number, such as 3; you gave 'a'."),
        (lambda: int_slider(1, 5.5, 2), "high must be a whole number, such as 3; you gave 5.5."),
        (lambda: int_slider(1, 5, "c"), "value must be a whole number, such as 3; you gave 'c'."),
        (lambda: int_slider(1, 5, 2, step=0), "step must be a whole number of 1 or more, such as 1 or 64; you gave 0."),
        (lambda: int_slider(1, 9, 5, label=5), "label must be words in quotation marks; you gave 5."),
        (lambda: menu([]), "A menu needs at least one option."),
        (lambda: menu(5), "A menu's options are words, numbers or the like, such as ['sgd', 'adam']; you gave 5."),
        (lambda: menu(["sgd", "adam"], "adamw"), "value has no 'adamw': choose one of 'sgd', 'adam'."),
        (lambda: menu([1, 2]).position("rungs", 5), "rungs has no 5: choose one of 1, 2."),
        (lambda: powers_of_two(1, 8, 2).position("size", 5), "size has no 5: its nearest values are 2 and 4."),
        (lambda: powers_of_two(1, 4, 2).position("size", "x"), "size has no 'x': choose one of 1, 2, 4."),
    ],
)  # fmt: skip
def test_what_is_refused_gets_this_sentence(make: Callable[[], object], sentence: str) -> None:
    with pytest.raises(LessonError) as refused:
        make()
    assert str(refused.value) == sentence


def test_a_value_is_found_where_rounding_moved_it_and_only_there() -> None:
    assert int_slider(1, 9, 5).position("n", 3 + 1e-10) == 2
    assert menu([10**17, 10**17 + 1]).position("n", 10**17 + 1) == 1
    assert float_slider(-0.3, 0.3, 0.3, step=0.1).options[3] == 0  # not the 5e-17 that adding 0.1 three times leaves
    assert int_slider(0, 1999, 3).start == 3  # as many steps as a slider may have


def test_numpys_numbers_become_pythons() -> None:
    assert {type(option) for option in float_slider(np.float32(0), 1, np.float32(0.5), step=0.5).options} == {float}
    assert {type(option) for option in log_slider(np.float32(1), np.float32(3), np.float32(2)).options} == {float}
    assert write_number(1e9) == "1e+09" and write_number(999_999_999) == "999,999,999"
