"""Searching for good settings with scikit-learn: what to search, `train()` as an estimator, and how to search."""

from helpers.search.estimator import RatingRegressor, arrays
from helpers.search.searches import (
    RMSE,
    GridSearch,
    HalvingSearch,
    RandomSearch,
    best_so_far,
    on_all_cores,
    results_table,
)
from helpers.search.space import Knob, SearchSpace, choices, linear, log
