"""The site, made once for these tests with the recordings that there are, or else a few of each part.

The variable EPOCH_SITE names one that is made already: before it is published, the whole of it is tested.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import browser  # noqa: F401 (a fixture)
from tests.tools.site.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
RECORDINGS = ROOT / ".cache" / "site"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site."""
    if "EPOCH_SITE" in os.environ:
        return Path(os.environ["EPOCH_SITE"]).resolve()
    folder = tmp_path_factory.mktemp("site") / "site"
    arguments = ["--to", str(folder), "--into", str(RECORDINGS), "--repository", "owner/repo"]
    assert main([*arguments, "--sample", "--at-once", "1"]) == 0
    return folder


class Reader:
    """A page of the site, opened from its file with the network cut off; every word and request of it is kept."""

    def __init__(self, chromium: Browser, site: Path, name: str, **options) -> None:
        self.context = chromium.new_context(**{"viewport": {"width": 1366, "height": 768}, **options})
        self.context.set_offline(True)
        self.page: Page = self.context.new_page()
        self.said: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("requestfailed", lambda request: self.said.append(f"failed: {request.url}"))
        self.page.goto((site / name).as_uri(), wait_until="load")

    def parts(self) -> list[str]:
        """The ids of the live parts, each brought near so that it was made."""
        ids = self.page.evaluate("() => [...document.querySelectorAll('[data-live]')].map((part) => part.id)")
        for part in ids:
            self.page.evaluate("id => document.getElementById(id).scrollIntoView({ block: 'center' })", part)
            self.page.wait_for_function("id => document.getElementById(id).live", arg=part)
        return ids

    def close(self) -> None:
        """Close the page, which must have kept silent and asked nothing of anybody else."""
        self.context.close()
        assert self.said == []
        assert [url for url in self.requests if not url.startswith(("file:", "data:", "blob:"))] == []
