"""`make` sets up .venv once, says what is wrong in one sentence, and mends what was interrupted."""

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(os.name == "nt", reason="without make: Windows uses the pip lines")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the set-up in a folder with a space in its name, with nothing to download."""
    folder = tmp_path_factory.mktemp("set up") / "a project"
    (folder / "tests/tools").mkdir(parents=True)
    shutil.copy(ROOT / "tests/tools/setup.sh", folder / "tests/tools")
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "requirements.txt").write_text("# nothing\n")
    (folder / "pyproject.toml").write_text("")
    return folder


def set_up(project: Path, python: str | None = sys.executable, path: str | None = None) -> subprocess.CompletedProcess:
    environment = own_environment(PATH=path or os.environ["PATH"])
    command = ["make", "setup"] + ([f"PYTHON={python}"] if python else [])
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)


def own_environment(**variables: str) -> dict[str, str]:
    """This environment without what the `make` that may run these tests hands down to its children."""
    handed_down = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", "PYTHON", "LAB_ARGS", "TEST_ARGS", "NOTEBOOK"}
    return {name: value for name, value in os.environ.items() if name not in handed_down} | variables


def fake_python(folder: Path, name: str, answers: str) -> None:
    """A `name` on PATH that answers each `-c` question as the shell snippet says."""
    script = folder / name
    script.write_text(f'#!/bin/sh\ncase "$2" in\n{answers}\nesac\n')
    script.chmod(0o755)


@pytest.fixture
def bare_project(project: Path) -> Path:
    """The same before anything was set up."""
    shutil.rmtree(project / ".venv", ignore_errors=True)
    return project


@pytest.fixture
def bare_path(tmp_path: Path) -> Path:
    """A PATH with the plain tools of any Unix and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("make", "sh", "cat", "cmp", "head", "id", "mkdir", "rm"):
        (folder / tool).symlink_to(shutil.which(tool))
    return folder


def test_set_up_once_then_again_in_a_moment(bare_project: Path) -> None:
    project = bare_project
    first = set_up(project)
    assert first.returncode == 0, first.stderr
    stamp = project / ".venv/stamp"
    written = stamp.stat().st_mtime_ns
    second = set_up(project)
    assert second.returncode == 0 and "Installing" not in second.stdout + second.stderr
    assert stamp.stat().st_mtime_ns == written

    (project / "requirements.txt").write_text("# other pins\n")
    third = set_up(project)
    assert "Installing" in third.stdout and "Making" not in third.stdout


@pytest.mark.parametrize("half", ["no pip yet", "stopped while installing", "its Python is gone"])
def test_half_made_environment_is_mended(project: Path, half: str) -> None:
    assert set_up(project).returncode == 0
    python = project / ".venv/bin/python"
    if half == "no pip yet":
        shutil.rmtree(next((project / ".venv/lib").glob("python*/site-packages/pip")))
    elif half == "stopped while installing":
        (project / ".venv/stamp").write_text("unfinished\n")
    else:
        python.unlink()
        python.symlink_to("/nowhere/python3")
    mended = set_up(project)
    assert mended.returncode == 0, mended.stderr
    assert "Making .venv" in mended.stdout
    assert subprocess.run([python, "-m", "pip", "--version"], capture_output=True).returncode == 0


def test_failed_installation_is_not_taken_for_done(project: Path) -> None:
    (project / "requirements.txt").write_text("./not-there\n")
    failed = set_up(project)
    assert failed.returncode != 0 and "did not finish" in failed.stderr
    (project / "requirements.txt").write_text("# nothing\n")
    assert set_up(project).returncode == 0


def test_python_too_old(bare_project: Path, bare_path: Path) -> None:
    fake_python(bare_path, "python3", "*print*) echo 3.9.6;;\n*exit*) exit 1;;")
    answer = set_up(bare_project, python=None, path=str(bare_path))
    assert answer.returncode != 0 and not (bare_project / ".venv").exists()
    assert "needs Python 3.11 or newer, but python3 is Python 3.9.6" in answer.stderr


