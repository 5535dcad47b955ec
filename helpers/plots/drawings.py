"""One style for every picture of the course, and the pictures that more than one notebook draws.

Figures are plain matplotlib `Figure` objects, never pyplot's: nothing is left open behind a re-run cell.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import cached_property

import matplotlib as mpl
import numpy as np
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullFormatter, ScalarFormatter

from helpers.checks import LessonError, one_of
from helpers.training import History, is_finite

# Okabe & Ito (2008), "Color universal design": eight colours that colour-blind readers tell apart. Green and red are
# darker than theirs (#009E73, #D55E00), so that the best epoch and the validation curve can be named in their colour.
BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, RED, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#008560", "#F0E442", "#0072B2", "#C25500", "#CC79A7",
)  # fmt: skip
GREY, FAINT = "#6B6B6B", "#D0D0D0"
PLATE = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}  # behind a text that stands on lines
READABLE = 4.5  # the contrast that WCAG 2.2 asks of text (level AA)
CYCLE = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY)
# What is the same in every picture has the same colour and line in every picture, and differs in grey too.
TRAIN, VALIDATION, FLOOR, BEST = BLUE, RED, GREY, GREEN
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)))

STYLE = {
    "figure.dpi": 110,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.labelcolor": "#333333",
    "axes.edgecolor": "#888888",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.8,
    "xtick.color": "#333333",
    "ytick.color": "#333333",
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "image.cmap": "cividis",
}
X_AXES = {"update": "updates", "epoch": "epochs", "samples_seen": "samples seen", "seconds": "seconds of training"}
METRICS = {"mse": "mean squared error", "rmse": "RMSE (stars)"}


def use_style() -> None:
    """Make the course's style the default of this process; colours and line styles change together."""
    mpl.rcParams.update(STYLE)
    mpl.rcParams["axes.prop_cycle"] = mpl.cycler(color=CYCLE, linestyle=LINES)


use_style()


def new_figure(width: float = 7, height: float = 3.5, columns: int = 1, rows: int = 1, **options):
    """A figure (inches) that pyplot does not know, and its axes: one, or an array of them. Options go to `subplots`."""
    figure = Figure(figsize=(width, height))
    return figure, figure.subplots(rows, columns, **options)


def contrast(colour: str, background: str = "white") -> float:
    """How well text in `colour` reads on `background`: from 1 to 21. Source: WCAG 2.2, contrast ratio."""
    darker, lighter = sorted(_luminance(colour) for colour in (colour, background))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    linear = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour))
    return float(np.dot((0.2126, 0.7152, 0.0722), tuple(linear)))


def ink(colour: str) -> str:
    """The same hue, as dark as text on white has to be."""
    while contrast(colour) < READABLE:
        colour = to_hex([0.97 * part for part in to_rgb(colour)])
    return colour


class Picture:
    """A finished figure and the sentence that says what it shows, displayed as a picture with a caption."""

    def __init__(self, figure: Figure, text: str) -> None:
        self.figure, self.text = figure, text

    @cached_property
    def png(self) -> bytes:
        """The picture as a PNG file."""
        buffer = io.BytesIO()
        # Without the version of matplotlib in it, the same picture is the same file.
        self.figure.savefig(buffer, format="png", metadata={"Software": None})
        return buffer.getvalue()

    def __repr__(self) -> str:
        return self.text

    def _ipython_display_(self) -> None:
        # JupyterLab gives a PNG no text alternative, so the sentence also stands below it, for every reader.
        display({"image/png": self.png, "text/plain": self.text}, raw=True, metadata={"image/png": {"alt": self.text}})
        display({"text/markdown": f"*{self.text}*", "text/plain": self.text}, raw=True)


def show(figure: Figure, text: str) -> Picture:
    """A figure with a sentence that says what the data in it shows: as the last line of a cell it is displayed."""
    return Picture(figure, text)


def in_metric(loss, metric: str):
    """A mean squared error (number, array or column) in the metric that a picture shows."""
    return np.sqrt(loss) if one_of("metric", metric, METRICS) == "rmse" else loss


