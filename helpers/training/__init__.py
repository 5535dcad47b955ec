"""Training: the loop (read `loop.py` first), and what watches it."""

from helpers.training.loop import (
    OPTIMIZERS,
    Config,
    History,
    Progress,
    early_stopping,
    evaluate,
    is_finite,
    iterations_per_epoch,
    make_optimizer,
    predict,
    train,
)
from helpers.training.weights import BestWeights, load_weights, save_weights

__all__ = [
    "OPTIMIZERS", "BestWeights", "Config", "History", "Progress", "early_stopping", "evaluate", "is_finite",
    "iterations_per_epoch", "load_weights", "make_optimizer", "predict", "save_weights", "train",
]  # fmt: skip
