"""A release has one version everywhere, and a CHANGELOG says which printed numbers changed."""

import re
import tomllib
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tests.tools.printed_numbers import changes
from tests.tools.refresh import TIMING_TAG

ROOT = Path(__file__).resolve().parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def test_one_version_everywhere() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (\S+)$", citation, re.MULTILINE)[1] == VERSION
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## (\S+)", changelog, re.MULTILINE)[1] == VERSION
    pages = "".join((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "CONTRIBUTING.md"))
    tags = re.findall(r"(?:REPO[/@]|epoch-by-epoch:|tag: |printed_numbers )v([\d.]+)", pages)
    assert len(tags) >= 5 and set(tags) == {VERSION}


def test_the_changelog_has_the_printed_numbers_of_every_release() -> None:
    releases = re.split(r"^## ", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    assert releases and all("\n### Printed numbers\n" in release for release in releases[:-1])


def book(**cells: str) -> nbformat.NotebookNode:
    made = [new_code_cell("…", id=name, outputs=[new_output("stream", text=text)]) for name, text in cells.items()]
    return new_notebook(cells=made)


def test_changed_numbers_are_found_and_timings_left_out() -> None:
    before = book(same="3 films", changed="RMSE 0.901 after 1,024", words="one 5", timing="1.2 s")
    now = book(same="3 films", changed="RMSE 0.899 after 1,024", words="two 5", timing="3.4 s", new="7")
    for notebook in (before, now):
        notebook.cells[3].metadata.tags = [TIMING_TAG]
    assert list(changes(before, now)) == [("changed", ["0.901"], ["0.899"])]
