"""Runs in the peers' own environment: train one peer on a split from a file, and print its seconds and RMSE as JSON.

    python peer.py split.npz surprise-svd

It imports nothing of the course, and the course does not need what it imports.
"""

import json
import sys
from importlib import import_module
from importlib.metadata import version
from time import perf_counter, process_time

import numpy as np


def surprise(algorithm, split):
    """Surprise (Cython): trained on its own `Trainset`, tested on every validation rating."""
    library = import_module("surprise")
    rows = list(zip(*split["train"].T.tolist(), split["train_ratings"].tolist(), strict=True))
    train_set = library.Dataset(library.Reader(rating_scale=(0.5, 5))).construct_trainset(
        [(*row, None) for row in rows]
    )

    def predict(users, movies):
        return [algorithm.predict(user, movie).est for user, movie in zip(users, movies, strict=True)]

    return lambda: algorithm.fit(train_set), predict


def cornac(model, split):
    """Cornac (Cython, OpenMP): trained on its own `Dataset`; unknown users and movies get what it knows of them."""
    rows = list(zip(*split["train"].T.tolist(), split["train_ratings"].tolist(), strict=True))
    train_set = import_module("cornac.data").Dataset.from_uir(rows)
    users, movies = train_set.uid_map, train_set.iid_map

    def predict(some_users, some_movies):
        pairs = zip(some_users, some_movies, strict=True)
        return [model.rate(users.get(user, len(users)), movies.get(movie, len(movies))) for user, movie in pairs]

    return lambda: model.fit(train_set), predict


def make(name, split):
    """The named peer: (train, predict)."""
    if name.startswith("surprise"):
        library = import_module("surprise")
        models = {
            "surprise-svd": lambda: library.SVD(random_state=42),
            "surprise-svd-50": lambda: library.SVD(n_factors=50, n_epochs=10, random_state=42),
            "surprise-svdpp": lambda: library.SVDpp(random_state=42),
        }
        return surprise(models[name](), split)
    model = import_module("cornac.models").MF(
        k=50, max_iter=10, learning_rate=0.01, use_bias=True, seed=42, num_threads=1
    )
    return cornac(model, split)


def main(path, name):
    with np.load(path) as file:
        split = dict(file)
    train, predict = make(name, split)
    wall, processor = perf_counter(), process_time()
    train()
    seconds, processor = perf_counter() - wall, process_time() - processor
    errors = np.asarray(predict(*split["validation"].T.tolist())) - split["validation_ratings"]
    package = {"surprise": "scikit-surprise"}.get(name.split("-")[0], "cornac")
    print(
        json.dumps(
            {
                "seconds": seconds,
                "processor": processor,
                "rmse": float(np.sqrt(np.square(errors).mean())),
                "version": f"{package} {version(package)}, numpy {version('numpy')}",
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
