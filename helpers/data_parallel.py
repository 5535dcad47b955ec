"""Data parallel: several workers train one model, each on its share of every batch.

`Workers` starts processes on this machine with PyTorch's own launcher, torchrun. Inside a worker `train()` is the
course's loop: it changes nothing there, it gives the loop a share of each batch and averages the gradients.

Checked with processes on CPUs (gloo). The way to several GPUs (nccl) is written down and has not been run, nor have
workers on Windows.
"""

from __future__ import annotations

import itertools
import os
import pickle
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import cloudpickle  # comes with Dask; unlike pickle it takes functions that were written in a notebook's cell
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from helpers import training
from helpers.checks import LessonError, positive_int
from helpers.training import Config, Progress

if TYPE_CHECKING:
    from helpers.data import Samples

# A worker that hangs is given up after this long; one that dies is noticed at once.
PATIENCE = timedelta(minutes=2)
# Seconds between two looks at whether a file is there: jobs and results are files in a folder of the workers' own.
LOOK_AGAIN = 0.01
REPORT = "torchrun.txt"


# ---------------------------------------------------------------------------------------- inside a worker


def start() -> torch.device:
    """Join the other workers that torchrun started, and return this worker's device: its own GPU, or the CPU.

    Without torchrun there is nobody to join, and the same script runs as one process.
    """
    on_gpu = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if on_gpu else torch.device("cpu")
    if dist.is_torchelastic_launched() and not dist.is_initialized():
        if on_gpu:
            torch.cuda.set_device(device)
        dist.init_process_group("nccl" if on_gpu else "gloo", timeout=PATIENCE)
    return device


def rank() -> int:
    """This worker's number, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def num_workers() -> int:
    """How many workers train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


class Shares:
    """One worker's share of every batch: of the batch's samples numbers rank, rank + W, rank + 2W, … for W workers.

    It stands where `train()` expects its samples. All workers draw the same batches, because they have the same seed.

    Attributes:
        size: samples of this worker in the newest batch; 0 where a short batch has fewer samples than workers.
        weight: the same as a share of the batch. The weights of all workers add up to 1.
    """

    def __init__(self, samples: Samples, rank: int, num_workers: int) -> None:
        self.samples, self.rank, self.num_workers = samples, rank, num_workers
        self.inputs, self.targets = samples.inputs, samples.targets
        self.size, self.weight = 0, 0.0

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        share = batch[self.rank :: self.num_workers]
        self.size, self.weight = len(share), len(share) / len(batch)
        # A worker without a sample must still take part in the averaging: it looks at one, with weight zero.
        return self.samples[share if len(share) else batch[:1]]


def average_gradients(model: nn.Module, shares: Shares) -> list[RemovableHandle]:
    """Replace every gradient, as soon as backpropagation has it, by the weighted mean over all workers.

    Each worker's gradient is the mean over its share; weighted by the share's size they add up to the mean over the
    batch, whether the shares are equal or not. Returns the hooks; removing them ends it.
    """

    def average(weights: Tensor) -> None:
        weights.grad.mul_(shares.weight)
        dist.all_reduce(weights.grad, op=dist.ReduceOp.SUM)

    return [weights.register_post_accumulate_grad_hook(average) for weights in model.parameters()]


def train(
    model: nn.Module, train_set: Samples, validation_set: Samples | None = None, config: Config | None = None
) -> Iterator[Progress]:
    """`helpers.training.train()`, with every batch shared out among the workers; same arguments, same numbers.

    Every worker gives the same arguments and gets the same weights, `train_loss` and `validation_loss`; `loss` is
    the mean over the worker's own share. `batch_size` counts the samples of all workers together.

    Raises:
        LessonError: as `helpers.training.train()`.
    """
    config = Config() if config is None else config
    if num_workers() == 1:
        return training.train(model, train_set, validation_set, config)
    shares = Shares(train_set, rank(), num_workers())
    return _with_everyones_loss(model, shares, training.train(model, shares, validation_set, config))


def _with_everyones_loss(model: nn.Module, shares: Shares, run: Iterator[Progress]) -> Iterator[Progress]:
    for weights in model.state_dict().values():
        dist.broadcast(weights, src=0)  # everyone starts where worker 0 starts
    hooks = average_gradients(model, shares)
    losses = torch.zeros(2, dtype=torch.float64, device=shares.targets.device)
    try:
        for progress in run:
            losses[0] += progress.loss * shares.size
            losses[1] += shares.size
            if progress.epoch_ended:
                dist.all_reduce(losses, op=dist.ReduceOp.SUM)
                progress = replace(progress, train_loss=float(losses[0] / losses[1]))
                losses.zero_()
            yield progress
    finally:
        for hook in hooks:
            hook.remove()


# ---------------------------------------------------------------------------------------- starting workers


