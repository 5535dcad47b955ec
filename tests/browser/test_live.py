"""Live parts in a real JupyterLab: what a learner does, and what a learner sees."""

from __future__ import annotations

import base64
import io
import os
import re
import signal
from collections.abc import Callable, Iterator

import nbformat
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.conftest import Lab, LivePart, Notebook, check_boxes

pytestmark = pytest.mark.browser

IMPORTS = """
import gc, os, time
import ipywidgets
import psutil
from helpers.live import *
from helpers.data import load_diabetes
from helpers.models import MLP
from helpers.training import Config, train

train_set, validation_set = load_diabetes()
"""
LIVE = """
def start(batch_size, learning_rate, num_epochs, optimizer):
    print("starting")
    config = Config(
        num_epochs=num_epochs, batch_size=batch_size, learning_rate=learning_rate, optimizer=optimizer
    )
    return train(MLP(10), train_set, validation_set, config)
live = live_training(
    start,
    batch_size=powers_of_two(1, 256, 32, "samples per update"),
    learning_rate=log_slider(1e-4, 1000, 0.01, "length of a step"),
    num_epochs=int_slider(10, 1000, 40, "times every sample is seen", step=10),
    optimizer=menu(["adam", "sgd"], "adam", "rule of the update"),
)
live
"""
Shown = tuple[Notebook, LivePart]


@pytest.fixture
def shown(kept_open: Notebook) -> Iterator[Shown]:
    """A live part of the test's own whose first run is over; the page has its usual size and theme afterwards."""
    live = show_live(kept_open)
    size = kept_open.page.viewport_size
    yield kept_open, live
    kept_open.page.set_viewport_size(size)
    choose_theme(kept_open, "Light")


def choose_theme(notebook: Notebook, theme: str) -> None:
    notebook.page.evaluate(f"jupyterapp.commands.execute('apputils:change-theme', {{theme: 'JupyterLab {theme}'}})")


def show_live(notebook: Notebook, *more_cells: str) -> LivePart:
    """A live part whose first run is over, in the place of what the notebook has shown before."""
    notebook.write(IMPORTS, LIVE, *more_cells)
    notebook.run_all()
    live = notebook.live()
    live.wait_until_done()
    return live


def test_a_move_trains_and_the_curve_grows_at_one_height(shown: Shown) -> None:
    notebook, live = shown
    width, pixels = live.picture.evaluate("canvas => [canvas.clientWidth, canvas.width]")
    assert width > 500 and pixels == width * notebook.page.evaluate("devicePixelRatio")
    before = live.picture.evaluate("canvas => canvas.toDataURL()")
    live.watch()
    # Nothing has been moved before: a slider's first move counts too.
    live.slider("batch size").focus()
    notebook.page.keyboard.press("ArrowLeft")
    notebook.page.keyboard.press("ArrowLeft")
    live.progress.filter(has_text="of 1,800").wait_for()
    live.wait_until_done()
    frames, heights = live.watched()
    assert len(frames) >= 6 and len(heights) == 1
    assert live.picture.evaluate("canvas => canvas.toDataURL()") != before
    assert live.progress.inner_text() == "update 1,800 of 1,800 · epoch 40 of 40 · done"
    assert live.text.inner_text().startswith("Ended after 1,800 updates, 40 epochs.")
    assert live.picture.get_attribute("aria-label") == live.text.inner_text()


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_the_curves_have_the_themes_colours(shown: Shown, theme: str) -> None:
    notebook, live = shown
    choose_theme(notebook, theme)
    notebook.page.wait_for_timeout(1500)
    shown = live.picture.evaluate("canvas => canvas.toDataURL()").split(",")[1]
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(shown))).convert("RGB")).astype(int)
    paper, training, validation = {
        "Light": ((255, 255, 255), (0, 114, 178), (194, 85, 0)),
        "Dark": ((17, 17, 17), (86, 180, 233), (255, 154, 82)),
    }[theme]
    assert (image[2, 2] == paper).all()
    for colour in (training, validation):
        assert (np.abs(image - colour).max(axis=2) < 12).sum() > 100


def test_axis_scale_and_legend_need_no_kernel(shown: Shown) -> None:
    notebook, live = shown
    notebook.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.interrupt()")
    looks = set()

    def look() -> None:
        looks.add(live.picture.evaluate("canvas => canvas.toDataURL()"))

    look()
    live.root.get_by_role("combobox", name="horizontal axis").select_option("seconds")
    look()
    live.root.get_by_role("checkbox", name="log scale").check()
    look()
    entry = live.root.get_by_role("button", name="training (update)")
    entry.click()
    assert entry.get_attribute("aria-pressed") == "false"
    look()
    live.root.get_by_role("checkbox", name="why the staircase?").check()
    assert live.root.locator(".why").is_visible()
    look()
    assert len(looks) == 5
    assert live.progress.inner_text() == "update 480 of 480 · epoch 40 of 40 · done"  # nothing was trained


