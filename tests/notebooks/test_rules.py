"""The rules themselves: a notebook that keeps them all, and one that breaks each."""

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from tests.notebooks.samples import cell, good_notebook, solution
from tests.tools import notebook_rules
from tests.tools.notebook_rules import RULES, WIDGET_VIEW

BROKEN: dict[str, tuple[str, str, Callable[[NotebookNode], object]]] = {}


def breaks(rule: str, saying: str) -> Callable:
    """Register a function that spoils a good notebook so that `rule` reports a fault with these words."""

    def register(spoil: Callable[[NotebookNode], object]) -> Callable[[NotebookNode], object]:
        BROKEN[spoil.__name__] = (rule, saying, spoil)
        return spoil

    return register


def faults(rule: str, notebook: NotebookNode, folder: Path) -> list[str]:
    path = folder / "01_course.ipynb"
    path.write_text(nbformat.v4.writes(notebook), encoding="utf-8")
    return list(getattr(notebook_rules, rule)(notebook_rules.load(path), path))


def test_the_good_notebook_keeps_every_rule(tmp_path: Path) -> None:
    for rule in RULES:
        assert faults(rule.__name__, good_notebook(), tmp_path) == []


@breaks("written_for_nbformat", "metadata must be")
def other_kernel(notebook: NotebookNode) -> None:
    notebook.metadata.kernelspec.name = "my-own-kernel"


@breaks("written_for_nbformat", "too large")
def huge_output(notebook: NotebookNode) -> None:
    cell(notebook, "total").outputs[0].data["text/plain"] = "4" * 1_500_000


@breaks("written_for_nbformat", "not a valid notebook")
def invalid_output(notebook: NotebookNode) -> None:
    del cell(notebook, "total").outputs[0]["metadata"]


@breaks("cell_ids", "stands on 2 cells")
def same_id_twice(notebook: NotebookNode) -> None:
    cell(notebook, "total").id = "checks"


@breaks("run_top_to_bottom", "not run once")
def never_run(notebook: NotebookNode) -> None:
    cell(notebook, "total").execution_count = None


@breaks("run_top_to_bottom", "not run once")
def run_out_of_order(notebook: NotebookNode) -> None:
    cell(notebook, "total").execution_count, cell(notebook, "checks").execution_count = 2, 3


@breaks("run_top_to_bottom", "no code")
def only_prose(notebook: NotebookNode) -> None:
    notebook.cells = notebook.cells[:1]


@breaks("plain_python", "not plain Python")
def line_magic(notebook: NotebookNode) -> None:
    cell(notebook, "total").source = "%matplotlib inline"


@breaks("plain_python", "not plain Python")
def shell_line(notebook: NotebookNode) -> None:
    cell(notebook, "total").source = "!pip install torch"


@breaks("plain_python", "semicolon")
def trailing_semicolon(notebook: NotebookNode) -> None:
    cell(notebook, "total").source = "total = 4\ntotal;"


@breaks("plain_python", "awaits")
def top_level_await(notebook: NotebookNode) -> None:
    cell(notebook, "total").source = "total = [await anything()]"


@breaks("plain_python", "awaits")
def top_level_async_for(notebook: NotebookNode) -> None:
    cell(notebook, "total").source = "async for total in anything():\n    pass"


@breaks("plain_python", "skipped")
def skipped_cell(notebook: NotebookNode) -> None:
    cell(notebook, "total").metadata.tags = ["nbval-skip"]


@breaks("plain_python", "use a tag")
def comment_for_nbval(notebook: NotebookNode) -> None:
    cell(notebook, "total").source = "# NBVAL_IGNORE_OUTPUT\ntotal = 4"


@breaks("clean_outputs", "stderr")
def warning_saved(notebook: NotebookNode) -> None:
    cell(notebook, "total").outputs.append(new_output("stream", name="stderr", text="UserWarning"))


@breaks("clean_outputs", "widget view")
def widget_view_saved(notebook: NotebookNode) -> None:
    cell(notebook, "total").outputs[0].data[WIDGET_VIEW] = {"model_id": "1"}


