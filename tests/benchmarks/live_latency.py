"""How quickly live parts answer, in a real JupyterLab and Chromium: one script, one table.

    .venv/bin/python -m tests.benchmarks.live_latency

Timings need a quiet machine; what has to work on any machine is tested in tests/browser.
"""

from __future__ import annotations

import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from playwright.sync_api import sync_playwright

from tests.benchmarks.measuring import Row, machine
from tests.browser.conftest import CHROMIUM_OPTIONS, LivePart, Notebook, find_chromium, start_lab

PRESSES = 40
ECHOED_IN = "key press to the answer of a part that does nothing, in"
PLAYGROUND = Path(__file__).parents[2] / "notebooks/04_hyperparameter_playground.ipynb"

IMPORTS = """
import gc, json, time
import ipywidgets, psutil
from helpers.data import load_ratings, split
from helpers.live import *
from helpers.models import CollaborativeFilter
from helpers.training import Config, train

ratings = load_ratings()
parts = split(ratings)
mean = parts.train.targets.mean().item()
"""
# The default run of the playground: 100,000 ratings, 10 epochs. Every run notes when it began and when it was closed.
LIVE = """
notes, arrivals = [], []

def make_run(batch_size, learning_rate, num_epochs):
    model = CollaborativeFilter(ratings.num_users, ratings.num_movies, 50, mean=mean)
    config = Config(num_epochs=num_epochs, batch_size=batch_size, learning_rate=learning_rate)
    return train(model, parts.train, parts.validation, config)

def start(**values):
    began, made = time.perf_counter(), 0
    try:
        for progress in make_run(**values):
            made += 1
            yield progress
    finally:
        notes.append((began, time.perf_counter(), made, progress.num_updates, progress.seconds))

live = live_training(
    start,
    batch_size=powers_of_two(32, 8192, 1024, "samples per update"),
    learning_rate=log_slider(1e-4, 1, 0.001, "length of a step"),
    num_epochs=int_slider(1, 200, 10, "times every rating is seen"),
)
live.widget.observe(lambda change: arrivals.append(time.perf_counter()), "chosen")
live
"""
PLAIN = """
def plain():
    began = time.perf_counter()
    for progress in make_run(1024, 0.001, 10):
        pass
    return time.perf_counter() - began
print(json.dumps([plain() for _ in range(5)]))
"""
# The same press, answered by a part that trains nothing and draws nothing: what JupyterLab itself takes.
ECHO = """
import anywidget, ipywidgets, traitlets

class Echo(anywidget.AnyWidget):
    _esm = '''export default { render({ model, el }) {
      const canvas = document.createElement("canvas");
      el.append(canvas);
      model.on("change:frames", () => { canvas.dataset.frames = model.get("frames"); });
    } }'''
    frames = traitlets.Int().tag(sync=True)

slider = ipywidgets.SelectionSlider(options=[(str(n), n) for n in range(100)], value=50, description="echo")
echo = Echo()
slider.observe(lambda change: setattr(echo, "frames", echo.frames + 1), "value")
ipywidgets.VBox([slider, echo])
"""
NOTES = "print(json.dumps([notes, arrivals]))"
SIZE = """
gc.collect()
from matplotlib.figure import Figure
figures = sum(type(thing) is Figure for thing in gc.get_objects())
memory = psutil.Process().memory_info().rss / 2**20
print(json.dumps([len(ipywidgets.widgets.widget._instances), figures, memory]))
"""

# Notes the time from a key press to the paint after the first frame of the run that it started.
LATENCY = """root => {
  const picture = root.querySelector('canvas'), line = root.querySelector('.progress-text');
  const latencies = root.latencies = [];
  let pressed = null, begun = false;
  root.addEventListener('keydown', () => { pressed = performance.now(); begun = false; }, true);
  const watcher = new MutationObserver(() => { begun ||= line.textContent.trim() === 'starting'; });
  watcher.observe(line, { childList: true, subtree: true });
  new MutationObserver(() => {
    if (pressed === null || !begun) return;
    const since = pressed;
    pressed = null;
    requestAnimationFrame(() => latencies.push(performance.now() - since));
  }).observe(picture, { attributes: true, attributeFilter: ['data-frames'] });
}"""

