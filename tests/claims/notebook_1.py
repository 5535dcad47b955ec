"""The claims of notebook 1, tried on the diabetes set: another split, other weights, another order with every seed."""

from __future__ import annotations

import math

import numpy as np
import torch
from sklearn.neural_network import MLPRegressor
from torch import Tensor

from helpers.data import Samples, load_diabetes
from helpers.models import MLP
from helpers.training import BestWeights, Config, History, early_stopping, evaluate, predict, train
from tests.claims.register import Source, claim

DIABETES = ("diabetes",)


def two_parts(seed: int) -> tuple[Samples, Samples]:
    """Four fifths to train on and one fifth to validate on, standardised."""
    return load_diabetes(seed=seed, standardise_targets=True, dtype=torch.float64)


def three_parts(seed: int) -> tuple[Samples, Samples, Samples]:
    """Three fifths to train on, one fifth that chooses, and one that chooses nothing."""
    rest, third = two_parts(seed)
    order = torch.randperm(len(rest), generator=torch.Generator().manual_seed(seed))
    return pick(rest, order[len(third) :]), pick(rest, order[: len(third)]), third


def pick(samples: Samples, order: Tensor) -> Samples:
    return Samples(*samples[order])


def network(seed: int, *hidden: int) -> MLP:
    return MLP(10, hidden or (64,), seed=seed).double()


def least_squares(train_set: Samples, other: Samples) -> float:
    """The loss on `other` of the best straight-line formula for `train_set`: what a model of this size can hope for."""
    inputs, new = (torch.cat([s.inputs, torch.ones(len(s), 1, dtype=torch.float64)], 1) for s in (train_set, other))
    weights = torch.linalg.lstsq(inputs, train_set.targets.unsqueeze(1)).solution
    return float((new @ weights - other.targets.unsqueeze(1)).square().mean())


# ---------------------------------------------------------------------------------------- the order of the samples


def after_20_epochs(seed: int, order: Tensor | None) -> float:
    """Validation loss after 20 epochs: samples in this order every time, or (None) in a new one for each epoch."""
    train_set, validation_set = two_parts(seed)
    shuffle, samples = order is None, train_set if order is None else pick(train_set, order)
    config = Config(num_epochs=20, batch_size=16, learning_rate=0.01, optimizer="sgd", shuffle=shuffle, seed=seed)
    model = network(seed)
    for _ in train(model, samples, None, config):
        pass
    return evaluate(model, validation_set)


@claim(
    "1.sorted-order",
    "Samples sorted by their targets, and kept in that order, end with a higher validation loss than samples in a new "
    "order for each epoch.",
    unit="validation loss",
    on=DIABETES,
    smaller_is_better=True,
)
def sorted_order(seed: int) -> tuple[bool, float]:
    effect = after_20_epochs(seed, two_parts(seed)[0].targets.argsort()) - after_20_epochs(seed, None)
    return effect > 0, effect


@claim(
    "1.fixed-order",
    "One random order, drawn once and kept, does little harm in 20 epochs: the validation loss ends at most 0.05 above "
    "that with a new order for each epoch.",
    unit="validation loss",
    on=DIABETES,
    smaller_is_better=True,
)
def fixed_order(seed: int) -> tuple[bool, float]:
    order = torch.randperm(353, generator=torch.Generator().manual_seed(1_000 + seed))
    effect = after_20_epochs(seed, order) - after_20_epochs(seed, None)
    return effect < 0.05, effect


@claim(
    "1.same-deck",
    "In a run of 4,000 epochs with scikit-learn, a whole number as random_state (the same order in every call of "
    "partial_fit) ends with a higher validation loss than a generator (a new order in every call).",
    unit="validation MSE",
    on=DIABETES,
    smaller_is_better=True,
    instead="That one order is dealt in every call is certain. Whether it harms depends on the split and on chance: "
    "the mean difference may be zero.",
)
def same_deck(seed: int) -> tuple[bool, float]:
    parts = load_diabetes(seed=seed, dtype=torch.float64)
    (inputs, targets), (new_inputs, new_targets) = ((p.inputs.numpy(), p.targets.numpy()) for p in parts)
    ends = []
    for state in (seed, np.random.RandomState(seed)):
        regressor = MLPRegressor(hidden_layer_sizes=(128,), random_state=state)
        for _ in range(4_000):
            regressor.partial_fit(inputs, targets)
        ends.append(float(np.mean((regressor.predict(new_inputs) - new_targets) ** 2)))
    return ends[0] > ends[1], ends[0] - ends[1]


# ---------------------------------------------------------------------------------------- the batch size


