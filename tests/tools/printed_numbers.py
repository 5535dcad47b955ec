"""Which printed numbers of the notebooks changed since a release, for CHANGELOG.md.

    python -m tests.tools.printed_numbers v1.0.0

Compares the saved outputs, cell by cell, with those of a tag or commit; timings and new cells are left out.
"""

import re
import subprocess
import sys
from collections.abc import Iterator

import nbformat

from tests.tools.refresh import NOTEBOOKS, TIMING_TAG

NUMBER = re.compile(r"[-–]?\d[\d,]*(?:\.\d+)?%?")


def numbers(notebook: nbformat.NotebookNode) -> dict[str, list[str]]:
    """For every code cell by its id, the numbers in what it prints."""
    found = {}
    for cell in notebook.cells:
        if cell.cell_type == "code" and TIMING_TAG not in cell.metadata.get("tags", []):
            texts = [one.get("text") or one.get("data", {}).get("text/plain", "") for one in cell.outputs]
            found[cell.id] = NUMBER.findall("\n".join(texts))
    return found


def changes(before: nbformat.NotebookNode, now: nbformat.NotebookNode) -> Iterator[tuple[str, list[str], list[str]]]:
    """(cell, numbers that went, numbers that came) for every cell that both have and that prints others."""
    old, new = numbers(before), numbers(now)
    for cell in new:
        if cell in old and old[cell] != new[cell]:
            gone = [one for one in old[cell] if one not in new[cell]]
            yield cell, gone, [one for one in new[cell] if one not in old[cell]]


def main(arguments: list[str]) -> int:
    """The command line; 1 where there is no such release."""
    if len(arguments) != 1:
        print("Name one release, such as v1.0.0.", file=sys.stderr)
        return 1
    release = arguments[0]
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        command = ["git", "show", f"{release}:./{path.name}"]
        shown = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, encoding="utf-8")
        if shown.returncode != 0:
            print(f"{release} holds no {path.name}: {shown.stderr.strip()}", file=sys.stderr)
            return 1
        before, now = nbformat.reads(shown.stdout, as_version=4), nbformat.read(path, as_version=4)
        for cell, gone, came in changes(before, now):
            print(f"{path.stem}, {cell}: {' '.join(gone) or '(none)'} → {' '.join(came) or '(none)'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
