"""`make` sets up .venv once, says what is wrong in one sentence, and mends what was interrupted."""

import functools
import http.client
import http.server
import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(os.name == "nt", reason="without make: Windows uses the pip lines")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the set-up in a folder with a space in its name, with nothing to download."""
    folder = tmp_path_factory.mktemp("set up") / "a project"
    (folder / "tests/tools").mkdir(parents=True)
    for tool in ("setup.sh", "pins.py"):
        shutil.copy(ROOT / "tests/tools" / tool, folder / "tests/tools")
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "pyproject.toml").write_text("")
    write_wheel(folder / "wheels", "1.0")
    return folder


def write_wheel(folder: Path, version: str, name: str = "tiny") -> None:
    """A package called `tiny` that holds two modules and nothing else, or one under another name."""
    folder.mkdir(parents=True, exist_ok=True)
    information = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{'more' if name == 'tiny' else name + '_more'}.py": f"import {name}\n",
        f"{information}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{information}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{information}/RECORD"] = "".join(f"{file},,\n" for file in [*files, f"{information}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for file, text in files.items():
            wheel.writestr(file, text)


def require(project: Path, version: str) -> None:
    """Pin `tiny`, to be found in the project's own folder of wheels: nothing here ever asks the network."""
    (project / "requirements.txt").write_text(f"--no-index\n--find-links wheels\ntiny=={version}\n")


