"""A class on one server: ten kernels with a playground each, all training, and one slider after the other is moved."""

from __future__ import annotations

import os
import random
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty

from jupyter_client import BlockingKernelClient, KernelManager

from tests.benchmarks.measuring import Row

# 47,000 updates a run: all kernels train all the time, and so are busier than a class ever is.
OPEN = "from helpers.live import playground\nlive = playground(num_epochs=30, batch_size=64)\nlive"
SECONDS_TO_START = 300
SLIDER, STARTING = "learning rate", "starting"


class Learner:
    """A kernel with an open playground, spoken to as the page does: by the messages of its widgets."""

    def __init__(self) -> None:
        self.manager = KernelManager(kernel_name="python3")
        environment = {name: value for name, value in os.environ.items() if name != "EPOCH_SYNC"}
        self.manager.start_kernel(env=environment)
        self.client: BlockingKernelClient = self.manager.blocking_client()
        self.client.start_channels()
        self.widgets: dict[str, str] = {}  # "slider", "picture" and "status" -> its id
        self.position, self.said = 0, ""

    def open(self) -> None:
        """Wait for the kernel, open a playground in it, and start training."""
        self.client.wait_for_ready(timeout=SECONDS_TO_START)
        self.client.execute(OPEN)
        ends = time.monotonic() + SECONDS_TO_START
        while not self._next_has_frame(timeout=1):
            if time.monotonic() > ends:
                raise TimeoutError("the playground did not open")

    def move(self) -> None:
        """Move the slider by one, back and forth."""
        self.position += 1 if self.position % 2 == 0 else -1
        content = {
            "comm_id": self.widgets["slider"],
            "data": {"method": "update", "state": {"index": self.position}, "buffer_paths": []},
        }
        self.client.shell_channel.send(self.client.session.msg("comm_msg", content))

    def wait_for_the_new_run(self, timeout: float = 60) -> None:
        """Until the first frame of the run that the last move began has arrived."""
        ends = time.monotonic() + timeout
        begun = self.said == STARTING  # the former run had not shown anything yet, and shows nothing any more
        while time.monotonic() < ends:
            has_frame = self._next_has_frame(timeout=0.2)
            begun = begun or self.said == STARTING
            if begun and has_frame:
                return
        raise TimeoutError(f"no new frame came; the playground said {self.said!r}")

    def forget_messages(self) -> None:
        """What arrived before now is about earlier runs."""
        while self._next_has_frame(timeout=0) is not None:
            pass

    def _next_has_frame(self, timeout: float) -> bool | None:
        """Read one message: whether it brings a frame; None if there is no message."""
        try:
            message = self.client.get_iopub_msg(timeout=timeout)
        except Empty:
            return None
        content = message["content"]
        if message["msg_type"] == "error":
            raise RuntimeError("\n".join(content["traceback"]))
        if message["msg_type"] not in ("comm_open", "comm_msg"):
            return False
        state, widget = content["data"].get("state", {}), content["comm_id"]
        if state.get("description") == SLIDER:
            self.widgets["slider"], self.position = widget, state["index"]
        elif "x_axes" in state and message["msg_type"] == "comm_open":
            self.widgets["picture"] = widget
        elif "progress-text" in state.get("_dom_classes", ()):
            self.widgets["status"] = widget
        elif widget == self.widgets.get("status"):
            self.said = state.get("value", self.said)
        return message["msg_type"] == "comm_msg" and widget == self.widgets.get("picture") and "run" in state

    def memory(self) -> tuple[float, float]:
        """Megabytes in use, and of these the kernel's own (what kernels share counted once); Linux only."""
        text = Path("/proc", str(self.manager.provisioner.pid), "smaps_rollup").read_text()
        fields = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in text.splitlines()[1:]}
        return fields["Rss"], fields["Pss"]

    def close(self) -> None:
        """End the kernel."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def ten_kernels(number: int = 10, moves: int = 4) -> Iterator[Row]:
    """All playgrounds train all the time, and learners move a slider in turn, every half second on average."""
    learners = [Learner() for _ in range(number)]
    try:
        for learner in learners:
            learner.open()
        chance = random.Random(0)
        turns = [learner for learner in learners for _ in range(moves)]
        chance.shuffle(turns)
        waits = []
        for learner in turns:
            learner.forget_messages()
            begun = time.monotonic()
            learner.move()
            learner.wait_for_the_new_run()
            waits.append(time.monotonic() - begun)
            time.sleep(chance.uniform(0, 1))
        memory = [learner.memory() for learner in learners]
    finally:
        for learner in learners:
            learner.close()
    name = f"{number} playgrounds at once"
    waits.sort()
    yield Row(
        f"{name}: seconds from a slider to its first new frame",
        waits[int(0.95 * (len(waits) - 1))],
        at_most=1.0,
        details=f"19 of 20; median {statistics.median(waits):.3f}, worst {waits[-1]:.3f}, {len(waits)} moves",
    )
    resident, own = (statistics.median(column) for column in zip(*memory, strict=True))
    yield Row(f"{name}: MB per kernel", resident)
    yield Row(f"{name}: MB of a kernel's own, shared pages divided", own, at_most=400)
