"""What a search may choose from: every setting with its range and scale, and what follows from that."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.model_selection import ParameterSampler

from helpers.checks import LessonError, finite_number, is_whole, positive_int, positive_number, seed_number, shown

DIGITS = 4  # of a value that a search tries: more would only be harder to read
NEAR = 0.1  # a value in the first or last tenth of its range lies at the edge


@dataclass(frozen=True)
class Knob:
    """One setting: a range on a scale, or a few choices. Made by `linear`, `log` and `choices`.

    On a logarithmic scale, each factor of ten gets the same room: the scale for settings such as the learning rate.
    """

    scale: str
    low: float = 0.0
    high: float = 1.0
    values: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        if self.scale == "choices":
            if not self.values:
                raise LessonError("choices() needs at least one value to choose from.")
            return
        ends = f"{self.scale}({shown(self.low)}, {shown(self.high)})"
        for end in (self.low, self.high):
            finite_number(f"Each end of {ends}", end)
        if not self.low < self.high:
            raise LessonError(f"A range goes from a lower to a higher number; you gave {ends}.")
        if self.scale == "log" and self.low <= 0:
            raise LessonError(f"A logarithmic range starts above zero; you gave {ends}.")

    @property
    def whole(self) -> bool:
        """Whether its values are whole numbers: those of a range whose two ends are."""
        return is_whole(self.low) and is_whole(self.high)

    def at(self, place: float) -> Any:
        """The value at a place between 0 (the low end) and 1 (the high end) of the scale."""
        if self.scale == "choices":
            return self.values[min(int(place * len(self.values)), len(self.values) - 1)]
        if self.scale == "log":
            value = self.low * (self.high / self.low) ** place
        else:
            value = self.low + (self.high - self.low) * place
        value = round(value) if self.whole else float(f"{value:.{DIGITS}g}")
        return min(max(value, self.low), self.high)

    def place(self, value: Any) -> float:
        """Where a value lies: 0 at the low end, 1 at the high end; the opposite of `at`."""
        if self.scale == "choices":
            return (self.values.index(value) + 0.5) / len(self.values)
        if self.scale == "log":
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def steps(self, number: int) -> list[Any]:
        """`number` values, evenly spaced on the scale, both ends among them; all choices, whatever the number."""
        if self.scale == "choices":
            return list(self.values)
        number = positive_int("number", number)
        places = np.linspace(0, 1, number) if number > 1 else [0.5]
        return list(dict.fromkeys(self.at(float(place)) for place in places))

    def rvs(self, size: int | None = None, random_state: np.random.RandomState | int | None = None) -> Any:
        """A value drawn at random, every part of the scale as likely: what scikit-learn asks of a distribution.

        Whole numbers are rounded values, so the two at the ends of a range are half as likely as the others.
        """
        random = (
            np.random.RandomState(random_state)
            if random_state is None or isinstance(random_state, int)
            else random_state
        )
        if size is not None:
            return [self.rvs(random_state=random) for _ in range(size)]
        return self.at(float(random.uniform()))

    def stretched(self, side: str) -> Knob:
        """The same range with half of it added at its "low" or "high" end; what is not below zero stays so."""
        if self.scale == "log":
            factor = math.sqrt(self.high / self.low)
            low, high = self.low / factor, self.high * factor
        else:
            half = (self.high - self.low) / 2
            low = max(self.low - half, self.low / 2) if self.low >= 0 else self.low - half
            high = self.high + half
        if self.whole:
            low, high = max(math.floor(low), min(self.low, 1)), math.ceil(high)
        else:
            low, high = (float(f"{end:.{DIGITS}g}") for end in (low, high))
        return replace(self, low=min(low, self.low)) if side == "low" else replace(self, high=max(high, self.high))


def linear(low: float, high: float) -> Knob:
    """A setting from low to high; whole numbers where both ends are."""
    return Knob("linear", low, high)


def log(low: float, high: float) -> Knob:
    """A setting from low to high, each factor of ten with the same room; whole numbers where both ends are."""
    return Knob("log", low, high)


def choices(*values: Any) -> Knob:
    """A setting with a few values that have no order, or none that matters."""
    return Knob("choices", values=values)


class SearchSpace(dict[str, Knob]):
    """The settings of a search by name, each a `Knob`.

    >>> SearchSpace(learning_rate=log(0.001, 0.1), weight_decay=linear(0, 0.2), optimizer=choices("adam", "sgd"))

    It is what `RandomSearch` draws from; `grid` gives what `GridSearch` takes, and `grid(n)[name]` the values for a
    menu. Raises `LessonError` for a setting that is not a knob.
    """

    def __init__(self, knobs: Mapping[str, Knob] | None = None, /, **more: Knob) -> None:
        if not isinstance(knobs, Mapping | None):
            raise LessonError(f"A SearchSpace is made of settings by name, a=linear(0, 1); you gave {shown(knobs)}.")
        super().__init__({**(knobs or {}), **more})
        for name, knob in self.items():
            if not isinstance(knob, Knob):
                raise LessonError(f"{name} must be linear(low, high), log(low, high) or choices(…), not {shown(knob)}.")

    def grid(self, number: int) -> dict[str, list[Any]]:
        """For every setting its values, `number` of them where it has a range."""
        return {name: knob.steps(number) for name, knob in self.items()}

    def draws(self, number: int, seed: int = 42) -> list[dict[str, Any]]:
        """`number` settings drawn at random; the same seed gives the same."""
        return list(ParameterSampler(self, positive_int("number", number), random_state=seed_number("seed", seed)))

    def edges(self, settings: Mapping[str, Any]) -> dict[str, str]:
        """Which of these settings lie at an edge of their range, and at which end: "low" or "high"."""
        ranges = {name: knob for name, knob in self.items() if knob.scale != "choices"}
        if not isinstance(settings, Mapping) or not all(name in settings for name in ranges):
            raise LessonError(f"Give a value for each of {', '.join(ranges)}; you gave {shown(settings)}.")
        places = {
            name: knob.place((positive_number if knob.scale == "log" else finite_number)(name, settings[name]))
            for name, knob in ranges.items()
        }
        sides = {
            name: "low" if place <= NEAR else "high" for name, place in places.items() if not NEAR < place < 1 - NEAR
        }
        return {name: side for name, side in sides.items() if self[name].stretched(side) != self[name]}

    def stretched(self, settings: Mapping[str, Any]) -> SearchSpace:
        """The space with half of a range added wherever these settings lie at its edge."""
        edges = self.edges(settings)
        return SearchSpace(
            {name: knob.stretched(edges[name]) if name in edges else knob for name, knob in self.items()}
        )
