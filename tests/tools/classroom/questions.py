"""The question bank: every exercise of the course, for instructors to choose from.

    python -m tests.tools.classroom.questions          as a table in Markdown
    python -m tests.tools.classroom.questions --csv    for a spreadsheet

Each with its number, notebook, kind, minutes, the section it belongs to, its question, and the wrong answers that its
judge knows: what it tests.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields

from helpers.exercises import find
from tests.tools.classroom.assignment import Assignment, assignments, calls

MINUTES = {"function": 8}  # for writing one; a number or a letter takes
OTHERWISE = 4


@dataclass(frozen=True)
class Question:
    """One exercise as a row of the bank."""

    number: str
    notebook: str
    kind: str
    minutes: int
    section: str
    question: str
    tells_apart: str


def questions(course: list[Assignment]) -> Iterator[Question]:
    """Every exercise of these notebooks, in their order."""
    for assignment in course:
        section = text = ""
        for cell in assignment.notebook.cells:
            if cell.cell_type == "markdown" and "<details>" not in cell.source:
                headings = re.findall(r"^#{2,3} (.+)$", cell.source, re.MULTILINE)
                section = next((heading for heading in headings if not heading.startswith("Exercise")), section)
                text = _question(cell.source) or text
            for number in calls(cell.source) if cell.cell_type == "code" else ():
                judge = find(number)
                kind = getattr(judge, "kind", "answer")
                hints = " · ".join(getattr(judge, "hints", ()))
                minutes = MINUTES.get(kind, OTHERWISE)
                yield Question(number, assignment.name, kind, minutes, section, text, hints)


def _question(source: str) -> str:
    """The exercise's text without its heading, in one line."""
    return " ".join(re.sub(r"^#+ .*$|<!--.*?-->", "", source, flags=re.MULTILINE).split())


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="List every exercise of the course.")
    parser.add_argument("--csv", action="store_true", help="for a spreadsheet, instead of Markdown")
    rows = [asdict(question) for question in questions(assignments())]
    names = [field.name for field in fields(Question)]
    if parser.parse_args(arguments).csv:
        writer = csv.DictWriter(sys.stdout, names)
        writer.writeheader()
        writer.writerows(rows)
    else:
        print(f"| {' | '.join(name.replace('_', ' ') for name in names)} |\n|{'---|' * len(names)}")
        for row in rows:
            print(f"| {' | '.join(str(value).replace('|', chr(92) + '|') for value in row.values())} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
