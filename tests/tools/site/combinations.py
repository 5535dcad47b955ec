"""Which settings of a live part are recorded: all of them, or, where there are too many, those that teach most."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from helpers.live.controls import Control

MOST = 1_500  # combinations of a part that are recorded without picking
GRID = 1_000  # combinations of picked values where there are more
Positions = tuple[int, ...]

# The playground. Every value of every control comes first, with the others at their first values; then these, each
# with all combinations of what it lists. Epochs other than ten are those that the chapter's experiments use.
RATES = (0.0001, 0.0003, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.3, 1, 3, 10)
FAMILIES: tuple[dict[str, Sequence[Any]], ...] = (
    {"optimizer": "all", "learning_rate": RATES},
    {"batch_size": (256, 512, 1024, 2048, 4096, 8192), "learning_rate": RATES[2:11]},
    {"weight_decay": (0, 0.02, 0.05, 0.08, 0.1), "learning_rate": (0.001, 0.003, 0.005, 0.01)},
    {"embedding_dim": (2, 8, 32, 128), "weight_decay": (0, 0.05, 0.1)},
    {"schedule": "all", "learning_rate": (0.001, 0.003, 0.01, 0.03)},
    {"num_epochs": (1, 3, 5, 15), "learning_rate": (0.0001, 0.001, 0.003, 0.01, 0.1)},
    {"data": ("diabetes",), "optimizer": "all", "learning_rate": RATES},
    {"data": ("diabetes",), "batch_size": (32, 64, 128, 256, 512), "learning_rate": RATES},
    {"data": ("diabetes",), "num_epochs": (5, 20, 30), "learning_rate": RATES},
)
NEEDS_A_DOWNLOAD = {"data": "MovieLens"}  # its ratings are not ours to record on a page


def of_a_part(controls: Mapping[str, Control], sample: bool = False) -> Iterator[Positions]:
    """Positions of the controls, in the order of `controls`, those that matter most first."""
    start, sizes = starts(controls), [len(control.options) for control in controls.values()]
    choices = [range(size) for size in sizes]
    yield start
    yield from around(start, beside(controls, choices) if sample else choices)
    if sample:
        return
    if math.prod(sizes) <= MOST:
        yield from itertools.product(*map(range, sizes))
        return
    wanted = 2
    while math.prod(min(size, wanted + 1) for size in sizes) <= GRID:
        wanted += 1
    yield from itertools.product(*(thinned(size, at, wanted) for size, at in zip(sizes, start, strict=True)))


def of_the_playground(controls: Mapping[str, Control], sample: bool = False) -> Iterator[Positions]:
    """The same for the playground, whose combinations are beyond counting."""
    start = starts(controls)
    choices = [
        [place for place, option in enumerate(control.options) if NEEDS_A_DOWNLOAD.get(name) != option]
        for name, control in controls.items()
    ]
    yield start
    if sample:
        yield from around(start, beside(controls, choices))
        return
    yield from around(start, choices)
    patients = replaced(controls, start, {"data": "diabetes"})
    yield from around(patients, [[at] if name in ("data", "embedding_dim") else choice
                                 for name, at, choice in zip(controls, patients, choices, strict=True)])  # fmt: skip
    for family in FAMILIES:
        names = list(family)
        values = [controls[name].options if listed == "all" else listed for name, listed in family.items()]
        for chosen in itertools.product(*values):
            yield replaced(controls, start, dict(zip(names, chosen, strict=True)))


def starts(controls: Mapping[str, Control]) -> Positions:
    """The first positions."""
    return tuple(control.start for control in controls.values())


def around(start: Positions, choices: Sequence[Sequence[int]]) -> Iterator[Positions]:
    """One control moved at a time."""
    for place, values in enumerate(choices):
        for value in values:
            yield (*start[:place], value, *start[place + 1 :])


def beside(controls: Mapping[str, Control], choices: Sequence[Sequence[int]]) -> list[list[int]]:
    """Of every control the position next to its first one; of a menu, whose next may do the same, also an end."""
    picked = []
    for control, choice in zip(controls.values(), choices, strict=True):
        others = [place for place in choice if place != control.start]
        near = min(others, key=lambda place: (abs(place - control.start), -place))
        end = others[0] if near == others[-1] else others[-1]
        picked.append([near, end] if control.kind == "menu" else [near])
    return picked


def replaced(controls: Mapping[str, Control], start: Positions, values: Mapping[str, Any]) -> Positions:
    """These positions with some of the controls at other values; of a slider the nearest that it has."""
    return tuple(
        _nearest(controls[name], values[name]) if name in values else at
        for name, at in zip(controls, start, strict=True)
    )


def thinned(size: int, start: int, wanted: int) -> list[int]:
    """Some of the positions 0..size - 1, evenly, with both ends and the first value among them."""
    if size <= wanted:
        return list(range(size))
    even = {round(step * (size - 1) / (wanted - 1)) for step in range(wanted)}
    inner = sorted(even - {0, size - 1}, key=lambda place: abs(place - start))
    return sorted((even - set(inner[:1])) | {start}) if start not in even else sorted(even)


def _nearest(control: Control, value: Any) -> int:
    if control.kind != "slider":
        return control.options.index(value)
    return min(range(len(control.options)), key=lambda place: abs(control.options[place] - value))
