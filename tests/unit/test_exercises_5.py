"""The exercises of notebook 5: right answers in several forms, and wrong ones that each get their own hint."""

import math

import numpy as np
import pytest
import torch

from helpers.exercises import check


def averaged(gradients, sizes):
    total = sum(sizes)
    return sum(size / total * part for part, size in zip(gradients, sizes, strict=True) if size > 0)


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("5.1", [72 / 672, 0.107, torch.tensor(72 / 672), np.float64(72 / 672), "0.10714"]),
        ("5.2", [averaged, lambda gradients, sizes: averaged(gradients, sizes).tolist()]),
        ("5.3", [357_000, "357,000", 2 * 7 / 8 * 204_000, torch.tensor(357_000)]),
        ("5.4", [13, 13.0, np.int64(13), math.ceil(100_000 / 8192)]),
        ("5.5", ["c", "C", " c) "]),
        ("5.6", [4, 4.0, torch.tensor(4)]),
        ("5.7", ["a", "A."]),
    ],
)
def test_right_answers_in_any_form(name, answers):
    for answer in answers:
        assert check(name, answer).passed is True, check(name, answer)


WRONG = {
    "5.1": {1 / 3: "plain mean", 72: "percentage", 72 / 1024: "672", 72 / 100_000: "training set", 0.12: "whole batch"},
    "5.3": {
        204_000: "one gradient",
        408_000: "Nearly",
        178_500: "first round",
        1_428_000: "seven others",
        89_250: "4 bytes",
    },
    "5.4": {98: "8,192", 12: "rounded down", 100_000 / 8192: "in part", 784: "counts once"},
    "5.5": {"a": "no two halves", "b": "no copy"},
    "5.6": {27 / 8: "pieces", 3: "three are left", 27: "one worker alone"},
    "5.7": {"b": "More epochs", "c": "as much to send"},
}


@pytest.mark.parametrize(
    ("name", "answer", "hint"), [(n, a, hint) for n, all in WRONG.items() for a, hint in all.items()]
)
def test_wrong_answers_are_known_by_name(name, answer, hint):
    reply = check(name, answer)
    assert reply.passed is False
    assert hint in reply.text


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda gradients, sizes: sum(gradients) / len(gradients), "plain mean"),
        (lambda gradients, sizes: sum(gradients), "plain sum"),
        (lambda gradients, sizes: sum(s * g for g, s in zip(gradients, sizes, strict=True)), "Almost: the sizes"),
        (
            lambda gradients, sizes: sum(s * g for g, s in zip(gradients, sizes, strict=True)) / len(sizes),
            "number of workers",
        ),
        (lambda gradients, sizes: averaged(gradients, sizes[::-1]), "wrong way round"),
        (lambda gradients, sizes: torch.stack(gradients), "must come out"),
        (lambda gradients, sizes: "a gradient", "must come out"),
        (lambda gradients, sizes: averaged(gradients[:2], sizes[:2]), "wrong for three"),
        (lambda gradients, sizes: sum(s / sum(sizes) * g for g, s in zip(gradients, sizes, strict=True)), "NaN"),
        (lambda gradients, sizes: None, "returns nothing yet"),
        (lambda gradients, sizes: 1 / 0, "ZeroDivisionError"),
        (0.9, "function"),
    ],
)
def test_wrong_functions_are_known_by_name(wrong, hint):
    reply = check("5.2", wrong)
    assert reply.passed is False
    assert hint in reply.text


def test_a_wrong_average_is_told_for_the_gradients_that_went_in():
    given = []
    reply = check("5.2", lambda gradients, sizes: given.append((gradients, sizes)) or gradients[0] * 0)
    gradients, (one, other) = given[0]
    first, second = ([int(entry) for entry in gradient] for gradient in gradients)
    assert f"Gradients {first} and {second} of {one} and {other} samples" in reply.text
    assert f"average to {averaged(*given[0]).numpy().round(3).tolist()}; yours gives [0.0, 0.0]" in reply.text


@pytest.mark.parametrize("name", [f"5.{number}" for number in range(1, 8)])
def test_no_answer_is_no_mistake(name):
    assert check(name).passed is None


def test_the_hints_of_the_ring_are_right():
    gradient = 51_000 * 4
    assert 2 * 7 / 8 * gradient == 357_000
    assert 7 / 8 * gradient == 178_500
    assert 7 * gradient == 1_428_000
    assert 7 * 2 * gradient == 8 * 357_000 == 2_856_000
    assert round(2 * 799 / 800 * gradient) == 407_490


def test_a_weight_as_a_percentage_is_told_so():
    reply = check("5.1", 10.7)
    assert reply.passed is False and "as a share" in reply.text
