"""The picture of a live part in a saved notebook, where no kernel is: the curves of the page, drawn by matplotlib."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import AutoLocator, FuncFormatter, MaxNLocator, NullLocator
from PIL import Image, ImageChops

from helpers.live.controls import write_number
from helpers.live.curve import Curve, thin
from helpers.live.curves import Curves, log_ticks
from helpers.plots import BEST, FLOOR, TRAIN, VALIDATION, X_AXES, in_metric

WIDTH, HEIGHT = 700, 340  # CSS pixels
SHARPNESS = 2  # device pixels per CSS pixel: crisp on a high-density screen
POINTS_PER_INCH = 100
EPOCH_MARKERS = 40  # runs with more epochs than this are drawn without a dot for each
EVERY = "training (update)"
EARLIER = "#767676"
MOST_OFF = 48  # of 255, in any channel of any pixel of a picture with few colours
COMPRESSION = 7  # zlib's; level 9 takes three to six times as long for a twentieth less
LINE_HEIGHT = 0.06  # of a name at the end of a line, as a share of the axes' height


def saved_picture(curves: Curves) -> bytes:
    """All curves as they stand, as a PNG file; the same runs give the same file."""
    size = (WIDTH / POINTS_PER_INCH, HEIGHT / POINTS_PER_INCH)
    # Margins that never move: whatever the numbers on the axes, the curves stay in their place.
    figure = Figure(figsize=size, dpi=POINTS_PER_INCH * SHARPNESS)
    figure.set_layout_engine("none")
    canvas = FigureCanvasAgg(figure)
    right = 0.76 if curves.earlier or curves.run.name else 0.98
    axes = figure.add_axes((0.1, 0.155, right - 0.1, 0.74))
    x, log = curves.axis, curves.log
    axes.set(xlim=(0, curves.x_limit(x) * 1.012), xlabel=X_AXES[x], ylabel=curves.measured)
    axes.set(yscale="log" if log else "linear", ylim=curves.y_limits(log))
    axes.xaxis.set_major_locator(AutoLocator() if x == "seconds" else MaxNLocator(8, integer=True))
    if log:
        axes.set_yticks(log_ticks(*axes.get_ylim()))
        axes.yaxis.set_minor_locator(NullLocator())
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda tick, _: write_number(tick)))
    if curves.floor is not None:
        axes.axhline(curves.floor, color=FLOOR, linestyle=":", linewidth=1.4, label="noise floor")
    for curve in curves.earlier:
        _draw_earlier(axes, curve, curves)
    _draw_run(axes, curves.run, curves)
    named = [(curve, curve.called(curves.run), EARLIER) for curve in curves.earlier]
    _label(axes, [*named, *([(curves.run, curves.run.name, VALIDATION)] if curves.run.name else [])], curves)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.06, 1.01), ncols=6, fontsize=8.2, columnspacing=0.9,
                handlelength=1.5, handletextpad=0.4, borderaxespad=0.2, frameon=False)  # fmt: skip
    canvas.draw()
    file = encode(canvas)
    release(canvas)
    return file


def _draw_run(axes, curve: Curve, curves: Curves) -> None:
    epochs, places = curve.epochs, curve.x(curves.axis)
    rows, losses = thin(in_metric(curve.losses, curves.metric))
    dots = {"marker": "." if len(epochs.rows) <= EPOCH_MARKERS else None, "markersize": 6, "linewidth": 1.5}
    if len(rows) > 1 and rows[0] == rows[1]:  # thinned to the highest and lowest of each stretch: a line would be noise
        band = (places[rows[::2]], losses[1::2], losses[::2])
        axes.fill_between(*band, color=TRAIN, alpha=0.2, linewidth=0, label=EVERY)
    else:
        axes.plot(places[rows], losses, color=TRAIN, alpha=0.3, linewidth=0.8, linestyle="-", label=EVERY)
    for name, heights, colour, line in (
        ("training (epoch)", epochs.train_losses, TRAIN, "-"),
        ("validation", epochs.validation_losses, VALIDATION, "--"),
    ):
        heights = in_metric(heights, curves.metric)
        axes.plot(places[epochs.rows], heights, color=colour, linestyle=line, label=name, **dots)
    best = curve.best_epoch()
    if best is not None:
        height = in_metric(epochs.validation_losses[best], curves.metric)
        axes.plot(places[epochs.rows[best]], height, "D", color=BEST, markersize=7, label="best epoch")


def _outcome(curve: Curve, curves: Curves) -> tuple[np.ndarray, np.ndarray]:
    """Where the losses are that stand for a run: of validation, or else of training, or else of its batches."""
    epochs = curve.epochs
    heights = epochs.validation_losses if np.isfinite(epochs.validation_losses).any() else epochs.train_losses
    rows, heights = (epochs.rows, heights) if len(heights) else (np.arange(len(curve)), curve.losses)
    there = np.isfinite(heights)
    return curve.x(curves.axis)[rows[there]], in_metric(heights[there], curves.metric)


def _draw_earlier(axes, curve: Curve, curves: Curves) -> None:
    """An earlier run's validation loss; a dot, if it had one epoch."""
    places, heights = _outcome(curve, curves)
    dot = {"marker": "o", "markersize": 5} if len(places) == 1 else {}
    axes.plot(places, heights, color=EARLIER, linewidth=1.1, linestyle="-", **dot)


