"""Starting workers on this machine, and handing them functions. Jobs and results are files in a folder of their own."""

from __future__ import annotations

import contextlib
import os
import pickle
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cloudpickle  # comes with Dask; unlike pickle it takes functions that were written in a notebook's cell

from helpers.checks import LessonError, positive_int

LOOK_AGAIN = 0.01  # seconds between two looks at whether a file is there
# Seconds for torchrun to end the others and report, after a worker has ended; it does neither after exit code 0.
LAST_WORDS = 5
REPORT = "torchrun.txt"


class Workers:
    """Processes on this machine, started by torchrun, that run functions side by side.

    >>> workers = Workers(2)
    >>> workers.run(function, batch=batch)      # what each worker returned, in their order

    They start with the first `run` (a few seconds: each imports PyTorch) and wait for the next. They end with `close`
    and with this process, however it ends. On Linux and macOS gradients travel over the loopback interface.
    Raises `LessonError` for fewer than one worker.
    """

    def __init__(self, number: int = 2) -> None:
        self._process: subprocess.Popen | None = None
        self._one_at_a_time = threading.Lock()
        self.number = positive_int("number", number)

    def run(self, function: Callable, **arguments) -> list:
        """Call `function(**arguments)` in every worker; the function may be written in a notebook's cell.
        Raises `LessonError` before any work for what cannot be sent to another process; when a worker stopped with an
        error or was killed. The others are ended then, and the next run starts new ones.
        """
        try:
            job = cloudpickle.dumps((function, arguments))
        except Exception as error:
            raise LessonError(f"The function and its arguments cannot be sent to the workers: {error}.") from error
        with self._one_at_a_time:
            if self._process is None or self._process.poll() is not None:
                self._process = self._start()
            try:
                results = self._results(self._process, job)
            except BaseException:
                self.close()  # an interrupted job is not waited for
                raise
        return [_unpacked(rank, result) for rank, result in enumerate(results)]

    def close(self) -> None:
        """End the processes, and wait until they have ended."""
        if self._process is not None:
            assert self._process.stdin is not None  # a pipe, as _start made it
            self._process.stdin.close()
            self._process.terminate()  # torchrun passes it on
            self._process.wait()
            self._temporary.cleanup()
            self._process = None

    __del__ = close

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> subprocess.Popen:
        self.close()
        # A worker tidies up as well, should this process be killed: who comes second finds nothing.
        self._temporary = tempfile.TemporaryDirectory(prefix="workers-", ignore_cleanup_errors=True)
        self._folder, self._jobs = Path(self._temporary.name), 0
        with (self._folder / REPORT).open("w") as report:
            # The pipe at their standard input breaks when this process ends.
            return subprocess.Popen(
                command(self.number, f"--log-dir={self._folder}", "-m", "helpers.data_parallel", str(self._folder)),
                env=_environment(),
                stdin=subprocess.PIPE,
                stdout=report,
                stderr=subprocess.STDOUT,
            )

    def _results(self, process: subprocess.Popen, job: bytes) -> list[bytes]:
        self._jobs += 1
        write(self._folder / f"job-{self._jobs}", job)
        results = [self._folder / f"result-{self._jobs}-{rank}" for rank in range(self.number)]
        while not all(result.exists() for result in results):
            if process.poll() is not None or self._ended(results):
                raise LessonError(self._what_happened(process, results))
            time.sleep(LOOK_AGAIN)
        return [result.read_bytes() for result in results]

    def _ended(self, results: list[Path]) -> list[int]:
        """The workers that have ended without a result."""
        gone = [rank for rank in range(self.number) if not _runs(self._folder / f"worker-{rank}")]
        return [rank for rank in gone if not results[rank].exists()]

    def _what_happened(self, process: subprocess.Popen, results: list[Path]) -> str:
        """One sentence on the worker that failed first, from torchrun's report and what the workers wrote."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(LAST_WORDS)
        report = (self._folder / REPORT).read_text(encoding="utf-8", errors="replace")
        found = re.findall(r"^ *rank *: (\d+).*\n *exitcode *: (-?\d+)", report, re.MULTILINE)
        codes = {int(rank): int(code) for rank, code in found}
        # torchrun itself ends the rest with SIGTERM: any other signal came from outside, and came first.
        for rank, code in codes.items():
            if code < 0 and -code != signal.SIGTERM:
                name = signal.Signals(-code).name
                return (
                    f"Worker {rank} was killed ({name}), and the others stopped with it; what they had saved is kept."
                )
        # One that ended without a word broke the others' connection to it: their errors are not the cause.
        for rank in self._ended(results):
            if codes.get(rank, 0) >= 0 and not (self._folder / f"error-{rank}").exists():
                return f"Worker {rank} ended before its work was done, with exit code {codes.get(rank, 0)}."
        errors = sorted(self._folder.glob("error-*"), key=lambda path: path.stat().st_mtime_ns)
        if errors:
            said = errors[0].read_text(encoding="utf-8")
            return f"Worker {errors[0].name.removeprefix('error-')} stopped with {said}"
        return f"The workers did not run; torchrun's last words: {report.strip()[-500:]}"


def command(num_workers: int, *script: str) -> list[str]:
    """The command line that starts `script` in `num_workers` processes on this machine: torchrun, spelled out."""
    torchrun = [sys.executable, "-m", "torch.distributed.run"]
    return [*torchrun, "--standalone", "--local-addr=127.0.0.1", f"--nproc-per-node={num_workers}", *script]


def write(path: Path, content: bytes) -> None:
    """Write a file that others wait for: it is there when it is whole."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)


def _environment() -> dict[str, str]:
    loopback = {"linux": "lo", "darwin": "lo0"}.get(sys.platform)  # elsewhere gloo chooses for itself
    # One thread each, whatever this process has: workers that wait for each other's cores take many times as long.
    # OMP_NUM_THREADS is what PyTorch begins with, EPOCH_THREADS what `helpers` sets when it is imported.
    one_thread = {"OMP_NUM_THREADS": "1", "EPOCH_THREADS": "1"}
    return {**({"GLOO_SOCKET_IFNAME": loopback} if loopback else {}), **os.environ, **one_thread}


def _runs(worker: Path) -> bool:
    """Whether the worker whose number stands in this file still runs; one that has not started yet counts."""
    if os.name == "nt" or not worker.exists():  # on Windows, signal 0 would end it
        return True
    try:
        os.kill(int(worker.read_text()), 0)
    except ProcessLookupError:
        return False
    return True


def _unpacked(rank: int, result: bytes) -> object:
    try:
        return pickle.loads(result)
    except Exception as error:
        raise LessonError(
            f"What worker {rank} returned cannot be read here ({type(error).__name__}: {error}): return plain numbers, "
            "tensors or tables."
        ) from error