def first_arrival(seed: int, batch_size: int, every: int, most_epochs: int) -> tuple[float, float]:
    """(updates, samples seen) when the validation loss, measured every so many updates, first reaches the goal."""
    train_set, validation_set = two_parts(seed)
    goal = 1.05 * least_squares(train_set, validation_set)
    model = network(seed)
    config = Config(num_epochs=most_epochs, batch_size=batch_size, learning_rate=0.01, optimizer="sgd", seed=seed)
    for progress in train(model, train_set, None, config):
        if progress.update % every == 0 and evaluate(model, validation_set) <= goal:
            return progress.update, progress.samples_seen
    return math.inf, math.inf


def arrivals(seed: int) -> dict[int, tuple[float, float]]:
    """The first arrival of three batch sizes, each asked after every fifth update."""
    return {b: first_arrival(seed, b, 5, most) for b, most in ((1, 20), (16, 100), (353, 1_000))}


@claim(
    "1.fewest-samples",
    "Counted in samples seen, B = 1 reaches a validation loss close to the best straight-line formula's before B = 16 "
    "and before the full batch.",
    unit="times as many samples for B = 16",
    on=DIABETES,
)
def fewest_samples(seed: int) -> tuple[bool, float]:
    samples = {batch_size: arrival[1] for batch_size, arrival in arrivals(seed).items()}
    return samples[1] < min(samples[16], samples[353]), samples[16] / samples[1]


@claim(
    "1.fewest-updates",
    "Counted in updates, the full batch reaches the same goal before B = 1 and B = 16, or with them.",
    unit="times as many updates for B = 1",
    on=DIABETES,
    instead="None of the three wins: each of them is first in some runs, B = 1 in four of these ten.",
)
def fewest_updates(seed: int) -> tuple[bool, float]:
    updates = {batch_size: arrival[0] for batch_size, arrival in arrivals(seed).items()}
    return updates[353] <= min(updates.values()), updates[1] / updates[353]


# ---------------------------------------------------------------------------------------- the size of the training set

MOST_UPDATES = 2_400


def updates_to_goals(seed: int, num_samples: int) -> tuple[int, int]:
    """Updates, of at most 2,400, to an easy goal (a large part of the way) and to a hard one, for so many people."""
    train_set, validation_set = two_parts(seed)
    line, average = least_squares(train_set, validation_set), float(validation_set.targets.square().mean())
    easy, hard = line + 0.4 * (average - line), 1.05 * line
    chosen = torch.randperm(353, generator=torch.Generator().manual_seed(seed))[:num_samples]
    config = Config(
        num_epochs=MOST_UPDATES // per_epoch(num_samples),
        batch_size=16,
        learning_rate=0.003,
        optimizer="sgd",
        seed=seed,
    )
    model, arrival = network(seed), {easy: MOST_UPDATES, hard: MOST_UPDATES}
    for progress in train(model, pick(train_set, chosen), None, config):
        if progress.update % 3 == 0:
            loss = evaluate(model, validation_set)
            arrival |= {goal: min(update, progress.update) for goal, update in arrival.items() if loss <= goal}
        if arrival[hard] < MOST_UPDATES:
            break
    return arrival[easy], arrival[hard]


def per_epoch(num_samples: int) -> int:
    return math.ceil(num_samples / 16)


@claim(
    "1.more-data-fewer-epochs",
    "To an easy goal, 353 people need fewer epochs than 88.",
    unit="times as many epochs for 88",
    on=DIABETES,
)
def more_data_fewer_epochs(seed: int) -> tuple[bool, float]:
    few, all_ = (updates_to_goals(seed, n)[0] / per_epoch(n) for n in (88, 353))
    return few > all_, few / all_


@claim(
    "1.same-updates",
    "To an easy goal, 88 people and 353 need about the same number of updates: at most a third more or fewer.",
    unit="times as many updates for 88",
    on=DIABETES,
)
def same_updates(seed: int) -> tuple[bool, float]:
    few, all_ = (updates_to_goals(seed, n)[0] for n in (88, 353))
    return 3 / 4 <= few / all_ <= 4 / 3, few / all_


@claim(
    "1.harder-goal",
    "To a hard goal, 88 people need more updates than 353; a run that never arrives counts as 2,400.",
    unit="updates",
    on=DIABETES,
)
def harder_goal(seed: int) -> tuple[bool, float]:
    few, all_ = (updates_to_goals(seed, n)[1] for n in (88, 353))
    return few > all_, few - all_


# ---------------------------------------------------------------------------------------- the number of epochs


