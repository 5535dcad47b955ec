"""The loss curve that grows while a model trains: a frame takes a millisecond, because only what moves is sent.

Axes, labels, legend and earlier runs stand still for most of a run: matplotlib draws them once, into a bitmap. Of the
lines that grow the page gets the places of their points, in pixels, and draws them over that bitmap itself; for a page
without a kernel matplotlib draws them too.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.markers import MarkerStyle
from matplotlib.ticker import AutoLocator, FuncFormatter, MaxNLocator, NullLocator
from PIL import Image

from helpers.checks import one_of
from helpers.live.controls import write_number
from helpers.plots import BEST, FLOOR, METRICS, TRAIN, VALIDATION, X_AXES, in_metric
from helpers.training import History, Progress

WIDTH, HEIGHT = 700, 340  # CSS pixels
SHARPNESS = 2  # device pixels per CSS pixel: crisp on a high-density screen
POINTS_PER_INCH = 100
MOST_EARLIER_RUNS = 8
MOST_POINTS = 300  # of one line, each standing for the highest and the lowest loss around it
ROOM_RIGHT = 1.012  # of the horizontal axis: for half a marker
EPOCH_MARKERS = 40  # runs with more epochs than this are drawn without a dot for each
EARLIER = "#A0A0A0"
ROOM = {False: 3, True: 30}  # times a usual loss: so high may the vertical axis go, linear or logarithmic
FAR = 10_000.0  # pixels; a loss further off the picture than this is drawn here


class Curve:
    """The losses of one run as arrays, read from the device only when somebody looks."""

    def __init__(self) -> None:
        self.history = History()
        self.num_updates = self.num_epochs = 0
        self.diverged = False
        self._unread: list[Progress] = []
        self._rows = np.empty((0, 4))  # update, samples_seen, seconds, loss
        self._epochs: list[tuple[int, float, float]] = []  # row, train_loss, validation_loss
        self._span: tuple | None = None  # what it was computed for, and the span; earlier runs are asked in every frame

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, progress: Progress) -> None:
        """Keep one progress; nothing is read from the device yet."""
        self._unread.append(progress)

    def read(self) -> None:
        """Read what is new. A run ends at its first loss that is no number, wherever a time slice happened to end."""
        unread, self._unread = self._unread, []
        if not unread or self.diverged:
            return
        losses = torch.stack([progress.loss for progress in unread]).double().cpu().numpy()
        self.num_updates, self.num_epochs = unread[-1].num_updates, unread[-1].num_epochs
        for number, (progress, loss) in enumerate(zip(unread, losses, strict=True)):
            self.history.add(progress)
            validation_loss = np.nan if progress.validation_loss is None else progress.validation_loss
            if progress.epoch_ended:
                self._epochs.append((len(self._rows) + number, progress.train_loss, validation_loss))
            if not (np.isfinite(loss) and (progress.validation_loss is None or np.isfinite(validation_loss))):
                self.diverged, unread = True, unread[: number + 1]
                break
        new = [(p.update, p.samples_seen, p.seconds, loss) for p, loss in zip(unread, losses, strict=False)]
        self._rows = np.concatenate([self._rows, np.array(new)])

    def x(self, name: str) -> np.ndarray:
        """The horizontal place of every update, counted in `name` (one of `plots.X_AXES`)."""
        column = {"update": 0, "epoch": 0, "samples_seen": 1, "seconds": 2}[name]
        scale = self.num_epochs / self.num_updates if name == "epoch" and self.num_updates else 1
        return self._rows[:, column] * scale

    @property
    def losses(self) -> np.ndarray:
        """Mean squared error of every update's batch."""
        return self._rows[:, 3]

    @property
    def epochs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of every finished epoch: the row of its last update, training loss, validation loss (NaN without one)."""
        table = np.array(self._epochs).reshape(-1, 3)
        return table[:, 0].astype(int), table[:, 1], table[:, 2]

    def end(self, name: str) -> float:
        """Where the run ends or, while it trains, is expected to end."""
        if not len(self):
            return 1.0
        return float(self.x(name)[-1]) * self.num_updates / len(self)

    def compact(self) -> Curve:
        """A copy for the picture only: without the history, and with no more updates than can be drawn."""
        copy = Curve()
        copy.num_updates, copy.num_epochs, copy.diverged = self.num_updates, self.num_epochs, self.diverged
        rows, train_losses, validation_losses = self.epochs
        kept = rows if len(rows) > 1 else np.arange(0, len(self), max(1, len(self) // MOST_POINTS))
        copy._rows = self._rows[kept]
        if len(rows) > 1:
            copy._epochs = list(zip(range(len(rows)), train_losses, validation_losses, strict=True))
        return copy

    def span(self, metric: str, log: bool) -> tuple[float, float] | None:
        """The lowest and highest loss worth showing; a diverging run leaves through the top and flattens nothing."""
        known = (metric, log, len(self))
        if self._span is None or self._span[0] != known:
            self._span = known, self._span_now(metric, log)
        return self._span[1]

    def _span_now(self, metric: str, log: bool) -> tuple[float, float] | None:
        updates = in_metric(self.losses[np.isfinite(self.losses)], metric)
        if not len(updates):
            return None
        # Means over about fifty stretches: the noise of single batches does not set the axis.
        starts = np.arange(0, len(updates), max(1, len(updates) // 50))
        means = np.add.reduceat(updates, starts) / np.diff(np.append(starts, len(updates)))
        epochs = in_metric(np.concatenate(self.epochs[1:]), metric)
        levels = np.concatenate([means, epochs[np.isfinite(epochs)]])
        usual = max(updates[0], np.percentile(means, 25))
        return float(levels.min()), float(min(levels.max(), usual * ROOM[log]))


@dataclass(frozen=True)
class Stroke:
    """How a line looks, for matplotlib and for the page: a line, or a marker at each of its places.

    Attributes:
        width: of the line, or of a marker's edge, in points.
        dash: lengths of dash and gap, in line widths; nothing for an unbroken line.
        marker, size: matplotlib's name of it and its size in points; nothing for a line.
    """

    colour: str
    width: float = 1.0
    opacity: float = 1.0
    dash: tuple[float, ...] = ()
    marker: str = ""
    size: float = 0.0

    def line(self, **options: Any) -> Line2D:
        """The line for matplotlib, without points yet."""
        linestyle = "none" if self.marker else (0, self.dash) if self.dash else "-"
        return Line2D([], [], color=self.colour, linewidth=self.width, alpha=self.opacity, linestyle=linestyle,
                      marker=self.marker or "none", markersize=self.size, markeredgewidth=self.width,
                      solid_joinstyle="round", solid_capstyle="butt", **options)  # fmt: skip

    def for_page(self) -> dict[str, Any]:
        """The same for the page, in pixels; a marker as the corners of its outline."""
        pixels = POINTS_PER_INCH * SHARPNESS / 72
        outline = []
        if self.marker:
            style = MarkerStyle(self.marker)
            corners = style.get_path().transformed(style.get_transform()).to_polygons()[0] * self.size * pixels
            outline = (corners * (1, -1)).round(3).tolist()
        width = self.width * pixels
        return {"color": self.colour, "opacity": self.opacity, "width": width,
                "dash": [part * width for part in self.dash], "outline": outline}  # fmt: skip


UPDATES = Stroke(TRAIN, width=0.8, opacity=0.3)
TRAINING, TRAINING_DOTS = Stroke(TRAIN, width=1.5), Stroke(TRAIN, marker=".", size=6)
VALIDATED, VALIDATED_DOTS = Stroke(VALIDATION, width=1.5, dash=(3.7, 1.6)), Stroke(VALIDATION, marker=".", size=6)
BEST_EPOCH = Stroke(BEST, marker="D", size=7)
STROKES = (UPDATES, TRAINING, TRAINING_DOTS, VALIDATED, VALIDATED_DOTS, BEST_EPOCH)  # in the order of drawing
LEGEND = {"training (update)": [UPDATES], "training (epoch)": [TRAINING, TRAINING_DOTS],
          "validation": [VALIDATED, VALIDATED_DOTS], "best epoch": [BEST_EPOCH]}  # fmt: skip


class LossPicture:
    """Draws the newest run over the earlier ones, in pictures of one size.

    Args:
        x: what the horizontal axis counts, one of `plots.X_AXES`.
        log: a logarithmic vertical axis.
        floor: a loss, in the metric, that no model can pass.
        metric: "mse", or "rmse" for its root.
    """

    def __init__(self, x: str = "update", log: bool = False, floor: float | None = None, metric: str = "mse") -> None:
        self.x, self.log = one_of("x", x, X_AXES), log
        self.floor, self.metric = floor, one_of("metric", metric, METRICS)
        self.run = Curve()
        self.earlier: list[Curve] = []
        self._y: tuple[float, float] | None = None
        self._drawn: tuple | None = None
        self._ended: Curve | None = None  # the run in short, once it has ended
        self._ahead: tuple | None = None  # what the next run will find in the background, its bitmap and PNG file
        self._base: bytes | None = None  # the background as a PNG file, while the last frame was over another one
        self._make_figure()

    def begin(self, keep: bool) -> Curve:
        """Start a new run; `keep` leaves the former one in the picture as an earlier run."""
        if keep and len(self.run):
            self.earlier = self._with_ended()
        self.run, self._ended = Curve(), None
        return self.run

    def draw_ahead(self) -> bytes:
        """Draw what the next run will find in the background, now that nobody waits for it; returns it as a PNG file.

        Where nothing was drawn yet, there is nothing to draw ahead either.
        """
        if not len(self.run):
            return b""
        self._ended = self.run.compact()
        before = self.run, self.earlier, self._y
        self.earlier, self.run = self._with_ended(), Curve()
        background = self._background_now()
        self._draw_background(*background[:2])
        self._ahead, self._drawn = (background, self._background, self._encoded()), None
        self.run, self.earlier, self._y = before
        return self._ahead[2]

    def _with_ended(self) -> list[Curve]:
        return [*self.earlier, self._ended or self.run.compact()][-MOST_EARLIER_RUNS:]

    def clear(self) -> None:
        """Forget every run."""
        self.run, self.earlier, self._y, self._ended, self._ahead = Curve(), [], None, None, None

    def measure(self, metric: str, floor: float | None) -> None:
        """Measure the run to come in this metric, over this floor; earlier runs in another metric leave the picture."""
        if metric != self.metric:
            self.metric, self.earlier, self._y = one_of("metric", metric, METRICS), [], None
        if floor != self.floor:
            self._set_floor(floor)
            self._drawn = self._ahead = None

    def close(self) -> None:
        """Give the bitmaps back now."""
        self.clear()
        self._background = self._legend = None
        release(self._canvas)

    def show_axes(self, x: str, log: bool) -> None:
        """Count something else along the horizontal axis, or switch the logarithm on or off."""
        if log != self.log:
            self._y = None
        self.x, self.log = x, log

    def png(self, compression: int = 1) -> bytes:
        """The whole picture now, as a PNG file; the same runs give the same file."""
        self._lay_background()
        self._canvas.restore_region(self._background)
        for line, (x, y) in zip(self._lines, self._curves(), strict=True):
            line.set_data(x, y)
            self._axes.draw_artist(line)
        return self._encoded(compression)

    def frame(self) -> tuple[bytes | None, tuple[bytes, ...]]:
        """What has changed since the last frame.

        Returns:
            The background as a PNG file, or None if it is the same as for the last frame; for each of `STROKES` where
            its points are: x and y in pixels from the left and from the top, as 4-byte floats in turn.
        """
        self._lay_background()
        base, self._base = self._base, None
        curves = [np.column_stack(curve) for curve in self._curves()]
        places = self._axes.transData.transform(np.concatenate(curves))
        places[:, 1] = self._canvas.get_width_height(physical=True)[1] - places[:, 1]
        places = np.where(np.isfinite(places), np.clip(places, -FAR, FAR), np.nan).astype("<f4")
        ends = np.cumsum([len(curve) for curve in curves])
        return base, tuple(part.tobytes() for part in np.split(places, ends[:-1]))

    @property
    def inside(self) -> tuple[float, float, float, float]:
        """Where the lines may be drawn: pixels from the left and from the top, width and height."""
        left, bottom, right, top = self._axes.bbox.extents
        return left, self._canvas.get_width_height(physical=True)[1] - top, right - left, top - bottom

    def _lay_background(self) -> None:
        background = self._background_now()
        if self._ahead and background == self._ahead[0] and self._drawn is None:
            self._drawn, self._background, self._base = self._ahead
            self._ahead = None
        elif background != self._drawn:
            self._draw_background(*background[:2])
            self._drawn, self._ahead, self._base = background, None, self._encoded()

    def _encoded(self, compression: int = 1) -> bytes:
        return encode(snapshot(self._canvas), compression, _PALETTE)

    def _background_now(self) -> tuple:
        return (
            round(self._x_limit(), 6),
            self._y_limits(),
            self.x,
            self.log,
            self.metric,
            tuple(self.earlier),
        )

    # -------------------------------------------------------------------------------------- what stands still

    def _make_figure(self) -> None:
        size = (WIDTH / POINTS_PER_INCH, HEIGHT / POINTS_PER_INCH)
        # Margins that never move: whatever the numbers on the axes, the curve stays in its place.
        self._figure = Figure(figsize=size, dpi=POINTS_PER_INCH * SHARPNESS, layout="none")
        self._canvas = FigureCanvasAgg(self._figure)
        self._axes = self._figure.add_axes((0.12, 0.155, 0.84, 0.74))
        self._lines = [stroke.line(animated=True) for stroke in STROKES]
        for line in self._lines:
            self._axes.add_line(line)
        self._axes.yaxis.set_label_coords(-0.105, 0.5)
        self._floor: Line2D | None = None
        self._set_floor(self.floor)
        self._earlier_lines: list[Line2D] = []
        self._legend: tuple | None = None  # the labels in it, and its bitmap

    def _set_floor(self, floor: float | None) -> None:
        if self._floor is not None:
            self._floor.remove()
        self.floor, self._floor = floor, None
        if floor is not None:
            self._floor = self._axes.axhline(floor, color=FLOOR, linestyle=":", linewidth=1.4)

    def _draw_background(self, x_limit: float, y_limits: tuple[float, float]) -> None:
        axes = self._axes
        for line in self._earlier_lines:
            line.remove()
        self._earlier_lines = [line for curve in self.earlier for line in self._earlier_line(curve)]
        for line in self._earlier_lines:
            axes.add_line(line)
        axes.set(xlim=(0, x_limit * ROOM_RIGHT), xlabel=X_AXES[self.x], ylabel=METRICS[self.metric])
        axes.set(yscale="log" if self.log else "linear", ylim=y_limits)
        locator = MaxNLocator(8, integer=True) if self.x in ("update", "epoch", "samples_seen") else AutoLocator()
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda tick, _: write_number(tick)))
        if self.log:
            axes.set_yticks(log_ticks(*y_limits))
            axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda tick, _: write_number(tick)))
        self._canvas.draw()
        self._draw_legend()
        self._background = self._canvas.copy_from_bbox(self._figure.bbox)

    def _draw_legend(self) -> None:
        """Draw the legend, which takes a third of the time of a background, or copy it if it is as it was."""
        lines = dict(zip(STROKES, self._lines, strict=True))
        handles = {name: tuple(lines[stroke] for stroke in strokes) for name, strokes in LEGEND.items()}
        if self._floor:
            handles["noise floor"] = self._floor
        if self._earlier_lines:
            handles["earlier runs"] = self._earlier_lines[0]
        labels = list(handles)
        if self._legend and self._legend[0] == labels:
            self._canvas.restore_region(self._legend[1])
            return
        legend = self._axes.legend(
            handles.values(), labels, loc="lower left", bbox_to_anchor=(-0.06, 1.03), ncols=6, fontsize=8.2,
            columnspacing=0.9, handlelength=1.5, handletextpad=0.4, borderaxespad=0.2,
        )  # fmt: skip
        legend.set_animated(True)  # only drawn here
        self._axes.draw_artist(legend)
        self._legend = labels, self._canvas.copy_from_bbox(legend.get_window_extent())

    def _earlier_line(self, curve: Curve) -> list[Line2D]:
        rows, train_losses, validation_losses = curve.epochs
        heights = validation_losses if np.isfinite(validation_losses).any() else train_losses
        if not len(rows):
            rows, heights = np.arange(len(curve)), curve.losses
        if not len(rows):
            return []
        return [Line2D(curve.x(self.x)[rows], in_metric(heights, self.metric), color=EARLIER, linewidth=1.1,
                       linestyle="-")]  # fmt: skip

    # -------------------------------------------------------------------------------------- what moves

    def _curves(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each of `STROKES` its places and heights on the axes."""
        run, places = self.run, self.run.x(self.x)
        rows, *losses = run.epochs
        train_losses, validation_losses = (in_metric(epochs, self.metric) for epochs in losses)
        finite = np.isfinite(validation_losses)
        best = [np.where(finite, validation_losses, np.inf).argmin()] if finite.any() else []
        training, validated = (places[rows], train_losses), (places[rows], validation_losses)
        no_dots = np.empty(0), np.empty(0)
        dots = run.num_epochs <= EPOCH_MARKERS
        return [
            thin(places, in_metric(run.losses, self.metric)),
            training,
            training if dots else no_dots,
            validated,
            validated if dots else no_dots,
            (places[rows][best], validation_losses[best]),
        ]

    def _x_limit(self) -> float:
        end = self.run.end(self.x)
        if self.x == "seconds" and len(self.run) < self.run.num_updates:
            # An estimate that wavers: take the next of 1, 1.5, 2, 3, … and keep it while it will do.
            power = 10.0 ** math.floor(math.log10(end)) if end > 0 else 1e-3
            end = next(step * power for step in (1, 1.5, 2, 3, 5, 7, 10) if step * power >= end * 0.999)
        furthest = max((float(curve.x(self.x)[-1]) for curve in self.earlier if len(curve)), default=end)
        if not len(self.run):
            return furthest
        # A long earlier run must not squeeze this one into a corner.
        return min(max(end, furthest), 4 * end)

    def _y_limits(self) -> tuple[float, float]:
        # A run that diverged has left through the top: as an earlier run it no longer sets the axis.
        readable = [curve for curve in self.earlier if not curve.diverged]
        earlier = list(filter(None, (curve.span(self.metric, self.log) for curve in readable)))
        now = self.run.span(self.metric, self.log)
        if not earlier and now is None:
            return self._y or (0.1, 1.0)
        low, high = (
            min(low for low, _ in [*earlier, now or earlier[0]]),
            max((high for _, high in earlier), default=0.0),
        )
        if now is not None:
            # Beside earlier runs, one that shoots up leaves through the top too: they stay readable.
            high = max(high, min(now[1], high * ROOM[self.log]) if earlier else now[1])
        if self.floor is not None:
            low, high = min(low, self.floor), max(high, self.floor)
        # Limits move seldom and by a good deal, so that the axis stands still between two moves.
        if self._y is None:
            going_down = len(self.run) < self.run.num_updates and not earlier
            self._y = widen(low * 0.5 if going_down else low, high, self.log)
        elif low < self._y[0] or high > self._y[1]:
            below, above = widen(min(low, self._y[0]), max(high, self._y[1]), self.log, 0.4)
            self._y = (below if low < self._y[0] else self._y[0], above if high > self._y[1] else self._y[1])
        return self._y


