"""The exercises of notebook 1: epochs, batches and iterations."""

import math
from collections.abc import Callable

from helpers.exercises import SOMETHING_ELSE, Judge, choice, function, number, numbers, plain


def _test_batch_sizes(batch_sizes: Callable) -> str | None:
    """Try a learner's `batch_sizes(num_samples, batch_size, drop_last=False)`."""
    cases = ((353, 100), (300, 100), (64, 100), (100_000, 1_024))
    sizes = {case: found for case in cases if (found := plain(batch_sizes(*case))) is not None}
    if len(sizes) < len(cases):
        return SOMETHING_ELSE
    if sizes[353, 100] == [100, 100, 100]:
        return "You rounded down: of 353 samples, the last 53 are still a batch."
    if sizes[353, 100] == [100, 100, 100, 100]:
        return "The last batch is not full: only 53 of 353 samples are left for it."
    if sizes[353, 100] == [53, 100, 100, 100]:
        return "In order, please: the short batch comes last."
    if sizes[353, 100] != [100, 100, 100, 53]:
        return f"For 353 samples in batches of 100 you return {sizes[353, 100]}; it should be [100, 100, 100, 53]."
    if 0 in sizes[300, 100]:
        return "300 samples are three full batches: a batch of 0 samples is not a batch."
    if sizes[300, 100] != [100, 100, 100]:
        return f"When B divides N every batch is full; for 300 and 100 you return {sizes[300, 100]}."
    if sizes[64, 100] != [64]:
        return f"64 samples in batches of 100 are one batch of 64; you return {sizes[64, 100]}."
    if sizes[100_000, 1_024] != [1_024] * 97 + [672]:
        return "100,000 samples in batches of 1,024 should be 97 batches of 1,024 and one of 672."
    dropped = [plain(batch_sizes(*case, drop_last=True)) for case in ((353, 100), (300, 100), (64, 100))]
    if dropped[0] == [100, 100, 100, 53]:
        return "With drop_last=True the short batch should be left out, and yours is still there."
    if dropped[1] == [100, 100]:
        return "drop_last leaves out a *short* last batch. 300 samples have none, so nothing is dropped there."
    if dropped != [[100, 100, 100], [100, 100, 100], []]:
        return f"With drop_last=True, batches of 100 from 353, 300 and 64 samples come out as {dropped}."
    return None


def _stops(validation_losses: list[float], patience: int) -> int:
    best, waited = math.inf, 0
    for epoch, loss in enumerate(validation_losses, start=1):
        best, waited = (loss, 0) if loss < best else (best, waited + 1)
        if waited == patience:
            return epoch
    return len(validation_losses)


def _compared_with_the_last(losses: list[float], patience: int) -> int:
    waited = 0
    for epoch in range(2, len(losses) + 1):
        waited = waited + 1 if losses[epoch - 1] >= losses[epoch - 2] else 0
        if waited == patience:
            return epoch
    return len(losses)


def _never_reset(losses: list[float], patience: int) -> int:
    best, waited = math.inf, 0
    for epoch, loss in enumerate(losses, start=1):
        waited += loss >= best
        best = min(best, loss)
        if waited == patience:
            return epoch
    return len(losses)


def _compared_with_patience_ago(losses: list[float], patience: int) -> int:
    for epoch in range(patience + 1, len(losses) + 1):
        if losses[epoch - 1] >= losses[epoch - 1 - patience]:
            return epoch
    return len(losses)


STOPS: tuple[tuple[list[float], int], ...] = (
    ([5, 4, 4.5, 4.2, 3, 3.1, 3.2], 2),
    ([5, 4, 4.5, 3.9, 4.1, 3.5, 3.6, 3.7, 3.8], 2),
    ([3, 3.2, 2.9, 2.8], 1),
    ([4, 3, 2, 1], 3),
    ([5, 4, 3, 6, 2.5], 2),
    ([5, 4, 4.5], 2),
    ([2, 2, 2, 2], 2),
)