def test_values_are_read_off_by_mouse_and_by_keys(shown: Shown) -> None:
    notebook, live = shown
    readout, keyboard = live.root.locator(".readout"), notebook.page.keyboard
    box = live.picture.bounding_box()
    live.picture.hover(position={"x": box["width"] / 2, "y": box["height"] / 2})
    assert re.match(r"(epoch \d+, )?update \d+: ", readout.inner_text())
    notebook.page.mouse.move(1, 1)
    live.picture.focus()
    keyboard.press("End")
    last = readout.inner_text()
    assert re.match(r"epoch 40, update 480: training [\d.,]+ · validation [\d.,]+", last)
    keyboard.press("ArrowLeft")
    assert readout.inner_text().startswith("epoch 39, update 468: ")
    live.move("batch size", 4)
    live.progress.filter(has_text="of 920").or_(live.progress.filter(has_text="starting")).first.wait_for()
    live.wait_until_done()
    live.picture.focus()
    keyboard.press("ArrowDown")  # the earlier run, by its name
    assert readout.inner_text().startswith("batch 32: epoch 40")


SIZES = [(1366, 768), (1920, 1080), (700, 900), (390, 844)]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_live_part_fits_the_screen(shown: Shown, width: int, height: int) -> None:
    notebook, live = shown
    notebook.page.set_viewport_size({"width": width, "height": height})
    toggle = "() => jupyterapp.commands.execute('application:toggle-left-area')"
    if width < 500:  # nobody reads beside the file browser there
        notebook.page.evaluate(toggle)
    check_boxes(notebook, live, width)
    if width < 500:
        notebook.page.evaluate(toggle)


@pytest.mark.fault("one line that says so, and what to do")
def test_a_lost_kernel_is_said(shown: Shown) -> None:
    notebook, live = shown
    notebook.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    live.root.get_by_text("The kernel has stopped: run the cells from the top again.").wait_for()


@pytest.mark.fault("one line that says so, and what to do; no time left, and the picture still beside the controls")
def test_a_kernel_killed_while_it_trains_is_said(shown: Shown) -> None:
    notebook, _ = shown
    notebook.page.set_viewport_size({"width": 1366, "height": 768})
    live = show_live(notebook, 'print("pid", os.getpid())')
    live.move("num epochs", 99)
    live.progress.filter(has_text="s left").wait_for()
    controls, picture = live.root.locator(".left").bounding_box(), live.root.locator(".epoch-chart").bounding_box()
    os.kill(int(notebook.cell(2).locator(".jp-OutputArea-output").inner_text().split()[1]), signal.SIGKILL)
    said = live.root.get_by_text("The kernel has stopped: run the cells from the top again.")
    said.wait_for()
    expect(live.progress).to_be_hidden()
    for part, before in ((".left", controls), (".epoch-chart", picture)):
        now = live.root.locator(part).bounding_box()
        assert (now["x"], now["width"]) == (before["x"], before["width"])

    # JupyterLab starts another kernel by itself, which knows nothing of this part: run again, it trains.
    notebook.page.get_by_role("dialog").get_by_role("button", name="Ok").click()
    notebook.wait_for_kernel()
    expect(said).to_be_visible()
    notebook.run_all()
    notebook.live().wait_until_done()
    expect(notebook.page.locator(".kernel-gone")).to_have_count(0)


@pytest.mark.fault("one red line; the kernel and its variables are still there")
def test_sys_exit_in_a_run_leaves_the_kernel_alive(kept_open: Notebook) -> None:
    leaving = """
def leave(steps):
    yield 1.0
    raise SystemExit(steps)
live_training(leave, steps=int_slider(1, 9, 5))
"""
    kept_open.write(IMPORTS + "here = 'still here'", leaving, "here")
    kept_open.run_all()
    kept_open.live().error.filter(has_text="SystemExit: 5").wait_for()
    kept_open.run(2)
    assert "still here" in kept_open.cell(2).locator(".jp-OutputArea-output").inner_text()


