"""A learner's whole session: a server as Binder starts it, notebook after notebook, and the memory it all holds."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from jupyter_client import BlockingKernelClient

ROOT = Path(__file__).resolve().parents[2]
SECONDS_TO_START = 120
SECONDS_PER_CELL = 300
TOKEN = "course"


class Server:
    """A Jupyter server started through `binder/start`; its kernels are reached through their connection files."""

    def __init__(self, folder: Path, memory_limit: int, root: Path = ROOT) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address, self.runtime, self.clients = f"http://127.0.0.1:{port}/api", folder / "runtime", {}
        own = {f"JUPYTER_{name.upper()}_DIR": str(folder / name) for name in ("config", "data", "runtime")}
        environment = os.environ | own | {"MEM_LIMIT": str(memory_limit)}
        environment.pop("EPOCH_SYNC", None)
        options = ["--ip=127.0.0.1", f"--port={port}", f"--IdentityProvider.token={TOKEN}", "--allow-root"]
        command = [ROOT / "binder/start", sys.executable, "-m", "jupyter_server", *options]
        self.log = folder / "server.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, cwd=root, env=environment, stderr=log)

    def ask(self, path: str, given: dict | None = None) -> object:
        """What the server's interface answers; a dict given is posted."""
        data = None if given is None else json.dumps(given).encode()
        request = urllib.request.Request(f"{self.address}/{path}", data, {"Authorization": f"token {TOKEN}"})
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.load(reply)

    def wait(self) -> None:
        """Until it answers. Raises RuntimeError with its log when it stops or takes too long."""
        ends = time.monotonic() + SECONDS_TO_START
        while self.process.poll() is None and time.monotonic() < ends:
            try:
                self.ask("kernels")
                return
            except OSError:
                time.sleep(0.2)
        raise RuntimeError(self.log.read_text())

    def open(self, notebook: str) -> str:
        """What JupyterLab asks for when a notebook is opened; returns the id of its kernel."""
        given = {"path": notebook, "name": notebook, "type": "notebook", "kernel": {"name": "python3"}}
        name = self.ask("sessions", given)["kernel"]["id"]
        client = BlockingKernelClient(connection_file=str(self.runtime / f"kernel-{name}.json"))
        client.load_connection_file()
        client.start_channels()
        client.wait_for_ready(timeout=SECONDS_TO_START)
        self.clients[name] = client
        return name

    def run(self, name: str, source: str) -> str:
        """Run a cell in the kernel of this id; the name of its error, or ""."""
        reply = self.clients[name].execute_interactive(
            source, output_hook=lambda message: None, allow_stdin=False, timeout=SECONDS_PER_CELL
        )
        self.wait_until(name, "idle")
        return reply["content"].get("ename", "")

    def wait_until(self, name: str, state: str) -> None:
        """Until the server, too, knows that this kernel is "busy" or "idle": the client hears of it first."""
        ends = time.monotonic() + SECONDS_TO_START
        while self.ask(f"kernels/{name}")["execution_state"] != state and time.monotonic() < ends:
            time.sleep(0.1)

    def kernels(self) -> set[str]:
        """The ids of the kernels that are alive."""
        return {kernel["id"] for kernel in self.ask("kernels")}

    def stop(self) -> None:
        """End it, and its kernels with it."""
        for client in self.clients.values():
            client.stop_channels()
        self.process.terminate()
        self.process.wait(timeout=60)


@contextmanager
def session(folder: Path, memory_limit: int) -> Iterator[Server]:
    """A server that is up, and down again after the block."""
    server = Server(folder, memory_limit)
    try:
        server.wait()
        yield server
    finally:
        server.stop()


class Watch(threading.Thread):
    """Sums, several times a second, what a process and all that it started hold, shared pages divided; Linux only."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.top, self.peak_mb, self.over = psutil.Process(pid), 0.0, threading.Event()

    def held_mb(self) -> float:
        """The sum now, in MB."""
        total = 0
        for process in [self.top, *self.top.children(recursive=True)]:
            try:
                total += process.memory_full_info().pss
            except psutil.Error:
                continue
        return total / 1e6

    def run(self) -> None:
        while not self.over.wait(0.3):
            self.peak_mb = max(self.peak_mb, self.held_mb())