@claim(
    "1.more-than-a-few",
    "The validation loss is lowest after more than 10 epochs.",
    unit="epochs to the lowest",
    on=DIABETES,
)
def more_than_a_few(seed: int) -> tuple[bool, float]:
    best = best_epoch(seed, seed)
    return best > 10, best


def best_epoch(seed: int, other_seed: int) -> int:
    """The epoch with the lowest validation loss, followed by 100 without a lower one; split by `seed`."""
    run = train(network(other_seed), *two_parts(seed), Config(num_epochs=1_000, batch_size=64, seed=other_seed))
    return History.of(early_stopping(run, patience=100)).best_epoch


@claim(
    "1.best-epoch-again",
    "The best epoch of one run is the best epoch of the next, within a tenth: the same people, other initial weights "
    "and another order.",
    unit="times the best epoch",
    on=DIABETES,
    instead="The best epoch is a fact about one run. What carries over is the habit of watching for it.",
)
def best_epoch_again(seed: int) -> tuple[bool, float]:
    ratio = best_epoch(seed, 1_000 + seed) / best_epoch(seed, seed)
    return 0.9 <= ratio <= 1.1, ratio


@claim(
    "1.closer-every-time",
    "More than half of the training people are predicted more closely after epoch 5 than after epoch 1, and more "
    "closely again after epoch 10.",
    unit="of the people",
    on=DIABETES,
)
def closer_every_time(seed: int) -> tuple[bool, float]:
    train_set, _ = two_parts(seed)
    model, errors = network(seed), {}
    for progress in train(model, train_set, None, Config(num_epochs=10, batch_size=64, seed=seed)):
        if progress.epoch_ended:
            errors[progress.epoch] = (predict(model, train_set.inputs) - train_set.targets).abs()
    closer = ((errors[5] < errors[1]) & (errors[10] < errors[5])).double().mean()
    return closer > 0.5, closer


def a_long_run(seed: int) -> tuple[dict[int, Tensor], float]:
    """1,000 epochs: squared errors on the third part after epochs 100 and 1,000, and its loss at the best epoch."""
    train_set, validation_set, third = three_parts(seed)
    model, errors = network(seed), {}
    best = BestWeights(model)
    for progress in best.watch(
        train(model, train_set, validation_set, Config(num_epochs=1_000, batch_size=64, seed=seed))
    ):
        if progress.epoch_ended and progress.epoch in (100, 1_000):
            errors[progress.epoch] = (predict(model, third.inputs) - third.targets).square()
    best.restore()
    return errors, evaluate(model, third)


@claim(
    "1.overfitting",
    "On people who chose nothing, the loss is higher after 1,000 epochs than after 100.",
    unit="loss",
    on=DIABETES,
    smaller_is_better=True,
)
def overfitting(seed: int) -> tuple[bool, float]:
    errors, _ = a_long_run(seed)
    effect = float((errors[1_000] - errors[100]).mean())
    return effect > 0, effect


@claim(
    "1.most-get-worse",
    "From epoch 100 to epoch 1,000 the prediction gets worse for more than half of these people.",
    unit="of the people",
    on=DIABETES,
)
def most_get_worse(seed: int) -> tuple[bool, float]:
    errors, _ = a_long_run(seed)
    share = float((errors[1_000] > errors[100]).double().mean())
    return share > 0.5, share


@claim(
    "1.going-back-pays",
    "On people who chose nothing, the weights of the best epoch have a lower loss than those after 1,000 epochs.",
    unit="loss",
    on=DIABETES,
    smaller_is_better=True,
)
def going_back_pays(seed: int) -> tuple[bool, float]:
    errors, at_best = a_long_run(seed)
    effect = at_best - float(errors[1_000].mean())
    return effect < 0, effect


@claim(
    "1.patience",
    "On people who chose nothing, a patience of 20 ends with a lower loss than a patience of 1.",
    unit="loss",
    on=DIABETES,
    seeds=20,
    smaller_is_better=True,
    instead="The best of a longer look can only be lower on the data that it looks at. On a third part the difference "
    "is small and may go either way.",
)
def patience(seed: int) -> tuple[bool, float]:
    train_set, validation_set, third = three_parts(seed)
    losses = []
    for wait in (20, 1):
        model = network(seed)
        best = BestWeights(model)
        run = best.watch(train(model, train_set, validation_set, Config(num_epochs=600, batch_size=64, seed=seed)))
        for _ in early_stopping(run, patience=wait):
            pass
        best.restore()
        losses.append(evaluate(model, third))
    return losses[0] < losses[1], losses[0] - losses[1]


# ---------------------------------------------------------------------------------------- the size of the model