def test_no_python_at_all(bare_project: Path, bare_path: Path) -> None:
    answer = set_up(bare_project, python=None, path=str(bare_path))
    assert answer.returncode != 0 and "found no Python at all" in answer.stderr


def test_a_named_python_that_does_not_start(bare_project: Path, bare_path: Path) -> None:
    answer = set_up(bare_project, python="/nowhere/python3", path=str(bare_path))
    assert answer.returncode != 0 and "PYTHON=/nowhere/python3 does not start a Python" in answer.stderr


def test_venv_missing_as_on_debian(bare_project: Path, bare_path: Path) -> None:
    fake_python(bare_path, "python3", "*print*) echo 3.11.2;;\n*ensurepip*) exit 1;;")
    answer = set_up(bare_project, python=None, path=str(bare_path))
    assert answer.returncode != 0 and not (bare_project / ".venv").exists()
    assert "python3 has no venv module" in answer.stderr and "sudo apt install python3-venv" in answer.stderr


def test_the_newest_supported_python_is_chosen(bare_project: Path, bare_path: Path) -> None:
    """python3.13 is on PATH but does not run (as with pyenv's shims), python3.12 lacks venv: the message names 3.12."""
    fake_python(bare_path, "python3.13", "*) exit 127;;")
    fake_python(bare_path, "python3.12", "*print*) echo 3.12.9;;\n*ensurepip*) exit 1;;")
    fake_python(bare_path, "python3", "*print*) echo 3.11.2;;\n*ensurepip*) exit 1;;")
    assert "python3.12 has no venv module" in set_up(bare_project, python=None, path=str(bare_path)).stderr


def test_make_alone_lists_the_targets() -> None:
    run = subprocess.run(["make"], cwd=ROOT, env=own_environment(), capture_output=True, text=True, check=True)
    for target in ("lab", "test", "notebooks", "lint", "format", "bench", "binder"):
        assert f"make {target} " in run.stdout


@pytest.mark.skipif(not (ROOT / ".venv/bin/python").exists(), reason="the project has no .venv of make's")
def test_lab_serves_the_first_notebook(tmp_path: Path) -> None:
    """The command that `make lab` ends in, on a free port, answers with the notebook's page."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = f"LAB_ARGS=--no-browser --ip=127.0.0.1 --port={port} --IdentityProvider.token=x"
    dry_run = ["make", "-n", "lab", options]
    listed = subprocess.run(dry_run, cwd=ROOT, env=own_environment(), capture_output=True, text=True, check=True)
    command = "exec " + listed.stdout.splitlines()[-1]
    own = {name: str(tmp_path) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    log = tmp_path / "log"
    with log.open("w") as stream:
        server = subprocess.Popen(["sh", "-c", command], cwd=ROOT, env=os.environ | own, stderr=stream)
        try:
            address = wait_for_address(log, server)
            assert "/lab/tree/notebooks/01_" in address or not list((ROOT / "notebooks").glob("01_*"))
            with patient_open(address, server) as page:
                assert page.status == 200
            notebook = urllib.parse.urlsplit(address).path.removeprefix("/lab/tree/")
            contents = f"http://127.0.0.1:{port}/api/contents/{notebook}?content=0&token=x"
            with urllib.request.urlopen(contents, timeout=30) as found:
                assert json.load(found)["type"] == "notebook"
        finally:
            server.terminate()
            server.wait(timeout=30)


def patient_open(address: str, server: subprocess.Popen) -> http.client.HTTPResponse:
    """The page; on a busy machine JupyterLab may print its address a moment before it listens there."""
    for _ in range(300):
        try:
            return urllib.request.urlopen(address, timeout=60)
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionRefusedError) or server.poll() is not None:
                raise
            time.sleep(0.1)
    raise TimeoutError(address)


def wait_for_address(log: Path, server: subprocess.Popen) -> str:
    """The address that JupyterLab prints once it serves."""
    for _ in range(600):
        if found := re.search(r"(http://127\.0\.0\.1\S*)\?token=\S*", log.read_text()):
            return found[0].replace("token=...", "token=x")
        assert server.poll() is None, log.read_text()
        time.sleep(0.1)
    raise TimeoutError(log.read_text())
