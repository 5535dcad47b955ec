"""Work in slices on the event loop: one task, the newest request wins, and a re-run cell retires its former self."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import Callable, Generator
from typing import Any, Protocol

from IPython import get_ipython

from helpers.devices import runs_in_place

PAUSE = 0.001  # seconds; with 0 the loop would hardly ever get to the sliders' messages
Work = Generator[float | None]
DONE: Any = object()


class Closeable(Protocol):
    """What can be retired."""

    def close(self) -> None:
        """Stop and let go of everything."""


class Worker:
    """Works through one generator at a time, a slice at each step, on an event loop; a newer one replaces it at once.

    A step may yield how many seconds to wait. Without a loop, works through it in place, and errors are raised.

    Args:
        loop: where to work.
        failed: told of everything that goes wrong, `SystemExit` and the like included: the one place for errors. An
            exception that left a task would be lost without a word; `SystemExit` would take the kernel with it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None, failed: Callable[[BaseException], None]) -> None:
        self.loop, self._failed = loop, failed
        self.context = contextvars.copy_context()
        self.stopping = self.closed = self._finishing = False
        self.wanted = False  # newer work came from another thread: what runs may end its slice at once
        self.task: asyncio.Task | None = None
        self._next: Callable[[], Work] | None = None
        self._work: Work | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing is running or waiting."""
        return self._next is None and (self.task is None or self.task.done())

    def start(self, work: Callable[[], Work]) -> None:
        """Replace what is running by `work()`, from any thread."""
        self.stopping = False
        if self.loop is None:
            for _ in work():
                pass
        elif self._here():
            self._start(work)
        else:
            self.wanted = True
            self.loop.call_soon_threadsafe(self._start, work)

    def call(self, function: Callable[[], None]) -> None:
        """Call `function` between two slices, from any thread."""
        if self.loop is None:
            function()
        else:
            self.loop.call_soon_threadsafe(lambda: self.closed or self._guarded(function), context=self.context)

    def finish(self) -> None:
        """Work through what is running, now: whoever reads results in a cell gets those of the whole run."""
        work = self._work
        if not self._here() or (work is not None and inspect.getgeneratorstate(work) == inspect.GEN_RUNNING):
            return
        context, self._finishing = self.context.copy(), True
        try:
            while context.run(self._step) is not None:
                pass
        finally:
            self._finishing = False

    def drop(self) -> None:
        """Leave what is running, and what waits."""
        self._next = None
        self._leave()

    def stop(self) -> None:
        """Ask what is running to stop; it looks at `stopping` once a slice."""
        self.stopping = True

    def close(self) -> None:
        """Stop without another word."""
        self.closed, self._next = True, None
        if self.task is not None and not self.task.done():
            self.task.get_loop().call_soon_threadsafe(self.task.cancel)

    def _here(self) -> bool:
        try:
            return asyncio.get_running_loop() is self.loop
        except RuntimeError:
            return False

    def _start(self, work: Callable[[], Work]) -> None:
        if self.closed:
            return
        self._next = work
        if self.task is None or self.task.done():
            self.task = asyncio.get_running_loop().create_task(self._run(), context=self.context.copy())

    async def _run(self) -> None:
        try:
            while not self.closed and (pause := self._step()) is not None:
                await asyncio.sleep(max(pause, PAUSE))
        finally:
            self._leave()

    def _step(self) -> float | None:
        """One slice of the newest work; returns how long to wait, or None when there is nothing more to do."""
        self.wanted = False
        if self._next is not None:
            self._leave()
            make, self._next = self._next, None
            self._work = self._guarded(make)
        work = self._work
        pause = DONE if work is None else self._guarded(lambda: next(work, DONE), DONE)
        if pause is not DONE:
            return pause or 0.0
        self._leave()
        return None if self._next is None else 0.0

    def _leave(self) -> None:
        """Close what was running: its `finally` may fail too, and must not take the new work with it."""
        work, self._work = self._work, None
        if work is not None:
            self._guarded(work.close)

    def _guarded(self, action: Callable[[], Any], otherwise: Any = None) -> Any:
        try:
            return action()
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and self._finishing:  # the cell that waits was interrupted
                raise
            if not self.closed:
                self._failed(error)
            return otherwise


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop of a notebook; None in a plain script, and where everything is to run in place."""
    if runs_in_place():
        return None
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


_parts: dict[str, list[tuple[str, Closeable]]] = {}


def retire_former(part: Closeable) -> None:
    """Close what a former run of this cell left, so that a cell that is run again trains once.

    What a widget's callback makes belongs to no cell: there is nothing to tell a former self by.
    """
    shell = get_ipython()
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
    cell = parent.get("metadata", {}).get("cellId") or parent.get("content", {}).get("code", "") if parent else ""
    if not cell:
        return
    execution = parent.get("header", {}).get("msg_id", "")
    here = _parts.setdefault(cell, [])
    for former in [former for former in here if former[0] != execution]:
        here.remove(former)
        former[1].close()
    here.append((execution, part))
