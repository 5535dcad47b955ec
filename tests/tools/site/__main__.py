"""Make the site: the course as pages whose live parts play recorded runs.

python -m tests.tools.site                  into site/; what has not been recorded yet is recorded first
python -m tests.tools.site --sample         with a few recordings of each part, for a quick look
python -m tests.tools.site --as-is          with the recordings that there are
"""

from __future__ import annotations

import argparse
import ast
import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from helpers.checks import LessonError, positive_int
from helpers.live import chart
from helpers.live.experiment import CAPTION as OF_AN_EXPERIMENT
from helpers.live.experiment import SHOWN
from helpers.live.playground import LABELS
from helpers.live.table import CAPTION
from tests.tools.kernel import course_environment
from tests.tools.live_cells import SHOWS_CONTROLS
from tests.tools.notebook_rules import load
from tests.tools.site.pages import HERE, Site, headings, to_html
from tests.tools.site.record import ROOT, WRITERS, Positions, finished, folder_for, record, recorded

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LONGEST_FIRST = ("04", "01", "02", "05", "03")
SCRIPTS = ("strokes.js", "runs.js", "parts.js")
ROW = re.compile(r"^\| (\d) \| \[(.+?)\]\(.+?\) \| (\d+) \| (.+) \|$", re.MULTILINE)
FRONT = "01-live-batch-size"  # the live part of the front page
PACE = {
    "picture": "Each setting's picture was drawn by the notebook's own code; move a control to see another.",
    "training": "Each was trained once, in PyTorch; here it plays back at its own pace.",
}


def record_all(into: Path, sample: bool, at_once: int) -> None:
    """Record what is missing, some notebooks at once. Raises RuntimeError when one fails."""
    missing = [path for path in NOTEBOOKS if not any(finished(path, into, kind).exists() for kind in {False, sample})]
    missing.sort(key=lambda path: LONGEST_FIRST.index(path.name[:2]) if path.name[:2] in LONGEST_FIRST else 9)
    # A process imports as much as a kernel, and takes one notebook after the other. Ctrl-C ends it with its work.
    fresh, ends = multiprocessing.get_context("spawn"), (signal.SIGINT, signal.SIG_DFL)
    with course_environment(), ProcessPoolExecutor(at_once, fresh, signal.signal, ends) as pool:
        begun = time.monotonic()
        at_work = {pool.submit(record, path, into, sample): path for path in missing}
        for done in as_completed(at_work):
            if (error := done.exception()) is not None:
                pool.shutdown(cancel_futures=True)
                where = error.__cause__ or repr(error)  # the traceback in that process
                raise RuntimeError(f"{at_work[done].name} could not be recorded:\n{where}") from error
            print(f"recorded {at_work[done].name} after {time.monotonic() - begun:.0f} s", flush=True)


class Recordings:
    """The recordings of one live part, packed for the page."""

    def __init__(self, notebook: Path, cell: str, into: Path) -> None:
        folder = next(
            (place for kind in WRITERS if (place := folder_for(notebook, kind, into) / f"{cell}.json").exists()), None
        )
        if folder is None:
            raise RuntimeError(f"{notebook.name}: its live part {cell} was never recorded")
        self.id = f"{notebook.name[:2]}-{cell}"
        self.about: dict[str, Any] = json.loads(folder.read_text(encoding="utf-8"))
        self.runs = recorded(folder.parent, cell)
        if self.about["kind"] == "experiment":
            return
        self.start: Positions = tuple(control["start"] for control in self.about["controls"])
        self.pool: dict[str, int] = {}
        self.packed = {at: self.pack(told) for at, told in self.runs.items()}

    def pack(self, told: dict[str, Any]) -> Any:
        """A recording with what others have too, strokes and lines of programs, by number."""
        if "frames" in told:
            return [[[self.number(dumps(stroke)) for stroke in marks], text] for marks, text in told["frames"]]
        if "code" in told:
            return told | {"code": [self.number(line) for line in told["code"].split("\n")]}
        return told

    def number(self, text: str) -> int:
        return self.pool.setdefault(text, len(self.pool))

    def first(self) -> dict[str, Any]:
        """What the part shows before anything is loaded."""
        at, told = list(self.start), self.packed[self.start]
        if self.about["kind"] != "picture":
            return {"at": at, "told": told}
        used = sorted({mark for marks, _ in told for mark in marks})
        renumbered = [[[used.index(mark) for mark in marks], text] for marks, text in told]
        strokes = list(self.pool)
        return {"at": at, "told": renumbered, "strokes": [json.loads(strokes[mark]) for mark in used]}

    def script(self) -> str:
        """The file of recordings, as a script: from file:// a page can load nothing else."""
        told: dict[str, Any] = {"runs": {",".join(map(str, at)): run for at, run in self.packed.items()}}
        if self.about["kind"] == "picture":
            told["strokes"] = shortened([json.loads(stroke) for stroke in self.pool])
        else:
            told["lines"] = list(self.pool)
        return f"recordings({dumps(self.id)},{dumps(told)});\n"