def loss_curves(
    axes: Axes,
    history: History,
    *,
    x: str = "epoch",
    metric: str = "mse",
    log: bool = False,
    floor: float | None = None,
    updates: bool = False,
    label: str = "",
) -> None:
    """Training and validation loss of one run, labelled at their ends, the best epoch marked.

    Args:
        x: what the horizontal axis counts, one of `X_AXES`.
        metric: "mse", or "rmse" for its root (in stars for ratings).
        log: a logarithmic vertical axis.
        floor: a loss (in the metric) that no model can pass, drawn as a line.
        updates: also the loss of every single batch, faintly.
        label: what tells this run from others in the same picture.
    """
    one_of("x", x, X_AXES)
    if updates:
        table = history.updates
        axes.plot(table[x], in_metric(table["loss"], metric), color=TRAIN, alpha=0.25, linewidth=0.8, linestyle="-")
    epochs = history.epochs
    for column, colour, line, name in (
        ("train_loss", TRAIN, "-", "training"),
        ("validation_loss", VALIDATION, "--", "validation"),
    ):
        if epochs[column].notna().any():
            heights = in_metric(epochs[column], metric)
            axes.plot(epochs[x], heights, color=colour, linestyle=line)
            label_end(axes, epochs[x].iloc[-1], heights.iloc[-1], f"{name} {label}".strip(), colour)
    if is_finite(history.best_validation_loss):
        best = epochs[epochs["epoch"] == history.best_epoch].iloc[0]
        height = in_metric(best["validation_loss"], metric)
        axes.plot(best[x], height, marker="o", color=BEST, markersize=7, linestyle="none")
        # Above the slow climb that follows the best epoch; where little or nothing follows, above the fall before it.
        at_the_end = best[x] > 0.8 * epochs[x].iloc[-1]
        axes.annotate(
            f"best: {height:.4g}", (best[x], height), (0, 12), textcoords="offset points", color=BEST,
            ha="center" if at_the_end else "left", bbox=PLATE,
        )  # fmt: skip
    if floor is not None:
        floor_line(axes, floor)
    axes.set(xlabel=X_AXES[x], ylabel=METRICS[metric])
    if log:
        log_axis(axes.yaxis)


