"""The command lines of README.md and CONTRIBUTING.md, and how each is run as it stands there.

    python -m tests.tools.commands            all of them, and where each is run
    python -m tests.tools.commands offline    run those of one job, in order, in this folder

`tests/unit/test_commands.py` holds that every line has its place. Only Python is needed: it runs before .venv is there.
"""

import os
import re
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "CONTRIBUTING.md")
PROGRAMS = r"(?:[A-Z_]+=\S+ )*(?:make|pip|py|python3?|nbdime|git|docker|jupyter-repo2docker|\.venv[/\\]\S+)\b"
SECONDS_TO_OPEN = 1_200  # the first time it downloads PyTorch

# Jobs of .github/workflows/readme.yml: each runs its lines one after the other in a fresh copy of the project.
JOBS = {
    "make": (
        "make lab",
        "make test",
        "make notebooks",
        "make format",
        "make check",
        "make lint",
        "make lab",
        'make lab LAB_ARGS="--no-browser --port=8890"',
        "make lab PYTHON=python3.12",
    ),
    "pip": (
        "python3 -m venv .venv",
        ".venv/bin/python -m pip install uv",
        ".venv/bin/python -m uv pip install --torch-backend=auto -r requirements.txt",
        ".venv/bin/python -m jupyterlab --config=binder/lab/jupyter_server_config.py",
        ".venv/bin/python -m pytest",
    ),
    "windows": (
        "py -m venv .venv",
        r".venv\Scripts\python -m pip install uv",
        r".venv\Scripts\python -m uv pip install --torch-backend=auto -r requirements.txt",
        r".venv\Scripts\python -m jupyterlab --config=binder/lab/jupyter_server_config.py",
        r".venv\Scripts\python -m pytest",
    ),
    "wheels": ('python3 -m pip wheel -r requirements.txt "setuptools>=77" -w wheels',),
    # Without a network, and twice: what the first run made must still be there for the second.
    "offline": (
        "PIP_NO_INDEX=1 PIP_FIND_LINKS=wheels make lab",
        "make test",
        "PIP_NO_INDEX=1 PIP_FIND_LINKS=wheels make lab",
        "make test",
    ),
    "offline-pip": (
        "python3 -m venv .venv",
        ".venv/bin/python -m pip install --no-index --find-links wheels -r requirements.txt",
        ".venv/bin/python -m pytest",
    ),
    "measure": (
        "make bench",
        "make bench BENCH=kernels",
        "make bench BENCH=session",
        "make claims",
        ".venv/bin/python -m tests.tools.fault_table",
        ".venv/bin/python -m tests.tools.printed_numbers v1.0.0",
    ),
    "class": (
        "make questions",
        'make handout HANDOUT_ARGS="--nbgrader course"',
        "make grade SUBMISSIONS=submissions",
    ),
    "handout": ("make handout",),
    "binder": ("make binder",),
    "image": (
        "pip install jupyter-repo2docker",
        "jupyter-repo2docker --no-run --user-id 1000 --user-name jovyan --image-name epoch-by-epoch .",
        'docker run --rm --network none -v "$PWD/submissions:/in:ro" -v "$PWD/grades:/out" '
        "epoch-by-epoch python -m tests.tools.classroom.grade /in --to /out",
    ),
    "nbdime": ("pip install nbdime", "nbdime config-git --enable"),
}
# Lines that run at every change instead: (the file that runs them, how it says so).
EVERY_CHANGE, UNIT_TEST = ".github/workflows/test.yml", "tests/unit/test_commands.py"
ELSEWHERE = {
    "make other-cpu": [(EVERY_CHANGE, "run: make other-cpu\n")],
    "make site": [(".github/workflows/pages.yml", "run: make site\n")],
    "make mutants": [(".github/workflows/mutants.yml", "run: make mutants\n")],
    "make two-threads": [(EVERY_CHANGE, "run: make two-threads\n")],
    "make check-notebooks": [(EVERY_CHANGE, "run: make check-notebooks\n")],
    "git checkout notebooks": [(UNIT_TEST, "def test_the_notebooks_come_back(")],
}


def commands(page: str) -> Iterator[str]:
    """Every command line of a Markdown page, in code blocks and in the text, as it stands there."""
    # Blocks in a list are indented; a block that names another language than the shell's holds no commands.
    for language, block in re.findall(r"^ *```(\w*)\n(.*?)^ *```", page, re.DOTALL | re.MULTILINE):
        if language in ("", "bash"):
            # A quotation may run over several lines.
            lines = re.findall(r'^((?:[^"\n]|"[^"]*")+)$', textwrap.dedent(block), re.MULTILINE)
            yield from (line for line in lines if re.match(PROGRAMS, line))
    text = re.sub(r"^ *(`{3,}).*?^ *\1", "", page, flags=re.DOTALL | re.MULTILINE)
    yield from (found for found in re.findall(r"`([^`\n]+)`", text) if re.match(rf"{PROGRAMS} \S", found))


def places(command: str) -> list[str]:
    """The jobs, or the file, that run this line."""
    return [job for job, lines in JOBS.items() if command in lines] + [file for file, _ in ELSEWHERE.get(command, ())]


def run(command: str) -> None:
    """Run a line in the shell; one that opens JupyterLab is ended once it serves. Raises RuntimeError when it fails."""
    print(f"$ {command}", flush=True)
    environment = os.environ | {"BROWSER": "true", "JUPYTER_ALLOW_ROOT": "1"}
    if "make lab" not in command and "-m jupyterlab" not in command:
        if subprocess.run(command, shell=True, env=environment).returncode != 0:
            raise RuntimeError(f"{command} failed")
        return
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        alone = {"creationflags": 0x200} if os.name == "nt" else {"start_new_session": True}
        lab = subprocess.Popen(command, shell=True, env=environment, stdout=log, stderr=subprocess.STDOUT, **alone)
        ends, said = time.monotonic() + SECONDS_TO_OPEN, ""
        try:
            alive = True
            while alive and time.monotonic() < ends:
                time.sleep(0.5)
                alive = lab.poll() is None
                log.seek(0)
                said = log.read()
                if address := re.search(r"http://127\.0\.0\.1\S+\?token=\S+", said):
                    print(f"  serves {address[0]}", flush=True)
                    return
        finally:
            end(lab)
        raise RuntimeError(f"{command} opened nothing:\n{said}")


def end(process: subprocess.Popen) -> None:
    """End a process and what it started."""
    if os.name == "nt":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True)
    elif process.poll() is None:
        os.killpg(process.pid, 15)
    process.wait(timeout=60)


def main(arguments: list[str]) -> int:
    """The command line."""
    if arguments:
        for command in JOBS[arguments[0]]:
            run(command)
        return 0
    for page in PAGES:
        for command in dict.fromkeys(commands((ROOT / page).read_text(encoding="utf-8"))):
            print(f"{page}: {command}  ({', '.join(places(command)) or 'run nowhere'})")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except RuntimeError as error:
        sys.exit(str(error))
