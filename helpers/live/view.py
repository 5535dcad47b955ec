"""The page's side of a live part: ipywidgets sliders, menus and buttons, a picture, and lines of text."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import anywidget
import ipywidgets as widgets
from traitlets import Bool, Bytes, Dict, Float, Tuple, Unicode, dlink, observe

from helpers.live.chart import beside
from helpers.live.controls import Control, make_input

WORDS = ("progress_text", "text", "error", "traceback", "details")


class Access(anywidget.AnyWidget):
    """What ipywidgets leaves out; `view.js` adds it to the page.

    Names, units and tips of sliders for screen readers, keys that stay with the controls, files to download, text to
    copy, rows of tables that can be pressed, and a word when the kernel is gone.
    """

    _esm = beside("view.js")
    _css = beside("view.css")

    def __init__(self, row_pressed: Callable[[int], None] | None = None) -> None:
        super().__init__()
        if row_pressed is not None:
            self.on_msg(lambda _, message, buffers: row_pressed(int(message["row"])))


class Picture(anywidget.AnyWidget):
    """A picture that changes many times a second and never flickers; `picture.js` draws it."""

    _esm = beside("picture.js")

    size = Tuple(help="width and height in CSS pixels").tag(sync=True)
    file = Bytes(help="the picture as a PNG file").tag(sync=True)
    text = Unicode(help="text alternative").tag(sync=True)


class View(widgets.VBox):
    """What the page shows, all of it there again after the page was reloaded.

    The traits below live in the kernel: set one, and the widgets that show it follow; a learner's move sets `chosen`.
    """

    chosen = Dict(help="name of a control -> position of its value")
    disabled = Dict(help="name of a control that plays no part now -> the reason")
    text = Unicode(help="what the picture shows")
    running = Bool(False)
    progress = Float(0.0, help="share of the run that is done")
    progress_text = Unicode()
    error = Unicode(help="one line that says what went wrong")
    traceback = Unicode(help="where it went wrong")
    details = Unicode(help="HTML below the picture")

    def __init__(
        self,
        controls: Mapping[str, Control],
        picture: widgets.DOMWidget,
        buttons: Sequence[tuple[str, str, str]],
        beside: bool,
        pressed: Callable[[str], None],
    ) -> None:
        self.inputs = {name: make_input(name, control) for name, control in controls.items()}
        self.buttons = {name: make_button(label, tip, partial(pressed, name)) for name, label, tip in buttons}
        self.tips = {name: make_words("tip", html.escape(control.tip)) for name, control in controls.items()}
        self.picture = picture
        self.row_pressed: Callable[[int], None] = lambda row: None
        bar = widgets.FloatProgress(max=1.0, layout={"width": "130px", "height": "10px"})
        words = {name: make_words(name.replace("_", "-")) for name in WORDS}
        self.access = Access(lambda row: self.row_pressed(row))

        width = _label_width(controls)
        for name in controls:
            self.inputs[name].style.description_width = width
        rows = [widgets.HBox([self.inputs[name], tip]).add_class("row") for name, tip in self.tips.items()]
        self.controls = widgets.VBox(rows).add_class("controls")
        shown = {"display": "flex" if buttons else "none"}
        tools = widgets.HBox(list(self.buttons.values()), layout=shown).add_class("tools")
        going = widgets.HBox([bar, words["progress_text"]], layout=shown).add_class("going")
        self.words = (going, words["text"], words["error"], words["traceback"])
        body = two_columns([self.controls, tools], picture, beside)
        super().__init__([body, *self.words, words["details"], self.access])
        self.add_class("epoch-live")
        self.chosen = {name: control.start for name, control in controls.items()}
        for name, widget in self.inputs.items():
            widget.observe(lambda change, name=name: self._input_moved(name, change["new"]), "value")
        dlink((self, "progress"), (bar, "value"))
        for name, widget in words.items():
            dlink((self, name), (widget, "value"), None if name == "details" else html.escape)
        if "stop" in self.buttons:
            dlink((self, "running"), (self.buttons["stop"], "disabled"), lambda running: not running)

    def copy(self, text: str) -> None:
        """Put a text on the reader's clipboard."""
        self.access.send({"copy": text})

    def download(self, name: str, text: str) -> None:
        """Hand the reader a file."""
        self.access.send({"download": name, "text": text})

    def close(self) -> None:
        """Close every widget in here with the layout and style it made, and let go of what they would keep alive."""
        close_all(widget for widget in _inside(self) if widget is not self)
        self.row_pressed = lambda row: None
        self.layout.close()
        self.unobserve_all()
        super().close()

    def _input_moved(self, name: str, position: int | bool) -> None:
        self.chosen = {**self.chosen, name: int(position)}

    @observe("chosen")
    def _show_chosen(self, change: dict[str, Any]) -> None:
        for name, position in change["new"].items():
            widget = self.inputs[name]
            if widget.value != position:
                widget.value = type(widget.value)(position)  # a box to tick wants True, not 1

    @observe("disabled")
    def _show_disabled(self, change: dict[str, Any]) -> None:
        for name in self.tips:
            reason = change["new"].get(name)
            self.inputs[name].disabled = reason is not None
            self.tips[name].value = html.escape(self.inputs[name].tooltip if reason is None else reason)


def two_columns(left: Sequence[widgets.Widget], picture: widgets.DOMWidget, beside: bool) -> widgets.Box:
    """Controls to the left of the picture where there is room (`beside`), or above it."""
    column = widgets.VBox(left).add_class("left")
    return widgets.Box([column, picture]).add_class("beside" if beside else "above")


def close_all(gone: Iterable[widgets.Widget]) -> None:
    """Close widgets with their layouts and styles, and let go of what their callbacks would keep alive."""
    for widget in list(gone):
        widget.unobserve_all()
        for name in ("_click_handlers", "_msg_callbacks"):
            if hasattr(widget, name):
                getattr(widget, name).callbacks.clear()
        for part in (widget.layout, getattr(widget, "style", None)):
            if isinstance(part, widgets.Widget):
                part.close()
        widget.close()


def _inside(widget: widgets.Widget) -> Iterator[widgets.Widget]:
    for child in getattr(widget, "children", ()):
        yield from _inside(child)
    yield widget


def make_button(label: str, tip: str, pressed: Callable[[], None]) -> widgets.Button:
    """A button as wide as its words."""
    button = widgets.Button(description=label, tooltip=tip, layout={"width": "auto"})
    button.on_click(lambda _: pressed())
    return button


def make_words(kind: str, value: str = "") -> widgets.HTML:
    """Words of a kind that `view.css` knows."""
    return widgets.HTML(value).add_class(kind)


def _label_width(controls: Mapping[str, Control]) -> str:
    """Room for the longest label, so that none is cut off and all sliders begin at one line."""
    return f"{max((len(control.label or name) for name, control in controls.items()), default=0) * 0.53 + 1:.1f}em"