def label_end(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    """Name a line at its right end, where the eye arrives."""
    axes.annotate(
        text, (x, y), (6, 0), textcoords="offset points", va="center", color=ink(colour), annotation_clip=False
    )


def floor_line(axes: Axes, height: float, text: str = "noise floor") -> None:
    """A dotted line that no model can pass, with its name."""
    axes.axhline(height, color=FLOOR, linestyle=":", linewidth=1.4)
    axes.annotate(
        text,
        (0.99, height),
        (0, -12),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        color=FLOOR,
        ha="right",
    )


def log_axis(axis) -> None:
    """A logarithmic axis labelled in plain numbers (0.5, 1, 2), also between the powers of ten."""
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    low, high = sorted(axis.get_view_interval())
    if low > 0 and high / low < 30:
        ticks = [
            m * 10.0**e
            for e in range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
            for m in (1, 2, 3, 5, 7)
        ]
        axis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
        axis.set_major_formatter(ScalarFormatter())
        axis.set_minor_formatter(NullFormatter())


def heat_map(axes: Axes, values: np.ndarray, rows: Sequence, columns: Sequence, *, format: str = "{:.3f}", limits=None):
    """A table (rows, columns) as colours with its numbers written in, readable on either end of the scale."""
    low, high = limits or (np.nanmin(values), np.nanmax(values))
    image = axes.imshow(values, vmin=low, vmax=high, aspect="auto")
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.grid(visible=False)
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            behind = to_hex(image.to_rgba(value))
            colour = max("white", "black", key=lambda colour: contrast(colour, behind))
            axes.text(column, row, format.format(value), ha="center", va="center", color=colour)
    return image


def bars(
    axes: Axes, values: Mapping[str, float], *, errors: Sequence[float] | None = None, format: str = "{:.3f}"
) -> None:
    """Horizontal bars, first on top, each with its number."""
    names, lengths = list(values), list(values.values())
    places = range(len(names))
    axes.barh(places, lengths, xerr=errors, color=SKY, ecolor=GREY, height=0.65)
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    for place, length in zip(places, lengths, strict=True):
        axes.annotate(
            format.format(length),
            (0, place),
            (4, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
        )


# ---------------------------------------------------------------------------------------- one batch, one loss


def sorted_losses(axes: Axes, losses: np.ndarray) -> None:
    """The losses of a batch's samples, shape (B,), as bars from the largest down, and their mean as a line."""
    mean = float(np.mean(losses))
    axes.bar(range(1, len(losses) + 1), np.sort(losses)[::-1], color=SKY, width=0.85)
    axes.axhline(mean, color=RED, linestyle="--")
    axes.annotate(
        f"their mean: {mean:.3f}", (1, mean), (0, 4), xycoords=("axes fraction", "data"), textcoords="offset points",
        ha="right", color=RED,
    )  # fmt: skip
    axes.set(xlabel="patients of the batch, largest loss first", ylabel="squared error", xlim=(0, len(losses) + 1))
    axes.grid(visible=False, axis="x")


def loss_bowl(axes: Axes, loss_at, low: float, high: float) -> None:
    """Contours of a loss over two weights in [low, high]; `loss_at` maps points (n, 2) to losses (n,)."""
    side = np.linspace(low, high, 80)
    first, second = np.meshgrid(side, side)
    heights = np.asarray(loss_at(np.column_stack([first.ravel(), second.ravel()]))).reshape(first.shape)
    levels = heights.min() + (heights.max() - heights.min()) * np.linspace(0.03, 1, 10) ** 2
    axes.contour(first, second, heights, levels=levels, colors=FAINT, linewidths=0.8, linestyles="-")
    axes.grid(visible=False)
    axes.set(aspect="equal", xlabel="weight of the BMI", ylabel="weight of the blood pressure")


def weight_path(axes: Axes, places: np.ndarray, label: str, colour: str, line: str = "-", offset=(6, 0)) -> None:
    """The places (n, 2) that two weights went through, update after update, the last one named."""
    axes.plot(places[:, 0], places[:, 1], color=colour, linestyle=line, linewidth=1.2, marker=".", markersize=3)
    axes.plot(*places[-1], marker="o", color=colour, markersize=8)
    leader = {"arrowstyle": "-", "color": colour, "linewidth": 0.8} if np.hypot(*offset) > 30 else None
    axes.annotate(
        label, places[-1], offset, textcoords="offset points", color=ink(colour), va="center", arrowprops=leader,
        bbox=PLATE,
    )  # fmt: skip


def gradient_cloud(axes: Axes, gradients: np.ndarray, full: np.ndarray, reach: float) -> None:
    """Batch gradients (n, 2) as arrows from the origin, that of all samples in black; `reach` around its tip."""
    arrows = {"angles": "xy", "scale_units": "xy", "scale": 1}
    start = np.zeros(len(gradients))
    axes.quiver(start, start, gradients[:, 0], gradients[:, 1], color=BLUE, alpha=0.25, width=0.003, **arrows)
    axes.plot(gradients[:, 0], gradients[:, 1], ".", color=BLUE, markersize=4, alpha=0.7)
    axes.quiver(0, 0, *full, color=BLACK, edgecolor="white", linewidth=0.8, width=0.014, zorder=4, **arrows)
    limits = {"xlim": (full[0] - reach, full[0] + reach), "ylim": (full[1] - reach, full[1] + reach)}
    axes.set(aspect="equal", xlabel="gradient for the weight of the BMI", ylabel="… of the blood pressure", **limits)


def law_and_measurements(axes: Axes, law: tuple, measured: tuple, label: str, colour: str, marker: str) -> None:
    """A law as a line, (x, y), and what was measured of it, (x, y, half-width of the band), as points with bars."""
    line = "-" if marker == "o" else "--"
    axes.plot(*law, color=colour, linestyle=line, linewidth=1.2)
    x, y, band = measured
    axes.errorbar(x, y, yerr=band, color=colour, marker=marker, markersize=5, linestyle="none", capsize=3, label=label)


def stacked_shares(axes: Axes, names: Sequence[str], shares: Mapping[str, Sequence[float]]) -> None:
    """Horizontal bars of length 1, one per name, cut into the shares of their parts; hatches differ in grey."""
    left = np.zeros(len(names))
    for (part, widths), colour, hatch in zip(shares.items(), CYCLE, ("", "//", "..", "xx"), strict=False):
        axes.barh(names, widths, left=left, color=colour, hatch=hatch, edgecolor="white", height=0.7, label=part)
        left = left + np.asarray(widths)
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.set(xlim=(0, 1), xlabel="share of the time")
    axes.legend(ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))


def tilted_line(axes: Axes, x: np.ndarray, y: np.ndarray, slope: float, honest_slope: float) -> None:
    """Points of one measurement, the first an outlier, and two lines through the origin: with it and without."""
    ends = np.array([-3.0, 4.0])
    axes.plot(x[1:], y[1:], "o", color=BLUE, markersize=4, alpha=0.5)
    axes.plot(ends, honest_slope * ends, color=GREY, linestyle="--", linewidth=1.4, label="without the mistake")
    axes.plot(ends, slope * ends, color=RED, linestyle="-", label="with the mistake")
    axes.plot(x[0], y[0], "D", color=RED, markersize=8)
    axes.annotate(
        "mistyped", (x[0], y[0]), (-10, 0), textcoords="offset points", ha="right", va="center", color=RED,
        bbox=PLATE,
    )  # fmt: skip
    axes.set(xlim=ends, ylim=(-14, 16), xlabel="BMI (standard deviations)", ylabel="target (standard deviations)")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)


