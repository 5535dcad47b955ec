"""Live parts of a notebook: move a slider, and the old run is gone and the new curve is growing.

Training runs as a task on the kernel's own event loop, a slice of some 30 ms at a time, so between two slices the
kernel hears the sliders: the newest values win, and the run that they replace ends within its slice. Where no event
loop is running (a plain script), or with EPOCH_SYNC=1 in the environment (tests, refreshed outputs), the same code runs
to its end in place and errors are raised.
"""

from __future__ import annotations

import base64
import contextvars
import gc
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, ClassVar

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from helpers.checks import LessonError
from helpers.live.controls import (
    Control,
    checkbox,
    float_slider,
    int_slider,
    log_slider,
    menu,
    powers_of_two,
    write_number,
)
from helpers.live.loss_picture import (
    HEIGHT,
    POINTS_PER_INCH,
    SHARPNESS,
    STROKES,
    WIDTH,
    Curve,
    LossPicture,
    encode,
    release,
    snapshot,
)
from helpers.live.view import View
from helpers.live.worker import Worker, retire_former, running_loop
from helpers.plots import X_AXES, in_metric
from helpers.training import History, Progress, is_finite

__all__ = [
    "Live", "LivePicture", "LiveTraining", "Run", "checkbox", "float_slider", "int_slider", "live_picture",
    "live_training", "log_slider", "menu", "powers_of_two",
]  # fmt: skip

FIRST_SLICE = 0.002  # seconds of training before the first frame of a run
SLICE = 0.03  # seconds of training between two looks at the sliders, at most
FRAME = 0.055  # seconds between two frames, at least
DRAWING = 0.2  # share of the time that goes into drawing, as a rule at most
WORDS = 0.12  # seconds between two lines of progress, at least: every message costs the page time
LONGEST_WAIT = 0.2  # seconds; a frame with new axes takes longer, and must not be the last for a while


