"""What the playground is given and what it hands out; how it behaves stands in tests/live."""

import pytest

from helpers.errors import LessonError
from helpers.playground import Playground, experiment, playground


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("EPOCH_SYNC", "1")
    part = playground("diabetes", num_epochs=1)
    yield part
    part.close()


def test_diabetes_is_the_menus_own(play: Playground) -> None:
    assert play.values["data"] == "diabetes" and play.runs["data"].tolist() == ["diabetes"]
    play.set(data="embedded", batch_size=8192)
    assert play.runs["parameters"].iloc[-1] == 3_000 * 51  # and MovieLens is still MovieLens
    assert play._movielens == "ml-latest-small"


@pytest.mark.fault("one sentence, before a button is there")
@pytest.mark.parametrize(
    ("settings", "words"),
    [({"batch": 32}, "no control 'batch'"), ({"learning_rate": 0.0123}, "learning_rate has no 0.0123")],
)
def test_an_experiment_is_checked_when_it_is_made(play: Playground, settings: dict, words: str) -> None:
    with pytest.raises(LessonError, match=words):
        experiment(play, {"fine": {"seed": 1}, "wrong": settings})


def test_a_run_without_a_best_epoch_leaves_the_others_whole(play: Playground) -> None:
    wild = {"data": "diabetes", "optimizer": "SGD", "learning_rate": 10, "batch_size": 32}
    play._rows.clear()
    table = experiment(play, {"wild": wild})._run_all()
    assert table.loc["wild", "best epoch"] == "–"
    play.set(learning_rate=0.001)
    assert play.runs["best_epoch"].isna().tolist() == [True, False] and play.runs["best_epoch"].iloc[1] > 0
    assert play.runs["best_epoch"].dtype == "Int64"
