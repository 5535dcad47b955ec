"""Kernels that are interrupted, restarted, run out of order or run twice: the next cell works, and nothing is lost."""

import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from jupyter_client import KernelManager
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from tests.builders import ROWS
from tests.tools.kernel import course_environment

SET_UP = """
from helpers.data import load_diabetes, load_ratings
from helpers.live import int_slider, live_training
from helpers.models import MLP
from helpers.training import Config, History, train
train_set, validation_set = load_diabetes()
"""
LIVE = """
model = MLP(10)
live = live_training(
    lambda num_epochs: train(model, train_set, validation_set, Config(num_epochs=num_epochs, batch_size=1)),
    num_epochs=int_slider(1, 100_000, 100_000, step=99_999),
)
live
"""


class Kernel:
    """A real kernel; `run` is a learner who runs a cell."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager, self.client = manager, client

    def run(self, source: str, on_output: Callable[[dict], None] = lambda message: None) -> tuple[str, str, list[str]]:
        """The error's name ("" without one), its text, and the lines printed."""
        printed: list[str] = []

        def hear(message: dict) -> None:
            printed.append(message["content"].get("text", ""))  # one line may come in several messages
            on_output(message)

        source = textwrap.dedent(source)
        reply = self.client.execute_interactive(source, output_hook=hear, allow_stdin=False, timeout=60)["content"]
        return reply.get("ename", ""), reply.get("evalue", ""), "".join(printed).splitlines()

    def reply_to(self, message_id: str) -> dict:
        """What the kernel answered; a late answer to the questions of its start may come before."""
        while (reply := self.client.get_shell_msg(timeout=60))["parent_header"]["msg_id"] != message_id:
            pass
        return reply["content"]

    def interrupt(self, message: dict | None = None) -> None:
        """Press the stop button; as a listener: when a cell says that it is training."""
        if message is None or "training" in message["content"].get("text", ""):
            self.manager.interrupt_kernel()

    def restart(self) -> None:
        self.manager.restart_kernel(now=True)
        self.client.wait_for_ready(timeout=60)


def start(folder: Path) -> Kernel:
    with course_environment(), pytest.MonkeyPatch.context() as patch:
        patch.delenv("EPOCH_SYNC")
        return Kernel(*start_new_kernel(cwd=folder))


def end(kernel: Kernel) -> None:
    kernel.client.stop_channels()
    kernel.manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    kernel = start(tmp_path_factory.mktemp("course"))
    yield kernel
    end(kernel)


@pytest.mark.fault("Python's own NameError for the cell that was left out, and nothing else")
def test_a_notebook_run_out_of_order(kernel: Kernel) -> None:
    assert kernel.run(LIVE)[:2] == ("NameError", "name 'MLP' is not defined")
    assert kernel.run(SET_UP)[0] == ""
    assert kernel.run("History.of(train(model, train_set))")[:2] == ("NameError", "name 'model' is not defined")


@pytest.mark.fault(
    "KeyboardInterrupt; the epochs so far are in the history and in the model, and the next cell trains on"
)
def test_a_cell_is_interrupted_while_it_trains(kernel: Kernel) -> None:
    kernel.run(SET_UP)
    error, _, _ = kernel.run(
        """
        model, history = MLP(10), History()
        for progress in train(model, train_set, validation_set, Config(num_epochs=100_000, batch_size=64)):
            history.add(progress)
            if progress.update == 50:
                print("training", flush=True)
        """,
        kernel.interrupt,
    )
    assert error == "KeyboardInterrupt"
    assert kernel.run("print(len(history) >= 50, history.last.update == len(history))")[2] == ["True True"]
    assert kernel.run("print(len(History.of(train(model, train_set, None, Config(num_epochs=2, batch_size=64)))))")[
        ::2
    ] == ("", ["12"])


@pytest.mark.fault("KeyboardInterrupt, with the model still fit to train")
def test_a_whole_history_is_interrupted(kernel: Kernel) -> None:
    kernel.run(SET_UP)
    source = "config = Config(num_epochs=100_000)\nprint('training', flush=True)\n"
    source += "model = MLP(10)\nHistory.of(train(model, train_set, None, config))"
    assert kernel.run(source, kernel.interrupt)[0] == "KeyboardInterrupt"
    check = (
        "print(all(w.isfinite().all().item() for w in model.parameters()), len(History.of(train(model, train_set))))"
    )
    assert kernel.run(check)[::2] == ("", ["True 10"])


@pytest.mark.fault("the live curve trains on or stops; the next cell, Stop and Start work")
def test_the_stop_button_of_the_notebook_during_a_live_run(kernel: Kernel) -> None:
    kernel.run(SET_UP)
    assert kernel.run(LIVE)[0] == ""
    assert kernel.run("import asyncio; await asyncio.sleep(0.5)")[0] == ""
    for _ in range(3):
        kernel.interrupt()
        assert kernel.run("await asyncio.sleep(0.2)")[0] in ("", "KeyboardInterrupt")
    assert kernel.run("live.stop(); await asyncio.sleep(0.5); print(len(live.history) > 0)")[::2] == ("", ["True"])
    assert kernel.run("live.set(num_epochs=1); await asyncio.sleep(2); print(live.text[:11])")[::2] == (
        "",
        ["Ended after"],
    )


@pytest.mark.fault("NameError for what the kernel forgot; run from the top, the same numbers come out")
def test_the_kernel_is_restarted_while_it_trains(kernel: Kernel) -> None:
    again = (
        SET_UP
        + "print(History.of(train(MLP(10), train_set, validation_set, Config(num_epochs=2, batch_size=64))).losses)"
    )
    first = kernel.run(again)[2]
    assert kernel.run(LIVE)[0] == ""
    kernel.restart()
    assert kernel.run("live.history")[:2] == ("NameError", "name 'live' is not defined")
    assert kernel.run(again)[2] == first != []


@pytest.mark.fault("nothing: both read the same ratings, and neither's changes reach the other")
def test_two_notebooks_at_once_on_one_folder_of_ratings(kernel: Kernel, tmp_path: Path) -> None:
    (tmp_path / "u.data").write_text(ROWS)
    other = start(tmp_path)
    try:
        load = f"from helpers.data import load_ratings\nratings = load_ratings({str(tmp_path)!r})\n"
        spoil = load + "ratings.table.loc[:, 'rating'] = 0\nload_ratings().table.loc[:, 'rating'] = 0\n"
        total = "print(ratings.table['rating'].sum(), load_ratings().table['rating'].sum())"
        spoilt = "print(len(load_ratings()), load_ratings().table['rating'].min())"
        asked = [k.client.execute(source) for k, source in ((kernel, spoil), (other, load))]  # both work at once
        replies = [k.reply_to(message) for k, message in zip((kernel, other), asked, strict=True)]
        assert [reply["status"] for reply in replies] == ["ok", "ok"]
        assert other.run(total)[2][-1].startswith("12000.0 ")
        assert kernel.run(spoilt)[2][-1] == "125000 0.5"
    finally:
        end(other)
    assert (tmp_path / "u.data").read_text() == ROWS and [path.name for path in tmp_path.iterdir()] == ["u.data"]
