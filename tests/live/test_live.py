"""The controller without a browser: newest values win, one task, errors are seen, and synchronous mode is complete."""

from __future__ import annotations

import asyncio
import base64
import contextvars
import io
import math
import re
import subprocess
import sys
import threading
import time
import types
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import ipywidgets
import pytest
import torch
from PIL import Image

from helpers.checks import LessonError
from helpers.live import int_slider, live_picture, live_training, log_slider, worker
from helpers.live.part import Live
from helpers.live.training import FIRST_SLICE, SLICE
from helpers.training import History, Progress, early_stopping

EPOCHS = 4


def progress(update: int, num_updates: int, loss: float, validation_loss: float | None = None) -> Progress:
    per_epoch = num_updates // EPOCHS
    ended = update % per_epoch == 0
    return Progress(
        update=update, num_updates=num_updates, epoch=(update - 1) // per_epoch + 1, num_epochs=EPOCHS,
        samples_seen=update * 8, seconds=update * 0.001, loss=torch.tensor(loss),
        train_loss=loss if ended else None, validation_loss=(validation_loss or loss * 1.1) if ended else None,
    )  # fmt: skip


class Runs:
    """Makes runs that take a millisecond an update, and notes what became of them."""

    def __init__(self, num_updates: int = 400, pause: float = 0.001) -> None:
        self.num_updates, self.pause = num_updates, pause
        self.began: list[int] = []
        self.closed: list[tuple[int, int, float]] = []  # value, updates made, when
        self.threads: set[int] = set()

    def start(self, value: int) -> Iterator[Progress]:
        self.began.append(value)
        return self._updates(value)

    def _updates(self, value: int) -> Iterator[Progress]:
        update = 0
        try:
            for update in range(1, self.num_updates + 1):
                time.sleep(self.pause)
                self.threads.add(threading.get_ident())
                yield progress(update, self.num_updates, 1 + value / update)
        finally:
            self.closed.append((value, update, time.perf_counter()))


def in_loop(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 60))


