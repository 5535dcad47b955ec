"""The memory of every notebook's kernel is measured in the run that tests its outputs, and has a budget."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.notebooks.samples import cell, good_notebook, run_pytest
from tests.tools import notebook_plugin
from tests.tools.notebook_plugin import PEAK, MemoryCheck

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how much memory a process used")


def test_a_peak_is_seen_after_it_is_over() -> None:
    code = "from tests.tools.memory import peak_mb; b'x' * 300_000_000; print(peak_mb())"
    peak = float(subprocess.check_output([sys.executable, "-c", code]))
    assert 300 < peak < 400


def test_the_kernel_is_measured_and_its_peak_told(tmp_path: Path) -> None:
    notebook = good_notebook()
    cell(notebook, "imports").source = "import math\n\nmuch = b'x' * 500_000_000\ndel much"
    said = run_pytest(tmp_path, notebook)
    assert 500 < int(re.search(rf"^{PEAK}: 01_course.ipynb: (\d+) MB$", said, re.MULTILINE)[1]) < 800, said


def test_a_notebook_over_budget_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = SimpleNamespace(km=SimpleNamespace(provisioner=SimpleNamespace(pid=os.getpid())))
    check = SimpleNamespace(parent=SimpleNamespace(kernel=kernel), path=Path("01_course.ipynb"), user_properties=[])
    MemoryCheck.runtest(check)
    monkeypatch.setattr(notebook_plugin, "BUDGET_MB", 20)
    with pytest.raises(pytest.fail.Exception, match=r"01_course.ipynb needed [\d,]+ MB; the budget is 20 MB"):
        MemoryCheck.runtest(check)
