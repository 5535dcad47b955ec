"""Notebook 7, the plain notebook without JupyterLab's frame: a live part is drawn, and mouse and keys move it.

Notebook 7 is no part of the pinned set-up; this test wants a Python that has it:

    python -m venv FOLDER && FOLDER/bin/pip install -r requirements.txt notebook==7.6.5
    NOTEBOOK_7=FOLDER/bin/python pytest tests/browser/test_notebook_7.py
"""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import PATIENCE, LivePart, start_lab

pytestmark = pytest.mark.browser

IMPORTS = "from helpers.live import int_slider, live_training"
LOOP = """
def start(steps):
    for step in range(1, steps + 1):
        yield (1 / step, 2 / step) if step % 10 == 0 else 1 / step
live_training(start, steps=int_slider(20, 90, 40, "updates", step=10))
"""


def test_mouse_and_keys_move_a_live_part(browser: Browser, tmp_path: Path) -> None:
    python = os.environ.get("NOTEBOOK_7")
    if not python:
        pytest.skip("NOTEBOOK_7 is not set: this needs a Python with Notebook 7, see the head of this file")
    served, private = tmp_path / "served", tmp_path / "private"
    served.mkdir(), private.mkdir()
    lab, server = start_lab(served, private, "notebook", python)
    try:
        lab.notebook("live.ipynb", IMPORTS, LOOP, "7")
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{lab.url}/notebooks/live.ipynb?token={lab.token}", wait_until="domcontentloaded")
        page.locator(".jp-CodeCell").nth(2).wait_for(timeout=PATIENCE)
        page.wait_for_timeout(5_000)  # for the kernel
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_text("Run All Cells", exact=True).click()
        live = LivePart(page, page.locator(".epoch-live").first)
        live.wait_until_done()
        assert live.text.inner_text().startswith("Ended after 40 updates.")
        live.slider("steps").focus()
        page.keyboard.press("ArrowRight")
        live.text.filter(has_text="Ended after 50 updates.").wait_for(timeout=PATIENCE)
        assert live.slider("steps").evaluate("slider => slider === document.activeElement")  # no walk to the next cell
        page.keyboard.press("ArrowDown")
        live.text.filter(has_text="Ended after 40 updates.").wait_for(timeout=PATIENCE)
        live.picture.focus()
        page.keyboard.press("End")
        assert live.root.locator(".readout").inner_text().startswith("update 40: training")
        track = live.root.locator(".noUi-target").bounding_box()
        page.mouse.click(track["x"] + track["width"] - 1, track["y"] + track["height"] / 2)
        live.text.filter(has_text="Ended after 90 updates.").wait_for(timeout=PATIENCE)
    finally:
        server.terminate()
        server.wait(20)