def test_names_values_and_tips_reach_the_accessibility_tree(shown: Shown) -> None:
    notebook, live = shown
    session = notebook.page.context.new_cdp_session(notebook.page)
    tree = session.send("Accessibility.getFullAXTree")["nodes"]
    found = {}
    for node in tree:
        role, name, description = (node.get(key, {}).get("value") for key in ("role", "name", "description"))
        found[role, name] = description
    assert found["slider", "batch size"] == "samples per update"
    assert found["slider", "learning rate"] == "length of a step"
    # What is said as its value; the protocol reports a native slider's position instead.
    assert live.slider("learning rate").get_attribute("aria-valuetext") == "0.01"
    for role, name in (
        ("button", "Start"), ("button", "Stop"), ("button", "Reset"), ("checkbox", "log scale"),
        ("progressbar", "progress of the run"),
    ):  # fmt: skip
        assert (role, name) in found
    assert any(role in ("combobox", "MenuListPopup") and name == "optimizer" for role, name in found)
    assert any(role == "image" and name.startswith("Ended after") for role, name in found if name)


def test_keyboard_alone(shown: Shown) -> None:
    notebook, live = shown
    keyboard = notebook.page.keyboard
    focused = """() => {
      const { ariaLabel, labels, textContent } = document.activeElement;
      return ariaLabel ?? labels?.[0]?.textContent ?? textContent;
    }"""
    live.slider("batch size").focus()
    visited = [notebook.page.evaluate(focused)]
    for _ in range(6):
        keyboard.press("Tab")
        visited.append(notebook.page.evaluate(focused))
    # Stop is off while nothing trains, and is passed over.
    assert visited == ["batch size", "learning rate", "num epochs", "optimizer", "Start", "Reset", "training (update)"]
    live.slider("num epochs").focus()
    keyboard.press("End")
    live.progress.filter(has_text="of 12,000").wait_for()
    keyboard.press("Tab")
    keyboard.press("Tab")
    keyboard.press("Tab")
    assert notebook.page.evaluate(focused) == "Stop"
    keyboard.press("Enter")
    live.wait_until_done("stopped")
    assert live.text.inner_text().startswith("Stopped ")
    # The focus stayed in the live part: JupyterLab's own shortcuts did not take the keys.
    assert notebook.page.locator(".jp-CodeCell").count() == 2


@pytest.mark.parametrize("moves", [20, 200])
def test_dragging_through_many_values_ends_with_the_last(shown: Shown, moves: int) -> None:
    notebook, live = shown
    live.watch()
    for move in range(moves):
        live.move("num epochs", 11 + move % 89 if move < moves - 1 else 9)  # 100 epochs in the end
        notebook.page.wait_for_timeout(2000 / moves)
    live.progress.filter(has_text="of 1,200 ·").wait_for()
    live.wait_until_done()
    frames, heights = live.watched()
    assert len(heights) == 1
    totals = [re.search(r"of ([\d,]+) ·", line)[1] for _, line in frames if "update" in line]
    last = len(totals) - totals[::-1].index(next(total for total in totals[::-1] if total != "1,200"))
    assert set(totals[last:]) == {"1,200"} and live.text.inner_text().startswith("Ended after 1,200 updates")
    notebook.page.wait_for_timeout(500)
    assert live.progress.inner_text() == "update 1,200 of 1,200 · epoch 100 of 100 · done"


@pytest.mark.fault("the same controls, curve and words after a reload of the page")
def test_reload_with_the_kernel_alive(shown: Shown) -> None:
    notebook, live = shown
    live.move("num epochs", 5)
    live.progress.filter(has_text="of 720").wait_for()
    live.wait_until_done()
    notebook.page.mouse.move(1, 1)
    picture = live.picture.evaluate("canvas => canvas.toDataURL()")
    notebook.save()
    notebook.page.reload(wait_until="domcontentloaded")
    notebook.wait_for_kernel()
    live = notebook.live()
    live.root.locator("canvas[data-frames]").wait_for()  # it has drawn what the kernel holds
    assert live.slider("num epochs").get_attribute("aria-valuetext") == "60"
    assert live.picture.evaluate("canvas => canvas.toDataURL()") == picture
    live.watch()
    live.slider("num epochs").focus()
    notebook.page.keyboard.press("ArrowRight")
    live.progress.filter(has_text="of 840").wait_for()
    live.wait_until_done()
    assert len(live.watched()[0]) >= 2


def test_committed_file_opened_afresh_shows_the_final_curve(
    kept_open: Notebook, open_notebook: Callable[..., Notebook], lab: Lab
) -> None:
    # What the refresh tool commits: outputs of a complete run, without the widget view.
    kept_open.write(IMPORTS, "os.environ['EPOCH_SYNC'] = '1'", LIVE, "del os.environ['EPOCH_SYNC']")
    kept_open.run_all()
    kept_open.save()
    path = lab.folder / kept_open.page.evaluate("() => jupyterapp.shell.currentWidget.context.path")
    committed = nbformat.read(path, as_version=4)
    bundle = committed.cells[2].outputs[-1]["data"]
    del bundle["application/vnd.jupyter.widget-view+json"]
    path = lab.folder / "afresh.ipynb"
    nbformat.write(committed, path)
    afresh = open_notebook(path=path)
    image = afresh.cell(2).locator("img")
    image.wait_for()
    assert image.evaluate("image => [image.naturalWidth, image.clientWidth]") == [1400, 700]
    assert "model not found" not in afresh.cell(2).inner_text()
    assert "Ended after 480 updates" in bundle["text/plain"]


