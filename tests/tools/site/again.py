"""Make some recordings again, in a fresh process, and compare: a recorded run must end as a kernel's run does.

    python -m tests.tools.site.again notebooks/01_….ipynb 10 --into .cache/site     ten of this notebook, spread over it

Seconds are not compared. Prints what differs; 1 if something does, or if there was nothing to compare.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path
from typing import Any

from helpers.live import Experiment
from tests.tools.site.record import home, live_parts, recorded
from tests.tools.site.told import recording


def timeless(told: dict[str, Any]) -> dict[str, Any]:
    """A recording without what depends on the speed of the machine."""
    told = json.loads(json.dumps(told))  # as a file has it: lists for tuples
    told.pop("at", None)
    if "rows" in told:
        told["rows"] = [[*row[:2], *row[3:]] for row in told["rows"]]
        told["end"] = told["end"][:2]
    if "row" in told:
        told["row"].pop("seconds")
    return told


def again(notebook: Path, count: int, into: Path, only: list[str], seed: int) -> tuple[int, list[str]]:
    """Make about `count` recordings again; returns how many, and where one differs."""
    made, differ = 0, []
    draw = random.Random(seed)
    parts = len(only) or 4
    for cell, part in live_parts(notebook):
        if isinstance(part, Experiment) or (only and cell not in only):
            continue
        have = recorded(home(notebook, part, into), cell)
        for at in draw.sample(sorted(have), min(-(-count // parts), len(have))):
            made += 1
            if timeless(recording(part, at)) != timeless(have[at]):
                differ.append(f"{notebook.name}, {cell}, {at}")
        if made >= count:
            break
    return made, differ


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Make some recordings again, and compare.")
    parser.add_argument("notebook", type=Path)
    parser.add_argument("count", type=int)
    parser.add_argument("--into", type=Path, required=True, help="the folder of recordings")
    parser.add_argument("--parts", nargs="*", default=[], help="only these parts, by the ids of their cells")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    made, differ = again(options.notebook.resolve(), options.count, options.into.resolve(), options.parts, options.seed)
    print(f"{made} recordings made again, {len(differ)} differ", *differ, sep="\n")
    return 1 if differ or not made else 0


if __name__ == "__main__":
    sys.exit(main())
