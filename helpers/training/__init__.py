"""Training: the loop (read `loop.py` first), and what watches it."""

from helpers.training.config import Config, Progress, iterations_per_epoch
from helpers.training.history import History, early_stopping, is_finite
from helpers.training.loop import train, update
from helpers.training.measuring import evaluate, predict
from helpers.training.optimizers import OPTIMIZERS, SCHEDULES, make_optimizer, warm_up
from helpers.training.weights import BestWeights, load_weights, save_weights
