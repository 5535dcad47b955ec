"""The course itself for those without a mouse or without a picture: every name, every stop of Tab, the arrow keys."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from tests.browser.conftest import PATIENCE, Notebook
from tests.tools.live_cells import cells_with_controls
from tests.tools.notebook_rules import load

pytestmark = pytest.mark.browser

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
OUTPUT = ".jp-OutputArea-output"
CONTROLS = {
    "button", "checkbox", "combobox", "link", "listbox", "menuitem", "radio", "searchbox", "slider", "spinbutton",
    "switch", "tab", "textbox",
}  # fmt: skip
SHORTEST_SENTENCE = 20  # letters; a file's type is shorter
NOTHING = " \u200b"  # ipywidgets fills an empty button with a space of no width

# JupyterLab makes the cells that are far from the screen when it has time.
AT_REST = """() => jupyterapp.shell.currentWidget.content.widgets.every(cell => !cell.isPlaceholder())
  && [...document.querySelectorAll('.epoch-live .progress-text')].every(
    line => !line.checkVisibility() || line.textContent.trim().endsWith('· done'))"""
IN_THE_PAGE = f"""() => [...document.querySelectorAll('{OUTPUT} :is(a[href], button, input, select, .noUi-handle)')]
  .filter(control => control.checkVisibility()).length"""
# JupyterLab leaves out what is far from the screen, in the accessibility tree too: here it is all laid out at once.
ALL_OF_IT = ".jp-Notebook * { content-visibility: visible !important; }"
FIND_STOPS = f"""() => {{
  const native = 'a[href], button, input, select, textarea, summary', other = '[role=slider], [tabindex="0"]';
  window.stops = [...document.querySelectorAll(`{OUTPUT} :is(${{native}}, ${{other}})`)].filter(
    element => !element.disabled && element.checkVisibility());
  return stops.map(stop => stop.ariaLabel ?? stop.labels?.[0]?.textContent ?? stop.textContent);
}}"""
# Where the focus is: which stop, in which output, at what place in it, in a frame or not; null outside the notebook.
FOCUS = f"""() => {{
  const here = document.activeElement, output = here.closest('{OUTPUT}');
  if (!here.closest('.jp-Notebook')) return null;
  const {{ left, right, top, bottom }} = here.getBoundingClientRect(), zero = output?.getBoundingClientRect().top ?? 0;
  const {{ outlineStyle, outlineWidth, outlineOffset }} = getComputedStyle(here);
  const room = parseFloat(outlineWidth) + parseFloat(outlineOffset) - 0.5;
  let framed = outlineStyle === 'solid' && parseFloat(outlineWidth) >= 2;
  for (let around = here.parentElement; framed && around && around !== output; around = around.parentElement) {{
    const edge = around.getBoundingClientRect();
    framed = getComputedStyle(around).overflow === 'visible' || (edge.left <= left - room && edge.right >= right + room
      && edge.top <= top - room && edge.bottom >= bottom + room);
  }}
  return {{
    stop: stops.indexOf(here), output: [...document.querySelectorAll('{OUTPUT}')].indexOf(output),
    left, right, top: top - zero, bottom: bottom - zero, framed,
  }};
}}"""
SELECTED = """() => {
  const { content } = window.jupyterapp.shell.currentWidget;
  return [content.activeCellIndex, content.selectedCells.length, content.widgets.length, content.mode];
}"""


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def course(request: pytest.FixtureRequest, kept_open: Notebook) -> Notebook:
    """A notebook of the course with its live parts at rest; other outputs are the saved ones."""
    kept_open.show(load(request.param))
    kept_open.run(*cells_with_controls(request.param))
    kept_open.page.wait_for_function(AT_REST, timeout=PATIENCE)
    return kept_open


def told(notebook: Notebook) -> list[list[tuple[str, str]]]:
    """For every output, (role, name) of all that the browser tells a screen reader about it."""
    page, outputs = notebook.page, []
    style = page.add_style_tag(content=ALL_OF_IT)
    session = page.context.new_cdp_session(page)
    for number in range(page.locator(OUTPUT).count()):
        found = session.send("Runtime.evaluate", {"expression": f"document.querySelectorAll('{OUTPUT}')[{number}]"})
        tree = session.send("Accessibility.queryAXTree", {"objectId": found["result"]["objectId"]})
        outputs.append(
            [
                (node["role"]["value"], node.get("name", {}).get("value", "").strip(NOTHING))
                for node in tree["nodes"]
                if not node["ignored"]
            ]
        )
    session.detach()
    style.evaluate("style => style.remove()")
    return outputs


def caption(output: list[tuple[str, str]]) -> str:
    """The words of an output in italics, as they stand below a picture."""
    return " ".join(name for role, name in output if role == "StaticText") if ("emphasis", "") in output else ""


def test_every_control_has_a_name_and_every_picture_words(course: Notebook) -> None:
    outputs = told(course)
    controls = [(role, name) for output in outputs for role, name in output if role in CONTROLS]
    assert len(controls) == course.page.evaluate(IN_THE_PAGE) > 0
    assert [role for role, name in controls if not name] == []
    # JupyterLab gives a PNG file no text alternative: its sentence is the next thing that is read.
    words = [
        name or caption(below)
        for output, below in pairwise([*outputs, []])
        for role, name in output
        if role in ("image", "canvas")
    ]
    assert len(words) == course.page.locator(f"{OUTPUT} :is(img, canvas)").count() > 0
    assert [few for few in words if len(few) < SHORTEST_SENTENCE] == []


def test_tab_reaches_every_control_in_order_and_leads_out_again(course: Notebook) -> None:
    page = course.page
    names = page.evaluate(FIND_STOPS)
    page.evaluate("() => stops[0].focus()")
    page.keyboard.press("Shift+Tab")
    trail = []
    for _ in range(len(names) + 200):  # links and solutions lie between them
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUS)
        if focus is None:
            break
        trail.append(focus)
    assert focus is None, f"Tab never leaves the notebook; its last stop: {trail[-1]}"
    visited = [focus for focus in trail if focus["stop"] >= 0]
    assert [name for stop, name in enumerate(names) if stop not in {focus["stop"] for focus in visited}] == []
    assert [names[focus["stop"]] for focus in visited if not focus["framed"]] == []
    for one, other in pairwise(visited):
        if one["output"] == other["output"]:
            below, beside = one["bottom"] <= other["top"], one["top"] < other["bottom"] and one["left"] < other["left"]
            next_column = one["right"] <= other["left"]
            assert below or beside or next_column, (names[one["stop"]], names[other["stop"]])


def test_keys_move_the_control_and_not_the_notebook(course: Notebook) -> None:
    page = course.page
    for number in range(page.locator(".epoch-live").count()):
        sliders = course.live(number).root.get_by_role("slider")
        if not sliders.count():  # an experiment, with its other settings folded away
            continue
        slider = sliders.first
        slider.focus()
        before, places = page.evaluate(SELECTED), []
        for key in ("Home", "ArrowUp", "ArrowRight", "ArrowDown", "ArrowLeft"):
            page.keyboard.press(key)
            places.append(float(slider.get_attribute("aria-valuenow")))
        assert places[0] < places[1] < places[2] > places[3] > places[4] == places[0], places
        assert slider.evaluate("slider => slider === document.activeElement")
        assert page.evaluate(SELECTED) == before
    for button in page.locator(".epoch-buttons button").all():
        button.focus()
        before = page.evaluate(SELECTED)
        for key in ("ArrowDown", "ArrowUp", "x"):  # of the notebook: next cell, the one before, cut
            page.keyboard.press(key)
        assert page.evaluate(SELECTED) == before