ECHOED = """root => {
  const latencies = root.latencies = [];
  let pressed = null;
  root.addEventListener('keydown', () => { pressed = performance.now(); }, true);
  new MutationObserver(() => {
    const since = pressed;
    requestAnimationFrame(() => latencies.push(performance.now() - since));
  }).observe(root.querySelector('canvas'), { attributes: true, attributeFilter: ['data-frames'] });
}"""

# Presses Start and waits for the end of the run without looking in between, which would cost the page time.
ONE_RUN = """root => new Promise(done => {
  const line = root.querySelector('.progress-text');
  let begun = false;
  const watcher = new MutationObserver(() => {
    const ended = line.textContent.includes('done');
    begun ||= !ended;
    if (!begun || !ended) return;
    watcher.disconnect();
    done();
  });
  watcher.observe(line, { childList: true, subtree: true });
  [...root.querySelectorAll('button')].find(button => button.textContent === 'Start').click();
})"""


class Bench:
    """A notebook with the live part, and cells that answer in JSON."""

    def __init__(self, notebook: Notebook, cells: list[int] | None = None) -> None:
        self.notebook, self.page = notebook, notebook.page
        notebook.run_all() if cells is None else notebook.run(*cells)
        self.live.wait_until_done()

    @property
    def live(self) -> LivePart:
        return self.notebook.live()

    def ask(self, cell: int) -> list:
        """Run a cell and read what it printed."""
        self.notebook.run(cell)
        return json.loads(self.notebook.cell(cell).locator(".jp-OutputArea-output").inner_text())

    def latencies(self, slider: str, idle: bool, epochs: tuple[str, int] = ("num epochs", 199)) -> list[float]:
        """Milliseconds from key press to first frame, one press at a time."""
        if not idle:
            self.live.move(*epochs)
        self.live.slider(slider).focus()
        self.live.root.evaluate(LATENCY)
        for press in range(PRESSES):
            if idle:
                self.live.wait_until_done()
                self.page.wait_for_timeout(300)
            else:
                self.page.wait_for_timeout(400 + 37 * (press % 5))
            self.page.keyboard.press("ArrowRight" if press % 2 else "ArrowLeft")
        self.page.wait_for_timeout(1000)
        latencies = self.live.root.evaluate("root => root.latencies")
        self.live.button("Reset").click()
        self.live.wait_until_done()
        return latencies

    def echoes(self, cell: int) -> list[float]:
        """Milliseconds from key press to an answer that cost the kernel nothing; the cell holds `ECHO`."""
        self.notebook.run(cell)
        label = self.page.locator(".widget-label", has_text=re.compile("^echo$"))
        root = self.page.locator(".jp-OutputArea-output", has=label).first
        root.locator("canvas").wait_for(state="attached")
        root.locator(".noUi-handle").focus()
        root.evaluate(ECHOED)
        for press in range(PRESSES):
            self.page.wait_for_timeout(300)
            self.page.keyboard.press("ArrowRight" if press % 2 else "ArrowLeft")
        self.page.wait_for_timeout(500)
        return root.evaluate("root => root.latencies")

    def frames_per_second(self) -> float:
        """Distinct frames a second over a few seconds of one run."""
        self._look_at_it()
        self.live.move("num epochs", 99)
        self.page.wait_for_timeout(500)
        self.live.watch()
        self.page.wait_for_timeout(3000)
        frames, _ = self.live.watched()
        self.live.button("Reset").click()
        self.live.wait_until_done()
        return (len(frames) - 1) / ((frames[-1][0] - frames[0][0]) / 1000)

    def _look_at_it(self) -> None:
        """Bring the live part into view: what nobody sees is not drawn."""
        self.live.root.scroll_into_view_if_needed()
        self.page.wait_for_timeout(300)

    def whole_runs(self, rounds: int = 5) -> tuple[float, float]:
        """Median seconds of the default run without a picture, and with it in the page."""
        plain, with_picture = [], []
        for _ in range(rounds):
            plain += self.ask(2)[1:3]
            for _ in range(2):
                self._look_at_it()
                self.live.root.evaluate(ONE_RUN)
                began, ended, *_ = self.ask(3)[0][-1]
                with_picture.append(ended - began)
        return statistics.median(plain), statistics.median(with_picture)

    def storm(self, moves: int) -> dict[str, float]:
        """Drag through `moves` values in two seconds, and see when everything was over."""
        runs_before = len(self.ask(3)[0])
        self._look_at_it()
        self.live.watch()
        seconds = self.live.root.evaluate(
            """async (root, moves) => {
              const slider = root.querySelectorAll('.noUi-target')[2].noUiSlider;
              const line = root.querySelector('.progress-text');
              const began = performance.now();
              for (let move = 1; move <= moves; move++) {
                slider.set(move < moves ? 20 + move % 150 : 19, true);  // 20 epochs in the end
                const due = began + 2000 * move / moves;
                await new Promise(next => setTimeout(next, Math.max(0, due - performance.now())));
              }
              const last = performance.now();
              while (!/of 1,960 .* done/.test(line.textContent)) await new Promise(requestAnimationFrame);
              return (performance.now() - last) / 1000;
            }""",
            moves,
        )
        self.page.wait_for_timeout(500)
        frames, _ = self.live.watched()
        totals = [found[1] for _, line in frames if (found := re.search(r"of ([\d,]+) ·", line))]
        first = totals.index("1,960")
        notes, arrivals = self.ask(3)
        notes = notes[runs_before:]
        # A superseded run ends because a newer value came, in its time or (in a storm) even before it began.
        stops = [
            ended - min((arrival for arrival in arrivals if began < arrival < ended), default=began)
            for began, ended, made, total, _ in notes[:-1]
            if made < total
        ]
        own = notes[-1][1] - notes[-1][0]
        self.live.button("Reset").click()
        self.live.wait_until_done()
        return {
            "after": seconds - own,
            "own": own,
            "stale": sum(total != "1,960" for total in totals[first:]),
            "stop": max(stops, default=0.0),
            "runs": len(notes),
        }

    def fifty(self) -> list[float]:
        """Growth in widgets, figures and megabytes over fifty runs of the cell."""
        self.notebook.run(1)
        self.live.wait_until_done()
        before = self.ask(4)
        for _ in range(50):
            self.notebook.run(1)
        self.live.wait_until_done()
        return [after - start for start, after in zip(before, self.ask(4), strict=True)]


