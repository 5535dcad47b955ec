"""A real JupyterLab in a real Chromium: open a notebook, run its cells, look at what a learner sees."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, Error, Locator, Page, TimeoutError, sync_playwright

CHROMIUM_OPTIONS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
BINDER_LAB = Path(__file__).parents[2] / "binder/lab"  # the settings with which `make lab` starts JupyterLab
PATIENCE = 60_000  # milliseconds; generous, since the machine may be busy
TOO_LONG = "has not ended in time"

# JupyterLab is reached through `window.jupyterapp`, which --expose-app-in-browser puts there.
NOTEBOOK_READY = """() => {
  const widget = window.jupyterapp?.shell.currentWidget;
  const kernel = widget?.sessionContext?.session?.kernel;
  return kernel?.status === 'idle' && kernel.connectionStatus === 'connected' && document.querySelector('.jp-CodeCell');
}"""


def find_chromium() -> str | None:
    """The browser to drive: CHROMIUM in the environment, or what is installed."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@dataclass
class Lab:
    """A JupyterLab server of its own, with nothing of the user's settings."""

    url: str
    token: str
    folder: Path

    def notebook(self, name: str, *cells: str) -> Path:
        """Write a notebook of code cells into the served folder."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
        path = self.folder / name
        nbformat.write(notebook, path)
        return path


class Notebook:
    """A notebook open in JupyterLab."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def wait_for_kernel(self) -> None:
        """Wait until the kernel is there and idle."""
        # Now and then JupyterLab misses the one message in which a new kernel says that it is idle.
        for _ in range(2):
            try:
                self.page.wait_for_function(NOTEBOOK_READY, timeout=PATIENCE / 3)
                return
            except TimeoutError:
                self.page.reload(wait_until="domcontentloaded")
        self.page.wait_for_function(NOTEBOOK_READY, timeout=PATIENCE)

    def run_all(self) -> None:
        """Run every cell and wait until the last has ended."""
        self._run(lambda: self._command("notebook:run-all-cells"))

    def run(self, *numbers: int) -> None:
        """Run these cells, from 0, and wait until the last has ended."""

        def select_and_run() -> None:
            self.page.evaluate(
                """numbers => {
                  const { content } = window.jupyterapp.shell.currentWidget;
                  content.deselectAll();
                  content.activeCellIndex = numbers.at(-1);
                  for (const number of numbers) content.select(content.widgets[number]);
                }""",
                numbers,
            )
            self._command("notebook:run-cell")

        self._run(select_and_run)

    def _run(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Error as error:  # as in `wait_for_kernel`, a message may have gone missing: once more, in a fresh page
            if TOO_LONG not in str(error):
                raise
            self.page.reload(wait_until="domcontentloaded")
            self.wait_for_kernel()
            action()

    def write(self, *cells: str) -> None:
        """Write other code cells in place of those there are, and save them; the kernel goes on."""
        self.show(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells]))

    def show(self, notebook: nbformat.NotebookNode) -> None:
        """The same with a whole notebook, its outputs included."""
        self.page.evaluate(
            """async ({ cells }) => {
              const { content: { model }, context } = window.jupyterapp.shell.currentWidget;
              model.fromJSON({ ...model.toJSON(), cells });
              await context.save();
            }""",
            notebook,
        )

    def save(self) -> None:
        """Save the notebook, its outputs included."""
        self._command("docmanager:save")

    def cell(self, number: int) -> Locator:
        """A code cell, from 0."""
        return self.page.locator(".jp-CodeCell").nth(number)

    def live(self, number: int = 0) -> LivePart:
        """A live part, counted from 0 over the notebook."""
        return LivePart(self.page, self.page.locator(".epoch-live").nth(number))

    def shutdown(self) -> None:
        """End the kernel."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget?.sessionContext?.shutdown?.()")

    def _command(self, command: str) -> None:
        # The promise of a run command is kept when the cells have ended, or never where a message went missing.
        self.page.evaluate(
            """([command, patience, words]) => Promise.race([
              window.jupyterapp.commands.execute(command),
              new Promise((_, giveUp) => setTimeout(() => giveUp(new Error(`${command} ${words}`)), patience)),
            ])""",
            [command, PATIENCE, TOO_LONG],
        )


class LivePart:
    """What a learner sees of a live part."""

    def __init__(self, page: Page, root: Locator) -> None:
        self.page, self.root = page, root
        self.picture = root.locator("canvas").first
        self.text = root.locator(".text .widget-html-content")
        self.progress = root.locator(".progress-text .widget-html-content")
        self.error = root.locator(".error .widget-html-content")

    def slider(self, name: str) -> Locator:
        """A slider, by the name a screen reader says."""
        return self.root.get_by_role("slider", name=name, exact=True)

    def button(self, name: str) -> Locator:
        """A button, by its name."""
        return self.root.get_by_role("button", name=name, exact=True)

    def move(self, name: str, position: int) -> None:
        """Drag a slider to a position, as the mouse would."""
        self.slider(name).evaluate(
            "(handle, position) => handle.closest('.noUi-target').noUiSlider.set(position, true)",
            position,
        )

    def wait_until_done(self, outcome: str = "done") -> None:
        """Wait until the run has ended in this way: "done", "stopped", "diverged" or "failed"."""
        self.progress.filter(has_text=f"· {outcome}").wait_for(timeout=PATIENCE)

    def watch(self) -> None:
        """Begin to note every distinct frame and every height; `watched` returns them."""
        self.root.evaluate(
            """root => {
              const notes = root.notes = { frames: [], heights: new Set() };
              let last = null;
              (function look() {
                if (root.notes !== notes) return;
                const frame = root.querySelector('canvas').dataset.frames;
                if (frame !== last) {
                  last = frame;
                  notes.frames.push([performance.now(), root.querySelector('.progress-text')?.textContent.trim()]);
                }
                notes.heights.add(Math.round(root.getBoundingClientRect().height));
                requestAnimationFrame(look);
              })();
            }"""
        )

    def watched(self) -> tuple[list[tuple[float, str]], set[int]]:
        """(Milliseconds, progress line) of every frame since `watch`, and the heights there were."""
        frames, heights = self.root.evaluate(
            "root => { const { frames, heights } = root.notes; root.notes = null; return [frames, [...heights]]; }"
        )
        return [tuple(frame) for frame in frames], set(heights)


def check_boxes(notebook: Notebook, live: LivePart, width: int) -> None:
    """All controls, the whole picture and the sentence are inside what is visible, on one screen where it is wide."""
    live.root.evaluate("root => root.scrollIntoView()")
    notebook.page.wait_for_timeout(500)
    visible = notebook.page.locator(".jp-WindowedPanel-outer").bounding_box()
    boxes = {name: live.root.locator(part).first.bounding_box() for name, part in {
        "controls": ".left", "picture": ".epoch-chart", "canvas": "canvas", "sentence": ".text"}.items()}  # fmt: skip
    for name, box in boxes.items():
        assert box["x"] >= visible["x"] and box["x"] + box["width"] <= visible["x"] + visible["width"] + 1, name
        if width >= 1000:
            assert box["y"] >= visible["y"] - 1 and box["y"] + box["height"] <= visible["y"] + visible["height"], name
    beside = boxes["controls"]["x"] + boxes["controls"]["width"] <= boxes["picture"]["x"]
    assert beside == (width >= 1000)
    assert boxes["canvas"]["width"] >= (600 if width >= 1000 else 180)
    handles = live.root.locator(".noUi-handle")
    for number in range(handles.count()):
        if handles.nth(number).is_visible():
            box = handles.nth(number).bounding_box()
            assert visible["x"] <= box["x"] and box["x"] + box["width"] <= visible["x"] + visible["width"]


def start_lab(
    folder: Path, private: Path, module: str = "jupyterlab", python: str = sys.executable
) -> tuple[Lab, subprocess.Popen]:
    """Start JupyterLab, or Notebook 7, on a free port over `folder`, with settings and data of its own in `private`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "MPLCONFIGDIR")
    environment = dict(os.environ, **{name: str(private / name) for name in names})
    environment["JUPYTER_CONFIG_PATH"] = str(BINDER_LAB)
    environment.pop("EPOCH_SYNC", None)
    token = secrets.token_hex(8)
    command = [
        python, "-m", module, "--no-browser", "--ip=127.0.0.1", f"--port={port}", "--allow-root",
        f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}", "--expose-app-in-browser",
        f"--LabApp.app_settings_dir={BINDER_LAB}",
    ]  # fmt: skip
    with (private / "log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    lab = Lab(f"http://127.0.0.1:{port}", token, folder)
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{lab.url}/api/status?token={token}", timeout=1)
            return lab, server
        except (urllib.error.URLError, OSError):
            if server.poll() is not None:
                break
            time.sleep(0.2)
    server.kill()
    raise RuntimeError(f"JupyterLab did not start:\n{(private / 'log').read_text()[-2000:]}")


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A running JupyterLab."""
    lab, server = start_lab(tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("jupyter"))
    yield lab
    server.send_signal(signal.SIGTERM)
    server.wait(20)


# Not for the whole session: while Playwright is there, an event loop runs, and other files have tests that start one.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, or a skipped test where there is none (never in CI)."""
    chromium = find_chromium()
    if chromium is None and os.environ.get("CI") != "true":
        pytest.skip("no Chromium here: install one, or name it in CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


@contextmanager
def notebooks_in(lab: Lab, browser: Browser) -> Iterator[Callable[..., Notebook]]:
    """What opens notebooks, each in a fresh page; their kernels end with the block."""
    opened: list[Notebook] = []

    def open_one(*cells: str, path: Path | None = None, kernel: bool = True, **options) -> Notebook:
        path = path or lab.notebook(f"{secrets.token_hex(4)}.ipynb", *cells)
        page = browser.new_page(**{"viewport": {"width": 1280, "height": 1000}, **options})
        page.goto(f"{lab.url}/lab/tree/{path.name}?token={lab.token}&reset", wait_until="domcontentloaded")
        notebook = Notebook(page)
        opened.append(notebook)
        if kernel:
            notebook.wait_for_kernel()
        else:
            page.wait_for_selector(".jp-CodeCell", timeout=PATIENCE)
        return notebook

    try:
        yield open_one
    finally:
        for notebook in opened:
            notebook.shutdown()
            notebook.page.close()


@pytest.fixture
def open_notebook(lab: Lab, browser: Browser) -> Iterator[Callable[..., Notebook]]:
    """Open a notebook in a fresh page; its kernel ends with the test.

    >>> notebook = open_notebook("1 + 1")                      # code cells
    >>> notebook = open_notebook(path=lab.folder / "x.ipynb")   # a file in the served folder
    """
    with notebooks_in(lab, browser) as open_one:
        yield open_one


@pytest.fixture(scope="module")
def kept_open(lab: Lab, browser: Browser) -> Iterator[Notebook]:
    """A notebook for those tests of a file that leave its page and its kernel alive.

    To `write` or `show` another in its place takes a moment; with a page and a kernel for each, most time went there.
    """
    with notebooks_in(lab, browser) as open_one:
        yield open_one("")
