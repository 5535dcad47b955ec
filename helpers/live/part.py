"""What all live parts share: controls, a place on the page, and one task that always works for the newest values.

Work runs as a task on the kernel's own event loop, a slice of some 30 ms at a time, so between two slices the kernel
hears the sliders: the newest values win, and what they replace ends within its slice. Where no event loop is running (a
plain script), or with EPOCH_SYNC=1 in the environment (tests, refreshed outputs), the same code runs to its end in
place and errors are raised.
"""

from __future__ import annotations

import base64
import contextvars
import gc
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ipywidgets

from helpers.checks import LessonError, shown
from helpers.live.controls import Control
from helpers.live.view import View
from helpers.live.worker import Worker, retire_former, running_loop

HERE = str(Path(__file__).parent)
LONGEST = 10_000  # characters of an error: more is sent to no page


class Live:
    """Controls, a picture, and one task that always works for the newest values."""

    def __init__(
        self,
        controls: Mapping[str, Control],
        picture: ipywidgets.DOMWidget,
        buttons: Sequence[tuple[str, str, str]] = (),
        beside: bool = False,
    ) -> None:
        for name, control in controls.items():
            if not isinstance(control, Control):
                raise LessonError(f"{name} must be a control such as int_slider(1, 10, 5), not {shown(control)}.")
        self._controls = dict(controls)
        self._worker = Worker(running_loop(), self._failed)
        self._view: View | None = View(controls, picture, buttons, beside, self._press)
        self._begun = self._quiet = False  # quiet: controls move without starting anything
        self._closed_text = ""
        retire_former(self)
        self._view.observe(self._moved, "chosen")

    @property
    def values(self) -> dict[str, Any]:
        """The values of the controls, by name."""
        chosen = self.widget.chosen
        return {name: control.options[chosen[name]] for name, control in self._controls.items()}

    @property
    def text(self) -> str:
        """What the picture shows, in words."""
        return self._closed_text if self._view is None else self._view.text

    @property
    def widget(self) -> View:
        """What the page shows; it can stand in several places at once. Raises `LessonError` once it is closed."""
        if self._view is None:
            raise LessonError("This live part is closed: run its cell again.")
        return self._view

    @property
    def idle(self) -> bool:
        """Whether nothing is running or waiting."""
        return self._worker.idle

    @property
    def sync(self) -> bool:
        """Whether everything runs to its end in place, without an event loop."""
        return self._worker.loop is None

    def set(self, **values: Any) -> None:
        """Move controls; in synchronous mode the new run or picture is complete when this returns.
        Raises `LessonError` for a control that is not there, or a value that it does not have.
        """
        unknown = [name for name in values if name not in self._controls]
        if unknown:
            raise LessonError(f"There is no control {unknown[0]!r} here: there are {', '.join(self._controls)}.")
        positions = {name: self._controls[name].position(name, value) for name, value in values.items()}
        if not self._choose(positions) and values:
            self.start()  # nothing moved, but these values were asked for

    def start(self) -> None:
        """Begin anew with the present values."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop what is running; what it has drawn stays."""
        self._worker.stop()

    def finish(self) -> None:
        """Work to the end of what is running (and begin, where nothing has begun): then there are results to read."""
        if self._view is not None and not self._begun:
            self.start()
        self._worker.finish()

    def soon(self, action: Callable[[], None]) -> None:
        """Do something between two slices, from any thread; what goes wrong is shown here."""
        self._worker.call(action)

    def close(self) -> None:
        """Stop, take the widget off the page, and let go of everything that holds memory."""
        self._worker.close()
        if self._view is not None:
            self._closed_text, view, self._view = self._view.text, self._view, None
            view.close()
            gc.collect()  # figures are full of reference cycles; milliseconds, see `helpers.live`

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict, dict] | dict:
        if self._view is None:
            return {"text/plain": repr(self)}
        if not self._begun:
            self._worker.context = contextvars.copy_context()  # what a run prints lands below this cell
            self.start()
        # A page with a kernel takes the widget; a page without one (GitHub, the committed file) takes the picture.
        (width, height), png = self._saved()
        data = {**self._view._repr_mimebundle_(), "text/plain": repr(self)}
        data["image/png"] = base64.b64encode(png).decode()
        return data, {"image/png": {"width": width, "height": height, "alt": self.text}}

    def _saved(self) -> tuple[tuple[int, int], bytes]:
        """The whole picture, for a page without a kernel: its size in CSS pixels, and a PNG file."""
        raise NotImplementedError

    def _moved(self, change: Any) -> None:
        # May arrive on another thread: JupyterLab sends what widgets say through subshells.
        if not self._quiet and any(change["old"].get(name) != position for name, position in change["new"].items()):
            self.start()

    def _press(self, button: str) -> None:
        """A button was pressed, perhaps on another thread."""

    def _choose(self, positions: Mapping[str, int]) -> bool:
        """Move controls to these positions; returns whether that starts new work."""
        view, before = self.widget, self.values
        view.chosen = {**view.chosen, **positions}
        return self.values != before

    def _failed(self, error: BaseException) -> None:
        """One red line, and below it where in the learner's code it happened; a `LessonError` says enough by itself."""
        view = self._view
        if view is None:
            return
        view.running = False
        if isinstance(error, LessonError):
            view.error, view.traceback = str(error), ""
            return
        view.error = f"{type(error).__name__}: {_said(error)}".removesuffix(": ")
        every = traceback.extract_tb(error.__traceback__)
        frames = [frame for frame in every if not frame.filename.startswith(HERE)] or every
        lines = ["Traceback (most recent call last):\n", *traceback.format_list(frames)]
        view.traceback = "".join(lines + traceback.format_exception_only(error))[:LONGEST]


def _said(error: BaseException) -> str:
    """What an error says, in one line of a few hundred letters; a learner's own kind may even fail at that."""
    try:
        text = " ".join(str(error)[:LONGEST].split())
    except Exception:
        return ""
    return text if len(text) <= 300 else f"{text[:299]}…"
