"""How much memory a process has used at most, as Linux counts it."""

import re
from pathlib import Path

BUDGET_MB = 1_200  # of a kernel; mybinder.org gives a session 2 GB for the server, the kernel and what it starts


def peak_mb(pid: int | str = "self") -> float:
    """The largest resident memory so far of one process, in MB. Raises `OSError` where there is no /proc."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)[1]) * 1024 / 1e6
