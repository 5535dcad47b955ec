"""The curves: what the page is sent, how calm and how readable the axes are, names, and the saved picture."""

from __future__ import annotations

import io
import math
import re

import numpy as np
import pytest
import torch
from matplotlib.colors import rgb_to_hsv, to_rgb
from PIL import Image

from helpers.live.chart import beside
from helpers.live.curve import MOST_POINTS, Curve, nice, thin
from helpers.live.curves import MOST_EARLIER_RUNS, Curves, log_ticks, widen
from helpers.live.plain_loops import as_progress
from helpers.live.saved_picture import HEIGHT, WIDTH, saved_picture, spread
from helpers.plots import BEST, FLOOR, READABLE, TRAIN, VALIDATION, contrast
from tests.builders import made_up_progress


def train_curve(curve: Curve, num_updates: int = 100, num_epochs: int = 10, start: float = 10.0, end: float = 1.0):
    """Feed a run whose loss falls exponentially from `start` towards `end`; yields after every update."""
    for update in range(1, num_updates + 1):
        loss = end + (start - end) * math.exp(-5 * update / num_updates)
        ended = update % (num_updates // num_epochs) == 0
        losses = {"train_loss": loss, "validation_loss": loss * 1.1} if ended else {}
        curve.add(made_up_progress(update, loss, num_updates=num_updates, num_epochs=num_epochs, **losses))
        yield curve


def full(curves: Curves, settings: dict[str, str] | None = None, name: str = "", **options) -> Curve:
    curve = curves.begin(True, settings, name)
    for _ in train_curve(curve, **options):
        pass
    curve.read()
    return curve


def fed(*losses: float, **more: object) -> Curve:
    curve = Curve()
    for update, loss in enumerate(losses, 1):
        curve.add(made_up_progress(update, loss, num_updates=len(losses), **more))
    curve.read()
    return curve


def sent(curves: Curves, what: str, columns: int) -> np.ndarray:
    return np.frombuffer(curves.for_page()[what], "<f4").reshape(-1, columns)


def pixels(curves: Curves) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(saved_picture(curves))).convert("RGB")).astype(int)


def near(image: np.ndarray, colour: str) -> int:
    wanted = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    return int((np.abs(image - wanted).max(axis=2) < 12).sum())


# ---------------------------------------------------------------------------------------- what the page is sent


@pytest.mark.parametrize("metric", ["mse", "rmse"])
def test_the_page_gets_every_update_and_every_epoch(metric: str) -> None:
    curves = Curves(metric=metric, floor=0.5)
    curve = full(curves)
    root = np.sqrt if metric == "rmse" else np.asarray
    points, epochs = sent(curves, "points", 4), sent(curves, "epochs", 5)
    assert points[:, 0].tolist() == list(range(1, 101)) and points[:, 1].tolist() == list(range(32, 3232, 32))
    assert points[:, 3] == pytest.approx(root(curve.losses), rel=1e-6)
    assert epochs[:, 0].tolist() == list(range(10, 101, 10))
    assert epochs[:, 3] == pytest.approx(root(curve.epochs.train_losses), rel=1e-6)
    assert epochs[:, 4] == pytest.approx(root(1.1 * curve.epochs.train_losses), rel=1e-6)
    page = curves.for_page()
    assert page["best"] == 9 and page["floor"] == 0.5 and page["per_update"] == 0.1 and page["num_epochs"] == 10
    assert page["x"] == {"update": 100, "epoch": 10, "samples_seen": 3200, "seconds": pytest.approx(1.0)}


def test_a_hundred_thousand_updates_are_sent_as_few_points_with_every_extreme() -> None:
    y = np.random.default_rng(0).standard_normal(100_000)
    rows, few = thin(y)
    assert len(rows) == len(few) <= 2 * MOST_POINTS and (few.max(), few.min()) == (y.max(), y.min())
    assert (rows[::2] == rows[1::2]).all()  # both of a stretch at one place
    assert len(thin(y[: 2 * MOST_POINTS])[0]) == 2 * MOST_POINTS
    curves = Curves()
    full(curves, num_updates=100_000)
    assert len(sent(curves, "points", 4)) <= 2 * MOST_POINTS < 700


def test_of_an_earlier_run_with_epochs_no_batch_is_sent() -> None:
    curves = Curves()
    full(curves)
    curves.begin(keep=True)
    curves.earlier.append(fed(3.0, 2.0))  # stopped before its first epoch ended
    assert [len(run["points"]) for run in curves.earlier_for_page()] == [0, 2 * 4 * 4]


