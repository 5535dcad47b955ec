"""How much memory a process has used at most, as Linux counts it."""

import re
from pathlib import Path

BUDGET_MB = 2_000  # what mybinder.org gives a session, for everything in it; a kernel's peak has to stay below


def peak_mb(pid: int | str = "self") -> float:
    """The largest resident memory so far of one process, in MB. Raises `OSError` where there is no /proc."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)[1]) * 1024 / 1e6
