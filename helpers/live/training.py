"""A loss curve that trains again, and grows while it trains, whenever a control is moved."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from time import perf_counter
from typing import Any, ClassVar, Self

from helpers.checks import LessonError, function, one_of, switch
from helpers.live.chart import Chart
from helpers.live.controls import Control, write_number
from helpers.live.curve import Curve
from helpers.live.curves import Curves
from helpers.live.part import Live
from helpers.live.plain_loops import as_progress
from helpers.live.saved_picture import HEIGHT, WIDTH, saved_picture
from helpers.live.screen import Screen
from helpers.live.worker import Worker
from helpers.plots import X_AXES
from helpers.training import History, Progress

FIRST_SLICE = 0.002  # seconds of training before the first frame of a run
FIRST_PAUSE = 0.008  # seconds after it: it is sent by another thread, which training would keep waiting
SLICE = 0.025  # seconds of training between two looks at the sliders, at most
AXES = ("x_axis", "log_scale")


class LiveTraining(Live):
    """A loss curve that trains again whenever a control is moved; made by `live_training`.

    Attributes:
        curves: what the picture shows.
        chart: what draws them on the page.
    """

    KIND: ClassVar = "live_training"
    UNSAID: ClassVar[dict[str, Any]] = {}  # values that `repr` passes over
    BUTTONS: ClassVar = [
        ("start", "Start", "train again with these values"),
        ("stop", "Stop", "stop training; the curve so far stays"),
        ("reset", "Reset", "back to the first values, and forget earlier runs"),
    ]

    def __init__(self, begin: Callable[..., Iterable[Any]], controls: Mapping[str, Control], curves: Curves) -> None:
        for name in AXES:
            if name in controls:
                raise LessonError(f"{name} names a control of the picture itself: give yours another name.")
        self.chart = Chart(x_axis=curves.x, log_scale=curves.log, x_axes=X_AXES)
        super().__init__(controls, self.chart, self.BUTTONS, beside=True)
        self._make_run = function("start", begin)
        self.curves = curves
        self._newest = curves.run
        self.actions: dict[str, Callable[[], None]] = {}  # of further buttons
        self._run_values: dict[str, Any] = {}
        self._outcome = self._name = ""
        self._forget = False
        self._screen = Screen(self.chart, self.widget, self.sync)
        self.chart.run = curves.for_page()

    @property
    def history(self) -> History:
        """The losses of the newest run, which is trained to its end first; empty once this part is closed."""
        self.finish()
        return self._newest.history

    def set(self, **values: Any) -> None:
        """Move controls, or the picture's own `x_axis` and `log_scale`; see `Live.set`."""
        if "x_axis" in values:
            self.chart.x_axis = one_of("x_axis", values.pop("x_axis"), self.chart.x_axes)
        if "log_scale" in values:
            self.chart.log_scale = switch("log_scale", values.pop("log_scale"))
        super().set(**values)

    def opened(self) -> Self:
        """This part, with its first run complete in synchronous mode; otherwise that begins when it is displayed."""
        if self.sync:
            try:
                self.start()
            except BaseException:
                self.close()
                raise
        return self

    def start(self) -> None:
        """Train with the present values."""
        self._begun = True
        values = self.values
        self._worker.start(lambda: self._slices(values))

    def reset(self) -> None:
        """Back to the first values, without earlier runs, and train."""
        self._forget = True
        self.chart.x_axis, self.chart.log_scale = self.curves.x, self.curves.log
        if not self._choose({name: control.start for name, control in self._controls.items()}):
            self.start()

    def close(self) -> None:
        """Stop, take the widget off the page, and let go of the picture and the losses."""
        super().close()
        # Out[…] of the notebook may hold this object for as long as the kernel lives.
        self.curves, self._newest = Curves(), Curve()

    def __repr__(self) -> str:
        said = {name: value for name, value in self._run_values.items() if (name, value) not in self.UNSAID.items()}
        values = ", ".join(f"{name}={write_number(value)}" for name, value in said.items())
        return f"{self.KIND}({values}): {self._summary()}"

    def _press(self, button: str) -> None:
        if button in self.actions:
            self._worker.call(self.actions[button])
        else:
            {"start": self.start, "stop": self.stop, "reset": self.reset}[button]()

    def _saved(self) -> tuple[tuple[int, int], bytes]:
        axes, curves = (self.curves.x, self.curves.log), self.curves
        curves.x, curves.log = self.chart.x_axis, self.chart.log_scale
        try:
            return (WIDTH, HEIGHT), saved_picture(curves)
        finally:
            curves.x, curves.log = axes  # the first ones, for Reset

    def _slices(self, values: dict[str, Any]) -> Generator[float]:
        """One run: trains for a slice, draws if it is time, and at every yield lets others work for so long."""
        curve = self._begin(values)
        begun, next_frame, budget, run = perf_counter(), 0.0, FIRST_SLICE, None
        pause = FIRST_PAUSE
        try:
            run = as_progress(self._make_run(**values))
            while not self._outcome:
                self._outcome = advance(run, curve, budget, self._worker)
                if self._outcome or (perf_counter() >= next_frame and not self.sync):
                    next_frame = self._screen.frame(self.curves, self._outcome, perf_counter() - begun)
                if not self._outcome:
                    yield pause
                    pause = 0.0
                    # A slice ends when the next frame is due.
                    budget = min(SLICE, max(next_frame - perf_counter(), FIRST_SLICE))
            self._finished(curve)
        except GeneratorExit:
            raise
        except BaseException as error:
            if not self.sync:
                curve.read()
                self._outcome = "stopped" if isinstance(error, KeyboardInterrupt) else "failed"
                self._screen.frame(self.curves, self._outcome, perf_counter() - begun)
            raise
        finally:
            if run is not None:
                run.close()

    def _finished(self, curve: Curve) -> None:
        """A run has ended by itself, was stopped or diverged (not: was replaced), and its last frame is drawn."""

    def _begin(self, values: dict[str, Any]) -> Curve:
        if self._forget:
            self.curves.clear()
            self._forget = False
        # A run that was replaced while it trained is no result: it leaves nothing in the picture.
        curve = self.curves.begin(bool(self._outcome), in_words(self._controls, values), self._name)
        self._newest, self._run_values, self._outcome = curve, values, ""
        self._screen.begin()
        return curve

    def _summary(self) -> str:
        if self._view is None:
            return self._closed_text or "closed"
        if not self._outcome:
            return "running" if self._begun else "not started"
        return self._view.text


