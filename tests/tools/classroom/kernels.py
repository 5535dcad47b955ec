"""Learners' code, run cell by cell in a kernel of its own, with limits on time and memory.

The limits keep an accident (an endless loop, a list of ten gigabytes, a kernel that dies) from touching anybody else's
grade, and each kernel has a copy of the course's folder: what a cell deletes there is a copy. This is no sandbox:
the code may read and write what the grader may, and use the network. CONTRIBUTING says how to run it in a container.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

# The kernel limits itself before it starts; where the system knows no such limit (Windows), only time is limited.
LIMITED_KERNEL = """
import sys
try:
    import resource
    megabytes = int(sys.argv.pop(1))
    resource.setrlimit(resource.RLIMIT_DATA, (megabytes << 20, megabytes << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
except (ImportError, OSError, ValueError):
    pass
sys.modules["debugpy"] = None  # nobody debugs here: without it a kernel starts in three quarters of the time
from ipykernel.kernelapp import launch_new_instance
launch_new_instance()
"""
GRACE = 5  # seconds between asking a cell to stop and ending its kernel


@dataclass(frozen=True)
class Limits:
    """What one notebook may use: seconds for a cell and for all of it, and megabytes of memory."""

    cell_seconds: float = 60
    seconds: float = 300
    megabytes: int = 3_000


@dataclass
class Outcome:
    """What running cells showed: each cell's outputs by its place, what went wrong where, and what ended the kernel."""

    outputs: dict[int, list[NotebookNode]] = field(default_factory=dict)
    errors: dict[int, str] = field(default_factory=dict)
    ended_by: int | None = None
    why: str = ""


class _LimitedManager(AsyncKernelManager):
    """Starts this Python's kernel under a limit on memory, whatever kernels are installed."""

    def __init__(self, megabytes: int, room: Path, **options: object) -> None:
        super().__init__(**options)
        if os.name != "nt":  # files for sockets: a port may have been taken by another program before the kernel starts
            self.transport, self.ip = "ipc", str(room / "kernel")
        argv = [sys.executable, "-c", LIMITED_KERNEL, str(megabytes), "-f", "{connection_file}"]
        self._kernel_spec = KernelSpec(argv=argv, display_name="grading", language="python")


def run_cells(sources: list[str], folder: Path, limits: Limits, prepare: str = "pass") -> Outcome:
    """Run the cells in order in one fresh kernel, in a copy of `folder`; an error in one does not stop the next.

    `prepare` is code of ours that runs before them, however long it takes.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as room:
        copy = shutil.copytree(folder, Path(room) / folder.name, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        return asyncio.run(_run(sources, copy, limits, prepare))


@asynccontextmanager
async def _ended(manager: AsyncKernelManager) -> AsyncIterator[None]:
    """The kernel ends with the block, whatever state it is in: a client ends only kernels of its own."""
    try:
        yield
    finally:
        if manager.has_kernel:
            await manager.shutdown_kernel(now=True)


async def _run(sources: list[str], folder: Path, limits: Limits, prepare: str) -> Outcome:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    manager = _LimitedManager(limits.megabytes, folder.parent)
    client = NotebookClient(
        notebook, km=manager, timeout=limits.cell_seconds, interrupt_on_timeout=True, allow_errors=True,
        store_widget_state=False, shutdown_kernel="immediate", record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    )  # fmt: skip
    outcome, loop = Outcome(), asyncio.get_running_loop()
    async with _ended(manager), client.async_setup_kernel(cwd=str(folder), stderr=subprocess.DEVNULL):
        await client.kc.execute_interactive(prepare, silent=True, output_hook=lambda message: None)
        ends = loop.time() + limits.seconds
        for place, cell in enumerate(notebook.cells):
            left = min(ends - loop.time(), limits.cell_seconds + GRACE)
            try:
                await asyncio.wait_for(client.async_execute_cell(cell, place), max(left, 0.1))
            except (DeadKernelError, RuntimeError):
                outcome.ended_by, outcome.why = place, "the kernel died"
                break
            except (TimeoutError, CellTimeoutError):
                spent = loop.time() >= ends
                outcome.ended_by = place
                outcome.why = f"more than {limits.seconds if spent else limits.cell_seconds:g} seconds"
                break
            outcome.outputs[place] = cell.outputs
            said = [output for output in cell.outputs if output.output_type == "error"]
            if said:
                outcome.errors[place] = _in_a_line(said[-1], limits)
    return outcome


def _in_a_line(error: NotebookNode, limits: Limits) -> str:
    if error.ename == "KeyboardInterrupt":
        return f"more than {limits.cell_seconds:g} seconds"
    if error.ename == "MemoryError" or "can't allocate memory" in error.evalue:
        return f"more than {limits.megabytes:,} MB of memory"
    return f"{error.ename}: {error.evalue}".strip(": ").splitlines()[0][:300]