class Workers:
    """Processes on this machine, started by torchrun, that run functions side by side.

    >>> workers = Workers(2)
    >>> workers.run(function, batch=batch)      # what each worker returned, in their order

    They start with the first `run` (a few seconds: each imports PyTorch) and wait for the next. They end with `close`
    and with this process, however it ends. On Linux and macOS gradients travel over the loopback interface.

    Raises:
        LessonError: for a number of workers that is none.
    """

    def __init__(self, number: int = 2) -> None:
        self._process: subprocess.Popen | None = None
        self._jobs = 0
        self.number = positive_int("number", number)

    def run(self, function: Callable, **arguments) -> list:
        """Call `function(**arguments)` in every worker; the function may be written in a notebook's cell.

        Raises:
            LessonError: when a worker stopped with an error or was killed. The others are ended then, and the next
                run starts new ones.
        """
        if self._process is None:
            self._start()
        self._jobs += 1
        _write(self._folder / f"job-{self._jobs}", cloudpickle.dumps((function, arguments)))
        results = [self._folder / f"result-{self._jobs}-{rank}" for rank in range(self.number)]
        try:
            while not all(result.exists() for result in results):
                if self._process.poll() is not None:
                    raise LessonError(_what_happened(self._folder))
                time.sleep(LOOK_AGAIN)
            return [pickle.loads(result.read_bytes()) for result in results]
        except BaseException:
            self.close()  # an interrupted job is not waited for
            raise

    def close(self) -> None:
        """End the processes, and wait until they have ended."""
        if self._process is not None:
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

    def _start(self) -> None:
        self._temporary, self._jobs = tempfile.TemporaryDirectory(prefix="workers-"), 0
        self._folder = Path(self._temporary.name)
        with (self._folder / REPORT).open("w") as report:
            # The pipe at their standard input breaks when this process ends: see _end_with_the_launcher.
            self._process = subprocess.Popen(
                command(self.number, "-m", "helpers.data_parallel", str(self._folder)),
                env=_environment(),
                stdin=subprocess.PIPE,
                stdout=report,
                stderr=subprocess.STDOUT,
            )


def launch(function: Callable, num_workers: int = 2, **arguments) -> list:
    """Start workers, run one function in them, and end them: see `Workers`."""
    with Workers(num_workers) as workers:
        return workers.run(function, **arguments)


def command(num_workers: int, *script: str) -> list[str]:
    """The command line that starts `script` in `num_workers` processes on this machine: torchrun, spelled out."""
    torchrun = [sys.executable, "-m", "torch.distributed.run"]
    return [*torchrun, "--standalone", "--local-addr=127.0.0.1", f"--nproc-per-node={num_workers}", *script]


def _environment() -> dict[str, str]:
    loopback = {"linux": "lo", "darwin": "lo0"}.get(sys.platform)  # elsewhere gloo chooses for itself
    return {"OMP_NUM_THREADS": "1", **({"GLOO_SOCKET_IFNAME": loopback} if loopback else {}), **os.environ}


def _write(path: Path, content: bytes) -> None:
    """Write a file that others wait for: it is there when it is whole."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)


def _what_happened(folder: Path) -> str:
    """One sentence on the worker that failed first, from torchrun's report and what the workers wrote."""
    report = (folder / REPORT).read_text(encoding="utf-8", errors="replace")
    for number, code in re.findall(r"^ *rank *: (\d+).*\n *exitcode *: (-?\d+)", report, re.MULTILINE):
        # torchrun itself ends the rest with SIGTERM: any other signal came from outside, and came first.
        if int(code) < 0 and -int(code) != signal.SIGTERM:
            name = signal.Signals(-int(code)).name
            return f"Worker {number} was killed ({name}), and the others stopped with it; what they had saved is kept."
    # The first to stop wrote first; the others then lost their connection to it.
    errors = sorted(folder.glob("error-*"), key=lambda path: path.stat().st_mtime_ns)
    if errors:
        return f"Worker {errors[0].name.removeprefix('error-')} stopped with {errors[0].read_text(encoding='utf-8')}"
    return f"The workers did not run; torchrun's last words: {report.strip()[-500:]}"


# ---------------------------------------------------------------------------------------- a worker's own life


def _work(folder: Path) -> None:
    """Run one job after the other, until the launching process ends this one."""
    threading.Thread(target=_end_with_the_launcher, daemon=True).start()
    start()
    for number in itertools.count(1):
        job = folder / f"job-{number}"
        while not job.exists():
            time.sleep(LOOK_AGAIN)
        try:
            function, arguments = pickle.loads(job.read_bytes())
            _write(folder / f"result-{number}-{rank()}", cloudpickle.dumps(function(**arguments)))
        except Exception as error:
            _write(folder / f"error-{rank()}", f"{type(error).__name__}: {error}".encode())
            os._exit(1)  # not sys.exit(): leaving in order would wait for workers that are no longer there


def _end_with_the_launcher() -> None:
    os.read(sys.stdin.fileno(), 1)  # returns when the launching process has ended or closed the pipe
    os._exit(1)


if __name__ == "__main__":
    _work(Path(sys.argv[1]))
