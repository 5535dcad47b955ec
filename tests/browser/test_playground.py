"""The playground in a real browser: a button of an experiment sets it up, a control greys out, the table grows."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

IMPORTS = "from helpers.live import experiment, playground"
PLAY = "play = playground(num_epochs=2)\nplay"
TRY = 'experiment(play, {"two numbers": {"embedding_dim": 2}, "patients": {"data": "diabetes"}})'


def test_one_click_sets_the_playground_up(open_notebook) -> None:
    notebook = open_notebook(IMPORTS, PLAY, TRY)
    notebook.run_all()
    first = notebook.live(0)
    first.wait_until_done()
    page = notebook.page
    expect(page.locator(".epoch-live")).to_have_count(2)  # the same playground stands below the buttons too

    page.get_by_role("button", name="two numbers", exact=True).click()
    expect(first.root.locator(".details table tbody tr")).to_have_count(2, timeout=60_000)
    expect(first.root.locator(".details table tr.best")).to_have_count(1)

    page.get_by_role("button", name="patients", exact=True).click()
    expect(first.root.locator(".details table tbody tr")).to_have_count(3, timeout=60_000)
    expect(first.root).to_contain_text("patients are measured, not looked up")

    with page.expect_download() as download:
        first.button("Export table").click()
    assert download.value.suggested_filename == "runs.csv"
