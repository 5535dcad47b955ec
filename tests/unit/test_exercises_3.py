"""The exercises of notebook 3: every right answer in several forms, and every misconception with a hint of its own."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from helpers.exercises import check
from helpers.exercises.notebook_3 import EXERCISES

EMPTY = 100 * (1 - 100_836 / (610 * 9_724))


def predict_ratings(mean, user_bias, movie_bias, users, movies):
    return mean + user_bias + movie_bias + (users * movies).sum(1)


def predict_with_einsum(mean, user_bias, movie_bias, users, movies):
    return torch.einsum("bk,bk->b", users, movies) + user_bias + movie_bias + mean


def predict_row_by_row(mean, user_bias, movie_bias, users, movies):
    rows = zip(user_bias.tolist(), movie_bias.tolist(), users.tolist(), movies.tolist(), strict=True)
    return np.array([mean + b_u + b_m + np.dot(p, q) for b_u, b_m, p, q in rows])  # float64


def most_like(vectors, row):
    cosines = vectors @ vectors[row] / (vectors.norm(dim=1) * vectors[row].norm())
    cosines[row] = -2
    return cosines.argmax().item()


def most_like_as_tensor(vectors, row):
    cosines = torch.nn.functional.cosine_similarity(vectors, vectors[row : row + 1])
    return cosines.argsort(descending=True)[1]


def cut_out(vectors, row):
    others = torch.cat([vectors[:row], vectors[row + 1 :]])
    return torch.cosine_similarity(others, vectors[row : row + 1]).argmax().item()


def nearest(norm):
    def least_distance(vectors, row):
        distances = (vectors - vectors[row]).norm(norm, dim=1)
        distances[row] = torch.inf
        return distances.argmin().item()

    return least_distance


def most_parallel(vectors, row):
    cosines = torch.nn.functional.cosine_similarity(vectors, vectors[row : row + 1]).abs()
    cosines[row] = 0
    return cosines.argmax().item()


RIGHT = {
    "3.1": [EMPTY, round(EMPTY, 1), 98.3, 98, "98.3", np.float64(EMPTY)],
    "3.2": [2, 2.0, "2", torch.tensor(2), len({3, 7})],
    "3.3": [[-2.5, 5.0], (-2.5, 5), np.array([-2.5, 5.0]), torch.tensor([-2.5, 5.0], requires_grad=True)],
    "3.4": [predict_ratings, predict_with_einsum, predict_row_by_row],
    "3.5": [153_000, "153,000", 3_000 * 51, torch.tensor(153_000)],
    "3.6": ["b", "B", "(b)", " b. "],
    "3.7": [most_like, most_like_as_tensor],
    "3.8": [3 / 3.15, Fraction(20, 21), 0.95238, 0.952, 0.95, torch.tensor(3 / 3.15)],
    "3.9": ["b", "B", "(b)"],
}

WRONG = {
    "3.1": {
        100 - EMPTY: "filled",
        EMPTY / 100: "hundred times",
        1 - EMPTY / 100: "not yet a percentage",
        50: "users times",
    },
    "3.2": {3: "counted ratings", 1: "User 7", 1000: "not looked up"},
    "3.3": {
        (2.5, -5.0): "sign",
        (-1.25, 2.5): "factor 2",
        (-5.0, -10.0): "film's vector",
        (0.5, -1.0): "chain rule",
        (-5.0,): "two components",
        (1.0, 1.0): "Not those",
    },
    "3.4": {
        (lambda m, bu, bm, u, q: m + bu + bm + (u * q).sum()): "whole batch",
        (lambda m, bu, bm, u, q: m + bu[:, None] + bm[:, None] + u * q): "every component",
        (lambda m, bu, bm, u, q: m + bu + bm + u @ q.T): "every user of the batch",
        (lambda m, bu, bm, u, q: bu + bm + (u * q).sum(1)): "the mean is missing",
        (lambda m, bu, bm, u, q: (m + bm + (u * q).sum(1)).double()): "user's bias is missing",
        (lambda m, bu, bm, u, q: m + bu + (u * q).sum(1)): "film's bias is missing",
        (lambda m, bu, bm, u, q: m + bu + bm): "no taste",
        (lambda m, bu, bm, u, q: (u * q).sum()): "shape",
        (lambda *given: predict_ratings(*given).round()): "numbers are not",
        (lambda m, bu, bm, u, q: u @ q): "RuntimeError",
        (lambda m, bu, bm, u, q: None): "returns nothing yet",
        (lambda m, bu, bm, u, q: "three"): "other than what was asked for",
    },
    "3.5": {
        150_000: "also has a bias",
        153_001: "not learned",
        3_000: "Those are the biases",
        100_000_000: "every pair",
    },
    "3.6": {"a": "No model can", "c": "before the ratings", "d": "one of"},
    "3.7": {
        (lambda v, row: (v @ v[row] / v.norm(dim=1)).argmax().item()): "leave the row itself out",
        (lambda v, row: (v @ v[row]).index_fill(0, torch.tensor(row), -99).argmax().item()): "both lengths",
        most_parallel: "opposite way",
        cut_out: "moved up by one",
        (lambda v, row: torch.cosine_similarity(v, v[row : row + 1])): "One row number",
        (lambda v, row: torch.cosine_similarity(v, v[row : row + 1]).index_fill(0, torch.tensor(row), 0).argmax()): (
            "0 is no low cosine"
        ),
        (lambda v, row: most_like(v, row) if len(v) > 4 else 3): "yours is 3",
        nearest(2): "yours are 4 and 4",
        nearest(1): "[0.2, 0.05], ",
    },
    "3.8": {
        1.0: "plain mean",
        3 / 3.05: "once per rating",
        3 / 1.05: "number of ratings",
        3 / 3.3: "Twice",
        0.5: "Not that",
    },
    "3.9": {"a": "random split", "c": "next month's films", "d": "new users", "z": "one of"},
}


def test_every_exercise_is_tried():
    assert set(RIGHT) == set(WRONG) == set(EXERCISES)


@pytest.mark.parametrize(("name", "answer"), [(name, answer) for name, given in RIGHT.items() for answer in given])
def test_right_answers_pass(name, answer):
    reply = check(name, answer)
    assert reply.passed is True
    assert reply.text


@pytest.mark.parametrize(
    ("name", "answer", "hint"),
    [(name, answer, hint) for name, given in WRONG.items() for answer, hint in given.items()],
)
def test_wrong_answers_are_told_what_is_behind_them(name, answer, hint):
    reply = check(name, answer)
    assert reply.passed is False
    assert hint in reply.text


@pytest.mark.parametrize("name", WRONG)
def test_each_misconception_has_its_own_hint(name):
    hints = [check(name, answer).text for answer in WRONG[name]]
    assert len(set(hints)) == len(hints)


@pytest.mark.parametrize(("name", "answer"), [("3.1", 97.5), ("3.1", 99), ("3.8", 0.94), ("3.8", 0.96)])
def test_rounding_is_forgiven_and_no_more(name, answer):
    assert check(name, answer).passed is False


def test_a_second_try_meets_the_same_numbers():
    met = []
    for _ in range(2):
        check("3.4", lambda *given: met.append(str(given)) or predict_ratings(*given))
    assert len(met) == 2 and met[0] == met[1]


@pytest.mark.parametrize("name", EXERCISES)
def test_no_answer_yet_is_no_failure(name):
    assert check(name, None).passed is None


def test_a_row_and_a_bit_is_no_row():
    def most_like(vectors, row):
        cosines = torch.nn.functional.cosine_similarity(vectors, vectors[row : row + 1])
        cosines[row] = -2
        return cosines.argmax().item() + 0.4

    assert check("3.7", most_like).text.startswith("One row number is wanted")