def _test_stop_epoch(stop_epoch: Callable) -> str | None:
    """Try a learner's `stop_epoch(validation_losses, patience)`."""
    answers = [stop_epoch(list(losses), patience) for losses, patience in STOPS]
    right = [_stops(losses, patience) for losses, patience in STOPS]
    if answers == right:
        return None
    if None in answers:
        losses, patience = STOPS[answers.index(None)]
        return f"For {losses} and patience {patience} your function returns nothing: what if the run never stops early?"
    if answers[0] == 2:
        return "That is the best epoch. Training stops later: when patience has run out, and nothing better has come."
    if [answer + 1 for answer in answers] == right:
        return "Off by one: the first epoch is number 1, so enumerate from 1."
    if answers == [_compared_with_the_last(*stop) for stop in STOPS]:
        return "You compare each loss with the one before it. Compare it with the best so far: after 4, 4.2 is no best."
    if answers == [_never_reset(*stop) for stop in STOPS]:
        return "You never start counting afresh: after a new best, the whole patience is there again."
    if answers == [_compared_with_patience_ago(*stop) for stop in STOPS]:
        return "You compare with one earlier epoch. In [5, 4, 3, 6, 2.5] the 6 is only one epoch without a new best."
    if answers[:-1] == right[:-1]:
        return "An equal loss is no new best: [2, 2, 2, 2] with patience 2 stops after epoch 3. Compare with <, not <=."
    wrong = next(place for place, answer in enumerate(answers) if answer != right[place])
    losses, patience = STOPS[wrong]
    return (
        f"For {losses} and patience {patience} you return {answers[wrong]}; training stops after epoch {right[wrong]}."
    )


# Batch size -> (updates, samples seen, validation loss) at every look; the last race has a run that never arrives.
RACES = (
    {1: [(10, 10, 0.9), (20, 20, 0.6), (30, 30, 0.46)], 16: [(5, 80, 0.7), (10, 160, 0.4)], 353: [(5, 1_765, 0.45)]},
    {8: [(4, 32, 0.46), (8, 64, 0.55)], 64: [(2, 128, 0.6), (6, 384, 0.47), (8, 512, 0.3)]},
    {2: [(10, 20, 0.45), (90, 180, 0.5)], 32: [(12, 384, 0.4)]},
    {32: [(1, 32, 0.6), (2, 64, 0.5)], 4: [(10, 40, 0.6), (20, 80, 0.47)], 128: [(2, 256, 0.5), (3, 384, 0.46)]},
)
GOAL = 0.47
AXES = ("updates", "samples")


def _winner(races: dict, axis: str, reached: Callable[[list], tuple] | None = None) -> int:
    """The batch size that arrives first; `reached` says which look of a run counts as its arrival."""
    first = reached or (lambda run: next((look for look in run if look[2] <= GOAL), (math.inf, math.inf)))
    return min(races, key=lambda batch_size: first(races[batch_size])[AXES.index(axis)])


def _test_winner(winner: Callable) -> str | None:
    """Try a learner's `winner(runs, goal, axis)` on races whose winners differ between the axes."""
    cases = [(race, axis) for race in RACES for axis in AXES]
    answers = []
    for race, axis in cases:
        answers.append(winner({batch_size: list(run) for batch_size, run in race.items()}, GOAL, axis))
    if None in answers:
        return "Your function returns nothing: end it with return and a batch size."
    right = [_winner(*case) for case in cases]
    if answers == right:
        return None
    never = (math.inf, math.inf)
    mistakes = (
        (
            lambda run: min(run, key=lambda look: look[2]),
            "You look for the lowest loss of each run. The first look at or below the goal counts, not the best.",
        ),
        (
            lambda run: run[-1] if run[-1][2] <= GOAL else never,
            "You look only at the end of each run. A run may reach the goal and rise again: take its first look there.",
        ),
        (
            lambda run: next((look for look in run if look[2] < GOAL), never),
            "A loss equal to the goal has reached it: compare with <=, not <.",
        ),
        (lambda run: run[-1], "You count how long each run took, whether or not it reached the goal."),
    )
    for reached, hint in mistakes:
        if answers == [_winner(race, axis, reached) for race, axis in cases]:
            return hint
    if answers == [_winner(race, "updates") for race, _ in cases]:
        return "You count updates on both axes. With axis 'samples' it is the samples seen that are counted."
    if answers == [_winner(race, "samples") for race, _ in cases]:
        return "You count samples on both axes. With axis 'updates' it is the updates that are counted."
    wrong = next(place for place, answer in enumerate(answers) if answer != right[place])
    race, axis = cases[wrong]
    return f"For the runs {race}, the goal {GOAL} and {axis!r} you return {answers[wrong]!r}; first is {right[wrong]}."