async def ended(live: Live) -> None:
    """Wait until nothing is running."""
    await asyncio.sleep(0.01)
    while not live.idle:
        await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def not_synchronous(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EPOCH_SYNC", raising=False)


@pytest.fixture(autouse=True)
def leaves_nothing_open() -> Iterator[None]:
    yield
    ipywidgets.Widget.close_all()
    worker._parts.clear()


# ---------------------------------------------------------------------------------------------------- synchronous


def test_without_a_loop_the_run_is_complete_at_once() -> None:
    runs = Runs(40, pause=0)
    live = live_training(runs.start, value=int_slider(1, 9, 5))
    assert len(live.history) == 40 and live.values == {"value": 5}
    live.set(value=7)
    assert len(live.history) == 40 and live.values == {"value": 7} and runs.began == [5, 7]


def test_sync_mode_is_asked_for_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        live = live_training(Runs(40, pause=0).start, value=int_slider(1, 9, 5))
        assert live.sync and len(live.history) == 40

    monkeypatch.setenv("EPOCH_SYNC", "1")
    in_loop(scenario)


@pytest.mark.fault("the error itself, in its cell")
def test_errors_are_raised_in_sync_mode() -> None:
    def start(value: int) -> Iterator[Progress]:
        yield progress(1, 40, 1.0)
        if value == 6:
            raise RuntimeError("six is too many")

    live = live_training(start, value=int_slider(1, 9, 5))
    with pytest.raises(RuntimeError, match="six is too many"):
        live.set(value=6)


def test_repr_has_settings_and_final_numbers_and_no_timings() -> None:
    first, second = (repr(live_training(Runs(40, pause=p).start, value=int_slider(1, 9, 5))) for p in (0, 0.002))
    assert first == second
    # Losses 1 + 5 / update: 1.5 after the first epoch's 10 updates, 1.125 after 40; validation ten per cent above.
    assert first == (
        "live_training(value=5): Ended after 40 updates, 4 epochs. Training loss fell from 1.5 to 1.12."
        " Validation loss was lowest after epoch 4: 1.24."
    )
    assert "\n" not in first


def test_text_in_rmse_is_the_root() -> None:
    live = live_training(Runs(40, pause=0).start, value=int_slider(1, 9, 5), metric="rmse")
    assert f"Training RMSE fell from {math.sqrt(1.5):.3g} to {math.sqrt(1.125):.3g}" in live.text


def test_what_cannot_be_is_said_in_a_sentence() -> None:
    live = live_training(Runs(40, pause=0).start, value=int_slider(1, 9, 5))
    with pytest.raises(LessonError, match="no control 'speed' here: there are value"):
        live.set(speed=3)
    with pytest.raises(LessonError, match="value has no 12: its nearest values are 8 and 9"):
        live.set(value=12)
    with pytest.raises(LessonError, match="value must be a control"):
        live_training(Runs().start, value=5)
    with pytest.raises(LessonError, match="x must be one of"):
        live_training(Runs().start, value=int_slider(1, 9, 5), x="epochs")
    assert live.values == {"value": 5}


def test_early_stopping_ends_the_run_and_the_text_says_where() -> None:
    def start(value: int) -> Iterator[Progress]:
        rising = (progress(update, 40, 1.0, 1 + update / 100) for update in range(1, 41))
        return early_stopping(rising, patience=1)

    live = live_training(start, value=int_slider(1, 9, 5))
    assert len(live.history) == 20 and live.history.best_epoch == 1
    assert "20 updates, 2 epochs" in live.text


def test_display_has_widget_picture_and_text() -> None:
    live = live_training(Runs(40, pause=0).start, value=int_slider(1, 9, 5))
    data, metadata = live._repr_mimebundle_()
    assert data["text/plain"] == repr(live)
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == live.widget.model_id
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    size = metadata["image/png"]["width"], metadata["image/png"]["height"]
    assert picture.size == (2 * size[0], 2 * size[1])
    assert metadata["image/png"]["alt"] == live.text


# ---------------------------------------------------------------------------------------------------- live


def test_the_first_run_begins_on_display() -> None:
    async def scenario() -> None:
        runs = Runs(100)
        live = live_training(runs.start, value=int_slider(1, 9, 5))
        await asyncio.sleep(0.05)
        assert runs.began == []
        live._repr_mimebundle_()
        live._repr_mimebundle_()  # displayed twice, trained once
        await ended(live)
        assert runs.began == [5] and len(live.history) == 100 and "· done" in live.widget.progress_text

    in_loop(scenario)


def test_newest_value_wins_within_a_slice() -> None:
    async def scenario() -> None:
        runs = Runs(400)
        live = live_training(runs.start, value=int_slider(1, 9, 5))
        live._repr_mimebundle_()
        await asyncio.sleep(0.15)
        moved = time.perf_counter()
        # As JupyterLab does it: from another thread.
        thread = threading.Thread(target=lambda: live.set(value=6))
        thread.start()
        await ended(live)
        (first, updates, when), (second, all_updates, _) = runs.closed
        assert (first, second) == (5, 6) and updates < 400 and all_updates == 400
        assert when - moved < 16 * SLICE  # generous: the machine may be busy; without slices it would be 0.3 s more
        assert live.curves.run.settings == {"value": "6"} and runs.threads == {threading.get_ident()}

    in_loop(scenario)


def test_a_newer_value_ends_a_slice() -> None:
    async def scenario() -> None:
        closed = []

        def start(value: int) -> Iterator[Progress]:
            update = 0
            try:
                for update in range(1, 41):
                    if (value, update) == (5, 10):
                        thread = threading.Thread(target=lambda: live.set(value=6))
                        thread.start()
                        thread.join()
                    yield progress(update, 40, 1.0)
            finally:
                closed.append((value, update))

        live = live_training(start, value=int_slider(1, 9, 5))
        live._repr_mimebundle_()
        await ended(live)
        assert closed == [(5, 10), (6, 40)]

    in_loop(scenario)


@pytest.mark.fault("the newest values win; one run, no queue")
@pytest.mark.parametrize("moves", [20, 200])
def test_storm_of_values_leaves_one_run(moves: int) -> None:
    async def scenario() -> None:
        runs, seen, tasks = Runs(100), [], set()
        live = live_training(runs.start, value=int_slider(0, 999, 999))
        live.chart.observe(lambda change: seen.append(live.curves.run.settings["value"]), "run")
        live._repr_mimebundle_()

        def drag() -> None:
            for value in range(moves):
                live.set(value=value)
                time.sleep(2 / moves / 4)

        thread = threading.Thread(target=drag)
        thread.start()
        while thread.is_alive():
            await asyncio.sleep(0.002)
            tasks.add(sum(task.get_coro().__name__ == "_run" for task in asyncio.all_tasks()))
        await ended(live)
        assert tasks <= {0, 1}
        assert runs.closed[-1][:2] == (moves - 1, 100) and len(live.history) == 100
        # No frame of an older run after one of a newer.
        assert seen and seen == sorted(seen, key=lambda value: int(value) if value != "999" else -1)
        assert len(live.curves.earlier) <= 1  # replaced runs are no results

    in_loop(scenario)


def test_stop_keeps_the_partial_curve() -> None:
    async def scenario() -> None:
        runs = Runs(2000)
        live = live_training(runs.start, value=int_slider(1, 9, 5))
        live._repr_mimebundle_()
        await asyncio.sleep(0.3)
        live.widget.buttons["stop"].click()
        await ended(live)
        assert 0 < len(live.history) < 2000 and runs.closed
        assert "stopped" in live.widget.progress_text and not live.widget.running
        assert live.text.startswith("Stopped ")

        live.widget.buttons["start"].click()
        await asyncio.sleep(0.1)
        assert live.widget.running and len(live.curves.earlier) == 1

    in_loop(scenario)


def test_stop_before_the_first_slice_stops() -> None:
    async def scenario() -> None:
        live = live_training(Runs(2000).start, value=int_slider(1, 9, 5))
        live.start()
        live.stop()
        await ended(live)
        assert len(live.history) < 2000 * FIRST_SLICE

    in_loop(scenario)


def test_reset_goes_back_and_forgets() -> None:
    async def scenario() -> None:
        runs = Runs(40, pause=0)
        live = live_training(runs.start, value=int_slider(1, 9, 5))
        live._repr_mimebundle_()
        await ended(live)
        live.set(value=8, log_scale=True)
        await ended(live)
        assert len(live.curves.earlier) == 1
        live.widget.buttons["reset"].click()
        await ended(live)
        assert live.values == {"value": 5} and live.curves.earlier == [] and not live.chart.log_scale
        live.widget.buttons["reset"].click()  # where nothing has to move, it trains all the same
        await ended(live)
        assert runs.began == [5, 8, 5, 5]

    in_loop(scenario)


def test_picture_controls_redraw_without_training() -> None:
    async def scenario() -> None:
        runs = Runs(40, pause=0)
        live = live_training(runs.start, value=int_slider(1, 9, 5))
        live._repr_mimebundle_()
        await ended(live)
        live.set(x_axis="seconds", log_scale=True)
        await asyncio.sleep(0.2)
        assert (live.chart.x_axis, live.chart.log_scale) == ("seconds", True) and runs.began == [5]

    in_loop(scenario)


@pytest.mark.fault('"Diverged in epoch …"; the next move trains')
def test_divergence_is_said_and_the_next_move_recovers() -> None:
    def start(value: int) -> Iterator[Progress]:
        for update in range(1, 401):
            yield progress(update, 400, 1 / update if value < 9 else 10.0**update if update < 37 else math.inf)

    async def scenario() -> None:
        live = live_training(start, value=int_slider(1, 9, 5))
        live._repr_mimebundle_()
        await ended(live)
        live.set(value=9)
        await ended(live)
        assert live.text.startswith("Diverged in epoch 1") and "diverged" in live.widget.progress_text
        assert len(live.history) == 37
        assert live.curves.y_limits(log=False)[1] < 20  # the earlier run is still readable
        live.set(value=4)
        await ended(live)
        assert live.text.startswith("Ended after 400 updates") and len(live.history) == 400

    in_loop(scenario)


@pytest.mark.fault("one red line and where it happened; the next move trains")
def test_an_error_is_shown_with_its_place_and_the_next_move_recovers() -> None:
    def start(value: int) -> Iterator[Progress]:
        yield progress(1, 40, 1.0)
        if value == 6:
            raise RuntimeError("six is <too> many")
        yield from (progress(update, 40, 1.0) for update in range(2, 41))

    async def scenario() -> None:
        live = live_training(start, value=int_slider(1, 9, 6))
        live._repr_mimebundle_()
        await ended(live)
        assert live.widget.error == "RuntimeError: six is <too> many" and not live.widget.running
        assert 'raise RuntimeError("six is <too> many")' in live.widget.traceback
        assert "helpers/live/" not in live.widget.traceback
        live.set(value=5)
        await ended(live)
        assert live.widget.error == live.widget.traceback == "" and len(live.history) == 40

    in_loop(scenario)


def test_a_lesson_error_needs_no_traceback() -> None:
    def start(value: int) -> Iterator[Progress]:
        raise LessonError("Take fewer.")

    async def scenario() -> None:
        live = live_training(start, value=int_slider(1, 9, 6))
        live._repr_mimebundle_()
        await ended(live)
        assert live.widget.error == "Take fewer." and live.widget.traceback == ""

    in_loop(scenario)


def test_two_parts_do_not_disturb_each_other() -> None:
    async def scenario() -> None:
        first, second = Runs(300), Runs(300)
        one = live_training(first.start, value=int_slider(1, 9, 5))
        two = live_training(second.start, value=int_slider(1, 9, 5))
        one._repr_mimebundle_()
        two._repr_mimebundle_()
        await asyncio.sleep(0.1)
        one.close()
        await ended(two)
        assert second.closed[0][:2] == (5, 300) and first.closed[0][1] < 300

    in_loop(scenario)


def test_a_run_keeps_the_context_of_the_cell_that_shows_it() -> None:
    cell = contextvars.ContextVar("cell", default="another cell")
    printed_in = []

    def start(value: int) -> Iterator[Progress]:
        printed_in.append(cell.get())
        yield from (progress(update, 40, 1.0) for update in range(1, 41))

    async def scenario() -> None:
        live = live_training(start, value=int_slider(1, 9, 5))
        contextvars.copy_context().run(lambda: (cell.set("this cell"), live._repr_mimebundle_()))
        await ended(live)
        live.set(value=6)  # from a third place
        await ended(live)

    in_loop(scenario)
    assert printed_in == ["this cell", "this cell"]


@pytest.mark.fault("one live part; the former one gives its memory back")
def test_running_a_cell_again_retires_its_former_self(monkeypatch: pytest.MonkeyPatch) -> None:
    parent = {"header": {"msg_id": "1"}, "metadata": {"cellId": "cell"}, "content": {"code": "live"}}
    monkeypatch.setattr(worker, "get_ipython", lambda: types.SimpleNamespace(get_parent=lambda: parent))

    async def scenario() -> None:
        runs, live, widgets = Runs(2000), None, len(ipywidgets.widgets.widget._instances)
        for execution in range(10):
            parent["header"]["msg_id"] = str(execution)
            former, live = live, live_training(runs.start, value=int_slider(1, 9, 5))
            other = live_picture(lambda figure: "nothing")  # in the same cell: not a former self
            live._repr_mimebundle_()
            await asyncio.sleep(0.03)
            now_open = len(ipywidgets.widgets.widget._instances)
            if former is None:
                first_open = now_open
            else:
                assert former.idle
                assert len(former.history) == 0
                assert now_open == first_open
        assert sum(task.get_coro().__name__ == "_run" for task in asyncio.all_tasks()) == 1
        assert len(runs.closed) == 9 and other.text == "nothing"
        live.close()
        other.close()
        assert len(ipywidgets.widgets.widget._instances) == widgets
        assert repr(live).endswith("closed") and repr(other) == "live_picture: closed"
        with pytest.raises(LessonError, match="run its cell again"):
            live.set(value=6)

    in_loop(scenario)


def test_a_plain_script_runs_to_the_end(tmp_path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from helpers.live import *\n"
        "picture = live_picture(lambda figure, n: f'{n} points', n=int_slider(1, 9, 5))\n"
        "picture.set(n=6)\n"
        "print(picture)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout == "live_picture(n=6): 6 points\n" and done.stderr == ""


# ---------------------------------------------------------------------------------------------------- pictures


def test_picture_follows_its_controls_and_says_what_it_shows() -> None:
    def draw(figure, rate: float) -> str:
        figure.subplots().plot([0, rate])
        return f"A line up to {rate:g}."

    async def scenario() -> None:
        picture = live_picture(draw, rate=log_slider(0.001, 1, 0.01), width=5, height=2)
        before = picture.widget.picture.file
        assert Image.open(io.BytesIO(before)).size == (1000, 400)
        assert repr(picture) == "live_picture(rate=0.01): A line up to 0.01."
        picture._repr_mimebundle_()
        threading.Thread(target=lambda: picture.set(rate=1)).start()
        await ended(picture)
        assert picture.text == "A line up to 1." and picture.widget.picture.file != before

    in_loop(scenario)


@pytest.mark.fault("the error itself, then one red line; the next move draws")
def test_picture_with_a_mistake_fails_where_it_is_made_and_later_says_so() -> None:
    def draw(figure, n: int) -> str:
        return f"{1 / (n - 5)}"

    widgets = len(ipywidgets.widgets.widget._instances)
    with pytest.raises(ZeroDivisionError):
        live_picture(draw, n=int_slider(1, 9, 5))
    assert len(ipywidgets.widgets.widget._instances) == widgets

    async def scenario() -> None:
        picture = live_picture(draw, n=int_slider(1, 9, 6))
        picture.set(n=5)
        await ended(picture)
        assert picture.widget.error == "ZeroDivisionError: division by zero" and "n - 5" in picture.widget.traceback
        picture.set(n=7)
        await ended(picture)
        assert picture.widget.error == "" and picture.text == "0.5"

    in_loop(scenario)


def test_history_is_what_the_run_yielded() -> None:
    live = live_training(Runs(40, pause=0).start, value=int_slider(1, 9, 5))
    expected = History.of(Runs(40, pause=0).start(5))
    assert live.history.losses == pytest.approx(expected.losses)
    assert live.history.epochs.equals(expected.epochs)


def test_a_generator_makes_a_picture_that_grows_and_a_move_begins_it_anew() -> None:
    seen, ended_at = [], []

    def draw(figure, n: int) -> Iterator[str]:
        axes, step = figure.subplots(), 0
        try:
            for step in range(1, n + 1):
                axes.plot([0, step])
                yield f"{step} of {n} lines."
        finally:
            ended_at.append((step, n))

    async def scenario() -> None:
        picture = live_picture(draw, n=int_slider(1, 90, 5), width=2, height=1)
        picture.widget.observe(lambda change: seen.append(change["new"]), "text")
        assert picture.text == "1 of 5 lines."  # at once
        await ended(picture)
        assert picture.text == "5 of 5 lines." and len(seen) == 4
        picture.set(n=90)
        while len(seen) < 7:
            await asyncio.sleep(0.005)
        picture.set(n=3)
        await ended(picture)
        assert picture.text == "3 of 3 lines." and ended_at[1][0] < 90 and ended_at[2] == (3, 3)

    in_loop(scenario)
    sync = live_picture(draw, n=int_slider(1, 9, 4), width=2, height=1)
    assert repr(sync) == "live_picture(n=4): 4 of 4 lines." and seen[-1] == "3 of 3 lines."


# ---------------------------------------------------------------------------------------------------- what goes wrong


@pytest.mark.fault("one red line; the kernel stays")
@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), MemoryError()], ids=repr)
def test_nothing_that_a_run_raises_leaves_the_loop(error: BaseException) -> None:
    def start(value: int) -> Iterator[Progress]:
        yield progress(1, 40, 1.0)
        if value == 6:
            raise error
        yield from (progress(update, 40, 1.0) for update in range(2, 41))

    async def scenario() -> None:
        live = live_training(start, value=int_slider(1, 9, 6))
        live._repr_mimebundle_()
        await ended(live)
        assert live.widget.error.startswith(type(error).__name__) and not live.widget.running
        if isinstance(error, KeyboardInterrupt):
            assert live.widget.progress_text.endswith("stopped")
            assert live.widget.text == "Stopped before the first epoch ended."
        live.set(value=5)
        await ended(live)
        assert live.widget.error == "" and len(live.history) == 40

    in_loop(scenario)


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("nothing to say")