@pytest.mark.parametrize(("best", "mark"), [(4, 1), (5, 2)])
def test_the_best_of_more_epochs_than_are_drawn_is_drawn(best: int, mark: int) -> None:
    """Of 2,000 the first, the fourth, the seventh, … are."""
    curve = Curve()
    for epoch in range(1, 2_001):
        losses = {"train_loss": 1.0, "validation_loss": 0.5 if epoch == best else 1.0}
        curve.add(made_up_progress(epoch, 1.0, num_updates=2_000, num_epochs=2_000, **losses))
    curve.read()
    assert curve.for_page("mse")["best"] == mark


def test_nothing_new_changes_nothing_nor_does_what_follows_a_divergence() -> None:
    curve = fed(1.0, 2.0)
    curve.read()
    assert len(curve) == 2 and not curve.diverged
    diverged = fed(1.0, math.nan)
    diverged.add(made_up_progress(3, 1.0, num_updates=9))
    diverged.read()
    assert len(diverged) == 2 and diverged.diverged


def test_the_best_epoch_is_one_with_a_loss() -> None:
    curve = Curve()
    for epoch, loss in enumerate((None, 2.0, 1.0), start=1):
        curve.add(made_up_progress(epoch, 1.0, num_updates=3, num_epochs=3, train_loss=1.0, validation_loss=loss))
    curve.read()
    assert curve.best_epoch() == 2


def test_a_run_ends_at_its_first_loss_that_is_no_number() -> None:
    curve = fed(1.0, 2.0, math.inf, math.nan, 1.0)
    assert curve.diverged and len(curve) == len(curve.history) == 3
    seen_in_validation = Curve()
    for update in (1, 2, 3):
        losses = {"train_loss": 1.0, "validation_loss": math.inf} if update == 2 else {}
        seen_in_validation.add(made_up_progress(update, 1.0, num_updates=4, num_epochs=2, **losses))
    seen_in_validation.read()
    assert seen_in_validation.diverged and len(seen_in_validation) == 2


def test_earlier_runs_are_capped_and_small() -> None:
    curves = Curves()
    for number in range(MOST_EARLIER_RUNS + 4):
        full(curves, start=10.0 + number, num_updates=5000)
    assert len(curves.earlier) == MOST_EARLIER_RUNS
    for curve in curves.earlier:
        assert len(curve) <= 2 * MOST_POINTS + 20 and len(curve.history) == 0
        assert curve.epochs.rows.max() == len(curve) - 1 and len(curve.epochs.rows) == 10
    curves.begin(keep=False)
    assert len(curves.earlier) == MOST_EARLIER_RUNS
    curves.clear()
    assert curves.earlier == [] and len(curves.run) == 0


# ---------------------------------------------------------------------------------------- names


def test_an_earlier_run_is_called_by_what_differs() -> None:
    present = Curve({"batch size": "64", "rate": "0.1", "epochs": "3"})
    assert Curve({**present.settings, "batch size": "32"}).called(present) == "batch 32"
    assert Curve({**present.settings, "batch size": "32", "rate": "1"}).called(present) == "batch 32, rate 1"
    assert Curve({"batch size": "1", "rate": "1", "epochs": "1"}).called(present) == "batch 1, rate 1 and 1 more"
    assert Curve(present.settings).called(present) == "the same again"
    assert Curve({"rate": "1"}, "wild").called(Curve({"rate": "2"}, "tame")) == "wild"
    assert Curve({"rate": "1"}, "wild").called(Curve({"rate": "2"})) == "rate 1"  # a learner's own run beside it


def test_names_do_not_stand_on_one_another() -> None:
    places = spread([0.2, 0.21, 0.22, 0.9, 1.7, 2.5], 0.06)
    assert min(np.diff(places)) >= 0.06 - 1e-9 and max(places) <= 1


# ---------------------------------------------------------------------------------------- axes


@pytest.mark.parametrize("log", [False, True])
def test_axes_stand_still_for_most_of_a_run(log: bool) -> None:
    curves, limits = Curves(log=log), set()
    for number, curve in enumerate(train_curve(curves.begin(keep=True), num_updates=600)):
        if number % 10 == 0:
            curve.read()
            limits.add((curves.y_limits(log), curves.x_limit("seconds")))
    assert len(limits) <= 8


def test_a_short_run_beside_a_long_one_is_not_squeezed_into_a_corner() -> None:
    curves = Curves()
    full(curves, num_updates=5000)
    full(curves, num_updates=100)
    assert curves.x_limit("update") == 400