def epochs_to_fit(seed: int, hidden: int, learning_rate: float) -> int:
    """Epochs, of at most 60, to a reported training loss of 0.55; 60 where it never comes."""
    train_set, _ = two_parts(seed)
    config = Config(num_epochs=60, batch_size=32, learning_rate=learning_rate, optimizer="sgd", seed=seed)
    for progress in train(network(seed, hidden), train_set, None, config):
        if progress.epoch_ended and progress.train_loss <= 0.55:
            return progress.epoch
    return 60


@claim(
    "1.larger-more-epochs",
    "With one learning rate for both, a network with 256 hidden units needs more epochs to bring the training loss to "
    "0.55 than one with 4.",
    unit="epochs more",
    on=DIABETES,
    instead="The larger network needs fewer: more weights move in each update, and so its predictions change more.",
)
def larger_more_epochs(seed: int) -> tuple[bool, float]:
    more = epochs_to_fit(seed, 256, 0.01) - epochs_to_fit(seed, 4, 0.01)
    return more > 0, more


@claim(
    "1.larger-own-rate",
    "With the best of four learning rates for each, the network with 256 hidden units needs no more epochs than the "
    "one with 4.",
    unit="epochs more",
    on=DIABETES,
)
def larger_own_rate(seed: int) -> tuple[bool, float]:
    large, small = (min(epochs_to_fit(seed, h, rate) for rate in (0.01, 0.03, 0.1, 0.3)) for h in (256, 4))
    return large <= small, large - small


# ---------------------------------------------------------------------------------------- the first epoch's losses


def after_one_epoch(seed: int) -> tuple[float, float, float]:
    """Training loss as reported, training loss measured at the end of the epoch, validation loss."""
    train_set, validation_set = two_parts(seed)
    model = network(seed)
    config = Config(num_epochs=1, batch_size=32, learning_rate=0.01, optimizer="sgd", seed=seed)
    row = History.of(train(model, train_set, validation_set, config)).epochs.iloc[-1]
    return row.train_loss, evaluate(model, train_set), row.validation_loss


@claim(
    "1.half-an-epoch-late",
    "After the first epoch, the training loss measured anew is lower than the reported one.",
    unit="loss",
    on=DIABETES,
)
def half_an_epoch_late(seed: int) -> tuple[bool, float]:
    reported, measured, _ = after_one_epoch(seed)
    return measured < reported, measured - reported


@claim(
    "1.validation-below-training",
    "After the first epoch, the validation loss is lower than the reported training loss.",
    unit="loss",
    on=DIABETES,
)
def validation_below_training(seed: int) -> tuple[bool, float]:
    reported, _, validation = after_one_epoch(seed)
    return validation < reported, validation - reported


@claim(
    "1.same-moment",
    "Measured at the same moment, after the first epoch, the training loss is lower than the validation loss.",
    unit="loss",
    on=DIABETES,
    instead="After one epoch a model has hardly fitted anybody in particular: which is lower depends on the split.",
)
def same_moment(seed: int) -> tuple[bool, float]:
    _, measured, validation = after_one_epoch(seed)
    return measured < validation, measured - validation


# ---------------------------------------------------------------------------------------- optimisers

RATES = {
    "sgd": (0.001, 0.003, 0.01, 0.03, 0.1),
    "adam": (0.0003, 0.001, 0.003, 0.01, 0.03),
}


def judged_by_the_third(seed: int, scales: Tensor) -> dict[str, float]:
    """Loss on the third part at the best epoch and learning rate of each optimiser; `scales` multiply the inputs."""
    train_set, validation_set, third = (Samples(part.inputs * scales, part.targets) for part in three_parts(seed))
    found = {}
    for optimizer, rates in RATES.items():
        tried = []
        for learning_rate in rates:
            model = network(seed)
            best = BestWeights(model)
            config = Config(num_epochs=30, batch_size=32, learning_rate=learning_rate, optimizer=optimizer, seed=seed)
            for _ in best.watch(train(model, train_set, validation_set, config)):
                pass
            if best.epoch is not None:
                best.restore()
                tried.append((best.validation_loss, evaluate(model, third)))
        found[optimizer] = min(tried)[1]
    return found


@claim(
    "1.optimisers-alike",
    "On standardised inputs, each with its own best learning rate, gradient descent and Adam end within 0.05 of each "
    "other on people who chose nothing.",
    unit="loss, gradient descent minus Adam",
    on=DIABETES,
)
def optimisers_alike(seed: int) -> tuple[bool, float]:
    loss = judged_by_the_third(seed, torch.ones(10, dtype=torch.float64))
    return abs(loss["sgd"] - loss["adam"]) < 0.05, loss["sgd"] - loss["adam"]