def tiny(project: Path) -> str:
    """The version of `tiny` that the project's .venv imports."""
    command = [project / ".venv/bin/python", "-c", "import more; print(more.tiny.VERSION)"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def sentences(answer: subprocess.CompletedProcess) -> list[str]:
    """What set-up said was wrong, without make's own last line."""
    return [line for line in answer.stderr.splitlines() if not line.startswith("make")]


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
    require(project, "1.0")
    return project


@pytest.fixture(scope="module")
def kept_environment(project: Path) -> Path:
    """A .venv that set-up made with the real venv, put aside: making one takes seconds, copying it back a moment."""
    require(project, "1.0")
    shutil.rmtree(project / ".venv", ignore_errors=True)
    done = set_up(project)
    assert done.returncode == 0, done.stderr
    assert "Making .venv" in done.stdout and "Installing" in done.stdout and tiny(project) == "1.0"
    return (project / ".venv").rename(project.parent / "kept")


def link_packages(source: str, target: str) -> None:
    """For copytree: links do for packages, as pip replaces their files and never writes into one that is there."""
    if "/site-packages/" in source:
        os.link(source, target)
    else:
        shutil.copy2(source, target)


def python_whose_venv(script: Path, steps: str) -> str:
    """The real Python, except that `-m venv` does what the shell snippet says: its "$3" is the folder to make."""
    script.write_text(f'#!/bin/sh\nif [ "$1 $2" != "-m venv" ]; then exec "{sys.executable}" "$@"; fi\n{steps}\n')
    script.chmod(0o755)
    return str(script)


@pytest.fixture(scope="module")
def quick_python(kept_environment: Path) -> str:
    """A Python whose venv links pip, which the real one unpacks and compiles: most of the time that set-up takes."""
    [packages] = kept_environment.glob("lib/python*/site-packages")
    pip = kept_environment.parent / "pip"
    for part in packages.glob("pip*"):
        shutil.copytree(part, pip / part.name, copy_function=link_packages)
    link = "import os, shutil, sys, sysconfig; packages = sysconfig.get_path('purelib'); "
    link += "shutil.copytree(sys.argv[1], packages, copy_function=os.link, dirs_exist_ok=True)"
    steps = f'"{sys.executable}" -m venv --without-pip "$3" && "$3/bin/python" -c "{link}" "{pip}"'
    return python_whose_venv(kept_environment.parent / "quick python", steps)


@pytest.fixture
def ready_project(project: Path, kept_environment: Path) -> Path:
    """The same, set up."""
    require(project, "1.0")
    shutil.rmtree(project / ".venv", ignore_errors=True)
    shutil.copytree(kept_environment, project / ".venv", symlinks=True, copy_function=link_packages)
    assert tiny(project) == "1.0"
    return project


@pytest.fixture
def bare_path(tmp_path: Path) -> Path:
    """A PATH with the plain tools of any Unix and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("make", "sh", "cat", "cmp", "dirname", "head", "id", "mkdir", "mv", "rm"):
        (folder / tool).symlink_to(shutil.which(tool))
    return folder


def test_set_up_once_then_again_in_a_moment(ready_project: Path) -> None:
    """`kept_environment` is the first time, with the real venv."""
    project = ready_project
    stamp = project / ".venv/stamp"
    written = stamp.stat().st_mtime_ns
    second = set_up(project)
    assert second.returncode == 0 and "Installing" not in second.stdout + second.stderr
    assert stamp.stat().st_mtime_ns == written

    write_wheel(project / "wheels", "2.0")
    require(project, "2.0")
    third = set_up(project)
    assert "Installing" in third.stdout and "Making" not in third.stdout and tiny(project) == "2.0"
    (project / "wheels/tiny-2.0-py3-none-any.whl").unlink()


def test_pins_that_are_met_need_no_pip(ready_project: Path) -> None:
    """A new comment, or a new setting in pyproject.toml: without a network, pip could not even look."""
    (ready_project / "requirements.txt").write_text("--no-index\n# a word more\ntiny==1.0\n")
    again = set_up(ready_project)
    assert again.returncode == 0 and again.stdout == ""
    assert "a word more" in (ready_project / ".venv/stamp").read_text()


@pytest.mark.fault('"Making .venv": what venv left half made, or what has no Python any more, is made afresh')
@pytest.mark.parametrize("half", ["stopped while venv worked", "its Python is gone"])
def test_half_made_environment_is_made_afresh(ready_project: Path, quick_python: str, half: str) -> None:
    python = ready_project / ".venv/bin/python"
    if half == "stopped while venv worked":
        (ready_project / ".venv/stamp").rename(ready_project / ".venv/half-made")
    else:
        python.unlink()
        python.symlink_to("/nowhere/python3")
    mended = set_up(ready_project, quick_python)
    assert mended.returncode == 0, mended.stderr
    assert "Making .venv" in mended.stdout and tiny(ready_project) == "1.0"
    assert not (ready_project / ".venv-before").exists()


@pytest.mark.fault("nothing: only what is missing is installed, and the rest of .venv stays")
@pytest.mark.parametrize("half", ["no pip yet", "stopped while installing", "stopped by an older set-up"])
def test_half_done_installation_is_mended(ready_project: Path, half: str) -> None:
    environment = ready_project / ".venv"
    (environment / "stamp").write_text("unfinished\n")
    (environment / "kept").touch()
    packages = next(environment.glob("lib/python*/site-packages"))
    if half == "no pip yet":
        for folder in packages.glob("pip*"):
            shutil.rmtree(folder)
    elif half == "stopped while installing":
        (packages / "tiny.py").unlink()
        (packages / "tiny-1.0.dist-info/RECORD").unlink()
        assert tiny(ready_project) == ""
    mended = set_up(ready_project)
    assert mended.returncode == 0, mended.stderr
    assert "Making" not in mended.stdout and (environment / "kept").exists() and tiny(ready_project) == "1.0"
    assert subprocess.run([environment / "bin/python", "-m", "pip", "--version"], capture_output=True).returncode == 0


@pytest.mark.fault("one sentence that asks for the network; .venv keeps what it had, however often one tries")
def test_a_new_pin_without_a_network(ready_project: Path) -> None:
    require(ready_project, "9.9")
    for _ in range(2):
        failed = set_up(ready_project)
        [said] = sentences(failed)
        assert failed.returncode != 0 and "did not finish (is there a network?)" in said and "next make" in said
        assert "No matching distribution" in (ready_project / ".venv/pip.log").read_text()
        assert tiny(ready_project) == "1.0"
    require(ready_project, "1.0")
    back = set_up(ready_project)
    assert back.returncode == 0 and "Installing" not in back.stdout


@pytest.fixture
def torch_index(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """PyTorch's own index on this machine, with a CPU build of an empty torch; and what it was asked for."""
    write_wheel(tmp_path / "cpu/torch", "1.0+cpu", "torch")
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, form: str, *words: object) -> None:
            asked.append(self.path)

    serve = functools.partial(Handler, directory=tmp_path / "cpu")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


