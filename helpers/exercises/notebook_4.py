"""The exercises of notebook 4."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pandas as pd

from helpers.checks import LessonError, is_whole
from helpers.exercises import Judge, Reply, choice, function, numbers, shown
from helpers.exercises import number as one_number


def _test_halving(halving_epochs: Callable) -> str | None:
    cases = {(27, 1, 3, 3): 81, (10, 2, 2, 3): 64, (8, 1, 2, 1): 8, (7, 1, 3, 2): 16, (8, 1, 3, 2): 17}
    given = {case: halving_epochs(*case) for case in cases}
    if given[27, 1, 3, 3] in (27 + 9 + 3, 27 + 27 + 9):  # never more epochs, or once only
        return "Are the epochs of a round really the same for all rounds? Each round gives `factor` times as many."
    if given[27, 1, 3, 3] == 13:
        return "These are the epochs that one model would train. How many models are there in each round?"
    if given[27, 1, 3, 3] == 270:
        return "270 is what the full grid costs. After the first round only a third of the models go on."
    if given[27, 1, 3, 3] == 81 and given[10, 2, 2, 3] == 20 + 20 + 16:
        return "Half of 5 models is 3 here: scikit-learn rounds up, and you rounded down."
    for case, expected in cases.items():
        if not bool(given[case] == expected):  # a masked number is neither equal nor unequal
            return f"halving_epochs{case} should be {expected}; yours says {given[case]}."
    return None


LOSSES, SECONDS = (0.9, 0.7, 0.8, 0.6), (0.5, 1.0, 1.5, 2.0)
BEST_IN_TIME = {2.0: 0.6, 1.6: 0.7, 9.0: 0.6, 1.0: 0.7}


def _test_best_within(best_within: Callable) -> str | None:
    epochs = pd.DataFrame({"epoch": [1, 2, 3, 4], "seconds": SECONDS, "validation_loss": LOSSES})
    given = {seconds: best_within(epochs, seconds) for seconds in BEST_IN_TIME}
    if given[1.6] == 0.6:
        return "You looked at epochs that had not ended yet: after 1.6 seconds the fourth is still running."
    if given[1.6] == 0.8:
        return "That is the last loss within the budget. The lowest one had come earlier, and its weights can be kept."
    if given[1.6] in (2, 1) or given[9.0] in (4, 3):
        return "That is the number of an epoch, or its place. The loss is wanted."
    for seconds in (1.6, 9.0, 2.0):
        if not bool(given[seconds] == BEST_IN_TIME[seconds]):
            return (
                f"For losses {', '.join(map(str, LOSSES))} after {', '.join(map(str, SECONDS))} seconds the answer for "
                f"{seconds:g} seconds is {BEST_IN_TIME[seconds]}; yours says {given[seconds]}."
            )
    if not bool(given[1.0] == 0.7):
        return "An epoch that ends exactly when the time is up has ended in time."
    early = best_within(epochs, 0.1)
    return None if early is None else f"No epoch has ended after 0.1 seconds: return None there, not {early}."


TO_BEAT, MOST_UPDATES, MOST_NUMBERS, PLAIN = 0.855, 400, 1024, 0.879
SEARCH_TO_BEAT, FEWEST_TRIES, FEWEST_SETTINGS = 0.92, 12, 3


def _train_your_own(answer: object) -> Reply | str:
    """Train the settings on the notebook's training part, and judge updates and the RMSE at the end of the run."""
    from sklearn.model_selection import train_test_split

    from helpers.data import load_ratings, split
    from helpers.models import CollaborativeFilter
    from helpers.search import RatingRegressor
    from helpers.training import Config, History, is_finite, iterations_per_epoch, train

    if not isinstance(answer, dict):
        return 'A dictionary of settings is wanted, such as {"learning_rate": 0.001, "num_epochs": 4}.'
    other = ("num_users", "num_movies", "patience", "patience_share")
    known = [name for name in inspect.signature(RatingRegressor).parameters if name not in other]
    unknown = [name for name in answer if name not in known]
    if unknown:
        return f"There is no setting {shown(unknown[0])}: there are {', '.join(known)}."
    ratings = load_ratings()
    parts = train_test_split(split(ratings).train_index, test_size=0.2, random_state=42)
    train_set, validation_set = (ratings.samples(part) for part in parts)
    settings: dict[str, Any] = {
        name: value.lower() if isinstance(value, str) else value for name, value in answer.items()
    }
    embedding_dim = settings.pop("embedding_dim", 50)
    if is_whole(embedding_dim) and embedding_dim > MOST_NUMBERS:
        return f"An embedding of {shown(embedding_dim)} numbers is too large to try: {MOST_NUMBERS} at most."
    try:
        config = Config(**settings)
        model = CollaborativeFilter.for_ratings(ratings, train_set, embedding_dim, seed=config.seed)
    except LessonError as error:
        return str(error)
    updates = config.num_epochs * iterations_per_epoch(len(train_set), config.batch_size)
    if updates > MOST_UPDATES:
        return (
            f"That is {updates:,} updates, and the budget is {MOST_UPDATES}: fewer epochs, or larger batches. "
            "A run that is cut short needs longer steps."
        )
    history = History.of(train(model, train_set, validation_set, config))
    rmse = history.epochs["validation_loss"].iloc[-1] ** 0.5
    if not is_finite(rmse):
        return "The run diverged: its loss is no number any more. A lower learning rate takes shorter steps."
    made = f"RMSE {rmse:.3f} at the end, after {updates} updates"
    if rmse <= TO_BEAT:
        return Reply(True, f"Right: {made}. The plain defaults make 790 updates and end at {PLAIN:.3f}.")
    if (history.best_validation_loss or rmse**2) ** 0.5 <= TO_BEAT:
        return f"{made}. After epoch {history.best_epoch} it was low enough: the run went on for too long."
    if config.weight_decay == 0 and config.learning_rate >= 0.005:
        return f"{made}. The step is long enough, and nothing holds the weights back yet."
    if config.learning_rate < 0.005:
        return f"{made}. With so few updates a learning rate of {config.learning_rate:g} gets nowhere."
    return f"{made}: {TO_BEAT} is not reached yet. How many numbers does a taste need?"


