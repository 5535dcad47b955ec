"""The exercises of notebook 5: beyond one device."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from helpers.exercises import Judge, as_numbers, choice, function, number


def _test_averaged(averaged: Callable) -> str | None:
    """Unequal shares of two workers, then three of them, then one without a sample."""

    def differs(gradients: list[np.ndarray], sizes: list[int], expected: np.ndarray) -> bool:
        mean = as_numbers(averaged([torch.tensor(part) for part in gradients], sizes))
        return mean is None or not np.allclose(mean, expected)

    first, second = np.array([1.0, 5.0]), np.array([3.0, -3.0])
    found = as_numbers(averaged([torch.tensor(first), torch.tensor(second)], [900, 100]))
    if found is None or found.shape != (2,):
        return "Two gradients of two numbers go in, and one gradient of two numbers must come out."
    hints = (
        ((first + second) / 2, "That is the plain mean: 100 ratings have the same vote as 900."),
        (first + second, "That is the plain sum: weight each gradient with its share of the batch."),
        (
            900 * first + 100 * second,
            "Almost: the sizes have to be divided by their sum, or the update is 1,000 times too long.",
        ),
        ((900 * first + 100 * second) / 2, "You divided by the number of workers: divide by the number of samples."),
        (0.1 * first + 0.9 * second, "The weights are the wrong way round: the larger share has the larger vote."),
    )
    for wrong, hint in hints:
        if np.allclose(found, wrong):
            return hint
    if not np.allclose(found, 0.9 * first + 0.1 * second):
        return (
            f"Gradients [1, 5] and [3, -3] of 900 and 100 samples average to [1.2, 4.2]; yours gives {found.tolist()}."
        )
    if differs([first, second, first + second], [1, 2, 5], (first + 2 * second + 5 * (first + second)) / 8):
        return "Right for two workers, but wrong for three."
    if differs([first, np.full(2, np.nan)], [7, 0], first):
        return "An empty share spoils your sum: zero times NaN is NaN, so leave it out."
    return None


EXERCISES: dict[str, Judge] = {
    "5.1": number(
        72 / 672,
        {
            1 / 3: "That is the plain mean over three workers, which gives 72 ratings the vote of hundreds.",
            100 * 72 / 672: "That is a percentage: give it as a share of 1.",
            72: "72 is the size of the share; its weight is the percentage of the batch that it makes up.",
            72 / 1024: "Divide by the batch that is there: it has 672 ratings, not 1,024.",
            72 / 100_000: "The gradient is averaged over the batch, not over the training set.",
            72 / 600: "Compare the share with the whole batch, not with the rest of it.",
        },
        right="All weights together are 1, whatever the shares.",
        tolerance=5e-3,
    ),
    "5.2": function(_test_averaged, right="Right for any shares, the empty one included."),
    "5.3": number(
        357_000,
        {
            204_000: "That is one gradient. It goes round the ring twice, less one piece each time.",
            408_000: "Nearly: twice the gradient is the limit for many workers; a worker's own piece stays at home.",
            178_500: "That is the first round only, which completes the pieces; then they have to be handed out.",
            1_428_000: "That is every worker sending its gradient to each of the seven others. The ring needs less.",
            2_856_000: "That is what all eight send together; divide by the number of workers.",
            89_250: "These are numbers; each of them takes 4 bytes.",
        },
        right="With 800 workers it would be 407,490: hardly more.",
        otherwise="Not that many yet: 2 · (W − 1) / W times the gradient, in bytes.",
    ),
    "5.4": number(
        13,
        {
            98: "98 is the count when all workers together have 1,024. Here each has 1,024: a batch is 8,192.",
            12: "You rounded down: the ratings left over are still a batch, and an update.",
            100_000 / 8192: "An update cannot be made in part: the ratings left over are a batch of their own.",
            784: "All workers make the same update together: it counts once, not eight times.",
            104: "All workers make the same update together: it counts once, not eight times.",
        },
        right="An eighth of one worker's 98 updates, rounded up; that is what the learning rate has to make up for.",
        tolerance=1e-4,
    ),
    "5.5": choice(
        "c",
        {
            "a": "After the averaging both workers make the same update: there are no two halves of the weights.",
            "b": "A copy in the same place is no copy. And if worker 0 dies, what it wrote is still there.",
        },
        right="One writes; to be safe against a broken disk, it would have to write somewhere else.",
    ),
    "5.6": number(
        4,
        {
            27 / 8: "That cuts models into pieces: in the last round three workers train and five wait.",
            3: "In three rounds 24 models are done; three are left.",
            27: "That is one worker alone.",
            216: "More workers should not take longer.",
        },
        right="ceil(27 / 8), and in the last round five workers have nothing to do.",
        tolerance=1e-4,
    ),
    "5.7": choice(
        "a",
        {
            "b": "More epochs take more time. What you want is more work for each gradient that travels.",
            "c": "A gradient has one number for every weight, however small the batch: as much to send for less work.",
        },
        right="More work for every gradient that travels; then fewer updates, so try the learning rate anew.",
    ),
}