def playground_and_echo(folder: str) -> tuple[Path, list[int]]:
    """Notebook 4 with one more cell below its playground, and its code cells up to the playground, from 0."""
    notebook = nbformat.read(PLAYGROUND, nbformat.NO_CONVERT)
    last = next(number for number, cell in enumerate(notebook.cells) if "playground(SOURCE" in cell.source)
    notebook.cells.insert(last + 1, nbformat.v4.new_code_cell(ECHO))
    nbformat.write(notebook, path := Path(folder, PLAYGROUND.name))
    return path, [number for number in range(last + 1) if notebook.cells[number].cell_type == "code"]


def of_presses(what: str, latencies: list[float], at_most: float | None = None) -> Row:
    """The median of some presses, and their range."""
    spread = f"{len(latencies)} presses, {min(latencies):.0f} to {max(latencies):.0f} ms"
    return Row(what, statistics.median(latencies), at_most=at_most, details=spread)


def key_presses(bench: Bench) -> Iterator[Row]:
    """How soon the first frame of the new run is there, in notebook 4 itself."""
    for slider in ("learning rate", "batch size"):
        for idle, median, tail in ((True, 45, 80), (False, 60, 100)):
            latencies = bench.latencies(slider, idle, epochs=("epochs", 29))
            moment = "idle" if idle else "while training"
            yield of_presses(f"key press to first frame, {slider}, {moment}: ms", latencies, at_most=median)
            yield Row("the same, 95th percentile: ms", statistics.quantiles(latencies, n=20)[-1], at_most=tail)