def _search_your_own(search: object) -> Reply | str:
    """Judge how a search was set up, and then what it found."""
    from sklearn.model_selection._search import BaseSearchCV

    from helpers.search import RMSE, Knob, results_table

    if not isinstance(search, BaseSearchCV):
        return "A search is wanted here, the object itself: RandomSearch(…) or GridSearch(…)."
    if search.scoring != RMSE:
        return "Scores must be comparable: give the search scoring=RMSE."
    space = getattr(search, "param_distributions", None) or getattr(search, "param_grid", {})
    rate = space.get("learning_rate") if isinstance(space, dict) else None
    if isinstance(rate, Knob) and rate.scale == "linear" and rate.high >= 10 * rate.low:
        return (
            f"From {rate.low:g} to {rate.high:g} in a straight line: nine of ten draws lie in the upper nine tenths. "
            "Give the learning rate a logarithmic scale."
        )
    if not hasattr(search, "cv_results_"):
        return "The search is set up, and has not run yet: call its fit(X_few, y_few)."
    table = results_table(search)
    turned = [name for name in search.cv_results_["params"][0] if table[name].nunique() > 1]
    if len(table) < FEWEST_TRIES or len(turned) < FEWEST_SETTINGS:
        return (
            f"{len(table)} tries over {len(turned)} settings: make it at least {FEWEST_TRIES} tries over "
            f"{FEWEST_SETTINGS} settings."
        )
    best = table["rmse"].min()
    if not best <= SEARCH_TO_BEAT:
        missing = [name for name in ("learning_rate", "weight_decay", "num_epochs") if name not in turned]
        hint = f"It never turned {missing[0]}." if missing else "Look at its best rows: which way do they point?"
        return f"RMSE {best:.3f} is its lowest, and the goal is {SEARCH_TO_BEAT}. {hint}"
    return Reply(
        True,
        f"Right: {len(table)} tries over {', '.join(turned)}, lowest RMSE {best:.3f}. It was chosen for being low, "
        "so expect a little less of it on other ratings.",
    )


EXERCISES: dict[str, Judge] = {
    "4.1": one_number(
        10,
        {
            9: "You rounded down: the last 6,272 ratings are still a batch.",
            80_000 / 8192: "You did not round: there is no part of an update.",
            79: "That is for batches of 1,024.",
            13: "That is for 100,000 ratings: a fifth of them are held back, and the run trains on 80,000.",
            8192: "That is the number of ratings in a batch.",
            100: "That would be ten epochs. This run made one.",
        },
        right="An eighth of the usual 79 updates, with the same learning rate: so it got nowhere.",
    ),
    "4.2": choice(
        "c",
        {
            "a": "Look at the runs with 100 ratings again: they differ by as much among themselves.",
            "b": "A quarter more ratings to train on may help a little, but 100 ratings cannot show it.",
            "d": "Overfitting is a gap between training and validation loss, and neither was compared here.",
        },
        right="A score has an error, and on 100 ratings it is as large as everything that settings can do.",
    ),
    "4.3": function(_test_halving, right="With factor 3 and 27 models every round costs the same."),
    "4.4": choice(
        "c",
        {
            "a": "A lower number is what both were looking for, luck included. How much luck is in it?",
            "b": "A mean of 500 scores would average luck out. The lowest of them collects it.",
            "d": "The ratings are the same, but the luckiest of 500 is luckier than the luckiest of 5.",
        },
        right="The more tries, the luckier the winner: measure it again on ratings that chose nothing.",
    ),
    "4.5": numbers(
        [195_000, 2.34],
        [
            ([192_000, 2.304], "You forgot the biases: each user and each film has one more number."),
            (
                [195_000, 0.78],
                "That is the memory of the weights alone. Training also keeps gradients and momentum.",
            ),
            ([195_000, 1.56], "Weights and gradients: momentum remembers one more number for each weight."),
            ([195_000, 3.12], "That is Adam, which remembers two numbers for each weight. Momentum remembers one."),
            (
                [195_000, 2_340_000],
                "The parameters are right. The memory is in bytes, and a megabyte is a million.",
            ),
            (
                [128_000_000, 1536],
                "You multiplied users by films. There is a row for each user, and a row for each film.",
            ),
        ],
        right="3,000 rows of 65 numbers, and 12 bytes for each of them.",
        tolerance=1e-3,
    ),
    "4.6": function(_test_best_within, right="With the best weights kept, a run is worth its lowest loss."),
    "4.7": Judge(_train_your_own),
    "4.8": Judge(_search_your_own),
}