@claim(
    "1.optimisers-stretched",
    "When the columns have different scales (from a tenth to ten times), gradient descent ends with a higher loss than "
    "Adam, each with its own best learning rate.",
    unit="loss, gradient descent minus Adam",
    on=DIABETES,
)
def optimisers_stretched(seed: int) -> tuple[bool, float]:
    order = torch.randperm(10, generator=torch.Generator().manual_seed(seed))
    loss = judged_by_the_third(seed, torch.logspace(-1, 1, 10, dtype=torch.float64)[order])
    return loss["sgd"] > loss["adam"], loss["sgd"] - loss["adam"]


# ---------------------------------------------------------------------------------------- what the sources say

SOURCES = [
    Source(
        "An epoch is one complete pass over the training set.",
        "holds",
        "it is the definition; notebook 1 counts it out.",
    ),
    Source(
        "100,000 samples in batches of 1,024 make about 98 batches, the last one smaller.",
        "holds",
        "⌈100,000 / 1,024⌉ is exactly 98, and the last batch has 672.",
    ),
    Source(
        "An epoch has N / B iterations.",
        "holds when B divides N",
        "otherwise the quotient must be rounded up, or down with drop_last; notebook 1 counts 15,351 pairs.",
    ),
    Source(
        "E epochs make E times as many updates as one.",
        "holds",
        "every epoch has the same number of batches, its short batch included.",
    ),
    Source(
        "Iterations are the number of batches needed to complete one epoch.",
        "holds when it is read as iterations per epoch",
        "an iteration is one update; the number per epoch is ⌈N/B⌉, and a run has E times as many.",
    ),
    Source(
        "Training usually takes more than a few epochs.",
        "holds",
        "on this small set the best came after more than 10 in every run; an epoch of a large set has more updates.",
        "1.more-than-a-few",
    ),
    Source(
        "One prediction comes closer to the truth with every epoch (3.0, 3.7, 3.9 of 4.0).",
        "holds when it is said of the mean",
        "the training loss, a mean, falls from epoch 1 to 5 to 10; but only about half of the people come closer both "
        "times.",
        "1.closer-every-time",
    ),
    Source(
        "In the first epoch the training loss is slightly above the validation loss (2.5000 against 2.4800).",
        "holds",
        "the reported loss is an average over an epoch of learning, and so it comes late; chance in the split adds to "
        "it, or takes away.",
        "1.validation-below-training",
    ),
    Source(
        "Larger data sets need fewer epochs.",
        "holds when the goal is easy",
        "the number of updates stays about the same; for a hard goal, small sets mostly need more or never arrive.",
        "1.more-data-fewer-epochs",
    ),
    Source(
        "More complex models need more epochs, simple ones converge faster.",
        "does not hold here",
        "with one learning rate for both, the larger network needs fewer epochs; with a rate of its own, no more.",
        "1.larger-more-epochs",
    ),
    Source(
        "Stop when the validation loss stops falling, rises, or gains become negligible.",
        "holds",
        "on data that chose nothing, the weights from the best epoch beat those of the last.",
        "1.going-back-pays",
    ),
    Source(
        "Saving the best model pays.",
        "holds",
        "going back to the best epoch lowers the loss on data that chose nothing.",
        "1.going-back-pays",
    ),
    Source(
        "Early stopping prevents overfitting.",
        "holds when the best weights are brought back",
        "on data that chose nothing they beat those after 1,000 epochs; a longer patience made no clear difference.",
        "1.going-back-pays",
    ),
    Source(
        "The epoch with the lowest validation loss helps to determine the optimal number of epochs (5,000 epochs of "
        "diabetes).",
        "does not hold here",
        "it is a fact about one run: with other weights and another order the best epoch is another.",
        "1.best-epoch-again",
    ),
    Source(
        "The training set is a textbook, a batch a chapter, an epoch one reading (or 1,000 pages in chunks of 100).",
        "holds when nobody insists on the order",
        "the counting is right; but a book is read in order, and samples sorted by their targets do harm.",
        "1.sorted-order",
    ),
    Source(
        "A sample is one crisp, a batch a handful.",
        "holds when the crisps go back into the bag",
        "the average of a handful is one verdict; but in the next epoch every sample comes again.",
    ),
    Source(
        "Training has five steps: forward, loss, backpropagation, update, repeat.",
        "holds",
        "four moves and a loop around them; written out, they give the same numbers as PyTorch's own.",
    ),
    Source(
        "The update uses gradient descent, Adam or RMSprop.",
        "holds when the learning rate fits",
        "on standardised inputs the choice hardly matters once each has its own rate; on stretched ones a little, on "
        "average.",
        "1.optimisers-stretched",
    ),
]
