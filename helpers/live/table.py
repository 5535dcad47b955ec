"""The tables of runs, as the page shows them."""

from __future__ import annotations

import html
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from helpers.live.controls import write_number

CAPTION = (
    "Every run that has ended, the newest on top; press one to see its curve and to have its settings back. ★ marks "
    "the lowest validation loss on its data: RMSE in stars for ratings, mean squared error for diabetes."
)


def as_html(
    rows: Iterable[tuple[Any, Mapping[str, Any]]],
    columns: Mapping[str, str],
    best: Collection[int],
    caption: str,
    shown: int | None = None,
) -> str:
    """A table of runs that can be pressed.

    Args:
        rows: what stands in the first column, and a run.
        columns: name -> heading; the first is the first column's.
        best: the numbers of runs to mark.
        shown: the run whose curve is in front.
    """
    first, *names = columns
    head = "".join(f'<th scope="col">{html.escape(label)}</th>' for label in columns.values())
    body = ""
    for name, row in rows:
        cells = "".join(f"<td>{html.escape(write(column, row[column]))}</td>" for column in names)
        kinds = [kind for kind, there in (("best", row["run"] in best), ("shown", row["run"] == shown)) if there]
        star = "★ " if row["run"] in best else ""
        title = f'<td><button type="button" title="see this run">{star}{html.escape(str(name))}</button></td>'
        body += f'<tr data-run="{row["run"]}" class="{" ".join(kinds)}">{title}{cells}</tr>'
    said = f"<caption><span>{html.escape(caption)}</span></caption>"
    return f"<table>{said}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def write(name: str, value: Any) -> str:
    """One entry of the table, with as many digits as say something."""
    if value is None:
        return "–"
    if name in ("best_loss", "last_loss"):
        return f"{value:.4f}" if value < 100 else f"{value:,.0f}"
    if name in ("memory", "seconds"):
        return f"{value:,.2f}"
    return write_number(value)


def best_runs(rows: Sequence[Mapping[str, Any]]) -> set[int]:
    """The numbers of the runs with the lowest loss on each of the data sets."""
    finished = [row for row in rows if row["best_loss"] is not None]
    by_data = {row["data"]: row for row in sorted(finished, key=lambda row: -row["best_loss"])}
    return {row["run"] for row in by_data.values()}
