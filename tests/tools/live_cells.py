"""Which cells of a notebook show a live part, and which others they need: the rest of it has not to be run for them."""

import re
from pathlib import Path

import nbformat

from tests.tools.classroom.slices import needed_cells

SHOWS_CONTROLS = re.compile(r"\b(live_training|live_picture|playground|experiment)\(")


def cells_with_controls(path: Path) -> list[int]:
    """The cells that show a live part, and before them those that make what these use; from 0."""
    cells = nbformat.read(path, as_version=nbformat.NO_CONVERT).cells
    sources = [cell.source if cell.cell_type == "code" else "" for cell in cells]
    showing = {place: "" for place, source in enumerate(sources) if SHOWS_CONTROLS.search(source)}
    return sorted(needed_cells(sources, showing))
