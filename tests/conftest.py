"""Fixtures that many tests share."""

import os
from collections.abc import Iterator
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
def replies_are_sentences(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever an exercise replies in a test begins and ends as a sentence does."""
    if not request.path.name.startswith("test_exercises") or hasattr(request.function, "hypothesis"):
        yield  # an answer that a machine made up may look like anything
        return
    from helpers.exercises import Reply

    made, wrong = Reply.__init__, []  # told at the end: a judge swallows whatever is raised inside it

    def checked(reply: Reply, *arguments: object, **named: object) -> None:
        made(reply, *arguments, **named)
        first = reply.text.partition(" ")[0]
        begins = not (first.isalpha() and first.islower()) or first in ("seed", "optimizer")  # or names of settings
        if not begins or not _ends_well(reply.text):
            wrong.append(reply.text)

    monkeypatch.setattr(Reply, "__init__", checked)
    yield
    assert wrong == []


@pytest.fixture(autouse=True)
def errors_are_sentences(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever a learner is told in a test's `LessonError` stands on one line and ends as a sentence does."""
    if request.path.parent.name not in ("unit", "live"):
        yield
        return
    from helpers.checks import LessonError

    wrong = []

    def checked(error: LessonError, text: str) -> None:
        ValueError.__init__(error, text)
        if not _ends_well(text) or "\n" in text:
            wrong.append(text)

    monkeypatch.setattr(LessonError, "__init__", checked)
    yield
    assert wrong == []


def _ends_well(text: str) -> bool:
    ends = text[-1:] in ".?!…)" or "stopped with" in text  # and what Python said
    return ends and not text.isupper() and not text.startswith("XX")  # mutmut's XX