@contextmanager
def notebook_in_browser(path: Path | None, *cells: str) -> Iterator[Notebook]:
    """A notebook of the course, or one with these cells, in a browser with a sharp screen."""
    with (
        tempfile.TemporaryDirectory() as served,
        tempfile.TemporaryDirectory() as private,
        sync_playwright() as playwright,
    ):
        lab, server = start_lab(Path(served), Path(private))
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_OPTIONS)
        try:
            page = browser.new_page(viewport={"width": 1280, "height": 1000}, device_scale_factor=2)
            if path is None:
                path = lab.notebook("bench.ipynb", *cells)
            else:
                shutil.copy(path, served)
            page.goto(f"{lab.url}/lab/tree/{path.name}?token={lab.token}&reset", wait_until="domcontentloaded")
            notebook = Notebook(page)
            notebook.wait_for_kernel()
            yield notebook
            notebook.shutdown()
        finally:
            browser.close()
            server.terminate()
            server.wait(20)


def rows() -> Iterator[Row]:
    """What must be shown, measured."""
    with tempfile.TemporaryDirectory() as folder:
        path, cells = playground_and_echo(folder)
        with notebook_in_browser(path) as notebook:
            bench = Bench(notebook, cells)
            yield from key_presses(bench)
            yield of_presses(f"{ECHOED_IN} notebook 4: ms", bench.echoes(cells[-1] + 1))
    with notebook_in_browser(None, IMPORTS, LIVE, PLAIN, NOTES, SIZE, ECHO) as notebook:
        bench = Bench(notebook)
        yield of_presses(f"{ECHOED_IN} an empty notebook: ms", bench.echoes(5))
        plain, with_picture = bench.whole_runs()
        yield Row("default run, 100,000 ratings × 10 epochs, one core: s", plain, at_most=1.5)
        yield Row("the same with the live picture, times", with_picture / plain, at_most=1.15)
        yield Row("distinct frames a second while training", bench.frames_per_second(), at_least=28)
        for moves in (20, 200):
            storm = bench.storm(moves)
            yield Row(f"{moves} values in 2 s: final curve after own time + s", storm["after"], at_most=0.3,
                      details=f"own time {storm['own']:.2f} s, {storm['runs']} runs begun")  # fmt: skip
            yield Row(f"{moves} values in 2 s: stale frames after the last run began", storm["stale"], at_most=0)
            yield Row(f"{moves} values in 2 s: longest life of a superseded run: s", storm["stop"], at_most=0.1)
        widgets, figures, memory = bench.fifty()
        yield Row("fifty re-runs of the cell: more widgets and figures", widgets + figures, at_most=0)
        yield Row("fifty re-runs of the cell: more memory, MB", memory, at_most=30)
    yield behaviour()


def behaviour() -> Row:
    """Reload, reopening, divergence, errors and the keyboard are tests: run them."""
    command = [sys.executable, "-m", "pytest", "tests/browser/test_live.py", "-n", "0", "-q"]
    output = subprocess.run(command, capture_output=True, text=True).stdout
    failed = sum(int(number) for number in re.findall(r"(\d+) (?:failed|error|skipped)", output))
    passed = ", ".join(re.findall(r"\d+ passed", output)) or "nothing passed"
    return Row("reload, afresh, divergence, error, keyboard: not passed", failed, at_most=0, details=passed)


def main() -> list[Row]:
    """Measure, print the table, and return its rows."""
    print(" · ".join(f"{name} {value}" for name, value in machine().items()))
    table = []
    for row in rows():
        print(row, flush=True)
        table.append(row)
    return table


if __name__ == "__main__":
    sys.exit(0 if all(row.met for row in main()) else 1)