def thin(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At most 2 × `MOST_POINTS` points that look the same: the highest and the lowest of every stretch."""
    if len(y) <= 2 * MOST_POINTS:
        return x, y
    # Stretches of 2, 4, 8, … updates: the same ones in every frame, so the drawn line does not shimmer as it grows.
    stretch = 2 ** math.ceil(math.log2(len(y) / MOST_POINTS))
    starts = np.arange(0, len(y), stretch)
    ends = np.column_stack([np.fmax.reduceat(y, starts), np.fmin.reduceat(y, starts)])
    return x[starts].repeat(2), ends.ravel()


def widen(low: float, high: float, log: bool, share: float = 0.08) -> tuple[float, float]:
    """A range and a margin of `share` of it on either side; never below zero, where no loss is."""
    if log:
        low, high = max(low, 1e-12), max(high, 1e-12)
        factor = max(high / low, 1.5) ** share
        return low / factor, high * factor
    margin = max(high - low, 0.1 * abs(high), 1e-12) * share
    return max(low - margin, 0.0), high + margin


def log_ticks(low: float, high: float) -> list[float]:
    """Ticks in plain numbers, four to nine of them, for a logarithmic axis of any range."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7)):
        ticks = [float(f"{step}e{decade}") for decade in decades for step in steps]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) >= 4:
            return ticks[:: math.ceil(len(ticks) / 9)]
    return [tick for tick in MaxNLocator(6).tick_values(low, high) if low <= tick <= high]


