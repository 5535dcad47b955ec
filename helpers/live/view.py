"""The page's side of a live part: ipywidgets sliders, menus and buttons, a picture, and lines of text."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as widgets
from traitlets import Bool, Bytes, Dict, Float, Tuple, Unicode, observe

from helpers.live.controls import Control
from helpers.live.loss_picture import SHARPNESS


def _beside_this_file(name: str) -> str:
    # As text and not as a path: for a path anywidget would keep every instance alive for as long as the process runs.
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


class Access(anywidget.AnyWidget):
    """What ipywidgets leaves out; `view.js` adds it to the page.

    Names, units and tips of sliders for screen readers, keys that stay with the controls, and a file to download.
    """

    _esm = _beside_this_file("view.js")
    _css = _beside_this_file("view.css")


class Picture(anywidget.AnyWidget):
    """A picture that changes many times a second and never flickers; `picture.js` draws it.

    With an `ipywidgets.Image` the kernel would draw and encode the whole picture for every frame, and the page decode
    it: several times the work of the training between two frames.
    """

    _esm = _beside_this_file("picture.js")

    size = Tuple(help="width and height in CSS pixels, and the picture's own pixels in each").tag(sync=True)
    base = Bytes(help="all of the picture, or what stands still in it, as a PNG file").tag(sync=True)
    ahead = Bytes(help="what `base` will probably be next: the page decodes it while nobody waits").tag(sync=True)
    strokes = Tuple(help="looks of the lines over it, see `loss_picture.Stroke`").tag(sync=True)
    inside = Tuple(help="what the lines keep to: pixels from the left and from the top, width, height").tag(sync=True)
    lines = Tuple(help="for each of `strokes` x and y of its points, as 4-byte floats in turn").tag(sync=True)
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
        picture_controls: Mapping[str, Control],
        buttons: Sequence[tuple[str, str, str]],
        size: tuple[int, int],
        pressed: Callable[[str], None],
    ) -> None:
        both = {**controls, **picture_controls}
        self.size = size
        self.inputs = {name: _input(name, control) for name, control in both.items()}
        self.buttons = {name: _button(name, label, tip, pressed) for name, label, tip in buttons}
        self._tips = {name: _words("tip", html.escape(control.tip)) for name, control in controls.items()}
        self.picture = Picture(size=(*size, SHARPNESS))
        self._bar = widgets.FloatProgress(max=1.0, layout={"width": "130px", "height": "10px"})
        self._progress_text, self._text, self._details = _words("progress-text"), _words("text"), _words("details")
        self._error, self._traceback = _words("error"), _words("traceback")
        self._access = Access()

        width = _label_width(controls)
        for name in controls:
            self.inputs[name].style.description_width = width
        rows = [widgets.HBox([self.inputs[name], tip]).add_class("row") for name, tip in self._tips.items()]
        tools = _tools([*self.buttons.values(), self._bar, self._progress_text], shown=bool(buttons))
        axes = _tools([self.inputs[name] for name in picture_controls], shown=bool(picture_controls))
        words = (self._text, self._error, self._traceback, self._details)
        super().__init__([*rows, tools, self.picture, axes, *words, self._access])
        self.add_class("epoch-live")
        self.chosen = {name: control.start for name, control in both.items()}
        for name, widget in self.inputs.items():
            widget.observe(lambda change, name=name: self._input_moved(name, change["new"]), "value")
        if "stop" in self.buttons:
            self.buttons["stop"].disabled = True

    def show(self, base: bytes | None, lines: Sequence[bytes] = ()) -> None:
        """Show a picture, or (None) what is there already, with these lines over it."""
        with self.picture.hold_sync():
            if base is not None:
                self.picture.base = base
            self.picture.lines = tuple(lines)

    def download(self, name: str, text: str) -> None:
        """Hand the reader a file."""
        self._access.send({"download": name, "text": text})

    def close(self) -> None:
        """Close every widget in here with the layout and style it made, and let go of what they would keep alive."""
        for widget in list(_inside(self)):
            widget.unobserve_all()
            if isinstance(widget, widgets.Button):
                widget._click_handlers.callbacks.clear()
            for part in (widget.layout, getattr(widget, "style", None)):
                if isinstance(part, widgets.Widget):
                    part.close()
            if widget is not self:
                widget.close()
        super().close()

    # -------------------------------------------------------------------------------------- the page moves the kernel

    def _input_moved(self, name: str, position: int | bool) -> None:
        self.chosen = {**self.chosen, name: int(position)}

    # -------------------------------------------------------------------------------------- the kernel moves the page

    @observe("chosen")
    def _show_chosen(self, change: dict[str, Any]) -> None:
        for name, position in change["new"].items():
            widget = self.inputs[name]
            if widget.value != position:
                widget.value = type(widget.value)(position)  # a box to tick wants True, not 1

    @observe("disabled")
    def _show_disabled(self, change: dict[str, Any]) -> None:
        for name in self._tips:
            reason = change["new"].get(name)
            self.inputs[name].disabled = reason is not None
            self._tips[name].value = html.escape(self.inputs[name].tooltip if reason is None else reason)

    @observe("text")
    def _show_text(self, change: dict[str, Any]) -> None:
        self._text.value = html.escape(change["new"])
        self.picture.text = change["new"]

    @observe("running")
    def _show_running(self, change: dict[str, Any]) -> None:
        if "stop" in self.buttons:
            self.buttons["stop"].disabled = not change["new"]

    @observe("progress")
    def _show_progress(self, change: dict[str, Any]) -> None:
        self._bar.value = change["new"]

    @observe("progress_text", "error", "traceback")
    def _show_words(self, change: dict[str, Any]) -> None:
        getattr(self, f"_{change['name']}").value = html.escape(change["new"])

    @observe("details")
    def _show_details(self, change: dict[str, Any]) -> None:
        self._details.value = change["new"]


def _inside(widget: widgets.Widget) -> Iterator[widgets.Widget]:
    for child in getattr(widget, "children", ()):
        yield from _inside(child)
    yield widget


def _input(name: str, control: Control) -> widgets.Widget:
    """The ipywidgets control whose value is the position of what is chosen."""
    label = control.label or name.replace("_", " ")
    options = [(text, position) for position, text in enumerate(control.texts)]
    common = {"description": label, "tooltip": control.tip, "style": {"description_width": "initial"}}
    if control.kind == "slider":
        return widgets.SelectionSlider(options=options, value=control.start, layout={"width": "440px"}, **common)
    if control.kind == "menu":
        return widgets.Dropdown(options=options, value=control.start, layout={"width": "auto"}, **common)
    return widgets.Checkbox(value=bool(control.start), indent=False, layout={"width": "auto"}, **common)


def _button(name: str, label: str, tip: str, pressed: Callable[[str], None]) -> widgets.Button:
    button = widgets.Button(description=label, tooltip=tip, layout={"width": "auto"})
    button.on_click(lambda _: pressed(name))
    return button


def _tools(children: Sequence[widgets.Widget], *, shown: bool) -> widgets.HBox:
    return widgets.HBox(children, layout={"display": None if shown else "none"}).add_class("tools")


def _words(kind: str, value: str = "") -> widgets.HTML:
    return widgets.HTML(value).add_class(kind)


def _label_width(controls: Mapping[str, Control]) -> str:
    """Room for the longest label, so that none is cut off and all sliders begin at one line."""
    return f"{max((len(control.label or name) for name, control in controls.items()), default=0) * 0.55 + 1:.1f}em"
