"""The checks that stand before every piece of work."""

import math

import numpy as np
import pytest

from helpers.checks import (
    LARGEST_COUNT,
    LessonError,
    finite_number,
    number_from_zero,
    one_of,
    positive_int,
    positive_number,
    seed_number,
    share,
    shown,
    switch,
)

NO_NUMBERS = [True, False, np.True_, "3", None, math.nan, math.inf, -math.inf, [1]]


@pytest.mark.parametrize("check", [positive_int, positive_number, number_from_zero, share, seed_number])
@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
def test_what_is_no_number_is_refused_with_the_name_of_the_setting(check, value):
    with pytest.raises(LessonError, match=r"^batch_size must be .* you gave ") as caught:
        check("batch_size", value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "check, wrong",
    [
        (positive_int, [0, -1, 64.0, 0.5, np.float64(3)]),
        (seed_number, [-1, 42.0, 2**32]),
        (positive_number, [0, -0.001, 0.0]),
        (number_from_zero, [-1e-9]),
        (share, [0, 1, 1.2, -0.2, 20]),
    ],
)
def test_numbers_out_of_bounds_are_refused(check, wrong):
    for value in wrong:
        with pytest.raises(LessonError, match="x must be"):
            check("x", value)


def test_right_values_come_back_as_plain_numbers():
    assert [type(number) for number in (positive_int("x", np.int64(3)), positive_number("x", np.float32(0.5)))] == [
        int,
        float,
    ]
    assert (seed_number("x", 2**32 - 1), number_from_zero("x", 0), share("x", 0.2), positive_number("x", 3)) == (
        2**32 - 1,
        0.0,
        0.2,
        3.0,
    )
    assert switch("x", True) is True
    with pytest.raises(LessonError, match="must be True or False; you gave 1"):
        switch("x", 1)


def test_a_slip_of_the_pen_is_answered_with_the_nearest_choice():
    assert one_of("optimizer", "adam", ("sgd", "adam")) == "adam"
    with pytest.raises(LessonError, match=r"one of 'sgd', 'adam'; you gave 'Adma' \(did you mean 'adam'\?\)"):
        one_of("optimizer", "Adma", ("sgd", "adam"))
    with pytest.raises(LessonError, match=r"you gave 'lion'\.$"):
        one_of("optimizer", "lion", ("sgd", "adam"))


class Textless:
    def __repr__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2**200 - 1, str(2**200 - 1)),
        (2**200, "a whole number of about 61 digits"),
        (10**999, "a whole number of about 999 digits"),
        ("two\nlines", r"'two\nlines'"),
        (np.array([[1, 2], [3, 4]]), "array([[1, 2], [3, 4]])"),
        ("x" * 78, repr("x" * 78)),
        ("x" * 79, "'" + "x" * 78 + "…"),
        (Textless(), "a Textless"),
    ],
    ids=range(8),
)
def test_a_value_is_quoted_on_one_line(value, text):
    assert shown(value) == text


@pytest.mark.parametrize("check", [positive_int, seed_number, positive_number, number_from_zero, share, finite_number])
def test_what_was_given_is_quoted(check):
    with pytest.raises(LessonError, match=r"; you gave 'three'\.$"):
        check("x", "three")


def test_counts_and_seeds_reach_their_ends():
    assert (positive_int("x", 1), positive_int("x", LARGEST_COUNT), seed_number("x", 0)) == (1, LARGEST_COUNT, 0)
    with pytest.raises(LessonError, match=f"at most {LARGEST_COUNT:,}; you gave {LARGEST_COUNT + 1}"):
        positive_int("x", LARGEST_COUNT + 1)


def test_a_finite_number_may_be_whole_or_negative():
    assert (finite_number("x", -0.5), finite_number("x", -3, whole=True)) == (-0.5, -3)
    for value, whole, kind in ((0.5, True, "a whole number, such as 3;"), (math.inf, False, "a number, such as 0.5;")):
        with pytest.raises(LessonError, match=f"x must be {kind}"):
            finite_number("x", value, whole=whole)


def test_a_share_says_whether_it_may_be_switched_off():
    assert share("x", 0, or_zero=True) == 0
    for or_zero, words in ((True, r"0 \(off\) or a share"), (False, "a share")):
        with pytest.raises(
            LessonError, match=rf"^x must be {words} between 0 and 1, such as 0\.2 for 20 %; you gave 1\.$"
        ):
            share("x", 1, or_zero=or_zero)


class Unprintable:
    def __repr__(self):
        raise RuntimeError("no text")


@pytest.mark.parametrize("value", [[10**5000], Unprintable()], ids=["huge", "unprintable"])
def test_a_choice_that_cannot_even_be_written_down_is_refused(value):
    with pytest.raises(LessonError, match="optimizer must be one of 'adam'; you gave a "):
        one_of("optimizer", value, ["adam"])
