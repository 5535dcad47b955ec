"""The fault table: every test marked `fault("what the learner sees")`, counted. `python -m tests.tools.fault_table`"""

import contextlib
import io
import sys
from collections import Counter

import pytest


class Collected:
    """A pytest plugin that notes the marked tests; one test with several parameters is several faults."""

    def __init__(self) -> None:
        self.faults: Counter[tuple[str, str]] = Counter()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            mark = item.get_closest_marker("fault")
            if mark is not None:
                name = item.originalname.removeprefix("test_").replace("_", " ")
                self.faults[name, mark.args[0]] += 1


def faults(*paths: str) -> Counter[tuple[str, str]]:
    """(fault, what the learner sees) -> how many tests cause it. Raises `RuntimeError` where collecting fails."""
    found, said = Collected(), io.StringIO()
    with contextlib.redirect_stdout(said):
        outcome = pytest.main(["--collect-only", "-q", "-n0", "-p", "no:cacheprovider", *paths], plugins=[found])
    if outcome != 0:
        raise RuntimeError(said.getvalue())
    return found.faults


def main(paths: list[str]) -> None:
    """Print the table as Markdown, of all tests or of these folders."""
    found = faults(*(paths or ["tests"]))
    print("| Fault | Times | What the learner sees |\n| --- | --: | --- |")
    for (fault, seen), times in found.items():
        print(f"| {fault} | {times} | {seen} |")
    print(f"\n{found.total()} faults of {len(found)} kinds.")


if __name__ == "__main__":
    main(sys.argv[1:])
