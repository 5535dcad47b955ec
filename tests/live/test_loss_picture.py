"""The loss picture: what it draws, how calm its axes are, and that it stays cheap for long runs."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox, IdentityTransform
from PIL import Image

from helpers.live.loss_picture import (
    FAR,
    HEIGHT,
    LEGEND,
    MOST_EARLIER_RUNS,
    MOST_POINTS,
    ROOM_RIGHT,
    STROKES,
    WIDTH,
    Curve,
    LossPicture,
    log_ticks,
    thin,
    widen,
)
from helpers.plots import BEST, TRAIN, VALIDATION
from helpers.training import Progress


def train_curve(
    curve: Curve,
    num_updates: int = 100,
    num_epochs: int = 10,
    start: float = 10.0,
    end: float = 1.0,
    until: int | None = None,
):
    """Feed a run whose loss falls exponentially from `start` towards `end`; yields after every update."""
    per_epoch = num_updates // num_epochs
    for update in range(1, (until or num_updates) + 1):
        loss = end + (start - end) * math.exp(-5 * update / num_updates)
        ended = update % per_epoch == 0
        curve.add(
            Progress(
                update=update, num_updates=num_updates, epoch=(update - 1) // per_epoch + 1, num_epochs=num_epochs,
                samples_seen=update * 32, seconds=update * 0.01, loss=torch.tensor(loss),
                train_loss=loss if ended else None, validation_loss=loss * 1.1 if ended else None,
            )
        )  # fmt: skip
        yield curve


def full(picture: LossPicture, **options) -> Curve:
    curve = picture.begin(keep=True)
    for _ in train_curve(curve, **options):
        pass
    curve.read()
    return curve


def pixels(picture: LossPicture) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture.png())).convert("RGB")).astype(int)


def near(image: np.ndarray, colour: str) -> int:
    wanted = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    return int((np.abs(image - wanted).max(axis=2) < 12).sum())


def test_size_is_always_the_same_and_white_is_white() -> None:
    picture = LossPicture()
    empty = pixels(picture)
    full(picture)
    drawn = pixels(picture)
    assert empty.shape == drawn.shape == (2 * HEIGHT, 2 * WIDTH, 3)
    assert (drawn[0, 0] == 255).all() and (drawn == 255).all(axis=2).mean() > 0.7


def test_same_runs_same_file() -> None:
    pictures = [LossPicture(log=True, floor=0.9) for _ in range(2)]
    for picture in pictures:
        full(picture)
        full(picture, start=8.0)
    assert pictures[0].png() == pictures[1].png()


def test_lines_are_drawn_in_their_colours_and_differ_in_grey() -> None:
    picture = LossPicture()
    before = pixels(picture)
    full(picture)
    after = pixels(picture)
    for colour in (TRAIN, VALIDATION):
        assert near(after, colour) > near(before, colour) + 500
    shapes = [tuple((stroke.width, stroke.dash, stroke.marker) for stroke in strokes) for strokes in LEGEND.values()]
    assert len(set(shapes)) == len(shapes)


@pytest.mark.parametrize("x", ["update", "epoch", "samples_seen", "seconds"])
def test_horizontal_axis_ends_where_the_run_ends(x: str) -> None:
    picture = LossPicture(x=x)
    full(picture)
    picture.png()
    end = {"update": 100, "epoch": 10, "samples_seen": 3200, "seconds": 1.0}[x]
    assert picture._axes.get_xlim() == (0, pytest.approx(end * ROOM_RIGHT))
    best = picture._curves()[-1]
    assert (best[0][0], best[1][0]) == (pytest.approx(end), pytest.approx(1.1 * (1 + 9 * math.exp(-5))))


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("x", ["update", "seconds"])
def test_axes_stand_still_for_most_of_a_run(log: bool, x: str) -> None:
    picture, drawn = LossPicture(x=x, log=log), []
    draw = picture._draw_background
    picture._draw_background = lambda *limits: (drawn.append(limits), draw(*limits))
    for number, curve in enumerate(train_curve(picture.begin(keep=True), num_updates=600)):
        if number % 10 == 0:
            curve.read()
            picture.png()
    assert len(drawn) <= 8


def test_a_short_run_beside_a_long_one_is_not_squeezed_into_a_corner() -> None:
    picture = LossPicture()
    full(picture, num_updates=5000)
    full(picture, num_updates=100)
    picture.png()
    assert picture._axes.get_xlim() == (0, pytest.approx(400 * ROOM_RIGHT))


@pytest.mark.parametrize("log", [False, True])
def test_a_diverging_run_leaves_the_axes_readable(log: bool) -> None:
    picture = LossPicture(log=log)
    full(picture)
    curve = picture.begin(keep=True)
    for update, loss in enumerate([10.0**power for power in range(1, 38)] + [math.inf, math.nan], 1):
        curve.add(
            Progress(
                update=update,
                num_updates=100,
                epoch=1,
                num_epochs=10,
                samples_seen=update * 32,
                seconds=update * 0.01,
                loss=torch.tensor(loss),
            )
        )
    curve.read()
    assert curve.diverged and len(curve) == len(curve.history) == 38  # up to the first that is no number
    picture.png()
    low, high = picture._axes.get_ylim()
    assert 0 <= low < 1.1 and 10 < high < 1000


def test_divergence_seen_in_validation_ends_the_run_at_its_epoch() -> None:
    curve = Curve()
    for update in (1, 2, 3):
        ended = update == 2
        curve.add(
            Progress(
                update=update,
                num_updates=4,
                epoch=1,
                num_epochs=2,
                samples_seen=update,
                seconds=0.1,
                loss=torch.tensor(1.0),
                train_loss=1.0 if ended else None,
                validation_loss=math.inf if ended else None,
            )
        )
    curve.read()
    assert curve.diverged and len(curve) == 2


def test_an_early_spike_does_not_flatten_the_rest() -> None:
    curve = Curve()
    for update in range(1, 1001):
        loss = 1e6 if update == 3 else 1.0
        curve.add(
            Progress(
                update=update,
                num_updates=1000,
                epoch=1,
                num_epochs=1,
                samples_seen=update,
                seconds=0.1,
                loss=torch.tensor(loss),
            )
        )
    curve.read()
    assert curve.span("mse", log=False)[1] < 4


def test_earlier_runs_are_capped_and_small() -> None:
    picture = LossPicture()
    for number in range(MOST_EARLIER_RUNS + 4):
        full(picture, start=10.0 + number)
    assert len(picture.earlier) == MOST_EARLIER_RUNS
    assert all(len(curve) == 10 and len(curve.history) == 0 for curve in picture.earlier)
    picture.begin(keep=False)
    assert len(picture.earlier) == MOST_EARLIER_RUNS
    picture.clear()
    assert picture.earlier == [] and len(picture.run) == 0


def test_runs_without_validation_and_of_one_update_are_drawn() -> None:
    picture = LossPicture(log=True, metric="rmse", floor=0.5)
    curve = picture.begin(keep=True)
    curve.add(
        Progress(
            update=1,
            num_updates=1,
            epoch=1,
            num_epochs=1,
            samples_seen=32,
            seconds=0.01,
            loss=torch.tensor(4.0),
            train_loss=4.0,
            validation_loss=None,
        )
    )
    curve.read()
    assert near(pixels(picture), TRAIN) > 50
    assert picture._curves()[1][1][0] == 2.0  # the root of 4
    assert picture._axes.get_ylim()[0] < 0.5  # the floor is in view


def test_zero_loss_on_a_logarithmic_axis_is_survived() -> None:
    picture = LossPicture(log=True)
    curve = picture.begin(keep=True)
    for update in (1, 2):
        curve.add(
            Progress(
                update=update,
                num_updates=2,
                epoch=update,
                num_epochs=2,
                samples_seen=update,
                seconds=0.01,
                loss=torch.tensor(0.0),
                train_loss=0.0,
                validation_loss=0.0,
            )
        )
    curve.read()
    picture.png()
    assert np.isfinite(picture._axes.get_ylim()).all()


def test_thin_keeps_the_highest_and_the_lowest() -> None:
    rng = np.random.default_rng(0)
    y = rng.standard_normal(100_000)
    x = np.arange(len(y))
    few_x, few_y = thin(x, y)
    assert len(few_x) == len(few_y) <= 2 * MOST_POINTS
    assert few_y.max() == y.max() and few_y.min() == y.min()
    same_x, same_y = thin(x[: 2 * MOST_POINTS], y[: 2 * MOST_POINTS])
    assert len(same_x) == len(same_y) == 2 * MOST_POINTS


def test_what_is_drawn_ahead_is_what_the_next_run_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    ready, plain = LossPicture(), LossPicture()
    for picture in (ready, plain):
        full(picture)
        picture.png()
    ready.draw_ahead()
    assert ready.png() == plain.png()  # the finished run looks as before
    ready.draw_ahead()
    drawn = []
    monkeypatch.setattr(ready, "_draw_background", lambda *limits: drawn.append(limits))
    for picture in (ready, plain):
        picture.begin(keep=True)
    assert ready.png() == plain.png()
    assert not drawn


def on_the_page(picture: LossPicture, base: np.ndarray, lines: tuple[bytes, ...]) -> np.ndarray:
    """What `picture.js` does with a frame, done by matplotlib: lines in pixels over a bitmap."""
    figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=200)
    canvas, (left, top, width, height) = FigureCanvasAgg(figure), picture.inside
    canvas.draw()
    np.asarray(canvas.buffer_rgba())[:] = base
    for stroke, places in zip(STROKES, lines, strict=True):
        line = stroke.line(transform=IdentityTransform())
        x, y = np.frombuffer(places, "<f4").reshape(-1, 2).T
        line.set_data(x, 2 * HEIGHT - y)
        figure.add_artist(line)
        line.set_clip_box(Bbox.from_bounds(left, 2 * HEIGHT - top - height, width, height))
        figure.draw_artist(line)
    return np.asarray(canvas.buffer_rgba())[:, :, :3].astype(int)


def test_frames_together_make_the_whole_picture() -> None:
    picture, shown = LossPicture(x="samples_seen", floor=0.5), None

    def show() -> None:
        nonlocal shown
        base, lines = picture.frame()
        if base is not None:
            shown = np.asarray(Image.open(io.BytesIO(base)).convert("RGBA"))
        difference = np.abs(on_the_page(picture, shown, lines) - pixels(picture))
        assert (difference > 10).mean() < 1e-3  # the file has fewer shades

    show()
    assert picture.frame()[0] is None  # what stands still is not sent again
    for keep in (True, True, False):
        for number, _ in enumerate(train_curve(picture.begin(keep), num_updates=1200)):
            if number % 300 == 299:
                picture.run.read()
                show()
        picture.run.read()
        show()
        picture.draw_ahead()
        show()  # the same run again: nothing of the next one shows
        assert near(pixels(picture), BEST) > 50
    picture.show_axes("seconds", log=True)
    show()
    picture.clear()
    show()


def test_losses_off_the_picture_and_losses_that_are_no_number_do_not_reach_the_page() -> None:
    picture = LossPicture()
    curve = full(picture)
    curve._rows[50, 3], curve._rows[51, 3], curve._rows[52, 3] = 1e30, np.nan, np.inf
    places = np.frombuffer(picture.frame()[1][0], "<f4").reshape(-1, 2)
    assert places[50, 1] == -FAR and np.isnan(places[51:53, 1]).all()
    assert np.isfinite(np.delete(places, [51, 52], axis=0)).all()


def test_the_page_gets_the_looks_that_matplotlib_has() -> None:
    training, dots = STROKES[1].for_page(), STROKES[2].for_page()
    assert training["width"] == pytest.approx(1.5 * 200 / 72) and training["outline"] == [] == training["dash"]
    assert STROKES[3].for_page()["dash"] == pytest.approx([3.7 * training["width"], 1.6 * training["width"]])
    corners = np.array(dots["outline"])
    assert np.hypot(*corners.T) == pytest.approx(6 / 4 * 200 / 72, rel=0.03)  # the point of matplotlib is half its size


def test_a_hundred_thousand_updates_are_drawn_with_no_more_points_than_a_thousand() -> None:
    def points(num_updates: int) -> int:
        picture = LossPicture()
        full(picture, num_updates=num_updates)
        return len(picture.frame()[1][0]) // 8

    assert points(100_000) <= 2 * MOST_POINTS and points(1_000) > MOST_POINTS


@pytest.mark.parametrize(
    ("low", "high"), [(0.7, 1.1), (0.95, 1.0), (0.5, 30), (2_500, 30_000), (1e-6, 1e6), (1.0, 1e10)]
)
def test_log_ticks_are_few_and_in_view(low: float, high: float) -> None:
    ticks = log_ticks(low, high)
    assert 3 <= len(ticks) <= 9 and all(low <= tick <= high for tick in ticks)


def test_widen_never_goes_below_zero() -> None:
    assert widen(0.0, 0.0, log=False)[0] == 0.0
    assert widen(1.0, 1.0, log=False)[0] < 1.0 < widen(1.0, 1.0, log=False)[1]
    assert widen(0.0, 1.0, log=True)[0] > 0
