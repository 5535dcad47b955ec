"""A pytest plugin: what else is tested in a notebook's kernel once nbval has run its last cell.

First every folded solution, in the order of the notebook; then the checks of `tests/after/<notebook>.py`, written
in percent format: each `# %% title` starts one. Both see the notebook's variables. Last, what memory the kernel needed
at most. A notebook run by these tests runs in `course_environment`. The outputs of one that JupyterLab ran and saved
are not compared, which a line of the report says, with what to do.
"""

import gc
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import nbformat
import pytest
from nbval.plugin import IPyNbCell, IPyNbFile

from tests.tools.exercises import as_test, solutions
from tests.tools.kernel import course_environment
from tests.tools.memory import BUDGET_MB, peak_mb
from tests.tools.notebook_rules import load, taught_from

PEAK = "peak memory of a kernel"
# Files that take longest start first, or one worker would end long after the others; by a run on a quiet machine.
LONGEST_FIRST = (
    "test_site.py", "test_live.py", "test_access.py", "test_playground_movielens.py", "test_grade.py",
    "test_data_parallel.py", "04_hyperparameter_playground.ipynb", "03_embedding_recommender.ipynb",
    "test_movielens.py", "test_nbgrader.py", "05_beyond_one_device.ipynb", "test_setup.py",
    "01_epochs_batches_iterations.ipynb", "test_search.py", "02_batch_averaged_loss.ipynb", "test_playground.py",
    "test_kernels.py", "test_in_the_browser.py", "test_session.py", "test_refresh.py", "test_training.py",
    "test_after_class.py", "test_downloads.py", "test_fault_table.py", "test_budget.py", "test_exercises_4.py",
    "test_recommender.py",
)  # fmt: skip


def after_checks(notebook_path: Path) -> list[tuple[str, str]]:
    """The (title, source) pairs of `tests/after/<notebook>.py` beside the notebook's folder; [] without such a file."""
    path = notebook_path.resolve().parents[1] / "tests" / "after" / f"{notebook_path.stem}.py"
    if not path.exists():
        return []
    parts = re.split(r"^# %%[ ]*", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return [(title.strip(), source) for title, _, source in (part.partition("\n") for part in parts)]


class ExtraCheck(IPyNbCell):
    """Code run in the notebook's kernel that no cell of it holds; a report calls it by its name."""

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, f"{self.path.name}: {self.name}"


class MemoryCheck(pytest.Item):
    """The most memory that the notebook's kernel ever held stays within a budget; processes it started do not count."""

    def runtest(self) -> None:
        manager = getattr(self.parent.kernel, "km", None)  # nbval lets go of a kernel that did not come back
        if manager is None:
            pytest.skip("the kernel is gone: see the cell that ended it")
        try:
            peak = peak_mb(manager.provisioner.pid)
        except OSError:
            pytest.skip("only Linux tells how much memory a process used at most")
        self.user_properties.append((PEAK, f"{self.path.name}: {peak:,.0f} MB"))
        if peak > BUDGET_MB:
            pytest.fail(f"{self.path.name} needed {peak:,.0f} MB; the budget is {BUDGET_MB:,} MB", pytrace=False)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, f"{self.path.name}: {self.name}"


def skip_or_fail(words: str) -> NoReturn:
    """End this test: in CI what an instructor may leave as it is counts as a fault."""
    if os.environ.get("CI"):
        pytest.fail(words, pytrace=False)
    pytest.skip(words)


def needs_saved_outputs(path: Path) -> None:
    """For a test of what a notebook shows: ends it where JupyterLab has saved other outputs than the course's."""
    if taught := taught_from(load(path), path):
        skip_or_fail(taught)


class SavedOutputs(pytest.Item):
    """Stands for the comparison of outputs where JupyterLab has saved others since, and says what to do about it."""

    def __init__(self, words: str, **options) -> None:
        super().__init__(**options)
        self.words = words

    def runtest(self) -> None:
        skip_or_fail(self.words)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, f"{self.path.name}: {self.name}"


def _extra_items(file: IPyNbFile, first_number: int) -> Iterator[pytest.Item]:
    notebook = nbformat.read(file.path, as_version=4)
    checks = [(f"solution {', '.join(found.numbers)}", as_test(found)) for found in solutions(notebook)]
    checks += [(f"after: {title}", source) for title, source in after_checks(file.path)]
    for number, (name, source) in enumerate(checks, start=first_number):
        cell = nbformat.v4.new_code_cell(source)  # never run, so nbval compares no output
        yield ExtraCheck.from_parent(file, name=name, cell_num=number, cell=cell, options=defaultdict(bool))
    yield MemoryCheck.from_parent(file, name="memory")


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    report = yield
    if isinstance(collector, IPyNbFile) and report.passed:
        taught = taught_from(collector.nb, collector.path)
        for item in report.result if taught else ():
            # The cells run, and must not fail; what they show is another matter.
            item.options["check"], item.cell.outputs = False, []
        report.result.extend(_extra_items(collector, first_number=len(report.result)))
        if taught:
            report.result.append(SavedOutputs.from_parent(collector, name="saved outputs", words=taught))
    return report


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="leave out the files that take longest")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))
    if config.getoption("--quick"):
        items[:] = [item for item in items if item.path.name not in places]
    gc.freeze()  # what was imported stays: the many collections to come, pytest's own among them, need not look at it


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    # nbval starts a notebook's kernel while it sets up the first cell.
    if not isinstance(item.parent, IPyNbFile):
        return (yield)
    with course_environment():
        return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.getreports(outcome)]
    peaks = {dict(report.user_properties).get(PEAK) for report in reports if report.when == "call"} - {None}
    for peak in sorted(peaks):
        terminalreporter.write_line(f"{PEAK}: {peak}")
