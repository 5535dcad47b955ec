"""The playground in a real browser: experiments, rows to press, code to take home, on one screen."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Notebook, check_boxes

pytestmark = pytest.mark.browser

IMPORTS = "from helpers.live import experiment, playground"
PLAY = "play = playground(num_epochs=2)\nplay"
READ = "len(play.runs), len(play.history.epochs)"
TRY = 'experiment(play, {"two numbers": {"embedding_dim": 2}, "patients": {"data": "diabetes"}})'
SLOW = 60_000


def test_results_read_in_the_next_cell_are_those_of_the_whole_run(kept_open: Notebook) -> None:
    notebook = kept_open
    notebook.write(IMPORTS, PLAY, READ)
    notebook.run_all()
    assert "(1, 2)" in notebook.cell(2).locator(".jp-OutputArea-output").inner_text()
    notebook.live(0).wait_until_done()


def test_one_click_sets_the_playground_up(kept_open: Notebook) -> None:
    notebook = kept_open
    notebook.write(IMPORTS, PLAY, TRY)
    notebook.run_all()
    first, trial = notebook.live(0), notebook.live(1)
    first.wait_until_done()
    expect(trial.slider("batch size")).to_be_hidden()  # all other controls are folded away
    trial.button("All settings").click()
    expect(trial.slider("batch size")).to_be_visible()
    trial.button("All settings").click()

    trial.button("two numbers").click()
    expect(first.root.locator(".details tbody tr")).to_have_count(2, timeout=SLOW)
    expect(first.root.locator(".details tr.best")).to_have_count(1)
    expect(trial.root.locator(".details tbody tr")).to_have_count(1)  # its own runs only

    trial.button("Run all of these").click()
    expect(first.root.locator(".details tbody tr")).to_have_count(4, timeout=SLOW)
    expect(trial.root.locator(".details tbody tr")).to_have_count(2)
    expect(first.root).to_contain_text("patients are measured, not looked up")

    with notebook.page.expect_download() as download:
        first.button("Export table").click()
    assert download.value.suggested_filename == "runs.csv"


def test_rows_code_and_settings(kept_open: Notebook) -> None:
    notebook = kept_open
    notebook.write(IMPORTS, PLAY)
    notebook.page.set_viewport_size({"width": 1366, "height": 768})
    notebook.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    notebook.run_all()
    play = notebook.live(0)
    play.wait_until_done()
    expect(notebook.page.get_by_text("get notified about official Jupyter news")).to_have_count(0)  # as `make lab` does
    check_boxes(notebook, play, 1366)
    play.slider("learning rate").focus()
    notebook.page.keyboard.press("ArrowRight")
    rows = play.root.locator(".details tbody tr")
    expect(rows).to_have_count(2, timeout=SLOW)
    assert play.slider("learning rate").get_attribute("aria-valuetext") == "0.0015"
    rows.nth(1).get_by_role("button").press("Enter")
    expect(play.root.locator("tr.shown")).to_have_text(rows.nth(1).inner_text().replace("\t", ""))
    assert play.slider("learning rate").get_attribute("aria-valuetext") == "0.001"
    expect(rows).to_have_count(2)  # nothing was trained

    play.button("Copy settings").click()
    notebook.page.wait_for_timeout(1000)
    assert notebook.page.evaluate("navigator.clipboard.readText()") == "playground(num_epochs=2)"
    play.button("Show the code").click()
    expect(play.root.locator(".code pre")).to_contain_text("torch.optim.Adam(model.parameters(), lr=0.001")
    with notebook.page.expect_download() as download:
        play.button("Download").click()
    assert download.value.suggested_filename == "run.py"
