"""Films: the table of ratings, a map of what was learned, and recommendations with their reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from helpers.checks import LessonError
from helpers.plots.figures import AS_WRITTEN
from helpers.plots.style import BLACK, CYCLE, FAINT, MARKERS


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


def film_map(axes: Axes, places: np.ndarray, genres: Mapping[str, np.ndarray]) -> None:
    """Films as dots, in colour and shape where they belong to exactly one of up to seven genres; large: their middles.

    places: (films, 2); the axes are scaled to how far they spread. genres: from a name to (films,) booleans.
    """
    styles = [*zip((*CYCLE, BLACK), MARKERS, strict=True)]
    if len(genres) > len(styles):
        raise LessonError(f"A map of films shows at most {len(styles)} genres; you gave {len(genres)}.")
    belongs = np.column_stack(list(genres.values()))
    alone = belongs.sum(1) == 1
    x, y = places.T
    axes.scatter(x[~alone], y[~alone], s=6, color=FAINT, linewidths=0)
    named = [(name, *style) for name, style in zip(genres, styles, strict=False)]
    for column, (_, colour, marker) in enumerate(named):
        here = alone & belongs[:, column]
        axes.scatter(x[here], y[here], s=13, color=colour, marker=marker, linewidths=0, alpha=0.6)
    for column, (name, colour, marker) in enumerate(named):
        across, up = places[alone & belongs[:, column]].mean(0)
        axes.scatter(across, up, s=130, color=colour, marker=marker, edgecolor="black", linewidths=1.2, label=name)
    limit = 2.6 * places.std()
    axes.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
    axes.set_axis_off()
    axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), labelspacing=1.1)


def recommendations(axes: Axes, titles: Sequence[str], stars: Sequence[float], reasons: Sequence[str]) -> None:
    """Recommended films, best first: a bar of predicted stars with the title above it and the reason in it."""
    places = range(len(titles))
    axes.barh(places, stars, height=0.42, color="#CFE3F1")
    for place, title, value, reason in zip(places, titles, stars, reasons, strict=True):
        axes.text(0.03, place - 0.36, f"{value:.2f}  {title}", va="center", fontsize=9.5, color="black", **AS_WRITTEN)
        axes.text(0.06, place, reason, va="center", fontsize=8, color="#333333", clip_on=False, **AS_WRITTEN)
    axes.set(xlim=(0, max(5, *stars) * 1.01), ylim=(len(titles) - 0.6, -0.7), yticks=[], xlabel="predicted stars")
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
