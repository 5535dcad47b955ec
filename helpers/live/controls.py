"""The controls of live parts: sliders, menus and switches, each a short list of values to choose from.

Every control is a choice among finitely many values, so the page and the kernel exchange nothing but positions in that
list, and a value is exactly the number that was written down.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from numbers import Real
from typing import Any

import ipywidgets

from helpers.checks import LessonError, finite_number, is_whole, positive_int, positive_number, shown

MOST_STOPS = 2_000
# Six stops a decade, the numbers people would write down.
LOG_STOPS = (1, 1.5, 2, 3, 5, 7)


@dataclass(frozen=True)
class Control:
    """What a learner can choose from.

    Attributes:
        kind: "slider", "menu" or "checkbox".
        options: the values, in the order of the slider or menu.
        texts: how each value is written, its unit included.
        start: the position of the first value.
        tip: one line that says what it does.
        label: its name on the page; None for the keyword with spaces.
    """

    kind: str
    options: tuple[Any, ...]
    texts: tuple[str, ...]
    start: int
    tip: str = ""
    label: str | None = None

    def position(self, name: str, value: object) -> int:
        """Where `value` stands among the options. Raises `LessonError` for a value that is none of them."""
        for position, option in enumerate(self.options):
            if _same(option, value):
                return position
        raise LessonError(f"{name} has no {shown(value)}: {self._nearest(value)}.")

    def _nearest(self, value: object) -> str:
        if self.kind != "slider" or not isinstance(value, Real):
            return "choose one of " + ", ".join(repr(option) for option in self.options)
        within = min(max(value, self.options[0]), self.options[-1])
        near = sorted(sorted(self.options, key=lambda option: abs(option - within))[:2])
        return "its nearest " + (f"values are {near[0]!r} and {near[1]!r}" if len(near) == 2 else f"is {near[0]!r}")


def powers_of_two(
    low: int, high: int, value: int, tip: str = "", *, unit: str = "", label: str | None = None
) -> Control:
    """A slider over 1, 2, 4, 8, … between `low` and `high`, with both ends and `value` even if they are no powers."""
    low, high, value = _checked(positive_int, low, high, value)
    powers = (2**exponent for exponent in range(high.bit_length()))
    return _slider([*powers, low, high, value], low, high, value, tip, unit, label)


def log_slider(
    low: float, high: float, value: float, tip: str = "", *, unit: str = "", label: str | None = None
) -> Control:
    """A slider with even steps in the logarithm (0.001, 0.0015, 0.002, 0.003, 0.005, 0.007, 0.01, …)."""
    low, high, value = _checked(positive_number, low, high, value)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    stops = [float(f"{stop}e{decade}") for decade in decades for stop in LOG_STOPS]
    return _slider([*stops, low, high, value], low, high, value, tip, unit, label)


def int_slider(
    low: int, high: int, value: int, tip: str = "", *, step: int = 1, unit: str = "", label: str | None = None
) -> Control:
    """A slider over the whole numbers low, low + step, … up to `high`."""
    low, high, value = map(int, _checked(partial(finite_number, whole=True), low, high, value))
    step = positive_int("step", step)
    _check_ends(low, high)
    return _slider([*_stops(low, high, step), high, value], low, high, value, tip, unit, label)


def float_slider(
    low: float, high: float, value: float, tip: str = "", *, step: float | None = None, unit: str = "",
    label: str | None = None,
) -> Control:  # fmt: skip
    """A slider over the numbers low, low + step, … up to `high`; a hundred steps unless `step` says otherwise."""
    low, high, value = _checked(finite_number, low, high, value)
    _check_ends(low, high)
    step = positive_number("step", (high - low) / 100 if step is None else step)
    stops = [float(low), *_stops(low, high, step), float(high), float(value)]
    return _slider(stops, low, high, value, tip, unit, label)


def menu(options: Iterable[Any], value: Any = None, tip: str = "", *, label: str | None = None) -> Control:
    """A menu of options, or of {option: how it is written}; at first `value` is chosen, or else the first option."""
    try:
        written = dict(options) if isinstance(options, Mapping) else {option: str(option) for option in options}
    except TypeError:
        raise LessonError(
            f"A menu's options are words, numbers or the like, such as ['sgd', 'adam']; you gave {shown(options)}."
        ) from None
    if not written:
        raise LessonError("A menu needs at least one option.")
    first = next(iter(written)) if value is None else value
    return _choice("menu", tuple(written), tuple(written.values()), first, tip, label)


def checkbox(value: bool = False, tip: str = "", *, label: str | None = None) -> Control:
    """A box to tick: True or False."""
    return _choice("checkbox", (False, True), ("off", "on"), value, tip, label)


def make_input(name: str, control: Control) -> ipywidgets.Widget:
    """The ipywidgets control whose value is the position of what is chosen."""
    label = control.label or name.replace("_", " ")
    options = [(text, position) for position, text in enumerate(control.texts)]
    common = {"description": label, "tooltip": control.tip, "style": {"description_width": "initial"}}
    if control.kind == "slider":
        return ipywidgets.SelectionSlider(options=options, value=control.start, layout={"width": "auto"}, **common)
    if control.kind == "menu":
        return ipywidgets.Dropdown(options=options, value=control.start, layout={"width": "auto"}, **common)
    return ipywidgets.Checkbox(value=bool(control.start), indent=False, layout={"width": "auto"}, **common)


def write_number(value: float) -> str:
    """A number as people write it: 1,024 and 0.0015, never 1e-03 for what is short without it."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return str(value)
    if value and not 1e-6 <= abs(value) < 1e9:
        return f"{value:g}"
    return f"{value:,.10f}".rstrip("0").rstrip(".")


