"""Record the live parts of a notebook: run the cells that they need, then move their controls and keep what they show.

A recording is a line of JSON in a file of its part, so that what was recorded before an interruption counts. Folders
are named after all that the numbers depend on: another line of code, other versions, and they are recorded anew.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import io
import json
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from helpers.live import Experiment, LivePicture, Playground
from helpers.live.part import Live
from helpers.plots import X_AXES
from tests.tools.live_cells import SHOWS_CONTROLS, cells_with_controls
from tests.tools.notebook_rules import load
from tests.tools.site.combinations import Positions, of_a_part, of_the_playground, replaced, starts
from tests.tools.site.told import recording

ROOT = Path(__file__).resolve().parents[3]
DECIDES = ("torch", "numpy", "scipy", "pandas", "scikit-learn", "matplotlib")  # packages whose versions matter
WRITERS = {
    "run": ("told.py",),
    "picture": ("told.py", "strokes.py"),
}  # files beside this one that write recordings down
# Of helpers.live: how JupyterLab shows a part, and not what.
PAGE_SIDE = ("view.py", "chart.py", "screen.py", "table.py", "take_home.py", "experiment.py")
CHOOSERS = ("record.py", "combinations.py")  # and those that say which there are


@cache
def stamp(notebook: Path, kind: str) -> str:
    """A name for all that the recordings of a notebook's runs, or its pictures, depend on."""
    cells = load(notebook).cells
    sources = [cells[number].source for number in cells_with_controls(notebook)]
    helpers = sorted((ROOT / "helpers").rglob("*.py"))
    sources += [meaning(path) for path in helpers if "exercises" not in path.parts and path.name not in PAGE_SIDE]
    sources += [f"{name} {version(name)}" for name in DECIDES]
    return digest(sources, WRITERS[kind])


def digest(sources: list[str], files: tuple[str, ...]) -> str:
    """A short hash of texts, and of files beside this one."""
    texts = sources + [meaning(Path(__file__).with_name(name)) for name in files]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


@cache
def meaning(path: Path) -> str:
    """A module's code, however it is laid out and commented."""
    return ast.unparse(ast.parse(path.read_text(encoding="utf-8")))


def folder_for(notebook: Path, kind: str, into: Path) -> Path:
    """Where the recordings of a notebook's runs, or its pictures, are kept."""
    return into / f"{notebook.name[:2]}-{kind}-{stamp(notebook, kind)}"


def finished(notebook: Path, into: Path, sample: bool) -> Path:
    """A file that is there once everything has been recorded."""
    kinds = [folder_for(notebook, kind, into).name for kind in WRITERS]
    return into / f"{notebook.name[:2]}-{'sample' if sample else 'whole'}-{digest(kinds, CHOOSERS)}"


def live_parts(notebook: Path) -> Iterator[tuple[str, Any]]:
    """(id of the cell, live part) for each that the notebook shows, as soon as its cell has run, in a fresh namespace.

    Raises:
        RuntimeError: when a part does not say what it says in the saved notebook.
    """
    cells, names = load(notebook).cells, {"__name__": "__main__"}
    needed = cells_with_controls(notebook)
    with contextlib.chdir(notebook.parent):
        for number in needed:
            cell = cells[number]
            with contextlib.redirect_stdout(io.StringIO()):
                value = run_cell(cell.source, names)
            if not SHOWS_CONTROLS.search(cell.source) or not isinstance(value, Live | Experiment):
                continue
            said = [output.data["text/plain"] for output in cell.outputs if "text/plain" in output.get("data", {})]
            if isinstance(value, Live) and repr(value) not in said:
                raise RuntimeError(f"{notebook.name}, {cell.id}: {value!r} is not what the notebook says: {said}")
            yield cell.id, value


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Run a cell; returns the value of its last line."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<cell>", "exec"), names)
    return None if last is None else eval(compile(ast.Expression(last.value), "<cell>", "eval"), names)


def about(part: Live) -> dict[str, Any]:
    """What a page has to know of a live part before it has any recording."""
    controls = [
        {"name": name, "label": control.label or name.replace("_", " "), "kind": control.kind, "tip": control.tip,
         "texts": control.texts, "values": [repr(option) for option in control.options], "start": control.start}
        for name, control in part._controls.items()
    ]  # fmt: skip
    told: dict[str, Any] = {"controls": controls}
    if isinstance(part, LivePicture):
        return told | {"kind": "picture", "size": part._size}
    curves = part.curves
    told |= {"kind": "training", "x": curves.x, "log": curves.log, "x_axes": X_AXES}
    return told | ({"kind": "playground", "test_size": part._test_size} if isinstance(part, Playground) else {})


def wanted(cell: str, part: Live, settings: list[Positions], sample: bool) -> list[Positions]:
    """The combinations of a part to record, each once; `settings` are those that experiments ask for."""
    choose = of_the_playground if isinstance(part, Playground) else of_a_part
    return list(dict.fromkeys([starts(part._controls), *settings, *choose(part._controls, sample)]))


def record(notebook: Path, into: Path, sample: bool) -> None:
    """Record what this notebook still lacks in the folder `into`: all settings of each part, or a few for a sample."""
    for cell, part, settings in in_turn(notebook, into):
        folder = home(notebook, part, into)
        have = recorded(folder, cell)
        missing = [at for at in wanted(cell, part, settings, sample) if at not in have]
        with (folder / f"{cell}.jsonl").open("a", encoding="utf-8") as file:
            for at in missing:
                line = json.dumps({"at": at, **recording(part, at)}, separators=(",", ":"), ensure_ascii=False)
                file.write(f"\n{line}")
                file.flush()
    finished(notebook, into, sample).touch()


def in_turn(notebook: Path, into: Path) -> Iterator[tuple[str, Live, list[Positions]]]:
    """Every part, right after its cell has run, with the settings that experiments ask of it.

    The playground waits for its experiments.
    """
    waiting: tuple[str, Live] | None = None
    settings: list[Positions] = []
    for cell, part in live_parts(notebook):
        if isinstance(part, Experiment):
            controls = part._playground._controls
            buttons = {name: replaced(controls, starts(controls), values) for name, values in part._settings.items()}
            write(
                home(notebook, part, into) / f"{cell}.json",
                {"kind": "experiment", "of": waiting[0], "buttons": buttons},
            )
            settings += buttons.values()
            continue
        write(home(notebook, part, into) / f"{cell}.json", about(part))
        if isinstance(part, Playground):
            waiting = cell, part
        else:
            yield cell, part, []
    if waiting is not None:
        yield *waiting, settings


def home(notebook: Path, part: Live | Experiment, into: Path) -> Path:
    """The folder of a part's recordings."""
    folder = folder_for(notebook, "picture" if isinstance(part, LivePicture) else "run", into)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write(path: Path, told: dict[str, Any]) -> None:
    """Write JSON."""
    path.write_text(json.dumps(told, separators=(",", ":"), ensure_ascii=False), encoding="utf-8")


def recorded(folder: Path, cell: str) -> dict[Positions, dict[str, Any]]:
    """What there is of a part: positions of its controls -> recording."""
    found, path = {}, folder / f"{cell}.jsonl"
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        with contextlib.suppress(json.JSONDecodeError):  # cut off by an interruption: it is made again
            told = json.loads(line)
            found[tuple(told.pop("at"))] = told
    return found
