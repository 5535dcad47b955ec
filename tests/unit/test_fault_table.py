"""The fault table lists the marked tests, counts their parameters, and does not hide that collecting failed."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MARKED = """
import pytest

@pytest.mark.fault("a word of comfort")
@pytest.mark.parametrize("size", [0, -1])
def test_a_size_that_is_wrong(size): ...

def test_another_matter(): ...
"""


def table(file: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "tests.tools.fault_table", str(file)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_what_is_marked_is_counted(tmp_path: Path) -> None:
    file = tmp_path / "test_marked.py"
    file.write_text(MARKED)
    lines = table(file).stdout.splitlines()
    assert lines[2:] == ["| a size that is wrong | 2 | a word of comfort |", "", "2 faults of 1 kinds."]


def test_a_file_that_cannot_be_collected_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "test_broken.py"
    file.write_text("import no_such_module\n")
    done = table(file)
    assert done.returncode != 0 and re.search("no_such_module", done.stderr)
