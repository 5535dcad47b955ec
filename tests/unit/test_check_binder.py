"""`make binder` without a commit to build says so in one sentence."""

import subprocess
from pathlib import Path

import pytest

from tests.tools import check_binder


@pytest.mark.fault("one sentence with git's own reason, and that it takes a clone of the project")
@pytest.mark.parametrize("place", ["no repository", "no commit yet", "inside another repository", "no git at all"])
def test_nothing_to_build(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "repository" / "copy"
    folder.mkdir(parents=True)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    if place in ("no commit yet", "inside another repository"):
        top = folder if place == "no commit yet" else folder.parent
        subprocess.run(["git", "init", "--quiet", top], check=True)
    if place == "no git at all":
        monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(check_binder, "ROOT", folder)
    with pytest.raises(SystemExit) as stopped:
        check_binder.unpack_last_commit(tmp_path / "unpacked")
    said = str(stopped.value)
    assert "builds the last commit" in said and "a clone of the project" in said and "\n" not in said