def shortened(strokes: list[list]) -> list[list]:
    """Of paths that grow from frame to frame only the longest is written; the others are beginnings of it."""
    growing = [
        (stroke[0], dumps(stroke[2:]), stroke[1], place) for place, stroke in enumerate(strokes) if stroke[0] == "p"
    ]
    out, longer = list(strokes), None
    for kind, look, path, place in sorted(growing, reverse=True):  # what begins alike follows what is longer
        if longer and (kind, look) == longer[:2] and longer[2].startswith(path) and len(path) > 20:
            out[place] = [longer[3], len(path)]
        else:
            longer = kind, look, path, place
    return out


def dumps(told: Any) -> str:
    """JSON without a space."""
    return json.dumps(told, separators=(",", ":"), ensure_ascii=False)


def parts_of(notebook: Path, into: Path) -> dict[str, dict[str, Any]]:
    """All that the pages know of a notebook's live parts, by cell; writes nothing."""
    found: dict[str, Recordings] = {}
    variables: dict[str, str] = {}
    for cell in load(notebook).cells:
        if cell.cell_type == "code" and SHOWS_CONTROLS.search(cell.source):
            last = ast.parse(cell.source).body[-1]
            if isinstance(last, ast.Expr) and cell.outputs:
                found[cell.id] = Recordings(notebook, cell.id, into)
                variables[cell.id] = last.value.id if isinstance(last.value, ast.Name) else ""
    return {
        cell: {"recordings": part, "told": told(part, cell, variables[cell], found)} for cell, part in found.items()
    }


def told(part: Recordings, cell: str, variable: str, all_parts: dict[str, Recordings]) -> dict[str, Any]:
    """What stands in the page for one part."""
    whole, about = part, dict(part.about)
    if about["kind"] == "experiment":
        whole = all_parts[about["of"]]
        about = {**whole.about, **about, "of": whole.id}
        about["columns"], about["caption"] = (
            {"run": "setting", **{name: LABELS[name] for name in SHOWN}},
            OF_AN_EXPERIMENT,
        )
    elif about["kind"] == "playground":
        about["columns"], about["caption"] = LABELS, CAPTION
    first = whole.first()
    said = first["told"][-1][1] if about["kind"] == "picture" else first["told"]["text"]
    return about | {
        "id": part.id, "first": first, "first_text": said, "variable": variable,
        "title": f"live part: {cell.replace('-', ' ')}", "pace": PACE.get(about["kind"], PACE["training"]),
    }  # fmt: skip


def repository() -> str:
    """OWNER/REPO of this copy on GitHub; those two words where there is none."""
    named = os.environ.get("GITHUB_REPOSITORY")
    if named:
        return named
    remote = subprocess.run(["git", "remote", "get-url", "origin"], cwd=ROOT, capture_output=True, text=True).stdout
    found = re.search(r"github\.com[/:]([\w.-]+/[\w.-]+?)(?:\.git)?\s*$", remote)
    return found[1] if found else "OWNER/REPO"


