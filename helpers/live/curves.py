"""The curves of a live part: the present run, the earlier ones, and axes on which all of them can be read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from helpers.checks import finite_number, one_of, switch
from helpers.live.curve import Curve
from helpers.plots import METRICS, X_AXES

MOST_EARLIER_RUNS = 8
OWN_LOOPS_AXES = ("update", "seconds")
TALL = {False: 1.6, True: 30.0}  # linear: of a usual run's height; logarithmic: times its highest loss


class Curves:
    """The newest run and the earlier ones, in one metric.

    Args:
        x: what the horizontal axis counts at first, one of `plots.X_AXES`.
        log: a logarithmic vertical axis at first.
        floor: a loss, in the metric, that no model can pass.
        metric: "mse", or "rmse" for its root.
    """

    def __init__(self, x: str = "update", log: bool = False, floor: float | None = None, metric: str = "mse") -> None:
        self.x, self.log, self.metric = one_of("x", x, X_AXES), switch("log", log), one_of("metric", metric, METRICS)
        self.floor = None if floor is None else float(finite_number("floor", floor))
        self.clear()

    def clear(self) -> None:
        """Forget every run."""
        self.run = Curve()
        self.earlier: list[Curve] = []
        self._y: dict[bool, tuple[float, float]] = {}

    def begin(self, keep: bool, settings: Mapping[str, str] | None = None, name: str = "") -> Curve:
        """Start a new run; `keep` leaves the former one in the picture as an earlier run."""
        if keep and len(self.run):
            self.earlier = [*self.earlier, self.run.compact()][-MOST_EARLIER_RUNS:]
        self.run = Curve(settings, name)
        if self._y and self.earlier:
            self._y = {}  # the axes fit the runs that have ended; while one trains they stand still
        return self.run

    def bring_forward(self, curve: Curve, keep: bool) -> None:
        """Show an earlier run as the present one; `keep` leaves the present one in the picture as an earlier run."""
        others = [*self.earlier, self.run.compact()] if keep and len(self.run) else self.earlier
        same = (curve.settings, curve.num_updates, curve.name)
        self.earlier = [other for other in others if (other.settings, other.num_updates, other.name) != same]
        self.earlier = self.earlier[-MOST_EARLIER_RUNS:]
        self.run, self._y = curve, {}

    def measure(self, metric: str, floor: float | None) -> None:
        """Measure the run to come in this metric, over this floor; earlier runs in another metric leave the picture."""
        if metric != self.metric:
            self.metric, self.earlier, self._y = one_of("metric", metric, METRICS), [], {}
        self.floor = floor

    def x_limit(self, x: str) -> float:
        """Where the horizontal axis ends."""
        furthest = max((float(curve.x(x)[-1]) for curve in self.earlier if len(curve)), default=0.0)
        if not len(self.run):
            return furthest or 1.0
        end = self.run.end(x)
        return min(max(end, furthest), 4 * end)  # a long earlier run must not squeeze this one into a corner

    def y_limits(self, log: bool) -> tuple[float, float]:
        """The vertical axis: every run can be read, but for what shoots up beside runs that do not.

        While a run trains the limits move seldom and by a good deal, so that the axis stands still between two moves.
        """
        shown = [*(curve for curve in self.earlier if not curve.diverged), self.run]
        spans = [span for span in (curve.span(self.metric) for curve in shown) if span]
        if not spans:
            return self._y.get(log, (0.1, 1.0))
        low, high = min(low for low, _ in spans), max(high for _, high in spans)
        usual = sorted(high for _, high in spans)[(len(spans) - 1) // 2]
        tall = usual * TALL[True] if log else low + TALL[False] * (usual - low)
        high = min(high, max(tall, low + 1e-9 * abs(low)))
        if self.floor is not None:
            low, high = min(low, self.floor), max(high, self.floor)
        before = self._y.get(log)
        if before is None:
            training = len(self.run) and len(self.run) < self.run.num_updates and not self.earlier
            now = widen(low - 0.3 * abs(low) if training else low, high, log)
        elif low < before[0] or high > before[1]:
            below, above = widen(min(low, before[0]), max(high, before[1]), log, 0.3)
            now = (below if low < before[0] else before[0], above if high > before[1] else before[1])
        else:
            now = before
        self._y[log] = now
        return now

    @property
    def _own_loop(self) -> bool:
        return bool(len(self.run)) and not self.run.num_updates

    @property
    def axis(self) -> str:
        """What the horizontal axis counts: of a loop of the learner's own only updates and seconds are known."""
        return "update" if self._own_loop and self.x not in OWN_LOOPS_AXES else self.x

    @property
    def measured(self) -> str:
        """What the vertical axis counts: of a loop of the learner's own nobody knows which loss it is."""
        return "loss" if self._own_loop and self.metric == "mse" else METRICS[self.metric]

    def fit(self) -> None:
        """A run has ended: the axes fit what there is."""
        self._y = {}

    def for_page(self) -> dict[str, Any]:
        """The present run and the axes, for one frame."""
        return {
            **self.run.for_page(self.metric), "name": self.run.name, "metric": self.measured,
            "floor": self.floor, "y": [self.y_limits(False), self.y_limits(True)],
            "x": {x: self.x_limit(x) for x in X_AXES}, "x_ends": {x: self.run.end(x) for x in X_AXES},
        }  # fmt: skip

    def earlier_for_page(self) -> list[dict[str, Any]]:
        """The earlier runs, each with its name."""
        # Once a run has epochs, these stand for it, and nobody draws its batches: hundreds of points for every run.
        return [
            {**curve.for_page(self.metric, batches=not len(curve.epochs.rows)), "label": curve.called(self.run)}
            for curve in self.earlier
        ]


def widen(low: float, high: float, log: bool, share: float = 0.06) -> tuple[float, float]:
    """A range and a margin of `share` of it on either side; never below zero, where no loss is."""
    if log:
        low, high = max(low, 1e-12), max(high, 1e-12)
        factor = max(high / low, 1.5) ** share
        return low / factor, high * factor
    margin = max(high - low, 0.05 * abs(high), 1e-12) * share
    return max(low - margin, min(low, 0.0)), high + margin


def log_ticks(low: float, high: float) -> list[float]:
    """Ticks in plain numbers, three to nine of them, for a logarithmic axis of any range."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7)):
        ticks = [float(f"{step}e{decade}") for decade in decades for step in steps]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) >= 4:
            return ticks[:: math.ceil(len(ticks) / 9)]
    step = 10.0 ** math.floor(math.log10(high - low))
    step = next(step / part for part in (1, 2, 5, 10) if (high - low) / (step / part) >= 3)
    return [number * step for number in range(math.ceil(low / step), math.floor(high / step) + 1)]