def _checked(check: Callable[[str, Any], Any], low: Any, high: Any, value: Any) -> list[Any]:
    checked = (check(name, number) for name, number in (("low", low), ("high", high), ("value", value)))
    return [number if isinstance(number, int | float) else float(number) for number in checked]


def _check_ends(low: float, high: float) -> None:
    if high <= low:
        raise LessonError(f"A slider goes from low to high, but {shown(low)} is not below {shown(high)}.")


def _stops(low: float, high: float, step: float) -> list[float]:
    if high - low >= MOST_STOPS * step:
        raise LessonError(f"A slider has at most {MOST_STOPS:,} steps: give a step larger than {step}.")
    count = math.floor((high - low) / step + 1e-9) + 1
    if isinstance(low, int) and isinstance(step, int):
        return [low + step * number for number in range(count)]
    # What is left of rounding, where zero is meant, is zero.
    exact = (low + step * number for number in range(count))
    return [0.0 if abs(stop) < 1e-9 * step else float(f"{stop:.10g}") for stop in exact]


def _slider(
    stops: Sequence[float], low: float, high: float, value: float, tip: str, unit: str, label: str | None
) -> Control:
    if not low < high or not low <= value <= high:
        given = ", ".join(map(shown, (low, high, value)))
        raise LessonError(f"A slider goes from low to high with its value between them, not {given}.")
    options: list[float] = []
    for stop in sorted(stop for stop in stops if low <= stop <= high):
        if not options or not _same(options[-1], stop):
            options.append(stop)
    texts = tuple(f"{write_number(option)} {unit}".strip() for option in options)
    return _choice("slider", tuple(options), texts, value, tip, label)


def _choice(
    kind: str, options: tuple[Any, ...], texts: tuple[str, ...], value: Any, tip: str, label: str | None
) -> Control:
    for name, words in (("tip", tip), ("label", label or "")):
        if not isinstance(words, str):
            raise LessonError(f"{name} must be words in quotation marks; you gave {shown(words)}.")
    control = Control(kind, options, texts, 0, tip, label)
    return replace(control, start=control.position("value", value))


def _same(option: Any, value: Any) -> bool:
    numbers = [isinstance(thing, Real) and not isinstance(thing, bool) for thing in (option, value)]
    if all(numbers):
        if is_whole(option) and is_whole(value):
            return option == value
        try:
            return math.isclose(option, value, rel_tol=1e-9)
        except OverflowError:  # a whole number that no float can hold
            return option == value
    return not any(numbers) and (option == value) is True