def build(folder: Path, into: Path, github: str) -> None:
    """Write every page, from the recordings that there are."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("assets", "recordings", "notebooks"):
        (folder / name).mkdir(parents=True)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    site = Site(folder, github, into / "pictures")
    rows = {number: (title, minutes, gives) for number, title, minutes, gives in ROW.findall(readme)}
    for path in NOTEBOOKS:
        number = str(int(path.name[:2]))
        title, minutes, gives = rows[number]
        site.chapters.append({
            "number": number, "title": title, "short": title.partition(":")[0], "minutes": minutes, "gives": gives,
            "page": f"{path.stem}.html", "file": path.name, "binder": site.binder(path.name),
        })  # fmt: skip
        shutil.copy(path, folder / "notebooks")
    all_parts: dict[str, dict[str, Any]] = {}
    for place, path in enumerate(NOTEBOOKS):
        parts = parts_of(path, into)
        for part in parts.values():
            all_parts[part["told"]["id"]] = part["told"]
            if part["told"]["kind"] != "experiment":
                name = f"{part['recordings'].id}.js"
                (folder / "recordings" / name).write_text(part["recordings"].script(), encoding="utf-8", newline="\n")
        body = site.chapter(path, {cell: part["told"] for cell, part in parts.items()})
        chapter, around = site.chapters[place], [None, *site.chapters, None]
        site.write(
            "book.html.j2", chapter["page"], title=chapter["title"], description=chapter["gives"], body=body,
            headings=headings(body), chapter=chapter, before=around[place], after=around[place + 2], live=True,
        )  # fmt: skip
    for name, title in (("glossary", "Glossary"), ("claims", "Claims on trial")):
        body = to_html((ROOT / "notebooks" / f"{name}.md").read_text(encoding="utf-8"))
        about = f"{title} of the course"
        site.write("book.html.j2", f"{name}.html", title=title, description=about, body=body, headings=headings(body))
    front = all_parts[FRONT] | {"id": f"front-{FRONT}", "of": FRONT}
    paragraphs = readme.partition("\n![")[0].split("\n\n")
    # The link to this very page is left out.
    lead, *more = [to_html(words) for words in paragraphs[1:] if not words.startswith("**[")]
    site.write(
        "front.html.j2", "index.html", title="What happens inside a training loop", lead=lead, more="".join(more),
        part={"id": FRONT}, description="Five notebooks on training.",
        told=dumps(front).replace("</", "<\\/"), live=True,
    )  # fmt: skip
    write_assets(folder / "assets")


def write_assets(folder: Path) -> None:
    """The style sheet, and the scripts: those of JupyterLab's chart, and the player around them."""
    player = chart.SCRIPT.replace("export default { render };", "return { render };")
    scripts = f"const Chart = (() => {{\n{player}\n}})();\n" + "".join(map(asset, SCRIPTS))
    styles = chart.beside("view.css") + asset("site.css")
    shutil.copy(HERE / "assets" / "page.js", folder)
    for name, text in (("live.js", scripts), ("site.css", styles)):
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def asset(name: str) -> str:
    """The text of a file of the site's own."""
    return (HERE / "assets" / name).read_text(encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Make the course as pages with recorded live parts.")
    parser.add_argument("--to", type=Path, default=ROOT / "site", help="the folder to write (default: site)")
    parser.add_argument("--into", type=Path, default=ROOT / ".cache" / "site", help="where recordings are kept")
    parser.add_argument("--repository", default=repository(), help="OWNER/REPO on GitHub, for links")
    parser.add_argument("--at-once", type=int, default=2, help="how many notebooks to record at once")
    parser.add_argument("--sample", action="store_true", help="record only a few settings of each part")
    parser.add_argument("--as-is", action="store_true", help="record nothing")
    options = parser.parse_args(arguments)
    begun, into = time.monotonic(), options.into.resolve()
    try:
        if not options.as_is:
            at_once = positive_int("--at-once", options.at_once)
            into.mkdir(parents=True, exist_ok=True)
            record_all(into, options.sample, at_once)
        build(options.to.resolve(), into, options.repository)
    except (RuntimeError, LessonError) as error:
        print(error, file=sys.stderr)
        return 1
    size = sum(path.stat().st_size for path in options.to.rglob("*") if path.is_file())
    print(f"{options.to}: {size / 1e6:.1f} MB in {time.monotonic() - begun:.0f} s; open {options.to / 'index.html'}")
    if options.repository == "OWNER/REPO":
        print("Its links to Binder and GitHub say OWNER/REPO: name yours with SITE_ARGS='--repository owner/repo'.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
