"""Every exercise of notebook 1 takes its right answer in several forms, and meets each typical mistake by name."""

import itertools
import math

import numpy as np
import pytest
import torch

from helpers.exercises import check
from helpers.exercises.notebook_1 import EXERCISES


def batch_sizes(num_samples, batch_size, drop_last=False):
    full, rest = divmod(num_samples, batch_size)
    return [batch_size] * full + ([rest] if rest and not drop_last else [])


def batch_sizes_by_splitting(num_samples, batch_size, drop_last=False):
    sizes = torch.tensor([len(batch) for batch in torch.arange(num_samples).split(batch_size)])
    return sizes[sizes == batch_size] if drop_last else sizes


def batch_sizes_as_a_generator(num_samples, batch_size, drop_last=False):
    while num_samples >= (batch_size if drop_last else 1):
        yield min(batch_size, num_samples)
        num_samples -= batch_size


def rounded_down(num_samples, batch_size, drop_last=False):
    return [batch_size] * (num_samples // batch_size)


def all_full(num_samples, batch_size, drop_last=False):
    return [batch_size] * math.ceil(num_samples / batch_size)


def short_first(num_samples, batch_size, drop_last=False):
    return sorted(batch_sizes(num_samples, batch_size, drop_last))


def with_a_batch_of_none(num_samples, batch_size, drop_last=False):
    return [batch_size] * (num_samples // batch_size) + ([] if drop_last else [num_samples % batch_size])


def deaf_to_drop_last(num_samples, batch_size, drop_last=False):
    return batch_sizes(num_samples, batch_size)


def drops_a_full_batch(num_samples, batch_size, drop_last=False):
    sizes = batch_sizes(num_samples, batch_size)
    return sizes[:-1] if drop_last else sizes


def never_more_than_full(num_samples, batch_size, drop_last=False):
    return batch_sizes(max(num_samples, batch_size), batch_size, drop_last)


def keeps_the_only_batch(num_samples, batch_size, drop_last=False):
    return batch_sizes(num_samples, batch_size, drop_last) or [num_samples]


def at_least_one_full(num_samples, batch_size, drop_last=False):
    return batch_sizes(num_samples, batch_size, drop_last) or [batch_size]


def nothing_returned(*_, **__):
    pass


def stop_epoch(validation_losses, patience):
    for epoch in range(1, len(validation_losses) + 1):
        best = int(np.argmin(validation_losses[:epoch])) + 1
        if epoch - best >= patience:
            return epoch
    return len(validation_losses)


def best_epoch(validation_losses, patience):
    stop = stop_epoch(validation_losses, patience)
    return int(np.argmin(validation_losses[:stop])) + 1


def best_epoch_where_it_does_not_stop(validation_losses, patience):
    stop, best = stop_epoch(validation_losses, patience), best_epoch(validation_losses, patience)
    return stop if stop - best >= patience else best


def counted_from_zero(validation_losses, patience):
    return stop_epoch(validation_losses, patience) - 1


def compared_with_the_last(validation_losses, patience):
    waited = 0
    for epoch, (before, after) in enumerate(itertools.pairwise(validation_losses), start=2):
        waited = 0 if after < before else waited + 1
        if waited >= patience:
            return epoch
    return len(validation_losses)


def never_counts_afresh(validation_losses, patience):
    best, waited = math.inf, 0
    for epoch, loss in enumerate(validation_losses, start=1):
        if loss < best:
            best = loss
        else:
            waited += 1
        if waited >= patience:
            return epoch
    return len(validation_losses)


def equal_is_better(validation_losses, patience):
    best, waited = math.inf, 0
    for epoch, loss in enumerate(validation_losses, start=1):
        best, waited = (loss, 0) if loss <= best else (best, waited + 1)
        if waited >= patience:
            return epoch
    return len(validation_losses)


def never_says_when_it_does_not_stop(validation_losses, patience):
    stop = stop_epoch(validation_losses, patience)
    return stop if stop < len(validation_losses) else None


def waits_one_longer(validation_losses, patience):
    return stop_epoch(validation_losses, patience + 1)


def compared_with_patience_ago(validation_losses, patience):
    for epoch in range(patience + 1, len(validation_losses) + 1):
        if validation_losses[epoch - 1] >= validation_losses[epoch - 1 - patience]:
            return epoch
    return len(validation_losses)


COLUMN = {"updates": 0, "samples": 1}


def winner(runs, goal, axis):
    arrivals = {}
    for batch_size, looks in runs.items():
        there = [look[COLUMN[axis]] for look in looks if look[2] <= goal]
        if there:
            arrivals[batch_size] = there[0]
    return min(arrivals, key=arrivals.get)


def winner_by_the_lowest_loss(runs, goal, axis):
    return min(runs, key=lambda b: min(runs[b], key=lambda look: look[2])[COLUMN[axis]])


def winner_at_the_end(runs, goal, axis):
    return winner({batch_size: looks[-1:] for batch_size, looks in runs.items()}, goal, axis)


def winner_below_the_goal(runs, goal, axis):
    return winner(runs, goal - 1e-9, axis)


def shortest_run(runs, goal, axis):
    return min(runs, key=lambda b: runs[b][-1][COLUMN[axis]])


def winner_in_updates(runs, goal, axis):
    return winner(runs, goal, "updates")


def winner_in_samples(runs, goal, axis):
    return winner(runs, goal, "samples")


def every_run_arrives(runs, goal, axis):
    arrivals = {b: [look[COLUMN[axis]] for look in looks if look[2] <= goal] for b, looks in runs.items()}
    return min(arrivals, key=lambda b: arrivals[b].pop(0))


RIGHT = {
    "1.1": [32, 32.0, np.int64(32), torch.tensor(32), "32", math.ceil(353 / 50) * 4],
    "1.2": [batch_sizes, batch_sizes_by_splitting, batch_sizes_as_a_generator],
    "1.3": [[2_940, 48], (2_940, 48), np.array([2_940.0, 48.0]), torch.tensor([2_940, 48])],
    "1.4": [400, 400.0],
    "1.5": [winner],
    "1.6": [stop_epoch],
    "1.7": ["d", "D", "(d)"],
    "1.8": ["b", " B "],
}
# A word of the hint that each typical mistake must get -> the mistake.
WRONG = {
    "1.1": {
        "rounded down": 28,
        "no 0.06 of an update": 353 / 50 * 4,
        "rounded up at the end": 29,
        "is one epoch": 8,
        "counted epochs": 4,
        "how many samples": 1412,
        "Not that number": 33,
    },
    "1.2": {
        "rounded down": rounded_down,
        "not full": all_full,
        "short batch comes last": short_first,
        "batch of 0": with_a_batch_of_none,
        "should be left out": deaf_to_drop_last,
        "nothing is dropped there": drops_a_full_batch,
        "one batch of 64": never_more_than_full,
        "[100, 100, 100], [64]]": keeps_the_only_batch,
        "[100, 100, 100], [100]]": at_least_one_full,
        "returns nothing": nothing_returned,
        "stopped with TypeError": lambda num_samples: [num_samples],
        "you return [4]": lambda num_samples, batch_size, drop_last=False: -(-num_samples // batch_size),
        "A function is wanted": [100, 100, 100, 53],
    },
    "1.3": {
        "64 divided N": [2_940, 64],
        "missing to fill": [2_940, 16],
        "other order": [48, 2_940],
        "after five epochs": [1_470, 48],
        "bare quotient": [2_937.5, 48],
        "rounded down": [2_930, 48],
        "one epoch, and there are ten": [294, 48],
        "will see": [188_000, 48],
        "2 numbers are wanted": 2_940,
        "has one epoch": [1, 2],
    },
    "1.4": {
        "counts epochs with it": 200,
        "bare quotient": 353,
        "how many samples": 70_600,
        "is one epoch": 2,
        "do not fit into one batch": 1,
    },
    "1.5": {
        "lowest loss": winner_by_the_lowest_loss,
        "end of each run": winner_at_the_end,
        "compare with <=": winner_below_the_goal,
        "whether or not": shortest_run,
        "updates on both axes": winner_in_updates,
        "samples on both axes": winner_in_samples,
        "returns nothing": nothing_returned,
        "stopped with IndexError": every_run_arrives,
        "'samples' you return 353; first is 1.": lambda runs, goal, axis: max(runs),
    },
    "1.6": {
        "That is the best epoch": best_epoch,
        "and patience 2 you return 2; training stops after epoch 3": best_epoch_where_it_does_not_stop,
        "Off by one": counted_from_zero,
        "the one before it": compared_with_the_last,
        "counting afresh": never_counts_afresh,
        "no new best": equal_is_better,
        "returns nothing": never_says_when_it_does_not_stop,
        "training stops after epoch": waits_one_longer,
        "only one epoch without": compared_with_patience_ago,
    },
    "1.7": {
        "share nobody": "a",
        "training part alone": "b",
        "what the validation part is for": "c",
        "on which people": "e",
        "an earlier line": "f",
        "Answer with one of": "line 4",
    },
    "1.8": {"leak would stay": "a", "the gap would stay": "c", "*above*": "d"},
}


def test_every_exercise_is_tried() -> None:
    assert list(EXERCISES) == list(RIGHT) == list(WRONG)


@pytest.mark.parametrize(("name", "answer"), [(name, answer) for name in RIGHT for answer in RIGHT[name]])
def test_a_right_answer_of_any_type_passes(name: str, answer: object) -> None:
    reply = check(name, answer)
    assert reply.passed, reply


@pytest.mark.parametrize(
    ("name", "hint", "answer"), [(name, hint, answer) for name in WRONG for hint, answer in WRONG[name].items()]
)
def test_a_typical_mistake_gets_its_own_hint(name: str, hint: str, answer: object) -> None:
    reply = check(name, answer)
    assert reply.passed is False
    assert hint in reply.text


@pytest.mark.parametrize("name", WRONG)
def test_different_mistakes_get_different_hints(name: str) -> None:
    hints = [check(name, answer).text for answer in WRONG[name].values()]
    assert len(set(hints)) == len(hints) >= 2


@pytest.mark.parametrize("name", EXERCISES)
def test_no_answer_yet_is_calm(name: str) -> None:
    assert check(name, None).passed is None


def test_praise_comes_first() -> None:
    assert check("1.1", 32).text.startswith("Right: eight batches")
    assert check("1.2", batch_sizes).text.startswith("Right. Full batches")
    assert all(check(name, RIGHT[name][0]).text.startswith("Right") for name in RIGHT)