@pytest.fixture
def with_torch(
    bare_project: Path, quick_python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[str, str]]:
    """What set-up says, and the version of torch that it brings, on Linux with or without an NVIDIA GPU."""
    if not sys.platform.startswith("linux") or Path("/proc/driver/nvidia/version").exists():
        pytest.skip("Linux without an NVIDIA GPU chooses")
    write_wheel(bare_project / "wheels", "1.0", "torch")  # the ordinary index's
    with (bare_project / "requirements.txt").open("a") as lines:
        lines.write("torch==1.0\n")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    def torch_with(index: str, gpu: bool = False) -> tuple[str, str]:
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\nexit {0 if gpu else 9}\n")
        (tmp_path / "nvidia-smi").chmod(0o755)
        monkeypatch.setenv("TORCH_INDEX", index)
        done = set_up(bare_project, quick_python)
        assert done.returncode == 0, done.stderr
        [found] = (bare_project / ".venv").glob("lib/python*/site-packages/torch-*.dist-info")
        return done.stdout, found.name.removeprefix("torch-").removesuffix(".dist-info")

    return torch_with


def test_the_cpu_build_where_there_is_no_gpu(torch_index: tuple[str, list[str]], with_torch: Callable) -> None:
    index, asked = torch_index
    said, version = with_torch(index)
    assert version == "1.0+cpu" and "installing PyTorch's CPU build" in said
    assert not [path for path in asked if not path.startswith("/torch/")]  # the rest comes from the ordinary index


def test_the_ordinary_build_where_there_is_a_gpu(torch_index: tuple[str, list[str]], with_torch: Callable) -> None:
    index, asked = torch_index
    said, version = with_torch(index, gpu=True)
    assert version == "1.0" and "CPU build" not in said and not asked


@pytest.mark.fault("one sentence within seconds, and the PyTorch of the ordinary index")
@pytest.mark.parametrize("how", ["refused", "silent", "no such name"])
def test_a_torch_index_that_cannot_be_reached(with_torch: Callable, how: str) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        if how == "silent":
            full.listen(1)  # takes the connection and never answers
        name = "pytorch.invalid" if how == "no such name" else "127.0.0.1"
        begun = time.monotonic()
        said, version = with_torch(f"http://{name}:{full.getsockname()[1]}")
    assert version == "1.0" and said.count("cannot be reached") == 1
    assert "Installing requirements.txt" in said and time.monotonic() - begun < 60  # making .venv included


@pytest.mark.fault("one sentence with pip's own reason")
def test_an_installation_that_fails_for_another_reason(ready_project: Path) -> None:
    (ready_project / "requirements.txt").write_text("./not-there\n")
    [said] = sentences(set_up(ready_project))
    assert "did not finish (ERROR: " in said and "not-there" in said and tiny(ready_project) == "1.0"


@pytest.mark.fault("one sentence that names what is missing, and that pip may be told to install elsewhere")
def test_a_pip_that_installs_elsewhere(
    bare_project: Path, quick_python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "elsewhere"))
    [said] = sentences(set_up(bare_project, quick_python))
    assert "still lacks tiny==1.0" in said and "pip config list" in said
    assert not (bare_project / ".venv/stamp").exists()


