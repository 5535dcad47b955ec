"""What instructor and learner read: a table on the screen, `grades.csv`, and one page of feedback for each learner."""

from __future__ import annotations

import csv
import html
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from tests.tools.classroom.grading import RIGHT, UNANSWERED, Grade

SIGNS = {RIGHT: "✓", UNANSWERED: "…"}  # and ✗ for what is wrong
PAGE = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }}
body {{ max-width: 46rem; margin: 2rem auto; padding: 0 1rem }}
li {{ margin: 0.6rem 0; list-style: none }} ul {{ padding: 0 }}
pre {{ overflow-x: auto; padding: 0.5rem; background: color-mix(in srgb, currentColor 8%, transparent) }}
</style>
<h1>{title}</h1>
{body}
</html>
"""


def number_key(number: str) -> list[int]:
    """Sorts 1.2 before 1.10."""
    return [int(part) for part in number.split(".") if part.isdigit()]


def table(grades: list[Grade]) -> str:
    """One line for each learner and notebook."""
    wide = max([len(grade.learner) for grade in grades] + [7])
    lines = [f"{'learner':<{wide}}  notebook  points  exercises"]
    for grade in grades:
        signs = " ".join(f"{number}{SIGNS.get(mark.status, '✗')}" for number, mark in grade.marks.items())
        points = f"{grade.points}/{len(grade.marks)}" if grade.marks else "–"
        problem = f"  ({grade.problem})" if grade.problem else ""
        lines.append(f"{grade.learner:<{wide}}  {grade.notebook[:2] or '–':<8}  {points:>6}  {signs}{problem}")
    return "\n".join(lines)


def write_csv(grades: list[Grade], path: Path) -> None:
    """One row for each learner and notebook, one column for each exercise; with a mark that tells Excel it is UTF-8."""
    numbers = sorted({number for grade in grades for number in grade.marks}, key=number_key)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["learner", "notebook", "file", "points", "of", "problem", *numbers])
        for grade in grades:
            marks = [grade.marks[number].status if number in grade.marks else "" for number in numbers]
            row = [grade.learner, grade.notebook, grade.file, grade.points, len(grade.marks), grade.problem, *marks]
            writer.writerow([_harmless(value) for value in row])


def _harmless(value: object) -> object:
    """A spreadsheet takes a text that begins like this for a formula, and learners choose the names of their files."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value


def write_pages(grades: Iterable[Grade], folder: Path) -> None:
    """One page for each learner, called after them, and an index."""
    folder.mkdir(parents=True, exist_ok=True)
    by_learner: dict[str, list[Grade]] = defaultdict(list)
    for grade in grades:
        by_learner[grade.learner].append(grade)
    for learner, own in by_learner.items():
        body = "\n".join(_section(grade) for grade in own)
        page = PAGE.format(title=html.escape(f"Feedback for {learner}"), body=body)
        (folder / _page_of(learner)).write_text(page, encoding="utf-8")
    links = "\n".join(
        f'<li><a href="{quote(_page_of(learner))}">{html.escape(learner)}</a>' for learner in sorted(by_learner)
    )
    (folder / "index.html").write_text(PAGE.format(title="Feedback", body=f"<ul>{links}</ul>"), encoding="utf-8")


def _page_of(learner: str) -> str:
    return f"{learner}.html" if learner.lower() != "index" else f"{learner} (learner).html"  # that one lists them all


def _section(grade: Grade) -> str:
    title = grade.notebook or grade.file
    parts = [f"<h2>{html.escape(title)}</h2>"]
    if grade.marks:
        parts.append(f"<p>{grade.points} of {len(grade.marks)} exercises are right.</p>")
    if grade.problem:
        parts.append(f"<p>{html.escape(grade.file)}: {html.escape(grade.problem)}.</p>")
    items = []
    for number, mark in grade.marks.items():
        said = html.escape(mark.hint) if mark.hint else "Not answered."
        code = f"<details><summary>Your code</summary><pre>{html.escape(mark.answer)}</pre></details>"
        sign = SIGNS.get(mark.status, "✗")
        items.append(f"<li><b>{sign} {number}</b> <i>{mark.status}</i>. {said}{code if mark.answer else ''}</li>")
    return "\n".join([*parts, "<ul>", *items, "</ul>"])