@breaks("clean_outputs", "ended in ValueError")
def error_saved(notebook: NotebookNode) -> None:
    cell(notebook, "total").outputs = [new_output("error", ename="ValueError", evalue="", traceback=[])]


@breaks("clean_outputs", "shows none")
def announced_error_missing(notebook: NotebookNode) -> None:
    cell(notebook, "total").metadata.tags = ["raises-exception"]


@breaks("clean_outputs", "timings")
def timings_saved(notebook: NotebookNode) -> None:
    cell(notebook, "total").metadata.execution = {"iopub.status.busy": "2026-01-01"}


@breaks("pictures_have_words", "without words")
def picture_with_figure_size_only(notebook: NotebookNode) -> None:
    data = {"image/png": "", "text/plain": "<Figure size 640x480 with 1 Axes>"}
    cell(notebook, "total").outputs = [new_output("display_data", data)]


@breaks("pictures_have_words", "without words")
def picture_alone(notebook: NotebookNode) -> None:
    cell(notebook, "total").outputs = [new_output("display_data", {"image/svg+xml": "<svg/>"})]


@breaks("short_cells", "21 lines")
def long_cell(notebook: NotebookNode) -> None:
    cell(notebook, "total").source = "total = 4\n" * 21


@breaks("short_cells", "empty")
def empty_cell(notebook: NotebookNode) -> None:
    cell(notebook, "total").source = "\n"


@breaks("short_cells", "median")
def all_cells_longish(notebook: NotebookNode) -> None:
    for one in notebook_rules.code_cells(notebook):
        one.source = "total = 4\n" * 7


@breaks("imports_first", "more than imports")
def setting_among_imports(notebook: NotebookNode) -> None:
    cell(notebook, "imports").source = "import math\nseed = 42"


@breaks("imports_first", "sys.path")
def path_trick(notebook: NotebookNode) -> None:
    cell(notebook, "total").source = "import sys\nsys.path.insert(0, '..')"


@breaks("names_come_from_above", "uses later")
def name_from_below(notebook: NotebookNode) -> None:
    cell(notebook, "total").source = "total = later"
    notebook.cells.append(new_code_cell("later = 4"))


@breaks("names_come_from_above", "uses later")
def name_from_below_inside_a_function(notebook: NotebookNode) -> None:
    cell(notebook, "total").source = "def total(size):\n    return [later for _ in range(size)]"
    notebook.cells.append(new_code_cell("import math as later"))


@breaks("links_lead_somewhere", "not there")
def link_to_a_missing_notebook(notebook: NotebookNode) -> None:
    cell(notebook, "title").source += "\n\nGo on with [the next](02_missing.ipynb)."


@breaks("links_lead_somewhere", "no heading")
def link_to_a_missing_heading(notebook: NotebookNode) -> None:
    cell(notebook, "title").source += "\n\n[See](01_course.ipynb#Not-there)."


@breaks("links_lead_somewhere", "not there")
def missing_picture_in_html(notebook: NotebookNode) -> None:
    cell(notebook, "title").source += '\n\n<img src="missing.png" alt="">'


@breaks("head_says_how_long", "how long")
def head_without_minutes(notebook: NotebookNode) -> None:
    cell(notebook, "head").source = "# A course"


@breaks("head_says_how_long", "must be the head")
def no_head(notebook: NotebookNode) -> None:
    notebook.cells.insert(0, new_markdown_cell("Hello, 20 minutes"))


@breaks("minutes_are_honest", "says 60 minutes for the main path; it takes 20, so say 20")
def minutes_made_up(notebook: NotebookNode) -> None:
    cell(notebook, "head").source = "# A course\n\n60 minutes, and 0 more of second reading."


@breaks("minutes_are_honest", "more than 75")
def a_path_without_end(notebook: NotebookNode) -> None:
    cell(notebook, "head").source = "# A course\n\n95 minutes, and 0 more of second reading." + " word" * 15_000


