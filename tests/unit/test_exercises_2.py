"""Every exercise of notebook 2 takes its right answer in several forms, and meets each typical mistake by name."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import torch

from helpers.exercises import check
from helpers.exercises.notebook_2 import EXERCISES


def weighted(means, sizes):
    return sum(mean * size for mean, size in zip(means, sizes, strict=True)) / sum(sizes)


def weighted_by_tensors(means, sizes):
    means, sizes = torch.as_tensor(means), torch.as_tensor(sizes)  # float32, where lists are given
    return (means * sizes).sum() / sizes.sum()


def accumulate(gradient_of_mean, micro_batches):
    total = sum(len(micro) for micro in micro_batches)
    return sum(gradient_of_mean(micro) * (len(micro) / total) for micro in micro_batches)


def all_but_the_last_equal(means, sizes):
    weights = [sizes[0]] * (len(sizes) - 1) + [sizes[-1]]
    return weighted(means, weights)


def accumulate_all_but_the_last_equal(gradient_of_mean, micro_batches):
    weights = [len(micro_batches[0])] * (len(micro_batches) - 1) + [len(micro_batches[-1])]
    return weighted([gradient_of_mean(micro) for micro in micro_batches], weights)


def accumulate_in_place(gradient_of_mean, micro_batches):
    total, count = torch.zeros(2, dtype=torch.float64), 0
    for micro in micro_batches:
        total += len(micro) * gradient_of_mean(micro)
        count += len(micro)
    return total / count


RIGHT = {
    "2.1": [[-2, 1], (-2.0, 1.0), np.array([-2, 1]), torch.tensor([-2.0, 1.0]), torch.tensor([[-2.0], [1.0]])],
    "2.2": ["c", "C", " (c) "],
    "2.3": [0.0025, 0.08 / 32, Fraction(1, 400), torch.tensor(0.0025), "0.0025"],
    "2.4": [weighted, weighted_by_tensors],
    "2.5": [9, 9.0, np.int64(9), torch.tensor(9)],
    "2.6": [accumulate, accumulate_in_place],
    "2.7": [306 / 353, 0.86686, 0.8669, Fraction(306, 353)],
    "2.8": ["c", "C"],
}
WRONG = {
    "2.1": {
        "three votes of four": [0, 1],
        "a quarter of the vote": torch.tensor([-1, 0]),
        "mean of the first three": [2, 1],
        "turn the mean into a sum": (-5, -2),
        "sum of all four: subtract": [4, 4],
        "wrong order": (1, -2),
        "2 numbers are wanted": [1, 2, 3, 4],
        "how large is the sum": [7, 7],
    },
    "2.2": {"ReLU": "a", "absolute error": "b", "More weights": "d", "Answer with one of": "batch norm"},
    "2.3": {
        "must shrink": 2.56,
        "32 times as long": 0.08,
        "batches have 32": 0.00125,
        "belongs to the noise": 0.08 / 32**0.5,
        "how many times": 1.0,
        "One number is wanted": "a lot",
    },
    "2.4": {
        "mean of the batch means": lambda means, sizes: sum(means) / len(means),
        "sum of all losses: it still": lambda means, sizes: sum(m * s for m, s in zip(means, sizes, strict=True)),
        "by the number of batches": lambda means, sizes: weighted(means, sizes) * sum(sizes) / len(means),
        "as many samples as the first": lambda means, sizes: weighted(means, sizes) * sum(sizes) / (3 * sizes[0]),
        "before multiplying": lambda means, sizes: sum(means) / sum(sizes),
        "by the same size": lambda means, sizes: sum(means) * sizes[0] / sum(sizes),
        "returns nothing yet": lambda means, sizes: None,
        "one number, and it returned [2.0, 4.0, 9.0]": lambda means, sizes: means,
        "mean over samples of 4.667; yours gives 2.": lambda means, sizes: means[0],
        "but the last to be as large": all_but_the_last_equal,
        "not for tensors": lambda means, sizes: weighted(means, sizes) if isinstance(means, list) else 0.0,
        "single batch": lambda means, sizes: weighted(means, sizes) if len(means) > 1 else 0.0,
        "stopped with ZeroDivisionError": lambda means, sizes: 1 / 0,
        "A function is wanted": 4.2,
    },
    "2.5": {
        "Three times the batch": 3,
        "other way round": 3**0.5,
        "has to grow": 1 / 9,
        "smaller batch is noisier": 1 / 3,
        "One power too many": 27,
        "falls as one over the root": 100,
    },
    "2.6": {
        "without scaling": lambda gradient, micros: sum(gradient(micro) for micro in micros),
        "same weight": lambda gradient, micros: sum(gradient(micro) for micro in micros) / len(micros),
        "divide once": lambda gradient, micros: sum(gradient(micro) * len(micro) for micro in micros),
        "as the first": lambda gradient, micros: (
            sum(gradient(m) * len(m) for m in micros) / len(micros) / len(micros[0])
        ),
        "number of micro-batches": lambda gradient, micros: sum(gradient(m) * len(m) for m in micros) / len(micros),
        "returns nothing yet": lambda gradient, micros: None,
        "return one gradient": lambda gradient, micros: 1.0,
        "the result should be [8.0, 3.0]; yours is [2.0, 1.0]": lambda gradient, micros: gradient(micros[0]),
        "but the last to be as large": accumulate_all_but_the_last_equal,
        "MemoryError: 6 samples": lambda gradient, micros: gradient(torch.cat(micros)),
        "MemoryError: 4 samples": lambda gradient, micros: accumulate(gradient, [torch.cat(micros[:2]), micros[2]]),
        "stopped with AttributeError": lambda gradient, micros: gradient(micros),
        "call gradient_of_mean": lambda gradient, micros: torch.cat(micros).mean(0),
    },
    "2.7": {
        "share of the samples; the average": 153 / 353,
        "the first worker": 400 / 353,
        "Upside down": 353 / 306,
        "Unscaled": 1,
        "compares the second with the first": 153 / 200,
        "not halve again": 153 / 706,
        "half of the factor": 2.5,
    },
    "2.8": {"mean of the means": "a", "All six batches": "b", "by elements": "d", "Answer with one of": 7},
}


def test_all_exercises_are_tested() -> None:
    assert set(RIGHT) == set(WRONG) == set(EXERCISES)
    assert all(len(mistakes) >= 2 for mistakes in WRONG.values())


@pytest.mark.parametrize(("name", "answer"), [(name, answer) for name in RIGHT for answer in RIGHT[name]])
def test_right_answers_pass(name: str, answer: object) -> None:
    reply = check(name, answer)
    assert reply.passed and reply.text != "Right.", reply


@pytest.mark.parametrize(
    ("name", "hint", "answer"), [(name, hint, answer) for name in WRONG for hint, answer in WRONG[name].items()]
)
def test_mistakes_are_met_by_name(name: str, hint: str, answer: object) -> None:
    reply = check(name, answer)
    assert reply.passed is False
    assert hint in reply.text


@pytest.mark.parametrize("name", WRONG)
def test_each_mistake_has_a_hint_of_its_own(name: str) -> None:
    texts = [check(name, answer).text for answer in WRONG[name].values()]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("name", EXERCISES)
def test_unanswered_is_calm(name: str) -> None:
    for nothing in (None, ...):
        assert check(name, nothing).passed is None


def test_a_rounded_mistake_is_met_by_name() -> None:
    assert "share of the samples" in check("2.7", 0.4334).text


@pytest.mark.parametrize(
    ("name", "mistake"), [("2.4", all_but_the_last_equal), ("2.6", accumulate_all_but_the_last_equal)]
)
def test_batches_taken_to_be_of_one_size_are_met_whatever_they_are_divided_by(name: str, mistake: Callable) -> None:
    reply = check(name, lambda *given: mistake(*given) * 8 / 6)  # divided by the true number of samples
    assert "each has a size of its own" in reply.text
