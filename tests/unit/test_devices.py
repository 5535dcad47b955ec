"""How many threads are chosen: what the container may use, not what the host shows."""

import os
import subprocess
import sys

import pytest
import torch

from helpers import devices
from helpers.checks import LessonError
from helpers.devices import available_cores, best_device, choose_threads, runs_in_place
from helpers.live import worker
from helpers.search import progress
from helpers.search.progress import ProgressLine


@pytest.fixture(autouse=True)
def _threads_as_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_this_process_may_use_at_least_something():
    assert 1 <= available_cores() <= (os.cpu_count() or 1)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity to set")
def test_a_process_bound_to_one_core_sees_one():
    script = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n" + (
        "from helpers.devices import available_cores; print(available_cores())"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(found.stdout) == 1


@pytest.mark.parametrize(
    ("cores", "variable", "chosen"),
    [
        (64, None, 1),  # one thread, however many cores
        (64, "4", 4),
        (64, "", 1),
        (2, "4", 2),  # never more than there is
        (1, "8", 1),
    ],
)
def test_one_thread_unless_asked_and_never_more_than_there_are(monkeypatch, cores, variable, chosen):
    monkeypatch.setattr(devices, "available_cores", lambda: cores)
    monkeypatch.delenv("EPOCH_THREADS", raising=False)
    if variable is not None:
        monkeypatch.setenv("EPOCH_THREADS", variable)
    assert choose_threads() == chosen == torch.get_num_threads()


@pytest.mark.parametrize("variable", ["many", "0", "-2", "1.5"])
def test_a_variable_that_is_no_number_of_threads_is_named(monkeypatch, variable):
    monkeypatch.setenv("EPOCH_THREADS", variable)
    with pytest.raises(LessonError, match="EPOCH_THREADS"):
        choose_threads()


@pytest.mark.parametrize(("value", "at_once"), [(None, False), ("", False), ("0", False), ("1", True), ("yes", True)])
def test_one_answer_to_whether_live_parts_run_in_place(monkeypatch, value, at_once):
    monkeypatch.delenv("EPOCH_SYNC", raising=False)
    if value is not None:
        monkeypatch.setenv("EPOCH_SYNC", value)
    assert runs_in_place() is at_once
    assert ProgressLine()._at_once is not at_once  # a search and a live part ask the same function
    assert worker.runs_in_place is progress.runs_in_place is runs_in_place


@pytest.mark.parametrize("package", ["data", "models"])  # one of them is imported by all else that computes
def test_importing_what_computes_chooses_the_threads(package):
    environment = {**os.environ, "OMP_NUM_THREADS": "7"}
    environment.pop("EPOCH_THREADS", None)
    script = f"import helpers.{package}, torch; print(torch.get_num_threads())"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert found.stdout == "1\n"


def test_the_cpu_is_always_there_and_an_unknown_device_is_named():
    assert best_device("cpu") == torch.device("cpu")
    assert best_device().type in ("cuda", "mps", "cpu")
    with pytest.raises(LessonError, match="quantum"):
        best_device("quantum")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(LessonError, match="cuda"):
        best_device("cuda")
