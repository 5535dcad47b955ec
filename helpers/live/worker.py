"""Work in slices on the event loop: one task, the newest request wins, and a re-run cell retires its former self."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Generator
from typing import Protocol

from IPython import get_ipython

from helpers.devices import runs_in_place

PAUSE = 0.001  # seconds; with 0 the loop would hardly ever get to the sliders' messages


class Closeable(Protocol):
    """What can be retired."""

    def close(self) -> None:
        """Stop and let go of everything."""


class Worker:
    """Works through one generator at a time, a slice at each step, on an event loop; a newer one replaces it at once.

    Without a loop, works through it in place.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self.loop = loop
        self.context = contextvars.copy_context()
        self.stopping = self.closed = False
        self.task: asyncio.Task | None = None
        self._next: Callable[[], Generator[None]] | None = None

    def start(self, work: Callable[[], Generator[None]]) -> None:
        """Replace what is running by `work()`, from any thread."""
        self.stopping = False
        if self.loop is None:
            for _ in work():
                pass
        else:
            self.loop.call_soon_threadsafe(self._start, work)

    def call(self, function: Callable[[], None]) -> None:
        """Call `function` between two slices, from any thread."""
        if self.loop is None:
            function()
        else:
            self.loop.call_soon_threadsafe(lambda: self.closed or function(), context=self.context)

    def stop(self) -> None:
        """Ask what is running to stop; it looks at `stopping` once a slice."""
        self.stopping = True

    def close(self) -> None:
        """Stop without another word."""
        self.closed, self._next = True, None
        if self.task is not None and not self.task.done():
            self.loop.call_soon_threadsafe(self.task.cancel)

    def _start(self, work: Callable[[], Generator[None]]) -> None:
        if self.closed:
            return
        self._next = work
        if self.task is None or self.task.done():
            self.task = self.loop.create_task(self._run(), context=self.context.copy())

    async def _run(self) -> None:
        while self._next is not None:
            work, self._next = self._next(), None
            try:
                for _ in work:
                    await asyncio.sleep(PAUSE)
                    if self.closed:  # and woken before the cancellation came
                        return
                    if self._next is not None:
                        break
            finally:
                work.close()


def running_loop() -> asyncio.AbstractEventLoop | None:
    if runs_in_place():
        return None
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


_parts: dict[str, list[tuple[str, Closeable]]] = {}


def retire_former(part: Closeable) -> None:
    """Close what a former run of this cell left, so that a cell that is run again trains once."""
    shell = get_ipython()
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
    if not parent:
        return
    execution = parent.get("header", {}).get("msg_id", "")
    cell = parent.get("metadata", {}).get("cellId") or parent.get("content", {}).get("code", "")
    here = _parts.setdefault(cell, [])
    for former in [former for former in here if former[0] != execution]:
        here.remove(former)
        former[1].close()
    here.append((execution, part))