def sample_grid(axes: Axes, num_samples: int, used: Sequence[Sequence[int]], columns: int = 32) -> None:
    """Every sample as a square in a place of its own, with the number of the batch that used it in this epoch.

    `used` holds the batches of the epoch so far, each a list of row numbers; the last of them is the current one.
    """
    place = np.arange(num_samples)
    x, y = place % columns, place // columns
    axes.scatter(x, y, s=160, marker="s", facecolor="white", edgecolor=FAINT, linewidth=0.8)
    for number, batch in enumerate(used, start=1):
        rows, now = np.asarray(batch), number == len(used)
        axes.scatter(x[rows], y[rows], s=160, marker="s", facecolor=BLUE if now else "#CFE3F1", edgecolor="white")
        axes.scatter(x[rows], y[rows], s=34, marker=f"${number}$", color="white" if now else "#333333", linewidth=0.2)
    axes.set(xlim=(-1, columns), ylim=(num_samples // columns + 1, -1), aspect="equal")
    axes.set_axis_off()


def batch_strip(axes: Axes, num_samples: int, batch_size: int, drop_last: bool = False) -> None:
    """One epoch as a strip, cut into its batches to scale; a short last batch stands out, or is hatched if dropped."""
    full, rest = divmod(num_samples, batch_size)
    edge = "white" if full <= 150 else "none"  # closer together, the cuts would hide the batches
    axes.bar(np.arange(full) * batch_size, 1, width=batch_size, align="edge", color=SKY, edgecolor=edge, linewidth=1)
    if rest:
        colour, text = (GREY, f"{rest:,} left out") if drop_last else (BLUE, f"last batch: {rest:,}")
        look = {"color": "white", "edgecolor": GREY, "hatch": "///"} if drop_last else {"color": BLUE}
        axes.bar(full * batch_size, 1, width=rest, align="edge", **look)
        axes.annotate(text, (num_samples, 1), (0, 6), textcoords="offset points", ha="right", color=colour)
    if full:
        axes.annotate(f"{full:,} full batches of {batch_size:,}", (0, 1), (0, 6), textcoords="offset points")
    axes.set(xlim=(0, num_samples), ylim=(0, 1.25), yticks=[], xlabel="samples, in the order of this epoch")
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False)


def ratings_table(whole: Axes, corner: Axes, user: np.ndarray, movie: np.ndarray, stars: np.ndarray) -> None:
    """Users × films as a picture: how full the table is, and the stars in the corner of the keenest and best known.

    user, movie, stars: (N,) row numbers and ratings; both axes are sorted, most ratings first.
    """
    user_place, movie_place = _places_by_count(user), _places_by_count(movie)
    rows, columns = user_place[user], movie_place[movie]
    shape = rows.max() + 1, columns.max() + 1
    filled, _, _ = np.histogram2d(rows, columns, bins=(50, 100), range=((0, shape[0]), (0, shape[1])))
    share = 100 * filled / (shape[0] * shape[1] / filled.size)
    extent = (0, shape[1], shape[0], 0)
    image = whole.imshow(share, extent=extent, aspect="auto", cmap="Blues", vmin=0, vmax=100)
    whole.figure.colorbar(image, ax=whole, label="% filled")
    given = np.full((80, 120), np.nan)
    inside = (rows < 80) & (columns < 120)
    given[rows[inside], columns[inside]] = stars[inside]
    image = corner.imshow(given, aspect="auto", interpolation="nearest")
    corner.figure.colorbar(image, ax=corner, label="stars (white: not rated)")
    for axes in (whole, corner):
        axes.set(xlabel="films, most rated first", ylabel="users, keenest first")
        axes.grid(visible=False)


def _places_by_count(rows: np.ndarray) -> np.ndarray:
    """place[row]: where a row stands when those with the most ratings come first."""
    order = np.argsort(-np.bincount(rows), kind="stable")
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    return places


MARKERS = "os^Dv*P"


def film_map(axes: Axes, places: np.ndarray, genres: Mapping[str, np.ndarray], *, names: bool = True) -> None:
    """Films as dots, in colour and shape where they belong to exactly one of up to seven genres; large: their middles.

    places: (films, 2); the axes are scaled to how far they spread. genres: from a name to (films,) booleans.
    """
    styles = [*zip((*CYCLE, BLACK), MARKERS, strict=True)]
    if len(genres) > len(styles):
        raise LessonError(f"A map of films shows at most {len(styles)} genres; you gave {len(genres)}.")
    belongs = np.column_stack(list(genres.values()))
    alone = belongs.sum(1) == 1
    axes.scatter(*places[~alone].T, s=6, color=FAINT, linewidths=0)
    named = [(name, *style) for name, style in zip(genres, styles, strict=False)]
    for column, (_, colour, marker) in enumerate(named):
        axes.scatter(*places[alone & belongs[:, column]].T, s=13, color=colour, marker=marker, linewidths=0, alpha=0.6)
    for column, (name, colour, marker) in enumerate(named):
        middle = places[alone & belongs[:, column]].mean(0)
        axes.scatter(*middle, s=130, color=colour, marker=marker, edgecolor="black", linewidths=1.2, label=name)
    limit = 2.6 * places.std()
    axes.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
    axes.set_axis_off()
    if names:
        axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), labelspacing=1.1)


