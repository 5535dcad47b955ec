"""What mybinder.org would do with the last commit, replayed without a Docker engine (`make binder`, minutes).

repo2docker itself finds out how to build the project, through its Python API: it is installed into an environment
of its own in a temporary folder, since the course does not need it. The steps that it names then run on the files of
`git archive HEAD`, in a fresh environment of the Python that Binder would take. JupyterLab is started through
`binder/start`, a notebook's page is fetched, and the notebooks are tested there as Binder has them.

    python -m tests.tools.check_binder [--keep]     needs python3.11, or BINDER_PYTHON=/path/to/it
"""

import argparse
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
SECONDS_TO_START = 90

# Runs in repo2docker's environment, in the folder of the project: which build pack takes it, and with what steps.
DETECT = """
import json
from repo2docker.app import Repo2Docker
pack = next(pack for pack in (kind(base_image="-") for kind in Repo2Docker().buildpacks) if pack.detect())
print(json.dumps({
    "pack": type(pack).__name__,
    "python": pack.python_version,
    "pre-assemble": [script for _, script in pack.get_preassemble_scripts()],
    "assemble": [script for _, script in pack.get_assemble_scripts()],
    "post-build": ["./" + script for script in pack.get_post_build_scripts()],
    "start": pack.get_start_script(),
}))
"""


def say(words: str) -> None:
    """One line, at once, between the lines of the commands."""
    print(f"binder: {words}", flush=True)


def unpack_last_commit(folder: Path) -> None:
    """The tracked files of the last commit: all that Binder sees. Raises SystemExit where there is none."""
    try:
        # `rev-parse` first: in a folder inside another repository, git would archive that one.
        top = subprocess.run(
            ["git", "-C", ROOT, "rev-parse", "--show-cdup"], capture_output=True, text=True, check=True
        )
        if top.stdout.strip():
            raise subprocess.CalledProcessError(1, "git", stderr=b"the repository is that of a folder above")
        archive = subprocess.run(["git", "-C", ROOT, "archive", "HEAD"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        said = said.decode() if isinstance(said, bytes) else said
        reason = said.strip().splitlines()[0]
        sys.exit(
            f"binder: this builds the last commit, and git finds none here ({reason}): use a clone of the project."
        )
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")


def detect(repo: Path, work: Path) -> dict:
    """What repo2docker finds in the project. Raises AssertionError where that is not what the project means."""
    environment = work / "repo2docker"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / "bin/python"
    # repo2docker asks for pkg_resources, which setuptools 81 and later no longer have.
    subprocess.run([python, "-m", "pip", "install", "--quiet", "jupyter-repo2docker", "setuptools<81"], check=True)
    answer = subprocess.run([python, "-c", DETECT], cwd=repo, check=True, capture_output=True, text=True).stdout
    plan = json.loads(answer.splitlines()[-1])
    assert plan["pack"] == "PythonBuildPack", f"repo2docker takes the project for a {plan['pack']}"
    assert plan["python"] == "3.11", f"Binder would run Python {plan['python']}, not 3.11"
    assert any("pip install" in script for script in plan["pre-assemble"]), "every commit would install everything"
    assert plan["post-build"] and plan["start"], "binder/postBuild or binder/start is not seen"
    return plan


def cpu_index_answers() -> bool:
    """Whether PyTorch's index of CPU builds can be reached from here."""
    try:
        urllib.request.urlopen(f"{CPU_INDEX}/torch/", timeout=10).close()
    except OSError:
        return False
    return True


def build(plan: dict, repo: Path, environment: Path) -> dict[str, str]:
    """Run the steps in a fresh environment; returns the variables that Binder's own processes see."""
    python = os.environ.get("BINDER_PYTHON") or f"python{plan['python']}"
    subprocess.run([python, "-m", "venv", environment], check=True)
    variables = dict(
        os.environ,
        KERNEL_PYTHON_PREFIX=str(environment),
        NB_PYTHON_PREFIX=str(environment),
        REPO_DIR=str(repo),
        PATH=f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}",
    )
    variables.pop("PYTHONPATH", None)
    for kind in ("pre-assemble", "assemble", "post-build"):
        for script in plan[kind]:
            say(f"{kind}: {' '.join(script.split())}")
            started = time.monotonic()
            subprocess.run(["bash", "-c", script], check=True, env=variables, cwd=repo)
            say(f"took {time.monotonic() - started:.0f} s")
    files = (path for path in environment.rglob("*") if path.is_file() and not path.is_symlink())
    say(f"the environment holds {sum(path.stat().st_size for path in files) / 1e6:,.0f} MB")
    return variables


def fetch(address: str, server: subprocess.Popen) -> int:
    """The status of this page once the server is up. Raises RuntimeError when it stops, TimeoutError when it hangs."""
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError(f"the server stopped with status {server.returncode}")
        try:
            with urllib.request.urlopen(address, timeout=30) as reply:
                return reply.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            time.sleep(1)
    raise TimeoutError(f"no page after {SECONDS_TO_START} s")


def serve(plan: dict, repo: Path, variables: dict[str, str]) -> None:
    """Start JupyterLab through binder/start and fetch the page of the first notebook. Raises AssertionError."""
    notebook = min((repo / "notebooks").glob("*.ipynb")).relative_to(repo).as_posix()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = plan["start"].replace("${REPO_DIR}", str(repo))
    options = ["--no-browser", "--ip=127.0.0.1", f"--port={port}", "--IdentityProvider.token=", "--allow-root"]
    with (repo.parent / "server.log").open("w") as log:
        server = subprocess.Popen([start, "jupyter", "lab", *options], env=variables, cwd=repo, stderr=log)
        try:
            for page in (f"lab/tree/{notebook}", f"api/contents/{notebook}?content=0"):
                status = fetch(f"http://127.0.0.1:{port}/{page}", server)
                assert status == 200, f"{page} answers {status}"
                say(f"{page} answers 200")
        finally:
            server.terminate()
            server.wait()


def main() -> None:
    """Replay it all; an exception, with the failed command, says what Binder would stumble over."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder")
    keep = parser.parse_args().keep
    work = Path(tempfile.mkdtemp(prefix="binder-"))
    repo, environment = work / "repo", work / "environment"
    try:
        unpack_last_commit(repo)
        plan = detect(repo, work)
        say(f"{plan['pack']}, Python {plan['python']}")
        if not cpu_index_answers():
            pins = repo / "binder/requirements.txt"
            pins.write_text(re.sub(r"(?m)^--extra-index-url.*\n", "", pins.read_text()))
            say(f"{CPU_INDEX} cannot be reached: its line is left out of this replay")
        variables = build(plan, repo, environment)
        serve(plan, repo, variables)
        command = [environment / "bin/python", "-m", "pytest", "-p", "no:cacheprovider", "notebooks"]
        subprocess.run(command, check=True, env=variables, cwd=repo)
        say("all steps passed")
    finally:
        if keep:
            say(f"kept {work}")
        else:
            shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
