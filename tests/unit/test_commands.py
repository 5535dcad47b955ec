"""Every command line in README.md and CONTRIBUTING.md is run as it stands there, by a test or by a scheduled job."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.tools import commands as tool
from tests.tools.commands import ELSEWHERE, JOBS, PAGES, ROOT, commands, places

WORKFLOW = (ROOT / ".github/workflows/readme.yml").read_text(encoding="utf-8")
FOUND = {page: list(commands((ROOT / page).read_text(encoding="utf-8"))) for page in PAGES}


@pytest.mark.parametrize("page", PAGES)
def test_every_line_is_run_somewhere(page: str) -> None:
    assert len(FOUND[page]) > 10
    assert not [command for command in FOUND[page] if not places(command)], (
        "give these a job in tests/tools/commands.py"
    )


def test_nothing_is_run_that_no_page_says() -> None:
    known = {command for found in FOUND.values() for command in found}
    assert {command for lines in JOBS.values() for command in lines} | set(ELSEWHERE) == known


@pytest.mark.parametrize("job", JOBS)
def test_every_job_is_scheduled(job: str) -> None:
    assert "schedule:" in WORKFLOW
    assert re.search(rf"-m tests\.tools\.commands {job}$", WORKFLOW, re.MULTILINE)


@pytest.mark.parametrize(("file", "says"), [place for found in ELSEWHERE.values() for place in found])
def test_what_is_run_at_every_change(file: str, says: str) -> None:
    assert says in (ROOT / file).read_text(encoding="utf-8")


def test_lines_are_found_wherever_a_page_has_them() -> None:
    page = """Run `make this` or `NAME=1 make that`, not `pip` or `made up`.\n
```\nmake block\n# a comment\nhttps://a.b/c\n```\n
- a list\n\n  ```bash\n  python3 -c "print(1)\n  print(2)"\n  pip install it\n  ```\n
```yaml\nmake: no\n```\n````markdown\n```python\nmake no\n```\n````\n"""
    in_list = 'python3 -c "print(1)\nprint(2)"'
    assert sorted(commands(page)) == sorted(["make block", in_list, "pip install it", "make this", "NAME=1 make that"])


@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell")
@pytest.mark.fault("the line that failed, as it stands in the page, and its status is not 0")
def test_a_line_that_fails_stops_the_job(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture) -> None:
    monkeypatch.setitem(JOBS, "make", ("echo first", "exit 3", "echo third"))
    with pytest.raises(RuntimeError, match="exit 3 failed"):
        tool.main(["make"])
    said = capfd.readouterr().out
    assert "first" in said and "third" not in said


@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell")
def test_a_line_that_opens_a_server_is_ended_once_it_serves(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    serve = "echo http://127.0.0.1:1/lab?token=x; sleep 600; make lab"
    tool.run(serve)
    assert "serves http://127.0.0.1:1/lab?token=x" in capfd.readouterr().out
    with pytest.raises(RuntimeError, match="opened nothing:\nno module"):
        tool.run("echo no module; exit 1; make lab")


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_notebooks_come_back(tmp_path: Path) -> None:
    """`git checkout notebooks` after a class."""
    (tmp_path / "notebooks").mkdir()
    notebook = tmp_path / "notebooks/01_course.ipynb"
    notebook.write_text("as committed")
    for line in ("git init -q", "git add .", "git -c user.name=a -c user.email=a@b commit -qm one"):
        subprocess.run(line.split(), cwd=tmp_path, check=True)
    notebook.write_text("after a class")
    subprocess.run("git checkout notebooks", shell=True, cwd=tmp_path, check=True, capture_output=True)
    assert notebook.read_text() == "as committed"