@pytest.mark.fault("one sentence, and the .venv of before works as it did")
def test_another_python_that_fails_leaves_the_old_environment(ready_project: Path, tmp_path: Path) -> None:
    fake_python(tmp_path, "other", "*print*) echo 3.12.9;;\nvenv) mkdir -p .venv/bin; exit 1;;")
    failed = set_up(ready_project, python=str(tmp_path / "other"))
    assert failed.returncode != 0 and tiny(ready_project) == "1.0"
    assert "could not make .venv" in failed.stderr and "of before is back" in failed.stderr
    assert set_up(ready_project).stdout == ""


@pytest.mark.fault("nothing: the .venv of before is back and works")
def test_killed_while_another_python_was_installed(ready_project: Path) -> None:
    shutil.move(ready_project / ".venv", ready_project / ".venv-before")
    (ready_project / ".venv").mkdir()
    (ready_project / ".venv/half-made").touch()
    again = set_up(ready_project)
    assert again.returncode == 0 and "Making" not in again.stdout and tiny(ready_project) == "1.0"


@pytest.mark.fault("one sentence, and nothing is touched")
def test_a_folder_called_venv_that_is_something_else(bare_project: Path) -> None:
    (bare_project / ".venv").mkdir()
    (bare_project / ".venv/diary").write_text("mine")
    [said] = sentences(set_up(bare_project))
    assert "is not a Python environment" in said and (bare_project / ".venv/diary").read_text() == "mine"
    shutil.rmtree(bare_project / ".venv")


@pytest.mark.fault("nothing: the project's own .venv is looked after, and the folder one stands in is left alone")
def test_called_from_another_folder(ready_project: Path, tmp_path: Path) -> None:
    (tmp_path / ".venv").mkdir()
    script = ready_project / "tests/tools/setup.sh"
    done = subprocess.run(["sh", script], cwd=tmp_path, env=own_environment(PYTHON=sys.executable), capture_output=True)
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / ".venv").iterdir()) == []


@pytest.mark.fault("the second says that it waits, then finds everything done")
def test_two_set_ups_at_once(bare_project: Path, quick_python: str, tmp_path: Path) -> None:
    """The first one's venv takes until the second waits, or long enough for one that does not wait to do harm."""
    log = tmp_path / "log"
    until_the_other_waits = f'for _ in $(seq 100); do grep -q "until it is done" "{log}" && break; sleep 0.1; done'
    python = python_whose_venv(tmp_path / "slow python", f'{until_the_other_waits}\nexec "{quick_python}" "$@"')
    command = ["make", "setup", f"PYTHON={python}"]
    with log.open("w") as stream:
        streams = {"stdout": stream, "stderr": stream}
        both = [subprocess.Popen(command, cwd=bare_project, env=own_environment(), **streams) for _ in range(2)]
        codes = [run.wait(timeout=300) for run in both]
    said = log.read_text()
    assert codes == [0, 0], said
    assert said.count("Making .venv") == 1 and said.count("waiting until it is done") == 1
    assert tiny(bare_project) == "1.0"


