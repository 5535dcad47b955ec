"""The hand-out as a learner meets it: opened in JupyterLab, answered by typing, saved, handed in and graded."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Lab, browser, lab, notebooks_in  # noqa: F401 (fixtures)
from tests.tools.classroom.assignment import Assignment
from tests.tools.classroom.grade import grade_all
from tests.tools.classroom.handout import for_learners
from tests.tools.classroom.kernels import Limits

pytestmark = pytest.mark.browser
ANSWERS = {1: "answer = per_epoch * 10", 2: 'answer = "a"'}  # the first is right, the second is the mean


def test_handed_out_answered_and_graded(course: Assignment, lab: Lab, browser: Browser, tmp_path: Path) -> None:  # noqa: F811
    shutil.copy(course.path.parent / "judges.py", lab.folder)
    path = lab.folder / course.path.name
    nbformat.write(for_learners(course), path)
    with notebooks_in(lab, browser) as open_one:
        notebook = open_one(path=path)
        for number, answer in ANSWERS.items():
            editor = notebook.page.locator(f".jp-CodeCell:has-text('check(\"1.{number}\"')")
            place = editor.evaluate("cell => [...document.querySelectorAll('.jp-CodeCell')].indexOf(cell)")
            notebook.cell(place - 1).locator(".cm-content").click()
            notebook.page.keyboard.press("Control+A")
            notebook.page.keyboard.type(answer)
        notebook.run_all()  # stops at the cell that no answer needs, as a learner's notebook may
        notebook.run(1, 2)
        notebook.run(*range(4, 8))
        expect(notebook.page.get_by_text("That is the mean.")).to_be_visible()
        # What checks is locked: typing in it changes nothing.
        notebook.cell(4).locator(".cm-content").click()
        notebook.page.keyboard.type("True or ")
        expect(notebook.cell(4)).not_to_contain_text("True or")
        notebook.save()
    handed_in = tmp_path / "submissions"
    handed_in.mkdir()
    shutil.copy(path, handed_in / "Ada.ipynb")
    (ada,) = grade_all(handed_in, tmp_path / "grades", [course], Limits(), 1, course.path.parent)
    assert [mark.status for mark in ada.marks.values()] == ["right", "wrong", "unanswered", "unanswered"], ada
    assert ada.marks["1.2"].hint == "That is the mean."
