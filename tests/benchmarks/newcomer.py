"""What a newcomer waits for: the set-up of a fresh clone, the second `make lab`, the first cell, the first curve."""

from __future__ import annotations

import functools
import http.server
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat

from tests.benchmarks.measuring import Row, spread

ROOT = Path(__file__).parents[2]
FIRST = "01_epochs_batches_iterations.ipynb"
PATIENCE = 120  # seconds


def set_up() -> Iterator[Row]:
    """The set-up of a fresh clone, with PyTorch's own index and without, and the start of JupyterLab after it."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder, "course")
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        with silent_index() as index:
            yield from _set_up(clone, index, "PyTorch's index silent")
        shutil.rmtree(clone / ".venv")
        with own_index(Path(folder, "wheels")) as index:
            torch = next(Path(folder, "wheels/torch").iterdir()).stat().st_size / 1e6
            yield from _set_up(clone, index, "PyTorch's index here", torch)
        first, *later = (_until_it_listens(clone, "make", "lab", "LAB_ARGS={}") for _ in range(6))
        yield Row("the first `make lab` after it: s until it listens", first)
        alone = [_until_it_listens(clone, ".venv/bin/python", "-m", "jupyterlab", "--allow-root {}") for _ in range(5)]
        details = f"JupyterLab by itself {statistics.median(alone):.2f}"
        yield Row("later ones: s", statistics.median(later), at_most=3, details=details, noise=spread(later))


# ---------------------------------------------------------------------------------------- set-up


@contextmanager
def silent_index() -> Iterator[str]:
    """The worst of an unreachable index: a port that takes a connection and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def own_index(folder: Path) -> Iterator[str]:
    """PyTorch's index on this machine, with the build of torch that runs here."""
    requirement = f"torch=={_pinned('torch')}"
    wheels = folder / "torch"
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", requirement, "--dest", wheels]
    subprocess.run(download, check=True)
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, form: str, *words: object) -> None:
        pass


def _pinned(name: str) -> str:
    return re.search(rf"^{name}==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)[1]


def _set_up(clone: Path, index: str, moment: str, before: float = 0.0) -> Iterator[Row]:
    """As on a machine that never saw these packages; `before`: MB that came before what pip's log tells of."""
    environment = os.environ | {"TORCH_INDEX": index, "PIP_NO_CACHE_DIR": "1"}
    begun = time.perf_counter()
    subprocess.run(["make", "setup"], cwd=clone, env=environment, check=True, stdout=subprocess.DEVNULL)
    yield Row(f"set-up of a fresh clone, {moment}: s", time.perf_counter() - begun)
    units = {"kB": 1e-3, "MB": 1, "GB": 1e3}
    loads = re.findall(r"Downloading .*\(([\d.]+) ([kMG]B)\)", (clone / ".venv/pip.log").read_text())
    loaded = before + sum(float(size) * units[unit] for size, unit in loads)
    held = sum(file.lstat().st_blocks for file in (clone / ".venv").rglob("*")) * 512 / 1e6
    yield Row(f"the same: MB downloaded, {moment}", loaded, details=f"{held:,.0f} MB in .venv")


def _until_it_listens(clone: Path, *command: str) -> float:
    """Seconds; the last word of the command has a place for the options."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    last = command[-1].format(f"--no-browser --port={port}")
    words = [*command[:-1], *([last] if command[0] == "make" else last.split())]
    begun = time.perf_counter()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    lab = subprocess.Popen(words, cwd=clone, start_new_session=True, **quiet)
    try:
        while time.perf_counter() < begun + PATIENCE:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=1)
                return time.perf_counter() - begun
            except OSError:
                time.sleep(0.02)
        raise TimeoutError("JupyterLab did not start to listen")
    finally:
        os.killpg(lab.pid, signal.SIGTERM)
        lab.wait()


# ---------------------------------------------------------------------------------------- first cell, first curve


PLAYGROUND = "from helpers.live import playground\nplayground()"
# Runs the cell and waits until its picture has drawn a second frame: the curve moves.
MOVES = """async () => {
  window.jupyterapp.shell.currentWidget.content.activeCellIndex = 0;
  const began = performance.now();
  window.jupyterapp.commands.execute('notebook:run-cell');
  while (!(Number(document.querySelector('.epoch-live canvas')?.dataset.frames) >= 2)) {
    await new Promise(requestAnimationFrame);
  }
  return (performance.now() - began) / 1000;
}"""


def first_minute(rounds: int = 5) -> Iterator[Row]:
    """From Run to the end of the first cell, and to a moving curve, each in a kernel that has imported nothing yet."""
    from tests.benchmarks.live_latency import notebook_in_browser  # only here: it needs a browser

    first, moves = [], []
    for _ in range(rounds):
        with notebook_in_browser(ROOT / "notebooks" / FIRST) as notebook:
            begun = time.perf_counter()
            notebook.run(_first_code_cell(FIRST))
            first.append(time.perf_counter() - begun)
        with notebook_in_browser(None, PLAYGROUND) as notebook:
            moves.append(notebook.page.evaluate(MOVES))
    for what, seconds in (
        ("notebook 1, from Run to the end of the first cell: s", first),
        ("a playground, from Run in a fresh kernel to a moving curve: s", moves),
    ):
        details = f"{len(seconds)} fresh kernels, {min(seconds):.1f} to {max(seconds):.1f} s"
        yield Row(what, statistics.median(seconds), details=details, noise=spread(seconds))


def _first_code_cell(name: str) -> int:
    cells = nbformat.read(ROOT / "notebooks" / name, nbformat.NO_CONVERT).cells
    return next(number for number, cell in enumerate(cells) if cell.cell_type == "code")
