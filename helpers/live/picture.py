"""A picture that follows its controls: matplotlib draws it again whenever one of them is moved."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from time import perf_counter
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from helpers.checks import LessonError, function, positive_number, shown
from helpers.live.controls import Control, write_number
from helpers.live.part import Live
from helpers.live.saved_picture import COMPRESSION, HEIGHT, POINTS_PER_INCH, SHARPNESS, WIDTH, encode, release
from helpers.live.view import Picture

FRAME = 0.055  # seconds between two frames of a moving picture, at least
WIDE, HIGH = WIDTH / POINTS_PER_INCH, HEIGHT / POINTS_PER_INCH  # inches: as large as the loss curves


class LivePicture(Live):
    """A picture that is drawn again whenever a control is moved; made by `live_picture`."""

    def __init__(self, draw: Callable[..., Any], controls: Mapping[str, Control], width: float, height: float) -> None:
        function("draw", draw)
        wide, high = self._figsize = positive_number("width", width), positive_number("height", height)
        self._size = round(wide * POINTS_PER_INCH), round(high * POINTS_PER_INCH)
        self._picture = Picture(size=self._size)
        super().__init__(controls, self._picture)
        self._draw_on = draw
        self._begun = True
        # The first picture is drawn at once: a mistake in `draw` is then an ordinary error of this cell.
        try:
            frames = self._frames(self.values)
            first = next(frames, None)
        except BaseException:
            self.close()
            raise
        if first is not None:
            self._worker.start(lambda: frames)

    def start(self) -> None:
        """Draw with the present values."""
        values = self.values
        self._worker.start(lambda: self._frames(values))

    def __repr__(self) -> str:
        if self._view is None:
            return "live_picture: closed"
        values = ", ".join(f"{name}={write_number(value)}" for name, value in self.values.items())
        return f"live_picture({values}): {self.text}"

    def _saved(self) -> tuple[tuple[int, int], bytes]:
        return self._size, self._picture.file

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

    def _show(self, canvas: FigureCanvasAgg, text: object) -> None:
        if not isinstance(text, str | None):
            raise LessonError(f"draw returns one sentence that says what the picture shows, not {shown(text)}.")
        canvas.draw()
        self._picture.file = encode(canvas, None, COMPRESSION if self.sync else 1)
        view = self.widget
        view.text = self._picture.text = text or ""
        view.error = view.traceback = ""


def live_picture(
    draw: Callable[..., str | Iterator[str] | None], *, width: float = WIDE, height: float = HIGH, **controls: Control
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
