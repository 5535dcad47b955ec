"""Seconds per rating and memory from 100 thousand to 25 million ratings, beside the bytes that must move.

python -m tests.benchmarks.growth 1000000      one size, in a process of its own; prints JSON
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter, process_time

import torch

from helpers.devices import available_cores
from helpers.models import CollaborativeFilter
from helpers.training import Config, iterations_per_epoch, train
from tests.benchmarks.loops import made_up
from tests.benchmarks.measuring import Row

BATCH_SIZES = {100_000: 1_024, 1_000_000: 8_192, 10_000_000: 65_536, 25_000_000: 131_072}  # the batch grows with N
FULL = (162_541, 59_047)  # users and movies of MovieLens 25M
# The same rows at every size, as when more ratings come in; or each size with the rows of its own MovieLens.
SHAPES = {
    "25M's rows": dict.fromkeys(BATCH_SIZES, FULL),
    "its own rows": {100_000: (943, 1_682), 1_000_000: (6_040, 3_706), 10_000_000: (69_878, 10_677), 25_000_000: FULL},
}
EMBEDDING_DIM = 50
FLOAT, INTEGER = 4, 8  # bytes


def bytes_that_must_move(num_ratings: int, num_users: int, num_movies: int) -> float:
    """Bytes per rating that no such loop can avoid moving between memory and processor, caches left aside.

    Of every rating: its order, row numbers and stars, read and put into the batch; the rows of both tables, read for
    the prediction and again for the gradient, and added to the gradient (read and written). Of every weight, once per
    update: the gradient set to zero and read, the weight and its two moments read and written.
    """
    batch_size = BATCH_SIZES[num_ratings]
    rows, weights = 2 * (EMBEDDING_DIM + 1), (num_users + num_movies) * (EMBEDDING_DIM + 1)
    per_rating = INTEGER + 2 * (2 * INTEGER + FLOAT) + 4 * rows * FLOAT
    per_update = weights * 8 * FLOAT
    return per_rating + per_update * iterations_per_epoch(num_ratings, batch_size) / num_ratings


def measure(num_ratings: int, num_users: int, num_movies: int) -> dict:
    """One epoch at one size (the best of several where they are short): seconds and memory per rating."""
    batch_size, before = BATCH_SIZES[num_ratings], _memory()
    samples = made_up(num_users, num_movies, num_ratings)
    _forget_the_peak()
    epochs = max(1, min(5, 3_000_000 // num_ratings))
    wall, processor = [], []
    for _ in range(epochs):
        model = CollaborativeFilter(num_users, num_movies, EMBEDDING_DIM, mean=2.75)
        begun, begun_processor = perf_counter(), process_time()
        for _progress in train(model, samples, None, Config(num_epochs=1, batch_size=batch_size)):
            pass
        wall.append(perf_counter() - begun)
        processor.append(process_time() - begun_processor)
    return {
        "seconds": min(wall) / num_ratings,
        "processor": min(processor) / num_ratings,
        "memory": _memory(peak=True) - before,
        "bandwidth": _bandwidth(),
    }


def _bandwidth() -> float:
    """Bytes per second that one thread reads and writes, from copying 256 MB."""
    source = torch.zeros(64 * 2**20)
    target = torch.empty_like(source)
    seconds = []
    for _ in range(5):
        begun = perf_counter()
        target.copy_(source)
        seconds.append(perf_counter() - begun)
    return 2 * source.numel() * FLOAT / min(seconds)


def _memory(peak: bool = False) -> int:
    """Bytes of memory in use by this process, now or at most; Linux only."""
    name = "VmHWM:" if peak else "VmRSS:"
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def _forget_the_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def growth(sizes: tuple[int, ...] = tuple(BATCH_SIZES)) -> Iterator[Row]:
    """Each size in a process of its own, with one thread and with all cores; then 25 million against one million.

    Small batches are fastest with one thread, large ones with all: each size counts with what is best for it.
    """
    for name, shapes in SHAPES.items():
        found = {}
        for size in sizes:
            runs = {n: _in_a_process(size, *shapes[size], n) for n in sorted({1, available_cores()})}
            found[size] = best = min(runs.values(), key=lambda run: run["seconds"])
            each = ", ".join(f"{threads} threads {run['seconds'] * 1e6:.2f}" for threads, run in runs.items())
            floor, bandwidth = bytes_that_must_move(size, *shapes[size]), best["bandwidth"]
            yield Row(
                f"microseconds per rating, {size:,} ratings, {name}",
                best["seconds"] * 1e6,
                details=f"{each}; floor {floor / bandwidth * 1e6:.2f}: "
                f"{floor:,.0f} bytes at {bandwidth / 1e9:.1f} GB/s; "
                f"{best['memory'] / 1e6:,.0f} MB, {best['memory'] / size:.0f} bytes a rating",
            )
        if 1_000_000 in found and 25_000_000 in found:
            one, many = found[1_000_000], found[25_000_000]
            bound = 1.5 if shapes[1_000_000] == FULL else None
            for key, what in (("seconds", "seconds"), ("memory", "memory")):
                ratio = many[key] / one[key] / (25 if key == "memory" else 1)
                yield Row(f"{what} per rating, 25 million over 1 million, {name}", ratio, at_most=bound)


def _in_a_process(*numbers: int) -> dict:
    command = [sys.executable, "-m", "tests.benchmarks.growth", *map(str, numbers)]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(result.stdout.splitlines()[-1])


if __name__ == "__main__":
    size, users, movies, threads = map(int, sys.argv[1:])
    torch.set_num_threads(threads)
    print(json.dumps(measure(size, users, movies)))