def recommendations(axes: Axes, titles: Sequence[str], stars: Sequence[float], reasons: Sequence[str]) -> None:
    """Recommended films, best first: a bar of predicted stars with the title above it and the reason in it."""
    places = range(len(titles))
    axes.barh(places, stars, height=0.42, color="#CFE3F1")
    for place, title, value, reason in zip(places, titles, stars, reasons, strict=True):
        axes.text(0.03, place - 0.36, f"{value:.2f}  {title}", va="center", fontsize=9.5, color="black")
        axes.text(0.06, place, reason, va="center", fontsize=8, color="#333333", clip_on=False)
    axes.set(xlim=(0, max(5, *stars) * 1.01), ylim=(len(titles) - 0.6, -0.7), yticks=[], xlabel="predicted stars")
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)


def knob_curves(axes: Axes, name: str, values: Sequence, train_rmse: Sequence, validation_rmse: Sequence) -> None:
    """Training and validation RMSE against the values of one setting, evenly spaced, the lowest validation marked."""
    places = range(len(values))
    axes.plot(places, train_rmse, color=TRAIN, marker=".", linestyle="-")
    axes.plot(places, validation_rmse, color=VALIDATION, marker=".", linestyle="--")
    best = int(np.argmin(validation_rmse))
    axes.plot(best, validation_rmse[best], color=BEST, marker="D", linestyle="none")
    texts = [f"{value:,}" if value >= 1 else f"{value:g}" for value in values]
    axes.set_xticks(list(places), texts, fontsize=8, rotation=30 if max(map(len, texts)) > 5 else 0)
    axes.set_xlim(-0.4, len(values) - 0.6)
    axes.set_title(name.replace("_", " "))