@pytest.fixture
def nobody() -> Iterator[tuple[Path, dict]]:
    """A folder, and arguments that run a command as a user to whom it does not belong, or may not be written."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder, {"user": 65534, "group": 65534, "extra_groups": []} if os.getuid() == 0 else {}
        for path in [folder, *folder.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755)


@pytest.mark.fault("one sentence that says whose it is to run make, or to copy the project")
@pytest.mark.parametrize("there", [True, False], ids=["environment", "folder"])
def test_what_belongs_to_another_user(project: Path, nobody: tuple[Path, dict], there: bool) -> None:
    folder, as_nobody = nobody
    shutil.copytree(project, folder / "copy", ignore=shutil.ignore_patterns(".venv*"))
    place = folder / "copy"
    if there:
        place = place / ".venv"
        place.mkdir()
        (folder / "copy").chmod(0o777)
    place.chmod(0o555)
    python = f"PYTHON={Path('/usr/bin/python3')}"
    command = ["make", "setup", python]
    answer = subprocess.run(
        command, cwd=folder / "copy", env=own_environment(), capture_output=True, text=True, **as_nobody
    )
    [said] = sentences(answer)
    assert answer.returncode != 0 and ("may not change it" if there else "may not write in") in said


@pytest.mark.fault("one sentence that says where settings go instead, and JupyterLab opens")
def test_a_home_that_cannot_be_written(ready_project: Path) -> None:
    shown = subprocess.run(
        ["make", "-n", "lab"], cwd=ready_project, env=own_environment(HOME="/nowhere"), capture_output=True, text=True
    )
    assert "/nowhere cannot be written" in shown.stdout and ".venv/home" in shown.stdout
    told = ready_project / "told.mk"
    told.write_text("include Makefile\ntold:\n\t@echo HOME is $$HOME\n")
    command = ["make", "-f", told.name, "told"]
    for home, expected in (("/nowhere", ready_project / ".venv/home"), (str(ready_project), ready_project)):
        environment = own_environment(HOME=home)
        said = subprocess.run(command, cwd=ready_project, env=environment, capture_output=True, text=True).stdout
        assert f"HOME is {expected}\n" in said
    told.unlink()


@pytest.mark.fault("nothing: the first notebook of the course opens")
def test_lab_names_the_first_notebook_whatever_was_added(tmp_path: Path) -> None:
    folder = tmp_path / "for $5 a book"
    (folder / "notebooks").mkdir(parents=True)
    for name in ("01_epochs_batches_iterations-Copy1.ipynb", "00_my notes.ipynb"):
        (folder / "notebooks" / name).touch()
    shutil.copy(ROOT / "Makefile", folder)
    shown = subprocess.run(["make", "-n", "lab"], cwd=folder, env=own_environment(), capture_output=True, text=True)
    command = shown.stdout.splitlines()[-1]
    assert '/lab/tree/notebooks/01_epochs_batches_iterations.ipynb"' in command
    assert (ROOT / "notebooks/01_epochs_batches_iterations.ipynb").exists()
    root = subprocess.run(
        ["sh", "-c", command.replace(".venv/bin/python", "printf '%s\n'")], cwd=folder, capture_output=True, text=True
    ).stdout
    assert f"--ServerApp.root_dir={folder}\n" in root


@pytest.mark.fault("one sentence: which Python there is, which is needed, and where to get it")
def test_python_too_old(bare_project: Path, bare_path: Path) -> None:
    fake_python(bare_path, "python3", "*print*) echo 3.9.6;;\n*exit*) exit 1;;")
    answer = set_up(bare_project, python=None, path=str(bare_path))
    assert answer.returncode != 0 and not (bare_project / ".venv").exists()
    assert "needs Python 3.11 or newer, but python3 is Python 3.9.6" in answer.stderr


@pytest.mark.fault("one sentence: which Python is needed, and where to get it")
def test_no_python_at_all(bare_project: Path, bare_path: Path) -> None:
    answer = set_up(bare_project, python=None, path=str(bare_path))
    assert answer.returncode != 0 and "found no Python at all" in answer.stderr


@pytest.mark.fault("one sentence that names it, with an example")
def test_a_named_python_that_does_not_start(bare_project: Path, bare_path: Path) -> None:
    answer = set_up(bare_project, python="/nowhere/python3", path=str(bare_path))
    assert answer.returncode != 0 and "PYTHON=/nowhere/python3 does not start a Python" in answer.stderr


@pytest.mark.fault("one sentence with the package to install")
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


@pytest.mark.parametrize("name", ["torch.nn.modules.linear", "matplotlib.figure", "ipykernel.kernelapp"])
def test_what_a_notebook_imports_was_compiled_by_the_set_up(name):
    source = importlib.util.find_spec(name).origin
    assert Path(importlib.util.cache_from_source(source)).exists()