@breaks("minutes_are_honest", "has second reading, so the head")
def second_reading_unannounced(notebook: NotebookNode) -> None:
    cell(notebook, "title").source = "## The exercises · second reading"


@breaks("exercises_with_solutions", "3 exercises, fewer than 4")
def three_exercises(notebook: NotebookNode) -> None:
    notebook.cells = notebook.cells[:-3]


@breaks("exercises_with_solutions", "exercise 1.1 is checked in 2 cells")
def same_exercise_twice(notebook: NotebookNode) -> None:
    cell(notebook, "exercise-1-2").source = "check('1.1', None)"


@breaks("exercises_with_solutions", "no question")
def no_question(notebook: NotebookNode) -> None:
    notebook.cells.remove(cell(notebook, "question-1-1"))
    notebook.cells.remove(cell(notebook, "title"))


@breaks("exercises_with_solutions", "exercise 1.3: no folded solution")
def no_solution(notebook: NotebookNode) -> None:
    notebook.cells.remove(cell(notebook, "solution-1-3"))


@breaks("exercises_with_solutions", "exercise 1.3: no folded solution")
def solution_not_folded(notebook: NotebookNode) -> None:
    cell(notebook, "solution-1-3").source = solution("1.3").replace("details", "div")


@breaks("exercises_with_solutions", "exercise 1.3: no folded solution")
def solution_before_the_exercise(notebook: NotebookNode) -> None:
    cell(notebook, "question-1-3").source += solution("1.3")
    notebook.cells.remove(cell(notebook, "solution-1-3"))


@breaks("exercises_with_solutions", "has no exercise")
def solution_of_nothing(notebook: NotebookNode) -> None:
    notebook.cells.append(new_markdown_cell(solution("9.9")))


@breaks("exercises_with_solutions", "call check on a line of its own")
def solution_unchecked(notebook: NotebookNode) -> None:
    cell(notebook, "solution-1-3").source += solution("1.3").replace("check('1.3', answer)", "")


@breaks("exercises_with_solutions", "not plain Python")
def solution_with_a_typing_error(notebook: NotebookNode) -> None:
    cell(notebook, "solution-1-3").source += solution("1.3").replace("answer)", "answer")


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_notebook_is_caught(name: str, tmp_path: Path) -> None:
    rule, saying, spoil = BROKEN[name]
    notebook = good_notebook()
    spoil(notebook)
    found = faults(rule, notebook, tmp_path)
    assert any(saying in fault for fault in found), found


def test_every_rule_has_a_broken_notebook() -> None:
    assert {rule for rule, _, _ in BROKEN.values()} == {rule.__name__ for rule in RULES}


def test_local_names_are_not_taken_for_later_ones(tmp_path: Path) -> None:
    notebook = good_notebook()
    cell(notebook, "total").source = "def total(later):\n    inner = later\n    return [row for row in [inner]]"
    notebook.cells.append(new_code_cell("later = inner = row = 4"))
    assert faults("names_come_from_above", notebook, tmp_path) == []


def test_minutes_are_counted(tmp_path: Path) -> None:
    """Words, cells, live parts and exercises, on the main path and beyond it; solutions are folded away and free."""
    words = " ".join(["word"] * 200)
    notebook = good_notebook()
    notebook.cells = [
        new_markdown_cell(f"# {words}"),
        new_code_cell("live = live_picture(draw)"),
        new_markdown_cell(f"## Further · second reading\n\n{words}\n\n### A part of it\n\n{words}"),
        new_code_cell("def answer(): ...\n\n\ncheck('1.1', None)"),
        new_markdown_cell(f"## Back\n\n<details><summary>Solution</summary>\n\n{words}</details>\n\n```\n{words}\n```"),
        new_code_cell("check('1.2', None)"),
        new_markdown_cell(f"{words}\n\n### Aside · second reading\n\n{words}\n\n### Back again\n\n{words}"),
    ]
    main, second = notebook_rules.minutes_needed(notebook)
    assert main == pytest.approx(1 + 2.5 + 4.5 + 2, abs=0.1)
    assert second == pytest.approx(2 + 8.5 + 1, abs=0.1)