def _label(axes, named: list[tuple[Curve, str, str]], curves: Curves) -> None:
    """Names to the right of the picture, each at the height of its run's end as far as others leave room."""
    to_axes, wanted = axes.transData + axes.transAxes.inverted(), []
    for curve, name, colour in named:
        places, heights = _outcome(curve, curves)
        if len(places):
            wanted.append((*to_axes.transform((places[-1], heights[-1])), float(heights[-1]), name, colour))
    wanted.sort(key=lambda end: end[1])
    free = spread([height for _, height, *_ in wanted], LINE_HEIGHT)
    for place, (across, height, loss, name, colour) in zip(free, wanted, strict=True):
        shown = name if height <= 1 else f"{name}: {write_number(float(f'{loss:.3g}'))} ↑"
        axes.annotate(shown, (1.02, place), xycoords="axes fraction", fontsize=8, color=colour, va="center")
        # A faint line leads from a run's end to a name that is not beside it.
        beside = across >= 0.95 and abs(place - height) <= LINE_HEIGHT / 2
        if not beside and height <= 1:
            axes.plot([across, 1.015], [height, place], ":", transform=axes.transAxes, color=colour, linewidth=0.8,
                      clip_on=False)  # fmt: skip


def spread(wanted: list[float], line: float) -> list[float]:
    """Heights from 0 to 1 for names of one line each, none over another, near to the wanted (rising) ones."""
    free, lowest = [], -np.inf
    for height in wanted:
        lowest = max(float(np.clip(height, 0, 1)), lowest + line)
        free.append(lowest)
    return [place - max(free[-1] - 1, 0) for place in free]


def encode(canvas: FigureCanvasAgg, colours: int | None = 128, compression: int = COMPRESSION) -> bytes:
    """What the canvas holds as a PNG file, without transparency; of few `colours` it is small."""
    size = canvas.get_width_height(physical=True)
    image = Image.frombytes("RGB", size, canvas.buffer_rgba(), "raw", "RGBX", 0, 1)
    if colours is not None:
        few = image.quantize(colours, dither=Image.Dither.NONE)
        worst = np.asarray(ImageChops.difference(image, few.convert("RGB"))).max()
        # Where shades of noise have taken the whole palette, a palette that covers all colours, the rare ones too.
        if worst >= MOST_OFF:
            few = image.quantize(colours, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        image = few
    buffer = io.BytesIO()
    image.save(buffer, "png", compress_level=compression)
    return buffer.getvalue()


def release(canvas: FigureCanvasAgg) -> None:
    """Give a canvas's bitmap back now: its figure is full of reference cycles, and waits for the collector."""
    if hasattr(canvas, "renderer"):  # it has drawn something
        vars(canvas.renderer).clear()