@pytest.mark.parametrize("log", [False, True])
def test_one_bad_run_does_not_flatten_the_rest(log: bool) -> None:
    curves = Curves(log=log)
    for start, end in ((1.1, 0.85), (1.1, 0.9), (900.0, 400.0), (1.1, 0.8)):  # the third ends, and is no number later
        full(curves, start=start, end=end)
    low, high = curves.y_limits(log)
    assert low < 0.8 and high < (45 if log else 2)
    full(curves, start=900.0, end=400.0)
    assert curves.y_limits(log)[1] < (45 if log else 2)


@pytest.mark.parametrize("log", [False, True])
def test_a_diverging_run_leaves_the_axes_readable(log: bool) -> None:
    curves = Curves(log=log)
    full(curves)
    curve = curves.begin(keep=True)
    for update, loss in enumerate([10.0**power for power in range(1, 38)] + [math.inf, math.nan], 1):
        curve.add(made_up_progress(update, loss, num_updates=100))
    curve.read()
    assert curve.diverged
    low, high = curves.y_limits(log)
    assert 0 <= low < 1.1 and 5 < high < 1000


def test_an_early_spike_does_not_flatten_the_rest() -> None:
    curve = fed(*(1e6 if update == 3 else 1.0 for update in range(1, 1001)))
    assert curve.span("mse")[1] < 4


def test_floor_zero_and_single_updates_are_survived() -> None:
    curves = Curves(log=True, metric="rmse", floor=0.5)
    curve = curves.begin(keep=True)
    curve.add(made_up_progress(1, 4.0, num_updates=1, train_loss=4.0))
    curve.read()
    assert sent(curves, "epochs", 5)[0, 3] == 2.0 and np.isnan(sent(curves, "epochs", 5)[0, 4])
    assert curves.y_limits(True)[0] < 0.5 and curves.for_page()["best"] == -1
    assert near(pixels(curves), TRAIN) > 20
    zero = Curves(log=True)
    zero.run = fed(0.0, 0.0, num_epochs=2, train_loss=0.0, validation_loss=0.0)
    assert np.isfinite(zero.y_limits(True)).all() and saved_picture(zero)


@pytest.mark.parametrize(
    ("low", "high"), [(0.7, 1.1), (0.95, 1.0), (0.5, 30), (2_500, 30_000), (1e-6, 1e6), (1.0, 1e10)]
)
def test_log_ticks_are_few_and_in_view(low: float, high: float) -> None:
    ticks = log_ticks(low, high)
    assert 3 <= len(ticks) <= 9 and all(low <= tick <= high * (1 + 1e-9) for tick in ticks)


def test_limits_never_go_below_zero_and_guesses_are_round() -> None:
    assert widen(0.0, 0.0, log=False)[0] == 0.0
    assert widen(1.0, 1.0, log=False)[0] < 1.0 < widen(1.0, 1.0, log=False)[1]
    assert widen(0.0, 1.0, log=True)[0] > 0
    assert [nice(end) for end in (0.0, 0.9, 1.0, 1.1, 340.0)] == [1e-3, 1.0, 1.0, 1.5, 500.0]
    assert [nice(end) for end in (1.6, 2.5, 6.0, 7.5)] == [2, 3, 7, 10]


# ---------------------------------------------------------------------------------------- the saved picture


def test_the_page_draws_in_the_courses_colours() -> None:
    css = beside("view.css")
    for name, colour in {"training": TRAIN, "validation": VALIDATION, "best": BEST, "floor": FLOOR}.items():
        assert f"--chart-{name}: {colour.lower()};" in css


def test_in_the_dark_they_are_the_same_colours_lighter() -> None:
    css = beside("view.css")
    for name, light in {"training": TRAIN, "validation": VALIDATION, "best": BEST}.items():
        _, dark = re.findall(f"--chart-{name}: (#[0-9a-f]{{6}});", css)
        assert contrast(dark, "#111111") > contrast(light, "#111111") and contrast(dark, "#111111") >= READABLE
        hues = [rgb_to_hsv(to_rgb(colour))[0] for colour in (light, dark)]
        assert abs(hues[0] - hues[1]) < 0.02, name


def test_the_saved_picture_has_its_size_and_colours_and_is_the_same_for_the_same_runs() -> None:
    many = [Curves(log=True, floor=0.9) for _ in range(2)]
    for curves in many:
        full(curves, {"rate": "1"})
        full(curves, {"rate": "2"}, start=8.0)
    assert saved_picture(many[0]) == saved_picture(many[1])
    drawn, empty = pixels(many[0]), pixels(Curves(log=True))
    assert drawn.shape == empty.shape == (2 * HEIGHT, 2 * WIDTH, 3) and (drawn[0, 0] == 255).all()
    for colour in (TRAIN, VALIDATION):
        assert near(drawn, colour) > near(empty, colour) + 300


