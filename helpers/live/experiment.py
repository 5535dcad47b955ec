"""Guided experiments: a few settings of the playground, one click each, and a small table of these runs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import ipywidgets
import pandas as pd
from IPython.display import display

from helpers.checks import LessonError, did_you_mean
from helpers.live.playground import LABELS, Playground, check_settings
from helpers.live.table import as_html
from helpers.live.view import Access, close_all, make_button, make_words, two_columns
from helpers.live.worker import retire_former

SHOWN = ("best_loss", "best_epoch", "last_loss", "updates", "parameters")
CAPTION = "The runs of this experiment; press one to see its curve."


class Experiment:
    """Buttons that set the playground up, its picture beside them, and a table of these runs; made by `experiment`.

    With a kernel and a page nothing runs before a button is pressed. In synchronous mode every setting is run, so that
    a saved notebook shows what each of them does.
    """

    def __init__(self, playground: Playground, settings: Mapping[str, Mapping[str, Any]]) -> None:
        for values in settings.values():
            check_settings(values)
        self._playground, self._settings = playground, settings
        self._rows: dict[str, dict[str, Any]] = {}  # name -> its newest run
        self._waiting: list[str] = []  # of "run all of these"
        self._table = make_words("details")
        self._widgets: list[ipywidgets.Widget] = [self._table]
        retire_former(self)

    def press(self, name: str) -> None:
        """Set the playground up as this button does; the first press takes all other runs out of the picture."""
        if name not in self._settings:
            near = did_you_mean(name, self._settings)
            raise LessonError(f"There is no setting {name!r} here{near}: there are {', '.join(self._settings)}.")
        self._waiting.clear()
        self._begin(name)

    def run_all(self) -> None:
        """Run all settings, one after the other; to stop is to stop here too."""
        self._waiting = list(self._settings)
        self._begin(self._waiting.pop(0))

    def run_ended(self, name: str, row: dict[str, Any]) -> None:
        """Told by the playground: a run has ended, and what it was called."""
        if name in self._settings:
            self._rows[name] = row
            self._show_table()
        if name not in self._settings or row["outcome"] == "stopped":
            self._waiting.clear()
        elif self._waiting:
            self._begin(self._waiting.pop(0))

    def close(self) -> None:
        """Take this off the page; the playground stays."""
        close_all(self._widgets)
        self._widgets = []

    def __repr__(self) -> str:
        return f"experiment, one click each: {', '.join(self._settings)}"

    def _begin(self, name: str) -> None:
        here = self._playground.experiment is self
        self._playground.experiment = self
        self._playground.set_up(keep=here, name=name, **self._settings[name])

    def _show_table(self) -> None:
        rows = [(name, self._rows[name]) for name in self._settings if name in self._rows]
        columns = {"run": "setting", **{kind: LABELS[kind] for kind in SHOWN}}
        losses = {row["run"]: row["best_loss"] for _, row in rows if row["best_loss"] is not None}
        best = {min(losses, key=losses.__getitem__)} if len(losses) > 1 else set()
        self._table.value = as_html(rows, columns, best, CAPTION)

    def _ipython_display_(self) -> None:
        if self._playground.sync:
            display(self._run_in_place())
            display(self._playground)
        else:
            display(self.widget())

    def _run_in_place(self) -> pd.DataFrame:
        rows = {}
        for name in self._settings:
            self.press(name)
            run = self._playground.runs.iloc[-1]
            # More digits would depend on the CPU, all the more where a run goes wild.
            losses = {kind: ",.3f" if run[kind] < 1.5 else ",.1f" for kind in ("best_loss", "last_loss")}
            formats = losses | dict.fromkeys(("best_epoch", "updates", "parameters"), ",")
            rows[name] = {
                LABELS[kind]: "–" if pd.isna(run[kind]) else format(run[kind], how) for kind, how in formats.items()
            }
        return pd.DataFrame(rows).T

    def widget(self) -> ipywidgets.Widget:
        """What the page shows; a new one takes the former off."""
        self.close()
        view = self._playground.widget
        choices = [make_button(name, "set the playground up", partial(self.press, name)) for name in self._settings]
        everything = make_button("Run all of these", "one after the other", self.run_all)
        stop = make_button("Stop", "stop training; the curve so far stays", self._playground.stop)
        folded = ipywidgets.VBox([view.controls], layout={"display": "none"})
        fold = make_button("All settings", "show or hide all other controls", lambda: _fold(folded))
        label = ipywidgets.Label("Set it up for me:")
        rows = [
            ipywidgets.HBox(row).add_class("tools").add_class("epoch-buttons")
            for row in (choices, [everything, stop, fold])
        ]
        self._table = make_words("details", self._table.value)
        access = Access(view.row_pressed)
        body = two_columns([label, *rows, folded], view.picture, beside=True)
        whole = ipywidgets.VBox([body, *view.words, self._table, access]).add_class("epoch-live")
        self._widgets = [
            whole, body, body.children[0], label, *rows, folded, *choices, everything, stop, fold, self._table, access,
        ]  # fmt: skip
        return whole


def _fold(box: ipywidgets.VBox) -> None:
    box.layout.display = "none" if box.layout.display != "none" else "flex"


def experiment(playground: Playground, settings: Mapping[str, Mapping[str, Any]]) -> Experiment:
    """A row of buttons that each set the playground up for a guided experiment.

    >>> experiment(play, {"too low": {"learning_rate": 0.0001}, "too high": {"learning_rate": 0.1}})

    Args:
        playground: what the buttons move.
        settings: the name on each button -> the controls it sets; all others go to their first values.

    Raises `LessonError` for a control that is not there, or a value that it does not have.
    """
    return Experiment(playground, settings)
