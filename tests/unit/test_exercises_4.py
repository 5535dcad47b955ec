"""The exercises of notebook 4 take right answers in any form, and name the mistake in a wrong one."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from helpers.exercises import check


def halving(num_models: int, first_epochs: int, factor: int, num_rounds: int) -> int:
    total = 0
    for number in range(num_rounds):
        total += num_models * first_epochs * factor**number
        num_models = math.ceil(num_models / factor)
    return total


def rounded_down(num_models: int, first_epochs: int, factor: int, num_rounds: int) -> int:
    return sum(num_models // factor**number * first_epochs * factor**number for number in range(num_rounds))


def best_within(epochs: pd.DataFrame, seconds: float) -> float | None:
    losses = epochs.loc[epochs["seconds"] <= seconds, "validation_loss"]
    return losses.min() if len(losses) else None


SIZE_8 = {"embedding_dim": 8, "learning_rate": 0.01, "weight_decay": 0.05, "num_epochs": 4}


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("4.1", 13), ("4.1", 13.0), ("4.1", torch.tensor(13)), ("4.1", math.ceil(100_000 / 8192)),
        ("4.2", "c"), ("4.2", "C"), ("4.2", "(c)"),
        ("4.3", halving), ("4.4", "c"),
        ("4.5", [195_000, 2.34]), ("4.5", (195_000, 2.34)), ("4.5", np.array([195_000, 2.34])),
        ("4.6", best_within), ("4.7", SIZE_8), ("4.7", SIZE_8 | {"embedding_dim": 2}),
    ],
)  # fmt: skip
def test_right_answers(name: str, answer: object) -> None:
    reply = check(name, answer)
    assert reply.passed, reply


@pytest.mark.parametrize(
    ("name", "answer", "hint"),
    [
        ("4.1", 12, "rounded down"), ("4.1", 100_000 / 8192, "did not round"), ("4.1", 98, "batches of 1,024"),
        ("4.1", 130, "ten epochs"),
        ("4.2", "a", "among themselves"), ("4.2", "b", "cannot show"), ("4.2", "d", "neither was compared"),
        ("4.3", lambda models, first, factor, rounds: None, "return"),
        ("4.3", lambda models, first, factor, rounds: models * first * 10, "full grid"),
        ("4.3", lambda models, first, factor, rounds: sum(first * factor**n for n in range(rounds)), "How many models"),
        ("4.3", rounded_down, "rounds up"),
        ("4.4", "a", "luck"), ("4.4", "b", "collects"), ("4.4", "d", "luckier"),
        ("4.5", [192_000, 2.304], "biases"), ("4.5", [195_000, 0.78], "weights alone"),
        ("4.5", [195_000, 3.12], "Adam"),
        ("4.5", [195_000, 2_340_000], "megabyte"),
        ("4.6", lambda epochs, seconds: None, "return"),
        ("4.6", lambda epochs, seconds: epochs["validation_loss"], "other than what was asked for"),
        ("4.6", lambda epochs, seconds: epochs["validation_loss"].min(), "not ended yet"),
        ("4.6", lambda epochs, seconds: epochs[epochs.seconds <= seconds]["validation_loss"].iloc[-1], "last loss"),
        ("4.6", lambda epochs, seconds: epochs[epochs.seconds <= seconds]["epoch"].max(), "number of an epoch"),
        ("4.6", lambda epochs, seconds: epochs[epochs.seconds <= seconds].validation_loss.min(), "No epoch has ended"),
        ("4.7", "0.01", "dictionary"), ("4.7", {"batch": 4}, "no setting 'batch'"), ("4.7", {}, "980 updates"),
        ("4.7", {"batch_size": 0}, "batch_size"), ("4.7", {"num_epochs": 4}, "gets nowhere"),
        ("4.7", {"num_epochs": 2, "learning_rate": 0.01}, "nothing holds the weights back"),
        ("4.7", {"num_epochs": 2, "learning_rate": 0.01, "weight_decay": 0.2}, "How many numbers"),
    ],
)  # fmt: skip
def test_wrong_answers_get_their_own_hint(name: str, answer: object, hint: str) -> None:
    reply = check(name, answer)
    assert reply.passed is False and hint in reply.text, reply


@pytest.mark.parametrize("name", [f"4.{number}" for number in range(1, 8)])
def test_no_answer_is_no_mistake(name: str) -> None:
    assert check(name, None).passed is None
    assert check(name, "not an answer").passed is False