def live_training(
    start: Callable[..., Iterable[Progress]],
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
        start: given the controls' values by name, returns a run: what `train()` yields, wrapped or not.
        x: what the horizontal axis counts at first, one of "update", "epoch", "samples_seen", "seconds".
        log: whether the vertical axis is logarithmic at first.
        floor: a loss that no model can pass, in the metric, drawn as a line.
        metric: "mse", or "rmse" for its root.
        controls: one for each argument of `start`.

    Raises:
        LessonError: for an axis or metric that does not exist.
    """
    return LiveTraining(start, controls, LossPicture(x, log, floor, metric))


def live_picture(
    draw: Callable[..., str | Iterator[str] | None], *, width: float = 7.0, height: float = 3.4, **controls: Control
) -> LivePicture:
    """A picture that is drawn again whenever a control is moved.

    Args:
        draw: given an empty matplotlib figure and the controls' values by name, draws, and returns one sentence that
            says what the picture shows. A generator function makes a picture that moves: at each `yield sentence` the
            page shows the figure as it stands. A control that moves meanwhile begins it anew; in synchronous mode only
            the last frame is shown.
        width, height: of the figure, in inches of 100 pixels.
        controls: one for each argument of `draw` after the first.
    """
    return LivePicture(draw, controls, width, height)


# ---------------------------------------------------------------------------------------------------- what both share


class Live:
    """Controls, a picture, and one task that always works for the newest values."""

    def __init__(self, controls: Mapping[str, Control], picture_controls: Mapping[str, Control], buttons, size) -> None:
        for name, control in controls.items():
            if not isinstance(control, Control):
                raise LessonError(f"{name} must be a control such as int_slider(1, 10, 5), not {control!r}.")
        self._controls = {**controls, **picture_controls}
        self._names = tuple(controls)
        self._worker = Worker(running_loop())
        self._view: View | None = View(controls, picture_controls, buttons, size, self._press)
        self._begun = False
        self._closed_text = ""
        retire_former(self)
        self._view.observe(self._moved, "chosen")

    @property
    def values(self) -> dict[str, Any]:
        """The values of the controls, by name."""
        return {name: self._value(name) for name in self._names}

    @property
    def text(self) -> str:
        """What the picture shows, in words."""
        return self._closed_text if self._view is None else self._view.text

    @property
    def sync(self) -> bool:
        """Whether everything runs to its end in place, without an event loop."""
        return self._worker.loop is None

    def set(self, **values: Any) -> None:
        """Move controls; in synchronous mode the new run or picture is complete when this returns.

        Raises:
            LessonError: for a control that is not there, or a value that it does not have.
        """
        unknown = [name for name in values if name not in self._controls]
        if unknown:
            raise LessonError(f"There is no control {unknown[0]!r} here: there are {', '.join(self._controls)}.")
        positions = {name: self._controls[name].position(name, value) for name, value in values.items()}
        if not self._choose(positions) and any(name in self._names for name in values):
            self.start()  # nothing moved, but these values were asked for

    def start(self) -> None:
        """Begin anew with the present values."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop what is running; what it has drawn stays."""
        self._worker.stop()

    def close(self) -> None:
        """Stop, take the widget off the page, and let go of everything that holds memory."""
        self._worker.close()
        if self._view is not None:
            self._closed_text, view, self._view = self._view.text, self._view, None
            view.close()
            gc.collect()  # figures are full of reference cycles; milliseconds, see the end of this file

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict, dict] | dict:
        if self._view is None:
            return {"text/plain": repr(self)}
        if not self._begun:
            self._worker.context = contextvars.copy_context()  # what a run prints lands below this cell
            self.start()
        # A page with a kernel takes the widget; a page without one (GitHub, the committed file) takes the picture.
        data = self._view._repr_mimebundle_()
        data = {**data, "text/plain": repr(self), "image/png": base64.b64encode(self._png()).decode()}
        width, height = self._view.size
        return data, {"image/png": {"width": width, "height": height, "alt": self.text}}

    def _png(self) -> bytes:
        """The whole picture, for a page without a kernel."""
        return self._view.picture.base

    def _open_view(self) -> View:
        if self._view is None:
            raise LessonError("This live part is closed: run its cell again.")
        return self._view

    def _value(self, name: str) -> Any:
        return self._controls[name].options[self._open_view().chosen[name]]

    def _moved(self, change: Any) -> None:
        # May arrive on another thread: JupyterLab sends what widgets say through subshells.
        moved = {name for name in self._controls if change["old"].get(name) != change["new"].get(name)}
        if moved & set(self._names):
            self.start()
        elif moved:
            self._worker.call(self._redraw)

    def _redraw(self) -> None:
        """Draw the picture again, because its own controls moved."""

    def _press(self, button: str) -> None:
        """A button was pressed, perhaps on another thread."""

    def _choose(self, positions: Mapping[str, int]) -> bool:
        """Move controls to these positions; returns whether that starts new work."""
        view, before = self._open_view(), self.values
        view.chosen = {**view.chosen, **positions}
        return self.values != before

    def _show_error(self, error: Exception) -> None:
        """One red line, and below it where in the learner's code it happened; a `LessonError` says enough by itself."""
        view = self._view
        if isinstance(error, LessonError):
            view.error, view.traceback = str(error), ""
            return
        view.error = f"{type(error).__name__}: {error}"
        frames = traceback.extract_tb(error.__traceback__)
        frames = [frame for frame in frames if frame.filename != __file__] or frames
        lines = ["Traceback (most recent call last):\n", *traceback.format_list(frames)]
        view.traceback = "".join(lines + traceback.format_exception_only(error))


# ---------------------------------------------------------------------------------------------------- training


@dataclass(frozen=True)
class Run:
    """A run that has ended.

    Attributes:
        values: the values of the controls it was started with.
        history: its losses.
        outcome: "complete", "stopped", "diverged" or "failed".
        seconds: time spent training and validating.
    """

    values: dict[str, Any]
    history: History
    outcome: str
    seconds: float


