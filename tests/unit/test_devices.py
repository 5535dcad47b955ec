"""How many threads are chosen: what the container may use, not what the host shows."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from helpers import devices
from helpers.checks import LessonError
from helpers.devices import available_cores, best_device, choose_threads


@pytest.fixture
def host(monkeypatch):
    """A host of 64 cores, all of which this process may run on."""

    def cores(number):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(number)), raising=False)

    cores(64)
    return cores


@pytest.fixture(autouse=True)
def _threads_as_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def version_2(group: str, quotas: dict[str, str]) -> dict[str, str]:
    """The files of cgroup version 2: one tree, `cpu.max` in it."""
    return {"proc/self/cgroup": f"0::{group}\n"} | {
        f"sys/fs/cgroup{place}/cpu.max": text for place, text in quotas.items()
    }


def version_1(group: str, quotas: dict[str, tuple[int, int]], folder: str = "cpu") -> dict[str, str]:
    """The files of cgroup version 1: a tree of its own for the processor, quota and period apart."""
    files = {"proc/self/cgroup": f"4:memory:/elsewhere\n3:cpu,cpuacct:{group}\n1:name=systemd:/init\n"}
    for place, (quota, period) in quotas.items():
        files[f"sys/fs/cgroup/{folder}{place}/cpu.cfs_quota_us"] = f"{quota}\n"
        files[f"sys/fs/cgroup/{folder}{place}/cpu.cfs_period_us"] = f"{period}\n"
    return files


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        pytest.param({}, 64, id="no cgroups, as on a Mac"),
        pytest.param(version_2("/", {"": "max 100000"}), 64, id="v2 without a limit"),
        pytest.param(version_2("/", {"": "200000 100000"}), 2, id="v2 inside a container"),
        pytest.param(version_2("/", {"": "50000 100000"}), 0.5, id="v2, half a core"),
        pytest.param(
            version_2("/kube/pod", {"/kube": "300000 100000", "/kube/pod": "max 100000"}), 3, id="v2, a parent's limit"
        ),
        pytest.param(
            version_2("/kube/pod", {"/kube": "300000 100000", "/kube/pod": "100000 100000"}), 1, id="v2, the tightest"
        ),
        pytest.param(version_2("/docker/abc", {"": "150000 100000"}), 1.5, id="v2, the path is the host's"),
        pytest.param(version_2("/other", {"/another": "100000 100000"}), 64, id="v2, somebody else's limit"),
        pytest.param(version_1("/", {"": (-1, 100_000)}), 64, id="v1 without a limit"),
        pytest.param(version_1("/docker/abc", {"/docker/abc": (250_000, 100_000)}), 2.5, id="v1, docker"),
        pytest.param(version_1("/docker/abc", {"": (100_000, 100_000)}), 1, id="v1, the path is the host's"),
        pytest.param(version_1("/a", {"/a": (100_000, 50_000)}), 2, id="v1, another period"),
        pytest.param(version_2("/", {"": "nonsense"}), 64, id="a file of another kind"),
    ],
)
def test_a_containers_limit_counts_and_not_the_hosts_cores(host, tmp_path, files, cores):
    assert available_cores(write(tmp_path, files)) == cores


def test_affinity_counts_where_it_is_tighter_than_the_quota(host, tmp_path):
    host(3)
    assert available_cores(write(tmp_path, version_2("/", {"": "800000 100000"}))) == 3


def test_without_affinity_the_machines_cores_count(monkeypatch, tmp_path):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 10)
    assert available_cores(tmp_path) == 10


def test_this_process_may_use_at_least_something():
    assert 0 < available_cores() <= (os.cpu_count() or 1)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity to set")
def test_a_process_bound_to_one_core_sees_one():
    script = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n" + (
        "from helpers.devices import available_cores; print(available_cores())"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert float(found.stdout) <= 1


@pytest.mark.parametrize(
    ("cores", "asked", "variable", "chosen"),
    [
        (64, None, None, 1),  # one thread, however many cores
        (64, 4, None, 4),
        (64, None, "4", 4),
        (64, None, "", 1),
        (64, 2, "4", 2),  # the argument before the variable
        (1.5, 4, None, 1),  # never more than there is
        (0.5, None, "8", 1),  # and never less than one
    ],
)
def test_one_thread_unless_asked_and_never_more_than_there_are(monkeypatch, cores, asked, variable, chosen):
    monkeypatch.setattr(devices, "available_cores", lambda: cores)
    monkeypatch.delenv("EPOCH_THREADS", raising=False)
    if variable is not None:
        monkeypatch.setenv("EPOCH_THREADS", variable)
    assert choose_threads(asked) == chosen == torch.get_num_threads()


@pytest.mark.parametrize("variable", ["many", "0", "-2", "1.5"])
def test_a_variable_that_is_no_number_of_threads_is_named(monkeypatch, variable):
    monkeypatch.setenv("EPOCH_THREADS", variable)
    with pytest.raises(LessonError, match="EPOCH_THREADS"):
        choose_threads()


@pytest.mark.parametrize("number", [2.7, 0, "2", True])
def test_a_number_of_threads_that_cannot_be_is_refused(number):
    with pytest.raises(LessonError, match="number must be a whole number of 1 or more \\(threads\\)"):
        choose_threads(number)


def test_importing_helpers_chooses_the_threads():
    environment = {**os.environ, "OMP_NUM_THREADS": "7"}
    environment.pop("EPOCH_THREADS", None)
    script = "import helpers, torch; print(torch.get_num_threads())"
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