@pytest.mark.fault("one red line, whatever the error says; the kernel stays")
@pytest.mark.parametrize(
    ("error", "line"),
    [
        (Mute(), "Mute"),
        (ValueError("one\n  two"), "ValueError: one two"),
        (ValueError("x" * 10**6), f"ValueError: {'x' * 299}…"),
    ],
    ids=["mute", "two lines", "a million letters"],
)
def test_what_an_error_says_is_one_line(error: Exception, line: str) -> None:
    def start(value: int) -> Iterator[Progress]:
        yield progress(1, 40, 1.0)
        raise error

    async def scenario() -> None:
        live = live_training(start, value=int_slider(1, 9, 6))
        live._repr_mimebundle_()
        await ended(live)
        assert live.widget.error == line
        assert "raise error" in live.widget.traceback and len(live.widget.traceback) <= 10_000

    in_loop(scenario)


@pytest.mark.fault("one red line; the new run trains")
def test_a_finally_that_raises_does_not_swallow_the_new_run() -> None:
    def start(value: int) -> Iterator[Progress]:
        try:
            for update in range(1, 401):
                time.sleep(0.001)
                yield progress(update, 400, 1.0)
        finally:
            if value == 6:
                raise OSError("the file is gone")

    async def scenario() -> None:
        live = live_training(start, value=int_slider(1, 9, 6))
        seen = []
        live.widget.observe(lambda change: seen.append(change["new"]), "error")
        live._repr_mimebundle_()
        await asyncio.sleep(0.1)
        live.set(value=5)
        await ended(live)
        assert len(live.history) == 400 and live.curves.run.settings == {"value": "5"}
        assert "OSError: the file is gone" in seen

    in_loop(scenario)


