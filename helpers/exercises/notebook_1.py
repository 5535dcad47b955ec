"""The exercises of notebook 1: epochs, batches and iterations."""

import math
from collections.abc import Callable

from helpers.exercises import SOMETHING_ELSE, Judge, choice, function, number, plain


def _judge_batch_sizes(batch_sizes: Callable) -> str | None:
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
        return "300 samples are three full batches: a batch of 0 samples is no batch."
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


STOPS: tuple[tuple[list[float], int], ...] = (
    ([5, 4, 4.5, 4.2, 3, 3.1, 3.2], 2),
    ([5, 4, 4.5, 3.9, 4.1, 3.5, 3.6, 3.7, 3.8], 2),
    ([3, 3.2, 2.9, 2.8], 1),
    ([4, 3, 2, 1], 3),
    ([2, 2, 2, 2], 2),
)


def _judge_stop_epoch(stop_epoch: Callable) -> str | None:
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
    if answers[:4] == right[:4]:
        return "An equal loss is no new best: [2, 2, 2, 2] with patience 2 stops after epoch 3. Compare with <, not <=."
    wrong = next(place for place, answer in enumerate(answers) if answer != right[place])
    losses, patience = STOPS[wrong]
    return (
        f"For {losses} and patience {patience} you return {answers[wrong]}; training stops after epoch {right[wrong]}."
    )


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
    "1.2": number(
        3,
        {
            50: "It would be full only if 50 divided 353.",
            0: "Seven full batches are 350 people, so some are left. 0 would mean that 50 divides 353.",
            8: "That is the number of batches. How many samples are in the eighth?",
            7: "That is the number of full batches. How many samples are left after them?",
            47: "That is how many are missing to fill it. How many are there?",
            0.06: "That is how full it is, as a share. Times 50, that is how many samples?",
        },
        right="353 - 7 × 50 = 3, and they get a whole update.",
    ),
    "1.3": number(
        980,
        {
            970: "You rounded down: the last 672 samples are still a batch, in each of the 10 epochs.",
            976.5625: "That is the bare quotient times 10. Round up for each epoch first.",
            977: "You rounded up once, at the end. Each epoch has its own short batch: round up first, then multiply.",
            976: "You rounded down at the very end. Each epoch has a short batch: round up first, then multiply.",
            98: "That is one epoch. There are 10 of them.",
            9800: "You multiplied by the epochs twice.",
            1_000_000: "That is how many samples the model sees. An update takes 1,024 of them.",
        },
        right="98 per epoch, times 10.",
    ),
    "1.4": number(
        993_280,
        {
            1_000_000: "That is everybody, 10 times. With drop_last the last 672 of each epoch are not seen.",
            99_328: "That is one epoch. There are 10 of them.",
            999_328: "You took the 672 off once. They are left out of each of the 10 epochs.",
            6_720: "That is how many are left out. How many are seen?",
            970: "That is the number of updates. Each of them sees 1,024 samples.",
            1_003_520: "That is 98 full batches an epoch. With drop_last there are 97.",
        },
        right="97 × 1,024 × 10: a little less than 10 times everybody.",
    ),
    "1.5": function(_judge_batch_sizes, right="Full batches, and what is left over, if anything is."),
    "1.6": number(
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
    "1.7": choice(
        "b",
        {
            "a": "That would be B = 1. In a batch, the losses of all samples are averaged, and there is one update.",
            "c": "In the next epoch every sample comes again. This is where the crisps stop being a good picture.",
        },
        right="one average, one update.",
    ),
    "1.8": number(
        1.6,
        {
            0.1: "That is the ratio of the updates. Each update now looks at more samples: 1,024 instead of 64.",
            10: "That would be the ratio of updates, upside down. How many samples does each update look at?",
            16: "That is the ratio of the batch sizes. It also made fewer updates: a tenth.",
            0.625: "Upside down: that is the old run's samples over the new run's.",
            160: "Fewer updates means fewer samples: divide 16 by 10 instead of multiplying.",
        },
        right="a tenth of the updates, 16 times the samples in each: 1.6 times the work.",
    ),
    "1.9": function(
        _judge_stop_epoch, right="Compare with the best so far, wait, and start afresh after each new best."
    ),
    "1.10": choice(
        "b",
        {
            "a": "A leak would stay when you measure again. Here the training loss drops below the validation loss.",
            "c": "Then the gap would stay when you measure again. At the same moment, the training loss is the lower.",
            "d": "Overfitting lifts the validation loss *above* the training loss, and not in the first epoch.",
        },
        right="the riddle is gone as soon as both are measured at the same moment.",
    ),
}
