"""The claims of notebook 5: what becomes of the learning rate when more workers make larger batches.

No worker is started here. Two workers with 512 ratings each make the update that one process makes with 1,024, to
rounding: the notebook asserts it. So every run is one process with the workers' batch.
"""

import math
from functools import cache

import torch

from helpers.data import Ratings, Samples, split
from helpers.models import CollaborativeFilter
from helpers.training import Config, History, train
from tests.claims.register import Source, claim

RATINGS = ("embedded", "movielens")
WEIGHT_DECAY = 0.05
ADAM_RATE = 0.006  # near the best for one worker
DIVERGED = 1.0  # stars: what a diverged run counts as worse


@cache
def parts(seed: int, ratings: Ratings) -> tuple[Samples, Samples]:
    train_set, validation_set = split(ratings, seed=seed)[:2]
    return train_set.to(torch.float64), validation_set.to(torch.float64)


def limit(train_set: Samples) -> float:
    """The learning rate at which an update moves the busiest user's bias twice as far as it should go."""
    busiest = int(train_set.inputs[:, 0].bincount().max()) / len(train_set)
    return 1 / (busiest * (1 + WEIGHT_DECAY))


@cache
def trained(
    seed: int, ratings: Ratings, optimizer: str, workers: int, factor: float = 1.0, warmup: float = 0.0
) -> tuple[float, float]:
    """Validation RMSE, and the spread of the dot product's part in the predictions, both in stars, after three epochs
    with 512 ratings per worker and `factor` times one worker's rate.
    """
    train_set, validation_set = parts(seed, ratings)
    model = CollaborativeFilter.for_ratings(ratings, train_set, embedding_dim=16, seed=seed).double()
    base = ADAM_RATE if optimizer == "adam" else limit(train_set) / 8
    config = Config(
        num_epochs=3, batch_size=512 * workers, learning_rate=factor * base, optimizer=optimizer,
        weight_decay=WEIGHT_DECAY, warmup=warmup, seed=seed,
    )  # fmt: skip
    loss = History.of(train(model, train_set, validation_set, config)).last.validation_loss
    user, movie = validation_set.inputs.unbind(1)
    with torch.no_grad():
        taste = (model.user_embedding(user) * model.movie_embedding(movie)).sum(1).std()
    return math.sqrt(loss), float(taste)


def rmse(seed: int, ratings: Ratings, optimizer: str, workers: int, factor: float = 1.0, warmup: float = 0.0) -> float:
    """The first of the two numbers of `trained`."""
    return trained(seed, ratings, optimizer, workers, factor, warmup)[0]


def worse(there: float, here: float) -> float:
    """By how many stars one RMSE is worse than another; a diverged run by one."""
    return min(there - here, DIVERGED) if math.isfinite(there) else DIVERGED


@claim(
    "5.linear-scaling-works",
    "Four workers with four times the learning rate, half of what the busiest user's bias can bear, end within 0.005 "
    "stars of one worker (plain SGD, three epochs).",
    unit="stars",
    on=RATINGS,
)
def linear_scaling_works(seed: int, ratings: Ratings) -> tuple[bool, float]:
    effect = rmse(seed, ratings, "sgd", 4, factor=4) - rmse(seed, ratings, "sgd", 1)
    return abs(effect) < 0.005, effect


@claim(
    "5.taste-in-three-epochs",
    "Three epochs of plain SGD with one worker, at an eighth of the limit, teach taste and not only biases: the spread "
    "of the dot product's part in the predictions grows beyond 0.1 stars.",
    unit="stars of spread",
    on=RATINGS,
    instead="On MovieLens the spread stays below 0.01 stars: what is measured there in three epochs, biases did.",
)
def taste_in_three_epochs(seed: int, ratings: Ratings) -> tuple[bool, float]:
    taste = trained(seed, ratings, "sgd", 1)[1]
    return taste > 0.1, taste


@claim(
    "5.rate-unchanged",
    "With the learning rate left as it was for one worker, four end more than 0.005 stars behind it (plain SGD, three "
    "epochs).",
    unit="stars",
    on=RATINGS,
    smaller_is_better=True,
)
def rate_unchanged(seed: int, ratings: Ratings) -> tuple[bool, float]:
    effect = rmse(seed, ratings, "sgd", 4) - rmse(seed, ratings, "sgd", 1)
    return effect > 0.005, effect


@claim(
    "5.linear-scaling-breaks",
    "Sixteen workers with sixteen times the learning rate, twice what the busiest user's bias can bear, end at least "
    "0.1 stars behind one worker (plain SGD; a run that diverges counts as one star).",
    unit="stars",
    on=RATINGS,
    smaller_is_better=True,
)
def linear_scaling_breaks(seed: int, ratings: Ratings) -> tuple[bool, float]:
    effect = worse(rmse(seed, ratings, "sgd", 16, factor=16), rmse(seed, ratings, "sgd", 1))
    return effect > 0.1, effect


@claim(
    "5.root-for-adam",
    "With Adam, 16 workers end with a lower RMSE at four times the learning rate (the square root) than at 16 times.",
    unit="stars",
    on=RATINGS,
    smaller_is_better=True,
)
def root_for_adam(seed: int, ratings: Ratings) -> tuple[bool, float]:
    effect = worse(rmse(seed, ratings, "adam", 16, factor=4), rmse(seed, ratings, "adam", 16, factor=16))
    return effect < 0, effect


@claim(
    "5.warm-up-sgd",
    "Warm-up over the first fifth of the updates lowers the RMSE of four workers with four times the rate (plain SGD).",
    unit="stars",
    on=RATINGS,
    smaller_is_better=True,
    instead="It raises it: nothing was wrong with the first updates, and three epochs with shorter ones get less far.",
)
def warm_up_sgd(seed: int, ratings: Ratings) -> tuple[bool, float]:
    effect = rmse(seed, ratings, "sgd", 4, factor=4, warmup=0.2) - rmse(seed, ratings, "sgd", 4, factor=4)
    return effect < 0, effect


@claim(
    "5.warm-up-adam",
    "With Adam, warm-up over the first fifth of the updates lowers the RMSE of 16 workers with 16 times the rate.",
    unit="stars",
    on=RATINGS,
    smaller_is_better=True,
    instead="It changes little, for the worse here and for the better on MovieLens: less than a "
    "tenth of what the square root gains.",
)
def warm_up_adam(seed: int, ratings: Ratings) -> tuple[bool, float]:
    effect = rmse(seed, ratings, "adam", 16, factor=16, warmup=0.2) - rmse(seed, ratings, "adam", 16, factor=16)
    return effect < 0, effect


SOURCES = [
    Source(
        "Multiply the learning rate by the number of workers (Goyal et al. 2017).",
        "holds when the model can bear the longer step",
        "With plain SGD four workers end within 0.005 stars of one; at twice the limit of the busiest user's "
        "bias it breaks.",
        "5.linear-scaling-works",
    ),
    Source(
        "Begin with a warm-up when the rate is scaled (Goyal et al. 2017).",
        "does not hold here",
        "What breaks here is a limit that is as near at the end of the run as at its start.",
        "5.warm-up-sgd",
    ),
    Source(
        "With Adam, scale by the square root (Malladi et al. 2022).",
        "holds",
        "It ends lower than the full factor, on invented and on real ratings.",
        "5.root-for-adam",
    ),
]