class LiveTraining(Live):
    """A loss curve that trains again whenever a control is moved; made by `live_training`.

    Attributes:
        history: losses of the newest run.
        on_end: called with a `Run` whenever a run has ended by itself, was stopped or diverged (not: was replaced).
    """

    BUTTONS: ClassVar = [
        ("start", "Start", "train again with these values"),
        ("stop", "Stop", "stop training; the curve so far stays"),
        ("reset", "Reset", "back to the first values, and forget earlier runs"),
    ]

    def __init__(
        self, begin: Callable[..., Iterable[Progress]], controls: Mapping[str, Control], picture: LossPicture
    ) -> None:
        axes = {
            "x_axis": menu(X_AXES, picture.x, "what the horizontal axis counts", label="horizontal axis"),
            "log_scale": checkbox(picture.log, "equal steps on the vertical axis are equal factors", label="log scale"),
        }
        for name in axes:
            if name in controls:
                raise LessonError(f"{name} names a control of the picture itself: give yours another name.")
        super().__init__(controls, axes, self.BUTTONS, (WIDTH, HEIGHT))
        self._make_run = begin
        self._picture: LossPicture | None = picture
        self._run_values: dict[str, Any] = {}
        self._outcome = ""
        self._forget = False
        self._words_due = 0.0
        self.on_end: Callable[[Run], None] | None = None
        page = self._view.picture
        page.strokes, page.inside = tuple(stroke.for_page() for stroke in STROKES), picture.inside
        self._show_picture()
        if self.sync:
            self.start()

    @property
    def history(self) -> History:
        """The losses of the newest run; empty once this part is closed."""
        return self._picture.run.history if self._picture else History()

    def start(self) -> None:
        """Train with the present values."""
        self._begun = True
        values = self.values
        self._worker.start(lambda: self._slices(values))

    def reset(self) -> None:
        """Back to the first values, without earlier runs, and train."""
        self._forget = True
        if not self._choose({name: control.start for name, control in self._controls.items()}):
            self.start()

    def close(self) -> None:
        """Stop, take the widget off the page, and let go of the picture and the losses."""
        super().close()
        if self._picture is not None:
            self._picture.close()
        self._picture = None  # Out[…] of the notebook may hold this object for as long as the kernel lives

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={write_number(value)}" for name, value in self._run_values.items())
        return f"live_training({values}): {self._summary()}"

    def _press(self, button: str) -> None:
        {"start": self.start, "stop": self.stop, "reset": self.reset}[button]()

    def _redraw(self) -> None:
        self._picture.show_axes(self._value("x_axis"), self._value("log_scale"))
        self._show_picture()

    def _show_picture(self) -> None:
        if self.sync:
            self._view.show(self._picture.png(9))
        else:
            self._view.show(*self._picture.frame())

    def _png(self) -> bytes:
        return self._picture.png()

    def _slices(self, values: dict[str, Any]) -> Generator[None]:
        """One run: trains for a slice, draws if it is time, and lets others work at every yield."""
        curve = self._begin(values)
        begun, next_frame, budget, run = perf_counter(), 0.0, FIRST_SLICE, None
        try:
            run = iter(self._make_run(**values))
            while not self._outcome:
                self._outcome = self._advance(run, curve, budget)
                if self._outcome or (perf_counter() >= next_frame and not self.sync):
                    next_frame = self._draw(perf_counter() - begun)
                if not self._outcome:
                    # A slice ends when the next frame is due.
                    budget = min(SLICE, max(next_frame - perf_counter(), FIRST_SLICE))
                    yield
            self._finish(Run(values, curve.history, self._outcome, float(curve.x("seconds")[-1])))
        except Exception as error:
            if self.sync:
                raise
            curve.read()
            self._outcome = "failed"
            self._draw(perf_counter() - begun)
            self._show_error(error)
        finally:
            if hasattr(run, "close"):
                run.close()

    def _finish(self, run: Run) -> None:
        """A run has ended; its last frame is drawn."""
        if not self.sync:
            self._view.picture.ahead = self._picture.draw_ahead()
        if self.on_end is not None:
            self.on_end(run)

    def _begin(self, values: dict[str, Any]) -> Curve:
        if self._forget:
            self._picture.clear()
            self._forget = False
        # A run that was replaced while it trained is no result: it leaves nothing in the picture.
        curve = self._picture.begin(keep=bool(self._outcome))
        self._picture.show_axes(self._value("x_axis"), self._value("log_scale"))
        self._run_values, self._outcome = values, ""
        self._words_due = 0.0
        self._view.progress_text = "starting"  # every message takes time: the rest follows the first frame
        return curve

    def _advance(self, run: Iterator[Progress], curve: Curve, budget: float) -> str:
        """Train for `budget` seconds; returns how the run ended, or nothing while it goes on."""
        ends, outcome = perf_counter() + budget, "complete"
        for progress in run:
            curve.add(progress)
            if perf_counter() >= ends:
                outcome = ""
                break
        curve.read()
        if curve.diverged:
            return "diverged"
        return outcome or ("stopped" if self._worker.stopping else "")

    def _draw(self, elapsed: float) -> float:
        """Send a frame; returns when the next one is due."""
        view, curve, begun = self._view, self._picture.run, perf_counter()
        self._show_picture()
        if self._outcome or elapsed >= self._words_due:
            self._words_due = elapsed + WORDS
            view.running, view.progress = not self._outcome, len(curve) / max(curve.num_updates, 1)
            view.progress_text = self._progress_line(elapsed)
            view.text = self._sentence() if self._outcome else ""
            view.error = view.traceback = ""
        now = perf_counter()
        return now + min(max(FRAME, (now - begun) * (1 / DRAWING - 1)), LONGEST_WAIT)

    # -------------------------------------------------------------------------------------- in words

    def _progress_line(self, elapsed: float) -> str:
        curve = self._picture.run
        last = curve.history.last
        if last is None:
            return f"no update · {self._outcome}" if self._outcome else "starting"
        line = f"update {last.update:,} of {last.num_updates:,} · epoch {last.epoch:,} of {last.num_epochs:,}"
        if self._outcome:
            return f"{line} · {'done' if self._outcome == 'complete' else self._outcome}"
        left = elapsed / len(curve) * (last.num_updates - len(curve))
        return f"{line} · {left:.0f} s left" if left >= 1 else f"{line} · less than 1 s left"

    def _sentence(self) -> str:
        """What the curve did, in figures that are the same on any machine."""
        history, metric = self.history, self._picture.metric
        epochs = history.epochs
        if self._outcome == "failed":
            return "The run ended with an error."
        if self._outcome == "diverged":
            return (
                f"Diverged in epoch {history.last.epoch}: the loss is no number any more. Try a smaller learning rate."
            )
        if not len(epochs):
            return f"{self._ended()} before the first epoch ended."
        first, last = epochs.iloc[0], epochs.iloc[-1]
        name = "loss" if metric == "mse" else "RMSE"
        words = (
            f"{self._ended()} {_count(history.last.update, 'update')}, {_count(len(epochs), 'epoch')}. Training {name}"
        )
        words += _fall(first["train_loss"], last["train_loss"], metric) + "."
        if is_finite(history.best_validation_loss):
            best = significant(in_metric(history.best_validation_loss, metric))
            words += f" Validation {name} was lowest after epoch {history.best_epoch}: {best}"
            if history.best_epoch != last["epoch"]:
                words += f" (at the end: {significant(in_metric(last['validation_loss'], metric))})"
            words += "."
        return words

    def _ended(self) -> str:
        return "Stopped after" if self._outcome == "stopped" else "Ended after"

    def _summary(self) -> str:
        if self._view is None:
            return self._closed_text or "closed"
        if not self._outcome:
            return "running" if self._begun else "not started"
        return self._sentence()


