"""Seconds to import what a notebook imports, each in a fresh process."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator
from time import perf_counter

from tests.benchmarks.measuring import Row, spread

IMPORTS = {
    "torch": "import torch",
    "torch and an optimiser made": "import torch; torch.optim.Adam([torch.zeros(1, requires_grad=True)])",
    "helpers.training": "import helpers.training",
    "helpers.data": "import helpers.data",
    "all a notebook imports": "import helpers.data, helpers.models, helpers.training, helpers.plots, helpers.live",
}


def seconds_to_import(rounds: int = 5) -> Iterator[Row]:
    """In turn, so that a busy moment meets them all."""
    seconds: dict[str, list[float]] = {name: [] for name in IMPORTS}
    for _ in range(rounds):
        for name, code in IMPORTS.items():
            begun = perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            seconds[name].append(perf_counter() - begun)
    for name, found in seconds.items():
        middle = statistics.median(found)
        yield Row(f"seconds to import: {name}", middle, details=f"{min(found):.2f} at best", noise=spread(found))
