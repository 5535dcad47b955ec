"""Fixtures that many tests share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def movielens() -> Path:
    """The folder of the real ml-latest-small; tests that need it are skipped without MOVIELENS_DIR."""
    folder = Path(os.environ.get("MOVIELENS_DIR", "")) / "ml-latest-small"
    if not os.environ.get("MOVIELENS_DIR") or not folder.is_dir():
        pytest.skip("MOVIELENS_DIR names no folder that holds ml-latest-small")
    return folder.resolve()


@pytest.fixture(autouse=True)
def replies_are_sentences(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever an exercise replies in a test begins and ends as a sentence does."""
    if not request.path.name.startswith("test_exercises") or hasattr(request.function, "hypothesis"):
        return  # an answer that a machine made up may look like anything
    from helpers.exercises import Reply

    made = Reply.__init__

    def checked(reply: Reply, *arguments: object, **named: object) -> None:
        made(reply, *arguments, **named)
        first = reply.text.partition(" ")[0]
        begins = not (first.isalpha() and first.islower()) or first in ("seed", "optimizer")  # or names of settings
        ends = reply.text[-1:] in ".?!…)" or "stopped with" in reply.text  # and what Python said
        assert begins and ends and not reply.text.isupper() and not first.startswith("XX"), reply.text  # mutmut's XX

    monkeypatch.setattr(Reply, "__init__", checked)
