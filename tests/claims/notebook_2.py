"""The claims of notebook 2: batches, averaging, noise, outliers, speed and generalisation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count, islice
from time import perf_counter, process_time

import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector

from helpers.data import Ratings, Samples, load_diabetes, split
from helpers.models import MLP, CollaborativeFilter
from helpers.training import Config, evaluate, train
from tests.claims.register import Source, claim

CUT = 88  # patients held back for choosing, and as many again for judging


def patients(seed: int) -> tuple[Samples, Samples, Samples]:
    """All 442 patients, standardised: 266 to train on, 88 that choose, 88 that judge; a new split for every seed."""
    inputs, targets = (
        torch.cat([getattr(part, name) for part in load_diabetes(standardise_targets=True, dtype=torch.float64)])
        for name in ("inputs", "targets")
    )
    order = torch.randperm(len(targets), generator=torch.Generator().manual_seed(seed))
    judge, choose, learn = order[:CUT], order[CUT : 2 * CUT], order[2 * CUT :]
    return tuple(Samples(inputs[rows], targets[rows]) for rows in (learn, choose, judge))


def order_of(num_samples: int, generator: torch.Generator) -> Tensor:
    return torch.randperm(num_samples, generator=generator)


# ---------------------------------------------------------------------------------------- averaging and noise


@claim(
    "2.smoother",
    "At the same weights the mean gradient of 64 patients lies at least seven times nearer to everybody's gradient "
    "than a single patient's does.",
    unit="times nearer",
    on=("diabetes",),
)
def smoother(seed: int) -> tuple[bool, float]:
    learn, _, _ = patients(seed)
    model, generator = MLP(10, seed=seed).double(), torch.Generator().manual_seed(seed)

    def gradient(rows: Tensor) -> Tensor:
        x, y = learn[rows]
        return parameters_to_vector(torch.autograd.grad((model(x) - y).square().mean(), model.parameters()))

    full = gradient(torch.arange(len(learn)))

    def off(size: int) -> float:
        rows = [order_of(len(learn), generator)[:size] for _ in range(300)]
        return float(torch.stack([(gradient(batch) - full).square().sum() for batch in rows]).mean().sqrt())

    times = off(1) / off(64)
    return times >= 7, times


@claim(
    "2.more-updates",
    "After one epoch at a learning rate of 0.01, batches of 8 have brought the training loss further down than batches "
    "of 64, because they made more updates.",
    unit="training loss",
    on=("diabetes",),
)
def more_updates(seed: int) -> tuple[bool, float]:
    learn, _, _ = patients(seed)
    small, large = (after_epochs(learn, size, 0.01, 1, seed) for size in (8, 64))
    return small < large, large - small


@claim(
    "2.adam-short-batch",
    "Under Adam, the weights after training on a sum and on a mean lie more than a hundred times further apart when "
    "the last batch is short than when all batches are full, where only the usual epsilon parts them.",
    unit="powers of ten",
    on=("diabetes",),
)
def adam_short_batch(seed: int) -> tuple[bool, float]:
    learn, _, _ = patients(seed)
    batches = order_of(len(learn), torch.Generator().manual_seed(seed)).split(64)  # the last has 10 patients

    def trained(reduce: Callable, some: Sequence[Tensor]) -> Tensor:
        model = MLP(10, seed=seed).double()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for batch in [*some] * 20:
            x, y = learn[batch]
            optimizer.zero_grad()
            reduce((model(x) - y).square()).backward()
            optimizer.step()
        return parameters_to_vector(model.parameters()).detach()

    def gap(some: Sequence[Tensor]) -> Tensor:
        return (trained(torch.mean, some) - trained(torch.sum, some)).abs().max()

    powers = float((gap(batches) / gap(batches[:-1])).log10())
    return powers > 2, powers


# ---------------------------------------------------------------------------------------- one mistyped target


def last_slopes(x: Tensor, y: Tensor, batch_size: int, seed: int, falling: bool = False) -> Tensor:
    """The slope after every update of the last 50 of 150 epochs at 0.01, or falling as 1 / epoch from 50 on."""
    generator, slope, seen = torch.Generator().manual_seed(seed), torch.zeros((), dtype=x.dtype), []
    for epoch in range(150):
        rate = 0.01 / max(1, epoch - 50) if falling else 0.01
        for batch in order_of(len(x), generator).split(batch_size):
            slope = slope - rate * 2 * ((slope * x[batch] - y[batch]) * x[batch]).mean()
            seen += [slope] * (epoch >= 100)
    return torch.stack(seen)


def mistyped(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """One measurement, the targets, and the targets with 8 added for the patient with the highest measurement."""
    learn, _, _ = patients(seed)
    x = learn.inputs[:, 2]
    return x, learn.targets, learn.targets + 8 * (torch.arange(len(x)) == x.argmax())


@claim(
    "2.cloud",
    "At a constant learning rate the slope wanders more than five times as widely around the best line with one "
    "patient per update as with 64.",
    unit="times as wide",
    on=("diabetes",),
)
def cloud(seed: int) -> tuple[bool, float]:
    x, _, y = mistyped(seed)
    times = float(last_slopes(x, y, 1, seed).std() / last_slopes(x, y, 64, seed).std())
    return times > 5, times


@claim(
    "2.falling-rate",
    "A falling learning rate makes the cloud of one patient per update more than five times narrower.",
    unit="times narrower",
    on=("diabetes",),
)
def falling_rate(seed: int) -> tuple[bool, float]:
    x, _, y = mistyped(seed)
    times = float(last_slopes(x, y, 1, seed).std() / last_slopes(x, y, 1, seed, falling=True).std())
    return times > 5, times


@claim(
    "2.outlier-stays",
    "Once the learning rate has fallen, a mistyped target has moved the slope by the same amount, to within a quarter, "
    "whether one patient was used per update or 64.",
    unit="difference of the two shifts",
    on=("diabetes",),
)
def outlier_stays(seed: int) -> tuple[bool, float]:
    x, honest, wrong = mistyped(seed)
    one, many = (
        float((last_slopes(x, wrong, size, seed, True) - last_slopes(x, honest, size, seed, True)).mean())
        for size in (1, 64)
    )
    exact = float((x * (wrong - honest)).sum() / (x * x).sum())
    return max(abs(one - exact), abs(many - exact)) < exact / 4, one - many


# ---------------------------------------------------------------------------------------- speed


def after_epochs(learn: Samples, batch_size: int, rate: float, num_epochs: int, seed: int) -> float:
    """Training loss, measured after this many epochs of SGD."""
    model = MLP(10, seed=seed).double()
    config = Config(num_epochs=num_epochs, batch_size=batch_size, learning_rate=rate, optimizer="sgd", seed=seed)
    for _ in train(model, learn, None, config):
        pass
    return evaluate(model, learn)


@claim(
    "2.efficient",
    "An epoch in batches of 64 takes less than a tenth of the time that it takes one patient at a time.",
    unit="times as fast",
    on=("diabetes",),
    repeatable=False,
)
def efficient(seed: int) -> tuple[bool, float]:
    learn, _, _ = patients(seed)
    after_epochs(learn, 64, 0.01, 1, seed)  # the first use of anything is slow
    seconds = []
    for size in (1, 64):
        begun = perf_counter()
        after_epochs(learn, size, 0.001, 2, seed)
        seconds.append(perf_counter() - begun)
    return seconds[0] > 10 * seconds[1], seconds[0] / seconds[1]


@claim(
    "2.duplicated",
    "When every patient is in the data twice, an epoch in batches of 64 brings the loss further down, by twice the "
    "updates, while an epoch of the full batch does twice the work for the same update.",
    unit="training loss",
    on=("diabetes",),
)
def duplicated(seed: int) -> tuple[bool, float]:
    learn, _, _ = patients(seed)
    twice = Samples(learn.inputs.repeat(2, 1), learn.targets.repeat(2))
    once64, twice64 = (after_epochs(some, 64, 0.02, 1, seed) for some in (learn, twice))
    once_full, twice_full = (after_epochs(some, len(some), 0.02, 1, seed) for some in (learn, twice))
    return twice64 < once64 and abs(once_full - twice_full) < 1e-12, once64 - twice64


def within(seconds: float, ratings: Ratings, learn: Samples, batch_size: int, rate: float, seed: int) -> nn.Module:
    """The model after this many seconds of SGD: seconds of one core, which a busy machine does not stretch."""
    model, begun = CollaborativeFilter.for_ratings(ratings, learn, 8, seed=seed), None
    config = Config(num_epochs=100_000, batch_size=batch_size, learning_rate=rate, optimizer="sgd", seed=seed)
    for _ in train(model, learn, None, config):
        begun = begun or process_time()  # dealing out 100,000 batches of one is not training
        if process_time() - begun > seconds:
            break
    return model


def losses_on(model: nn.Module, *parts: Samples) -> list[float]:
    """Mean squared errors, infinite for a run that left the numbers."""
    return [loss if loss == loss else float("inf") for loss in (evaluate(model, part) for part in parts)]


RATES = {1: (0.01, 0.03, 0.1), 1024: (3, 10, 30), None: (30, 100, 200)}  # for SGD on ratings; None: all at once


@claim(
    "2.race",
    "After the same 0.3 seconds of SGD on one core, each at a learning rate chosen for it, batches of 1,024 ratings "
    "have reached a lower loss than one rating at a time and than all ratings at once.",
    unit="squared stars below the better of the two",
    on=("embedded", "movielens"),
    repeatable=False,
)
def race(seed: int, ratings: Ratings) -> tuple[bool, float]:
    learn, held_back, *_ = split(ratings, seed=seed)
    half = len(held_back) // 2
    choose, judge = (Samples(*held_back[part]) for part in (slice(half), slice(half, None)))
    within(0.05, ratings, learn, 1024, 1.0, seed)  # the first use of anything is slow
    ends = {}
    for size, rates in RATES.items():
        runs = [within(0.3, ratings, learn, size or len(learn), rate, seed) for rate in rates]
        ends[size] = min(losses_on(model, choose, judge) for model in runs)[1]
    better = min(ends[1], ends[None])
    return ends[1024] < better, better - ends[1024]


# ---------------------------------------------------------------------------------------- generalisation

GRID = {1: (0.001, 0.003, 0.01, 0.03), 64: (0.01, 0.03, 0.1, 0.2), 266: (0.01, 0.03, 0.1, 0.3)}
UPDATES = {1: 10_000, 64: 3_000, 266: 3_000}


def judged(seed: int, batch_size: int) -> float:
    """Loss on patients that chose nothing, at the learning rate and the update that were best on those that choose.

    The four rates are trained side by side: every weight has one more dimension, and so has every prediction.
    """
    learn, choose, judge = patients(seed)
    rates = torch.tensor(GRID[batch_size], dtype=torch.float64)[:, None, None]
    first, first_bias, second, second_bias = (p.detach() for p in MLP(10, seed=seed).double().parameters())
    weights = [p.repeat(len(rates), 1, 1).requires_grad_() for p in (first.T, first_bias, second.T, second_bias)]

    def loss(samples: Samples) -> Tensor:
        hidden = (samples.inputs @ weights[0] + weights[1]).relu()
        return ((hidden @ weights[2] + weights[3]).squeeze(2) - samples.targets).square().mean(1)

    generator = torch.Generator().manual_seed(seed)
    batches = (batch for _ in count() for batch in order_of(len(learn), generator).split(batch_size))
    looks, every = [], max(10, UPDATES[batch_size] // 300)
    for update, batch in enumerate(islice(batches, UPDATES[batch_size]), start=1):
        slopes = torch.autograd.grad(loss(Samples(*learn[batch])).sum(), weights)
        with torch.no_grad():
            for weight, slope in zip(weights, slopes, strict=True):
                weight -= rates * slope
            if update % every == 0:
                looks.append(torch.stack([loss(choose), loss(judge)]))
    chosen, judges = torch.stack(looks).nan_to_num(float("inf")).unbind(1)
    return float(judges.flatten()[chosen.argmin()])


@claim(
    "2.generalisation",
    "Batches of 64 do better on new patients than the full batch, with the learning rate and the number of updates "
    "chosen for each.",
    unit="test loss",
    on=("diabetes",),
    instead="More often ahead than behind, but not better on average: the difference is smaller than its uncertainty.",
)
def generalisation(seed: int) -> tuple[bool, float]:
    full, batches = judged(seed, 266), judged(seed, 64)
    return batches < full, full - batches


@claim(
    "2.generalisation-one",
    "Batches of 64 do better on new patients than one patient per update, with the learning rate and the number of "
    "updates chosen for each.",
    unit="test loss",
    on=("diabetes",),
    instead="Neither is better on average: the difference is far smaller than its uncertainty.",
)
def generalisation_one(seed: int) -> tuple[bool, float]:
    one, batches = judged(seed, 1), judged(seed, 64)
    return batches < one, one - batches


SOURCES = [
    Source(
        "The loss of a batch is the mean of its samples' losses, and its gradient the mean of their gradients.",
        verdict="holds",
        because="The mean is a choice; that its gradient is the mean of the gradients is linearity of the derivative, "
        "and notebook 2 checks it to rounding. It needs each loss to depend on its own sample only, which batch "
        "normalisation breaks.",
    ),
    Source(
        "64 losses make one update, not 64.",
        verdict="holds",
        because="That is what an update of a batch is. It is no shortcut for 64 single updates: those end elsewhere.",
    ),
    Source(
        "Averaging over a batch makes updates smoother.",
        verdict="holds",
        because="The squared noise of the mean of B gradients is that of one, over B (an identity, and measured).",
        claim="2.smoother",
    ),
    Source(
        "Averaging makes updates less sensitive to outliers.",
        verdict="holds when it is about one update",
        because="One sample's part in one update falls as 1 / B. Its part in the trained model does not shrink: every "
        "sample comes by once in an epoch, whatever the size of the batch.",
        claim="2.outlier-stays",
    ),
    Source(
        "Batches are computationally efficient.",
        verdict="holds",
        because="Not because they need less arithmetic (64 samples cost 64 times one), but because one large operation "
        "replaces many small ones.",
        claim="2.efficient",
    ),
    Source(
        "Mini-batches are the best of both worlds, between one sample and all of them.",
        verdict="holds",
        because="With a learning rate chosen for each, and the same seconds for all.",
        claim="2.race",
    ),
    Source(
        "Batches improve generalisation.",
        verdict="does not hold here",
        because="With learning rate and number of updates chosen for each size of the batch, none of them did "
        "reliably better on patients that had chosen nothing.",
        claim="2.generalisation",
    ),
    Source(
        "Smaller batches give more updates in an epoch, larger ones fewer and more stable updates.",
        verdict="holds",
        because="The number is N / B, rounded up. At a small learning rate more updates also get further in an epoch.",
        claim="2.more-updates",
    ),
    Source(
        "A batch size of 1 is online learning.",
        verdict="holds when every sample is seen once, as it arrives",
        because="A question of words: updating on one sample of a shuffled, stored data set, epoch after epoch, is "
        "plain stochastic gradient descent.",
    ),
]