@pytest.mark.fault("one red line in place of the picture")
def test_an_error_while_drawing_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        live = live_training(Runs(40, pause=0).start, value=int_slider(1, 9, 5))
        monkeypatch.setattr(live.curves, "for_page", lambda: 1 / 0)
        live._repr_mimebundle_()
        await ended(live)
        assert live.widget.error == "ZeroDivisionError: division by zero"

    in_loop(scenario)
    for floor in (math.inf, "x"):
        with pytest.raises(LessonError, match="floor must be a number"):
            live_training(Runs().start, value=int_slider(1, 9, 5), floor=floor)


@pytest.mark.fault("one sentence")
def test_what_is_no_run_and_no_sentence_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPOCH_SYNC", "1")
    control = int_slider(1, 9, 5)
    for start, words in (
        (lambda n: None, "start must return a run"),
        (lambda n: iter(()), "ended before its first update"),
        (lambda n: iter(["low"]), "A loop yields its loss"),
    ):
        widgets = len(ipywidgets.widgets.widget._instances)
        with pytest.raises(LessonError, match=words):
            live_training(start, n=control)
        assert len(ipywidgets.widgets.widget._instances) == widgets  # what failed leaves nothing behind
    with pytest.raises(LessonError, match="draw returns one sentence"):
        live_picture(lambda figure, n: [n], n=control)


