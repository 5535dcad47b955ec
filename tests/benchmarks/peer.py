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


def scikit_learn(split, components=10, damping=5):
    """scikit-learn's TruncatedSVD (ARPACK) of what is left of the ratings without damped means of films and users.

    An unknown cell of the matrix counts as 0, an average taste; 10 components were best on this very split, of 1 to 50.
    """
    (users, movies), stars = split["train"].T, split["train_ratings"]
    shape = [1 + max(split[part][:, side].max() for part in ("train", "validation")) for side in (0, 1)]
    found = {}

    def damped_mean(rows, values, count):
        return np.bincount(rows, values, count) / (np.bincount(rows, minlength=count) + damping)

    def train():
        mean = stars.mean()
        movie_bias = damped_mean(movies, stars - mean, shape[1])
        user_bias = damped_mean(users, stars - mean - movie_bias[movies], shape[0])
        left = stars - mean - movie_bias[movies] - user_bias[users]
        matrix = import_module("scipy.sparse").csr_matrix((left, (users, movies)), shape)
        svd = import_module("sklearn.decomposition").TruncatedSVD(components, algorithm="arpack", random_state=42)
        found.update(mean=mean, users=user_bias, movies=movie_bias)
        found.update(left=svd.fit_transform(matrix), right=svd.components_)

    def predict(some_users, some_movies):
        products = (found["left"][some_users] * found["right"][:, some_movies].T).sum(1)
        return np.clip(found["mean"] + found["users"][some_users] + found["movies"][some_movies] + products, 0.5, 5)

    import_module("sklearn.decomposition")  # its import is no part of the training
    return train, predict


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
    if name.startswith("sklearn"):
        return scikit_learn(split)
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
    package = {"surprise": "scikit-surprise", "sklearn": "scikit-learn"}.get(name.split("-")[0], "cornac")
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
