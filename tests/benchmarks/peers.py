"""Seconds to reach a given validation RMSE: the course's loop and other libraries, side by side on one split."""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import process_time

import numpy as np
import pooch

from helpers.data import Ratings, Split, load_ratings, split
from helpers.models import CollaborativeFilter
from helpers.training import Config, train
from tests.benchmarks.measuring import Row

PEERS = ("scikit-surprise==1.1.5", "cornac==3.0.1", "scikit-learn==1.9.1")
ENVIRONMENT = pooch.os_cache("epoch-by-epoch") / "peers"

SVD, SVDPP = 0.8817, 0.8674  # what Surprise's defaults reached when these bounds were set
OURS = {  # the well-chosen ones were chosen on this very split, as a learner would in notebook 4
    "textbook: Adam 0.001, no decay, 10 epochs": Config(),
    "Adam 0.01, L2 0.05": Config(num_epochs=3, learning_rate=0.01, weight_decay=0.05),
    "Adam 0.015, L2 0.08": Config(num_epochs=3, learning_rate=0.015, weight_decay=0.08),
}


def python_of_the_peers() -> Path:
    """The Python of the peers' environment, which is made on first use: their needs are none of the course's."""
    python = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    complete, wanted = ENVIRONMENT / "complete", " ".join(PEERS)
    if not complete.exists() or complete.read_text() != wanted:
        print(f"Installing {', '.join(PEERS)} into an environment of their own, once …", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS], check=True)
        complete.write_text(wanted)
    return python


def run_peer(name: str, file: Path) -> dict:
    """One run of a peer in a process of its own, with one thread, as ours has."""
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [python_of_the_peers(), Path(__file__).with_name("peer.py"), file, name]
    result = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **one_thread})
    return json.loads(result.stdout.splitlines()[-1])


def run_ours(config: Config, ratings: Ratings, parts: Split) -> list[tuple[float, float, float]]:
    """(seconds, processor seconds, validation RMSE) after every epoch; measuring the validation loss is included."""
    model, begun, epochs = CollaborativeFilter.for_ratings(ratings, parts.train, 50), process_time(), []
    for progress in train(model, parts.train, parts.validation, config):
        if progress.epoch_ended:
            epochs.append((progress.seconds, process_time() - begun, math.sqrt(progress.validation_loss)))
    return epochs


def first_below(runs: list[list[tuple[float, float, float]]], rmse: float) -> tuple[float, float, int] | None:
    """Median (seconds, processor seconds) until the RMSE is reached, and after how many epochs; None if never."""
    reached = [next((i for i, epoch in enumerate(run) if epoch[2] <= rmse), None) for run in runs]
    if None in reached:
        return None
    columns = list(zip(*(run[i][:2] for run, i in zip(runs, reached, strict=True)), strict=True))
    return statistics.median(columns[0]), statistics.median(columns[1]), reached[0] + 1


def seconds_to_rmse(rounds: int = 5, slow_rounds: int = 1) -> Iterator[Row]:
    """Surprise's SVD and SVD++, Cornac's MF, scikit-learn's SVD and ours on ml-latest-small, 80/20, seed 42."""
    folder = os.environ.get("MOVIELENS_DIR")
    ratings = load_ratings(Path(folder) / "ml-latest-small" if folder else "ml-latest-small")
    parts = split(ratings, test_size=0.2, seed=42)
    names = ("surprise-svd", "surprise-svd-50", "cornac-mf", "sklearn-svd", "surprise-svdpp")
    peers: dict[str, list[dict]] = {name: [] for name in names}
    runs: dict[str, list] = {name: [] for name in OURS}
    run_ours(Config(num_epochs=1), ratings, parts)  # the first run warms up
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary) / "split.npz"
        _export(parts, file)
        for turn in range(rounds):
            for name in names if turn < slow_rounds else names[:-1]:
                peers[name].append(run_peer(name, file))
            for name, config in OURS.items():
                runs[name].append(run_ours(config, ratings, parts))
    yield from _table(peers, runs)


def _table(peers: dict[str, list[dict]], runs: dict[str, list]) -> Iterator[Row]:
    def median(name: str, key: str) -> float:
        return statistics.median(run[key] for run in peers[name])

    for name in peers:
        version = peers[name][0]["version"]
        yield Row(f"{name}: seconds", median(name, "seconds"), details=f"RMSE {median(name, 'rmse'):.4f} ({version})")
    for name, ours in runs.items():
        last = ours[0][-1]
        seconds = statistics.median(run[-1][0] for run in ours)
        yield Row(f"ours, {name}: seconds", seconds, details=f"RMSE {last[2]:.4f} after {len(ours[0])} epochs")
    for rmse, peer, bound in ((SVD, "surprise-svd", 0.35), (SVDPP, "surprise-svdpp", 0.03)):
        reached = {name: first_below(ours, rmse) for name, ours in runs.items()}
        best = min((found[0] for found in reached.values() if found), default=None)
        for name, found in reached.items():
            seconds, processor, epochs = found or (math.inf, math.inf, None)
            yield Row(
                f"ours over {peer}, until RMSE {rmse}",
                seconds / median(peer, "seconds"),
                at_most=bound if best in (seconds, None) else None,  # the bound is for well-chosen settings
                details=f"{name}: never reached"
                if found is None
                else f"{name}: {epochs} epochs, {seconds:.3f} s / {median(peer, 'seconds'):.3f} s "
                f"(processor: {processor / median(peer, 'processor'):.3f})",
            )


def _export(parts: Split, file: Path) -> None:
    np.savez(
        file,
        train=parts.train.inputs.numpy(),
        train_ratings=parts.train.targets.numpy().astype(np.float64),
        validation=parts.validation.inputs.numpy(),
        validation_ratings=parts.validation.targets.numpy().astype(np.float64),
    )
