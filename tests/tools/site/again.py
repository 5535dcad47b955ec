"""Make some recordings again and compare: a recorded run must end as a kernel's run does. Seconds are not compared."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
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


def again(notebook: Path, count: int, into: Path, only: Sequence[str] = ()) -> tuple[int, list[str]]:
    """Make about `count` recordings again, of these cells `only` if any are named; how many, and where one differs."""
    made, differ = 0, []
    draw = random.Random(0)
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