def in_words(controls: Mapping[str, Control], values: Mapping[str, Any]) -> dict[str, str]:
    """Label -> text of these values, as they stand beside the controls."""
    named = ((name, controls[name], value) for name, value in values.items())
    return {c.label or name.replace("_", " "): c.texts[c.position(name, value)] for name, c, value in named}


def advance(run: Iterator[Progress], curve: Curve, budget: float, worker: Worker) -> str:
    """Train for `budget` seconds or until newer values wait; returns how the run ended, or nothing while it goes on."""
    ends, outcome = perf_counter() + budget, "complete"
    for progress in run:
        curve.add(progress)
        if perf_counter() >= ends or worker.wanted:
            outcome = ""
            break
    curve.read()
    if not len(curve):
        raise LessonError("The run ended before its first update: start must return a run with at least one.")
    if curve.diverged:
        return "diverged"
    return outcome or ("stopped" if worker.stopping else "")


def live_training(
    start: Callable[..., Iterable[Any]],
    /,
    *,
    x: str = "update",
    log: bool = False,
    floor: float | None = None,
    metric: str = "mse",
    **controls: Control,
) -> LiveTraining:
    """A loss curve that trains again, and grows while it trains, whenever a control is moved.

    >>> def start(batch_size, learning_rate):
    ...     config = Config(batch_size=batch_size, learning_rate=learning_rate)
    ...     return train(MLP(10), train_set, validation_set, config)
    >>> live_training(start, batch_size=powers_of_two(1, 256, 32), learning_rate=log_slider(1e-4, 1, 0.01))

    Args:
        start: given the controls' values by name, returns a run: what `train()` yields, wrapped or not. A generator
            function around any training loop will do as well: it yields the loss after every update, and now and then
            (loss, validation_loss).
        x: what the horizontal axis counts at first, one of "update", "epoch", "samples_seen", "seconds".
        log: whether the vertical axis is logarithmic at first.
        floor: a loss that no model can pass, in the metric, drawn as a line.
        metric: "mse", or "rmse" for its root.
        controls: one for each argument of `start`.

    Raises `LessonError` for an axis or metric that does not exist, and a floor that is not a number.
    """
    return LiveTraining(start, controls, Curves(x, log, floor, metric)).opened()