@pytest.mark.fault("one live part; memory and widgets do not grow")
def test_fifty_runs_of_the_cell_leave_one(kept_open: Notebook) -> None:
    measure = """
gc.collect()
import asyncio
tasks = sum(task.get_coro().__name__ == "_run" for task in asyncio.all_tasks())
from matplotlib.figure import Figure
figures = sum(type(thing) is Figure for thing in gc.get_objects())
memory = psutil.Process().memory_info().rss // 2**20
print("widgets", len(ipywidgets.widgets.widget._instances), "figures", figures, "tasks", tasks, "MB", memory)
"""
    notebook = kept_open
    show_live(notebook, measure)

    def measured() -> list[int]:
        notebook.run(2)
        line = notebook.cell(2).locator(".jp-OutputArea-output").inner_text()
        return [int(number) for number in re.findall(r"\d+", line)]

    notebook.run(1)  # once more, for what only a second run needs
    notebook.live().wait_until_done()
    widgets, figures, _, memory = measured()
    for _ in range(50):
        notebook.run(1)
    assert measured()[2] <= 1
    notebook.live().wait_until_done()
    after = measured()
    print(widgets, figures, memory, after)
    assert after[:3] == [widgets, figures, 0]
    assert after[3] - memory < 30
    assert notebook.page.locator(".epoch-live").count() == 1


@pytest.mark.fault('"Diverged in epoch …"; the next move trains')
def test_divergence_is_said_and_the_next_move_recovers(shown: Shown) -> None:
    notebook, live = shown
    notebook.page.get_by_role("combobox", name="optimizer").select_option("sgd")
    live.wait_until_done("diverged")
    assert live.text.inner_text().startswith("Diverged in epoch 1")
    notebook.page.get_by_role("combobox", name="optimizer").select_option("adam")
    live.wait_until_done()
    assert live.text.inner_text().startswith("Ended after 480 updates")


@pytest.mark.fault("one red line and where it happened, below its own cell")
def test_an_error_is_seen_in_its_own_cell(kept_open: Notebook) -> None:
    failing = """
def failing(batch_size):
    if batch_size > 1:
        yield from train(MLP(10), train_set, None, Config(batch_size=batch_size, num_epochs=1))
    raise RuntimeError("one is <too> few")
live_training(failing, batch_size=powers_of_two(1, 4, 1))
"""
    live, other = show_live(kept_open, failing), kept_open.live(1)
    other.wait_until_done("failed")
    assert other.error.inner_text() == "RuntimeError: one is <too> few"
    assert 'raise RuntimeError("one is <too> few")' in other.root.locator(".traceback").inner_text()
    assert kept_open.cell(2).locator(".epoch-live .error").is_visible()
    assert not live.error.is_visible()
    # What a run prints lands below the cell that made it, however often it is started.
    live.button("Start").click()
    kept_open.cell(1).locator(".jp-OutputArea-output", has_text=re.compile("starting\nstarting")).wait_for()


def test_live_picture(kept_open: Notebook) -> None:
    kept_open.write(
        IMPORTS,
        """
def draw(figure, points):
    figure.subplots().plot(range(points))
    return f"A line of {points} points."
live_picture(draw, points=int_slider(2, 50, 10, "how many"))
""",
    )
    kept_open.page.evaluate(
        """() => {
          window.heights = new Set();
          (function look() {
            const root = document.querySelector('.epoch-live');
            if (root?.querySelector('canvas')) heights.add(Math.round(root.getBoundingClientRect().height));
            requestAnimationFrame(look);
          })();
        }"""
    )
    kept_open.run_all()
    picture = kept_open.live()
    picture.text.filter(has_text="A line of 10 points.").wait_for()
    picture.root.locator("canvas[data-frames]").wait_for()
    picture.slider("points").focus()
    kept_open.page.keyboard.press("ArrowRight")
    picture.text.filter(has_text="A line of 11 points.").wait_for()
    picture.root.locator("canvas[data-frames='2']").wait_for()
    assert len(kept_open.page.evaluate("() => [...heights]")) == 1  # from the first moment on
