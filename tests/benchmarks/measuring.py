"""How the benchmarks measure: alternating runs, medians, two clocks, and a note of the machine."""

from __future__ import annotations

import os
import platform
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import perf_counter, process_time

import torch

from helpers.devices import available_cores


@dataclass
class Times:
    """Seconds of several runs of one thing, by the clock on the wall and by the processor's."""

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    result: object = None

    @property
    def seconds(self) -> float:
        """The median by the wall's clock."""
        return statistics.median(self.wall)

    @property
    def processor_seconds(self) -> float:
        """The median by the processor's clock, which other programs on the machine hardly disturb."""
        return statistics.median(self.processor)


def alternate(tasks: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Times]:
    """Run all tasks one after the other, `rounds` times, so that a busy moment of the machine meets them all."""
    times = {name: Times() for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            wall, processor = perf_counter(), process_time()
            times[name].result = task()
            times[name].processor.append(process_time() - processor)
            times[name].wall.append(perf_counter() - wall)
    return times


def spread(values: Sequence[float]) -> float | None:
    """How far repeats lie apart: the range of their middle half over their median; None for fewer than three."""
    if len(values) < 3:
        return None
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / middle


def noise(one: Times, other: Times) -> float | None:
    """The spread of a ratio over the rounds."""
    return spread([a / b for a, b in zip(one.wall, other.wall, strict=True)])


def compared(one: Times, other: Times) -> str:
    """The seconds behind a ratio, and the same ratio by the processor's clock."""
    ratio = one.processor_seconds / other.processor_seconds
    return f"{one.seconds:.3f} s / {other.seconds:.3f} s (processor: {ratio:.3f})"


@dataclass(frozen=True)
class Row:
    """One line of the results: a ratio of two things, how large or small it has to be, and its spread over repeats."""

    what: str
    ratio: float
    at_most: float | None = None
    at_least: float | None = None
    details: str = ""
    noise: float | None = None

    @property
    def needed(self) -> str:
        """The bound in words."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g}"
        return f"≥ {self.at_least:g}" if self.at_least is not None else ""

    @property
    def met(self) -> bool:
        """Whether the ratio keeps its bound; a row without one always does."""
        return (self.at_most is None or self.ratio <= self.at_most) and (
            self.at_least is None or self.ratio >= self.at_least
        )

    def __str__(self) -> str:
        mark = "" if not self.needed else "met" if self.met else "MISSED"
        apart = "" if self.noise is None else f"± {self.noise / 2:.0%}"
        return f"{self.what:<58} {self.ratio:>9.3f} {apart:<6} {self.needed:<7} {mark:<6}  {self.details}"


def machine() -> dict[str, object]:
    """What the figures depend on: processor, threads, versions, and how busy the machine was."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _processor(),
        "cores": available_cores(),
        "torch_threads": torch.get_num_threads(),
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        **{name: version(name) for name in ("torch", "numpy", "scikit-learn")},
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    return platform.processor() or sys.platform