def test_losses_that_are_no_number_leave_gaps() -> None:
    curves = Curves()
    curve = full(curves)
    curve._rows[50, 3], curve._rows[51, 3] = np.nan, np.inf
    assert np.isfinite(curves.y_limits(False)).all() and saved_picture(curves)
    assert torch.isnan(torch.tensor(sent(curves, "points", 4)[50, 3]))


@pytest.fixture
def noisy() -> Curves:
    """A run of many small batches."""
    curves, noise = Curves(), np.random.default_rng(0).lognormal(0, 0.6, 3_000)
    for update, loss in enumerate(noise, 1):
        ended = {"train_loss": 1.1, "validation_loss": 1.0} if update % 1_500 == 0 else {}
        curves.run.add(made_up_progress(update, loss, num_updates=3_000, num_epochs=2, **ended))
    curves.run.read()
    curves.fit()
    return curves


def test_noise_does_not_take_the_colours_of_what_matters(noisy: Curves) -> None:
    image = pixels(noisy)
    assert all(near(image, colour) > 20 for colour in (TRAIN, VALIDATION, BEST))


def test_many_updates_are_a_band(noisy: Curves) -> None:
    """As a zigzag between the highest and the lowest of each stretch they were a field of noise."""
    calm = pixels(noisy)[HEIGHT : int(1.7 * HEIGHT)]
    edges = (np.abs(np.diff(calm, axis=1)).max(axis=2) > 12).sum(axis=1)
    assert np.median(edges) < 60


@pytest.mark.fault("a loss below zero, such as the logarithm of a density, is drawn like any other")
@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("losses", [(-10.0, -9.0, -8.0), (2.0, 1.0, -1.0, -2.0), (-1.0, -2.0, -3.0, -4.0)])
def test_losses_below_zero_are_in_the_picture(losses: tuple[float, ...], log: bool) -> None:
    curves = Curves()
    curves.run = fed(*losses)
    low, high = curves.y_limits(False)
    assert low <= min(losses) and max(losses) <= high
    low, high = curves.y_limits(log)
    assert low < high and saved_picture(curves)


@pytest.mark.fault("a loss without a root leaves a gap")
@pytest.mark.filterwarnings("error")
def test_a_negative_loss_has_no_rmse() -> None:
    curves = Curves(metric="rmse")
    curves.run = fed(4.0, -1.0, 1.0)
    assert curves.y_limits(False)[1] >= 2 and saved_picture(curves)
    curves.run = fed(-1.0, -2.0)
    assert saved_picture(curves) and curves.for_page()


@pytest.mark.filterwarnings("error")
def test_a_loss_too_large_for_the_page_is_no_warning() -> None:
    curves = Curves()
    curves.run = fed(1.0, 1.0, train_loss=1e200)
    assert np.isinf(sent(curves, "epochs", 5)[:, 3]).all()


def test_a_loop_of_ones_own_has_a_loss_of_no_name() -> None:
    curves = Curves()
    assert curves.measured == "mean squared error"
    for progress in as_progress(iter([2.0, 1.0])):
        curves.run.add(progress)
    curves.run.read()
    assert curves.measured == curves.for_page()["metric"] == "loss"
    curves.x = "samples_seen"
    assert curves.axis == "update"  # nobody told how many samples there were


@pytest.mark.parametrize("num_updates", [100, 3_000])
def test_a_compact_copy_has_every_epoch_and_no_more_updates_than_are_drawn(num_updates: int) -> None:
    curve = full(Curves(), {"batch size": "32"}, "a name", num_updates=num_updates)
    copy = curve.compact()
    assert (copy.settings, copy.name, len(copy.history)) == ({"batch size": "32"}, "a name", 0)
    assert (copy.num_updates, copy.num_epochs, copy.best_epoch()) == (num_updates, 10, 9)
    every = max(1, math.ceil(num_updates / (2 * MOST_POINTS)))
    ends = [num_updates // 10 * epoch for epoch in range(1, 11)]  # of the epochs
    assert copy.x("update").tolist() == sorted({*range(1, num_updates + 1, every), *ends})
    assert np.array_equal(copy.losses, curve.losses[copy.x("update").astype(int) - 1])
    assert copy.x("update")[copy.epochs.rows].tolist() == ends
    assert np.array_equal(copy.epochs.validation_losses, curve.epochs.validation_losses)


def test_a_name_is_made_of_the_words_that_say_most() -> None:
    present = Curve({"times every sample": "40", "size": "2"})
    assert Curve({"times every sample": "10", "size": "2"}).called(present) == "times every sample 10"
    assert Curve({"times every sample": "40", "size": "3"}).called(present) == "size 3"
