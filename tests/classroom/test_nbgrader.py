"""The same class through the real nbgrader, in an environment of its own: equal points."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import nbformat
import pytest

from tests.classroom.conftest import CLASS, answered
from tests.tools.classroom.assignment import Assignment
from tests.tools.classroom.handout import for_learners, write_nbgrader

NBGRADER = "nbgrader==0.9.6"
# nbgrader gives no grade where the kernel dies, limits no memory, and judges in the learner's own kernel, where whoever
# rewrites Python's `math` rewrites the judges' too.
NOT_COMPARED = {"Sue kernel killed", "Tom exits for good", "Quy ten gigabytes", "Lea patches"}
# `nbgrader generate_assignment` and `nbgrader autograde` in one process, which imports nbgrader once.
COMMANDS = """
import json
from nbgrader.api import Gradebook
from nbgrader.apps import AutogradeApp, GenerateAssignmentApp
limits = ["--Execute.timeout=3", "--Execute.iopub_timeout=60"]
for command, options in ((GenerateAssignmentApp, []), (AutogradeApp, limits)):
    command.launch_instance(["01_small", *options])
    command.clear_instance()
with Gradebook("sqlite:///gradebook.db") as book:
    print(json.dumps({one.student.id: one.score for one in book.assignment_submissions("01_small")}))
"""

pytestmark = pytest.mark.skipif(
    not os.environ.get("CI") or os.name == "nt", reason="installs nbgrader into an environment of its own: set CI=1"
)


@pytest.fixture(scope="module")
def nbgrader(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The Python that has nbgrader, and the variables with which it starts this Python's kernels."""
    folder = tmp_path_factory.mktemp("nbgrader")
    venv.create(folder / "venv")
    python = folder / "venv/bin/python"
    # JupyterLab and most of the rest are at hand: nbgrader's environment sees the packages of this one behind its own.
    paths = sysconfig.get_paths(vars={"base": str(folder / "venv"), "platbase": str(folder / "venv")})
    Path(paths["purelib"], "course.pth").write_text(sysconfig.get_paths()["purelib"])
    # One process will import a tenth of the files: compiling them all would take longer.
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-compile", NBGRADER]
    subprocess.run(install, check=True)
    kernel = folder / "jupyter/kernels/python3"
    kernel.mkdir(parents=True)
    spec = {"argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": "Python 3", "language": "python"}  # fmt: skip
    (kernel / "kernel.json").write_text(json.dumps(spec))
    return python, {"JUPYTER_PATH": str(folder / "jupyter"), "EPOCH_SYNC": "1",
                    "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}  # fmt: skip


def test_nbgrader_gives_the_same_points(
    nbgrader: tuple[Path, dict[str, str]], course: Assignment, tmp_path: Path
) -> None:
    python, variables = nbgrader
    environment = os.environ | variables | {"EPOCH_JUDGES": str(course.path.parent / "judges.py")}
    write_nbgrader(tmp_path, [course])
    compared = {learner: row for learner, row in CLASS.items() if learner not in NOT_COMPARED}
    for learner, (answers, change, _) in compared.items():
        notebook = answered(for_learners(course), answers)
        if change is not None:
            change(notebook)
        folder = tmp_path / "submitted" / learner / course.name
        folder.mkdir(parents=True)
        nbformat.write(notebook, folder / course.path.name)

    done = subprocess.run([python, "-c", COMMANDS], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    released = (tmp_path / "release" / course.name / course.path.name).read_text()
    assert "HIDDEN" not in released and "per_epoch * 10" not in released
    assert json.loads(done.stdout) == {learner: marks.count("R") for learner, (_, _, marks) in compared.items()}
