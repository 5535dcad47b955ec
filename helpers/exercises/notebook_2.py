"""The exercises of notebook 2: one batch, one loss."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from helpers.exercises import Judge, choice, function, number, numbers


def _value(answer: Any) -> float | None:
    """One number, whatever holds it; None for anything else."""
    try:
        return float(answer)
    except (TypeError, ValueError):
        return None


def _near(given: float, expected: float) -> bool:
    return math.isclose(given, expected, rel_tol=1e-6, abs_tol=1e-9)


NO_NUMBER = "Your function should return one number, and it returned {}."


def _test_epoch_loss(epoch_loss: Callable) -> str | None:
    """Feed three batches of three different sizes, as lists and as tensors, then a single one."""
    means, sizes = [2.0, 4.0, 9.0], [3, 1, 2]
    found = epoch_loss(means, sizes)
    given = _value(found)
    if given is None:
        return NO_NUMBER.format(repr(found))
    total, samples = 2.0 * 3 + 4.0 * 1 + 9.0 * 2, 6
    hints = {
        5.0: "That is the mean of the batch means: a batch of one sample got as large a vote as a batch of three.",
        total: "That is the sum of all losses: it still has to be divided, once, by the number of samples.",
        total / 3: "You divided the sum of all losses by the number of batches; divide by the number of samples.",
        total / (3 * 3): "You divided as if every batch had as many samples as the first: add up the sizes instead.",
        15.0 / samples: "You added the means before multiplying each by its batch's size.",
        15.0 * 3 / samples: "You multiplied every mean by the same size: each batch has its own.",
    }
    for wrong in (36 / 8, 36 / samples):  # weights 3, 3, 2
        hints[wrong] = "You took all batches but the last to be as large as the first: each has a size of its own."
    for wrong, hint in hints.items():
        if _near(given, wrong):
            return hint
    if not _near(given, total / samples):
        truth = total / samples
        return f"Means 2, 4, 9 with sizes 3, 1, 2 have a mean over samples of {truth:.4g}; yours gives {given:.4g}."
    as_tensors = _value(epoch_loss(torch.tensor(means, dtype=torch.float64), torch.tensor(sizes)))
    if as_tensors is None or not _near(as_tensors, total / samples):
        return "Right for lists, but not for tensors of means and sizes."
    if not _near(float(epoch_loss([3.0], [7])), 3.0):
        return "With a single batch the answer is that batch's mean, and yours is not."
    return None


def _mean_of_at_most_three(micro: Tensor) -> Tensor:
    """The 'gradient' of a micro-batch, where three samples fill the memory."""
    if len(micro) > 3:
        raise MemoryError(f"{len(micro)} samples at once do not fit: the largest micro-batch has 3.")
    return micro.mean(0)


def _test_accumulate(accumulate: Callable) -> str | None:
    """Feed micro-batches of 3, 1 and 2 samples whose 'gradients' are the samples themselves."""
    samples = torch.tensor([[1.0, 0.0], [2.0, 0.0], [3.0, 3.0], [28.0, 8.0], [4.0, 1.0], [10.0, 6.0]]).double()
    micro_batches = list(samples.split([3, 1, 2]))
    found = accumulate(_mean_of_at_most_three, micro_batches)
    if not isinstance(found, Tensor) or found.shape != (2,):
        return "Your function should return one gradient, of the same shape as gradient_of_mean returns."
    means = torch.stack([micro.mean(0) for micro in micro_batches])
    as_the_first = 3 * means[0] + 3 * means[1] + 2 * means[2]
    all_but_last = "You took all micro-batches but the last to be as large as the first: each has a size of its own."
    hints = (
        (means.sum(0), "You added the mean gradients without scaling them: that grows with their number."),
        (means.mean(0), "Every micro-batch got the same weight: one has a single sample and a third of the vote."),
        (samples.sum(0), "That is the gradient of the summed loss: divide once by the number of samples."),
        (samples.sum(0) / 9, "You divided as if every micro-batch had as many samples as the first."),
        (samples.sum(0) / 3, "You divided by the number of micro-batches; divide by the number of samples."),
        (as_the_first / 8, all_but_last),
        (as_the_first / 6, all_but_last),
    )
    for wrong, hint in hints:
        if torch.allclose(found.double(), wrong):
            return hint
    if not torch.allclose(found.double(), samples.mean(0)):
        expected = samples.mean(0).tolist()
        return f"For micro-batches of 3, 1 and 2 samples the result should be {expected}; yours is {found.tolist()}."
    steeper = accumulate(lambda micro: -3 * _mean_of_at_most_three(micro), micro_batches)
    if not torch.allclose(steeper.double(), -3 * samples.mean(0)):
        return "You worked the gradient out yourself: call gradient_of_mean, since another model has another."
    return None


EXERCISES: dict[str, Judge] = {
    "2.1": numbers(
        [-2, 1],
        [
            ([0, 1], "You averaged the three's mean with the fourth, half each: the three have three votes of four."),
            ([-1, 0], "That is by how much the mean changed; the fourth moved it with only a quarter of the vote."),
            ([2, 1], "That is the mean of the first three; ask what the sum of all four must be."),
            ([-5, -2], "You took the sum of three from the mean of four: turn the mean into a sum first."),
            ([4, 4], "That is the sum of all four: subtract what the first three add up to."),
            ([1, -2], "The right numbers in the wrong order: the first weight comes first."),
        ],
        right="Right: four times the mean is the sum of all four, and the first three add up to (6, 3).",
        otherwise="Not yet: how large is the sum of the four gradients, and how much of it do three of them make?",
    ),
    "2.2": choice(
        "c",
        {
            "a": "A ReLU treats every sample by itself: what it makes of a patient does not depend on the others.",
            "b": "The absolute error is another loss, but still one per sample: lines (a) to (d) hold for any loss.",
            "d": "More weights make the gradient longer; each sample's loss still depends on that sample alone.",
        },
        right="Right: with the batch's mean in it a sample's loss depends on the other samples.",
    ),
    "2.3": number(
        0.0025,
        {
            2.56: "You multiplied: the sum's gradient is 32 times as long already, so the learning rate must shrink.",
            0.08: "With the same learning rate every update becomes 32 times as long.",
            0.08 / 64: "You divided by 64, but these batches have 32 samples.",
            0.08 / 32**0.5: "The root of the batch size belongs to the noise; the lengths differ by 32.",
            0.32: "You multiplied, and with 4; the sum's gradient is 32 times as long, so divide by 32.",
        },
        right="Right: 32 times the gradient, a 32nd of the learning rate.",
        otherwise="Not yet: how many times as long is the gradient of a sum over 32 samples?",
    ),
    "2.4": function(
        _test_epoch_loss,
        right="Right: mean times size is the batch's sum; add the sums, count the samples, divide once.",
    ),
    "2.5": number(
        9,
        {
            3: "Three times the batch makes the variance a third, but the distance only one over the root of three.",
            3**0.5: "The other way round: the distance falls with the root of B, so B must grow with the square.",
            1 / 9: "That is how the variance changes; the question is about the batch size, which has to grow.",
            1 / 3: "A smaller batch is noisier.",
            6: "Doubling twice halves the distance; for a third, ask what has a root of three.",
            27: "One power too many: the distance goes with one over the root of B.",
        },
        right="Right: nine times the samples for a third of the distance.",
        otherwise="Not yet: the distance falls as one over the root of B.",
    ),
    "2.6": function(
        _test_accumulate,
        right="Right: it works for equal micro-batches, a short last one, and any other way to cut the batch.",
    ),
    "2.7": number(
        306 / 353,
        {
            153 / 353: "That is the second worker's share of the samples; the average halves it once more.",
            400 / 353: "That is the factor of the first worker, who has the 200 samples.",
            353 / 306: "Upside down: the second worker has the smaller shard, so it must count for less than half.",
            1: "Unscaled, both shards get half of the vote, although the first has more samples.",
            153 / 200: "That compares the second with the first; the vote is a share of all 353 samples.",
            153 / 706: "The average divides by two: the factor has to make up for that, not halve again.",
        },
        right="Right: 2 · 153 / 353. The average leaves half of it: the second worker's share.",
        tolerance=1e-4,
        otherwise="Not yet: half of the factor must be the second worker's share of the 353 samples.",
    ),
    "2.8": choice(
        "c",
        {
            "a": "With full batches of equal size the mean of the means is the truth: the log would say 2.",
            "b": "All six batches are full here, so counting them as full is right: the log would say 2.",
            "d": "Dividing by elements instead of rows makes a loss smaller; 7 is larger than 2.",
        },
        right="Right: 2, 4, 6, … , 12 add up to 42, and a sixth of that is 7.",
    ),
}  # fmt: skip