def _fall(first: float, last: float, metric: str) -> str:
    start, end = (significant(in_metric(loss, metric)) for loss in (first, last))
    if start == end:
        return f" is {end}"
    return f" {'fell' if last < first else 'rose'} from {start} to {end}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def significant(number: float, digits: int = 3) -> str:
    """A number with three significant digits, which do not depend on the CPU: 2,910 and 0.872."""
    return write_number(float(f"{number:.{digits}g}"))


# ---------------------------------------------------------------------------------------------------- pictures


class LivePicture(Live):
    """A picture that is drawn again whenever a control is moved; made by `live_picture`."""

    def __init__(self, draw: Callable[..., str | None], controls: Mapping[str, Control], width: float, height: float):
        super().__init__(controls, {}, [], (round(width * POINTS_PER_INCH), round(height * POINTS_PER_INCH)))
        self._draw_on = draw
        self._figsize = (width, height)
        self._begun = True
        # The first picture is drawn at once: a mistake in `draw` is then an ordinary error of this cell.
        try:
            frames = self._frames(self.values)
            first = next(frames, None)
        except Exception:
            self.close()
            raise
        if first is not None:
            self._worker.start(lambda: self._steps(frames))

    def start(self) -> None:
        """Draw with the present values."""
        values = self.values
        self._worker.start(lambda: self._steps(self._frames(values)))

    def __repr__(self) -> str:
        if self._view is None:
            return "live_picture: closed"
        values = ", ".join(f"{name}={write_number(value)}" for name, value in self.values.items())
        return f"live_picture({values}): {self.text}"

    def _steps(self, frames: Generator[float]) -> Generator[float]:
        try:
            yield from frames
        except Exception as error:
            if self.sync:
                raise
            self._show_error(error)

    def _frames(self, values: dict[str, Any]) -> Generator[float]:
        """Draws, and after every frame yields how many seconds it is to stand."""
        figure = Figure(figsize=self._figsize, dpi=POINTS_PER_INCH * SHARPNESS)
        canvas = FigureCanvasAgg(figure)
        drawn = self._draw_on(figure, **values)
        texts = drawn if isinstance(drawn, Iterator) else iter([drawn])
        try:
            text = None
            for text in texts:
                if not self.sync:
                    begun = perf_counter()
                    self._show(canvas, text)
                    yield max(FRAME - (perf_counter() - begun), 0.0)
            if self.sync:
                self._show(canvas, text)
        finally:
            if hasattr(texts, "close"):
                texts.close()
            release(canvas)

    def _show(self, canvas: FigureCanvasAgg, text: str | None) -> None:
        canvas.draw()
        self._view.show(encode(snapshot(canvas), 9 if self.sync else 1))
        self._view.text = text or ""
        self._view.error = self._view.traceback = ""


# What the imports left, half a million objects, stays for good: without looking through them again and again the
# garbage collector needs milliseconds where it would stop a growing curve for 0.2 s.
gc.collect()
gc.freeze()