EXERCISES: dict[str, Judge] = {
    "1.1": number(
        32,
        {
            28: "You rounded down: seven batches are 350 people, and the last 3 are still a batch, in every epoch.",
            28.24: "353 / 50 is 7.06, but there is no 0.06 of an update: round up before you multiply.",
            29: "You rounded up at the end. Each epoch has its own short batch: round up first, then multiply.",
            8: "That is one epoch. There are four of them.",
            4: "You counted epochs. Each of them has several updates.",
            1412: "That is how many samples the model sees. An update takes a batch of them.",
        },
        right="eight batches per epoch, the last with 3 people, times four.",
        tolerance=1e-4,
    ),
    "1.2": function(_test_batch_sizes, right="Full batches, and what is left over, if anything is."),
    "1.3": numbers(
        [2_940, 48],
        [
            ([2_940, 64], "The updates are right. 64 would be right if 64 divided N: how many samples are left over?"),
            ([2_940, 16], "The updates are right. 16 are missing to fill the last batch: how many are in it?"),
            ([48, 2_940], "The right numbers, in the other order: updates first."),
            ([1_470, 48], "That is where the log ends, after five epochs. The run has ten."),
            ([2_937.5, 48], "That is the bare quotient times 10: an epoch has a whole number of batches."),
            ([2_930, 48], "You rounded down: the short batch is an update, too, in each of the ten epochs."),
            ([294, 48], "That is one epoch, and there are ten."),
            ([188_000, 48], "That is how many samples the run will see. An update takes up to 64 of them."),
        ],
        right="18,800 samples make 293 full batches and one of 48: 294 updates an epoch.",
        otherwise="Not those numbers yet. How many samples, and how many iterations, has one epoch?",
        tolerance=1e-4,
    ),
    "1.4": number(
        400,
        {
            200: "So the name max_iter suggests, but scikit-learn counts epochs with it. How many batches has each?",
            353: "200 epochs times the bare quotient 353 / 200. An epoch has two batches (200 and 153): round up.",
            70_600: "That is how many samples it sees. An update takes up to 200 of them.",
            2: "That is one epoch: 200 and 153 samples. It may use 200 of them.",
            1: "batch_size='auto' is min(200, N), so 353 samples do not fit into one batch.",
        },
        right="200 epochs, each with two batches: 200 and 153 samples.",
    ),
    "1.5": function(_test_winner, right="The first look at or below the goal, counted on the axis that was asked for."),
    "1.6": function(
        _test_stop_epoch, right="Compare with the best so far, wait, and start afresh after each new best."
    ),
    "1.7": choice(
        "d",
        {
            "a": "Three parts that share nobody are how it should be.",
            "b": "Mean and spread come from the training part alone, so they tell nothing about the other two.",
            "c": "To say when to stop is what the validation part is for.",
            "e": "To choose the lowest loss is fine. Ask on which people these losses were measured.",
            "f": "The sentence is untrue, but because of an earlier line: which one let these people choose?",
        },
        right="the people who should choose nothing chose the size. Measure these losses on the validation part.",
    ),
    "1.8": choice(
        "b",
        {
            "a": "A leak would stay when you measure again. Here the training loss drops below the validation loss.",
            "c": "Then the gap would stay when you measure again. At the same moment, the training loss is the lower.",
            "d": "Overfitting lifts the validation loss *above* the training loss, and not in the first epoch.",
        },
        right="the riddle is gone as soon as both are measured at the same moment.",
    ),
}
