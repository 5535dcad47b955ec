"""The course's server. On Binder a kernel that rests makes room for the next before memory runs out; one that works is
left alone. Everywhere what a kernel says leaves at once.
"""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from jupyter_client import KernelManager

from tests.tools.session import ROOT, Watch, session

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux divides shared memory among processes")
HOLD = "held = b'x' * 250_000_000"


@pytest.mark.fault("the notebook that rested longest has no kernel any more; the others work on")
def test_a_third_kernel_when_memory_is_short(tmp_path: Path) -> None:
    with session(tmp_path, memory_limit=1_900_000_000) as server:
        first, second = server.open("a.ipynb"), server.open("b.ipynb")
        assert server.run(first, HOLD) == server.run(second, HOLD) == ""
        assert server.run(first, "held = held[:1]; held = b'y' * 250_000_000") == ""  # so that `second` rested longest
        third = server.open("c.ipynb")
        assert server.kernels() == {first, third}
        assert server.run(first, "assert held[0] == ord('y')") == "" and "rested longest" in server.log.read_text()


def test_with_room_enough_all_kernels_stay(tmp_path: Path) -> None:
    with session(tmp_path, memory_limit=4_000_000_000) as server:
        watch = Watch(server.process.pid)
        opened = {server.open(f"{name}.ipynb") for name in "abc"}
        assert server.kernels() == opened
        before = watch.held_mb()
        assert server.run(min(opened), HOLD) == ""
        assert 240 < watch.held_mb() - before < 300


@pytest.mark.fault("nothing: its cell runs to the end, and one that rests goes instead")
def test_a_kernel_at_work_is_not_shut_down(tmp_path: Path) -> None:
    with session(tmp_path, memory_limit=1_000_000_000) as server:
        busy = server.open("a.ipynb")
        server.clients[busy].execute("import time\ntime.sleep(600)")
        server.wait_until(busy, "busy")
        resting = server.open("b.ipynb")
        assert server.run(resting, "1") == ""
        third = server.open("c.ipynb")
        assert server.kernels() == {busy, third}


def test_small_messages_leave_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    c, done = SimpleNamespace(ServerApp=SimpleNamespace()), []
    settings = {"c": c}
    exec((ROOT / "binder/lab/jupyter_server_config.py").read_text(), settings)
    plain = settings["ZMQChannelsWebsocketConnection"]
    monkeypatch.setattr(plain, "websocket_handler", SimpleNamespace(set_nodelay=done.append))
    monkeypatch.setattr(plain, "connect", lambda self: done.append("connected"))
    c.ServerApp.kernel_websocket_connection_class(parent=KernelManager()).connect()
    assert done == [True, "connected"]


@pytest.mark.parametrize("command", [["make", "-n", "lab"], ["binder/start", "env"]])
def test_both_ways_to_start_the_server_say_so(command: list[str]) -> None:
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    folders = next(line for line in said.splitlines() if "JUPYTER_CONFIG_PATH=" in line)
    assert "$PWD/binder/lab" in folders or f"{ROOT}/binder/lab" in folders