def test_what_callbacks_make_belongs_to_no_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    parents = iter([{"header": {"msg_id": str(number)}, "content": {}} for number in range(2)])
    monkeypatch.setattr(worker, "get_ipython", lambda: types.SimpleNamespace(get_parent=lambda: next(parents)))
    one, two = (live_picture(lambda figure, words=words: words) for words in ("one", "two"))
    assert (repr(one), repr(two)) == ("live_picture(): one", "live_picture(): two")


# ---------------------------------------------------------------------------------------------------- any loop


def test_the_loop_in_the_readme_is_a_live_part_as_it_stands() -> None:
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (code,) = (
        block for block in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "live_training(start" in block
    )
    data = TensorDataset(torch.randn(150, 4), torch.randint(3, (150,)))
    *before, last = code.strip().splitlines()
    names = {"nn": nn, "torch": torch, "DataLoader": DataLoader, "data": data}
    exec("\n".join(before), names)
    live = eval(last, names)
    assert live.text.startswith("Ended after 100 updates") and len(live.history.losses) == 100


def test_a_plain_loop_is_a_live_part() -> None:
    """The ten lines of the README: classification, a `DataLoader`, nothing of this course but the live part."""
    from sklearn.datasets import load_iris
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    flowers = load_iris()
    data = TensorDataset(torch.tensor(flowers.data, dtype=torch.float32), torch.tensor(flowers.target))

    def start(learning_rate):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
        optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate)
        for _ in range(20):
            for inputs, labels in DataLoader(data, batch_size=30, shuffle=True):
                loss = nn.functional.cross_entropy(model(inputs), labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                yield loss
            with torch.no_grad():
                yield loss, nn.functional.cross_entropy(model(data.tensors[0]), data.tensors[1])

    live = live_training(start, learning_rate=log_slider(0.001, 1, 0.1))
    assert re.match(r"Ended after 120 updates\. The loss, .*, fell from 1\.\d+ to 0\.\d+\. Validation loss", live.text)
    assert live.history.epochs["update"].tolist() == list(range(6, 121, 6))
    epoch = live.history.losses[6:12]
    assert live.history.epochs["train_loss"].iloc[1] == pytest.approx(sum(epoch) / 6)
    assert live.curves.for_page()["x"]["update"] == 150  # how long it will be is not known: the next round number
    best = live.history.best_validation_loss
    live.set(learning_rate=0.001)
    assert live.history.best_validation_loss > best
    [earlier] = live.curves.earlier
    assert earlier.called(live.curves.run) == "rate 0.1"