def _palette() -> Image.Image:
    """Greys, and shades of the lines' colours on white: what the picture is made of."""
    greys = np.arange(255, 0, -8)[:, None].repeat(3, axis=1)
    # Pillow looks colours up in boxes of four levels: next to white there is nothing, or white would not stay white.
    shades = np.linspace(0.06, 1, 74)[:, None]
    colours = [255 * (1 - shades * (1 - np.array(to_rgb(colour)))) for colour in (TRAIN, VALIDATION, BEST)]
    image = Image.new("P", (1, 1))
    image.putpalette(np.concatenate([greys, *colours]).round().astype(np.uint8).ravel().tolist())
    return image


_PALETTE = _palette()


def snapshot(canvas: FigureCanvasAgg) -> Image.Image:
    """What the canvas holds, without transparency."""
    size = canvas.get_width_height(physical=True)
    return Image.frombytes("RGB", size, canvas.buffer_rgba(), "raw", "RGBX", 0, 1)


def encode(image: Image.Image, compression: int = 1, palette: Image.Image | None = None) -> bytes:
    """An image as a PNG file; with a palette of its few colours in a third of the time and size."""
    if palette is not None:
        image = image.quantize(palette=palette, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    image.save(buffer, "png", compress_level=compression)
    return buffer.getvalue()


def release(canvas: FigureCanvasAgg) -> None:
    """Give a canvas's bitmap back now: its figure is full of reference cycles, and waits for the collector."""
    vars(canvas.renderer).clear()


# The first picture of a process loads fonts and the encoder: pay for that at import, not at a learner's first move.
LossPicture(log=True).png()
