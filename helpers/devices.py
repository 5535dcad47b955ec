"""How this process computes: on which device, with how many threads, and with whose random numbers."""

from __future__ import annotations

import gc
import os

import torch

from helpers.checks import LessonError, positive_int, shown

CPU = torch.device("cpu")

# What has been imported so far, PyTorch above all, stays for good. If the garbage collector looks through it again and
# again while the rest is imported (the first optimiser brings a thousand modules), a first cell takes 0.5 s longer.
gc.freeze()


def best_device(name: torch.device | str | None = None) -> torch.device:
    """The named device, or the fastest that is there: CUDA, then Apple's MPS, then the CPU.
    Raises `LessonError` for a device that is unknown or not there.
    """
    available = ["cpu"]
    if torch.backends.mps.is_available():
        available.insert(0, "mps")
    if torch.cuda.is_available():
        available.insert(0, "cuda")
    if name is None:
        return torch.device(available[0])
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        raise LessonError(
            f"There is no device called {shown(name)}: this machine has {', '.join(available)}."
        ) from None
    if device.type not in available or (device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()):
        raise LessonError(f"This machine has no {shown(name)} device: it has {', '.join(available)}.")
    return device


def on_cpu_unless(device: torch.device | str | None) -> torch.device:
    """The CPU, unless a device is named, which must be there: see `best_device`."""
    return CPU if device is None else best_device(device)


class RandomState:
    """Random numbers of one's own: inside `with` PyTorch draws from here, and outside nobody notices.

    It can be entered again and again, and goes on where it stopped.
    """

    def __init__(self, seed: int, device: torch.device = CPU) -> None:
        self._generators = [torch.default_generator]
        if device.type == "cuda":
            torch.cuda.init()
            index = torch.cuda.current_device() if device.index is None else device.index
            self._generators.append(torch.cuda.default_generators[index])
        elif device.type == "mps":
            self._generators.append(torch.mps._get_default_mps_generator())
        self._states = [torch.Generator(own.device).manual_seed(seed).get_state() for own in self._generators]

    def __enter__(self) -> None:
        self._swap()

    def __exit__(self, *_: object) -> None:
        self._swap()

    def _swap(self) -> None:
        for number, generator in enumerate(self._generators):
            other = generator.get_state()
            generator.set_state(self._states[number])
            self._states[number] = other


def available_cores() -> int:
    """How many CPU cores this process may use: its affinity, cut by a container's quota (rounded up).

    What the host has is not what a container may use: a limit of one CPU on a host of 64 cores is one core.
    """
    import joblib  # here, because most processes never ask

    return joblib.cpu_count()


def runs_in_place() -> bool:
    """Whether live parts run to their end where they stand (EPOCH_SYNC, unset, empty or 0 for no): tests, refreshes."""
    return os.environ.get("EPOCH_SYNC", "") not in ("", "0")


def choose_threads() -> int:
    """Set how many threads PyTorch computes with, and return it: one, unless the variable EPOCH_THREADS asks for more.

    For models as small as these a second thread gains nothing, and where anything else wants the core it waits at
    every barrier: measured, 0.7 ms became 7 to 20 ms an update. Never more are used than this process may use.
    """
    variable = os.environ.get("EPOCH_THREADS") or "1"  # set to nothing is not set
    try:
        asked = positive_int("EPOCH_THREADS", int(variable))
    except ValueError:
        raise LessonError(f"EPOCH_THREADS must be a whole number of threads, 1 or more, not {variable!r}.") from None
    threads = 1 if asked == 1 else min(asked, available_cores())
    torch.set_num_threads(threads)
    return threads


choose_threads()  # whatever computes here imports this module
