"""What a learner takes home from the playground: the table, the program of a run, the line that sets it up."""

from __future__ import annotations

import html
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import ipywidgets

from helpers.live.tasks import ratings_csv
from helpers.live.view import View, make_button, make_words

if TYPE_CHECKING:
    from helpers.live.playground import Playground


class TakeHome:
    """The box with the program, folded away at first, and what the playground's buttons for all this do."""

    def __init__(self, playground: Playground, view: View) -> None:
        self._playground, self._view = playground, view
        self.actions: dict[str, Callable[[], None]] = {
            "export": lambda: view.download("runs.csv", playground.csv()),
            "settings": lambda: view.copy(playground.settings()),
            "code": self._fold,
        }
        hand_over = {
            "Copy": ("copy the program", lambda: view.copy(playground.code())),
            "Download": ("download the program as run.py", lambda: view.download("run.py", playground.code())),
            "Download the ratings": ("ratings.csv, which the program reads", self._ratings),
        }
        # Between two slices, where errors are shown.
        buttons = [
            make_button(label, tip, partial(playground.soon, action)) for label, (tip, action) in hand_over.items()
        ]
        self._words = make_words("code")
        row = ipywidgets.HBox(buttons).add_class("tools")
        self._box = ipywidgets.VBox([row, self._words], layout={"display": "none"})
        *above, table, access = view.children
        view.children = [*above, self._box, table, access]

    def show(self) -> None:
        """Show the program of the present settings, where the box is open."""
        if self._box.layout.display != "none":
            self._words.value = f"<pre>{html.escape(self._playground.code())}</pre>"

    def _fold(self) -> None:
        folded = self._box.layout.display == "none"
        self._box.layout.display = "flex" if folded else "none"
        self._view.buttons["code"].description = "Hide the code" if folded else "Show the code"
        self.show()

    def _ratings(self) -> None:
        data = self._playground.values["data"]
        self._view.download("ratings.csv", ratings_csv(self._playground.source_of(data)))
