"""Settings that no run can use, through the API and through the widgets: one sentence, and what there was stays."""

import math
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.checks import LessonError
from helpers.live import LivePicture, LiveTraining, live_picture, live_training
from helpers.live.controls import float_slider, int_slider, log_slider, powers_of_two
from helpers.live.playground import CONTROLS, playground
from helpers.models import MLP
from helpers.training import Config, History, train
from tests.builders import patients

NO_NUMBER = st.none() | st.booleans() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)
NO_COUNT = NO_NUMBER | st.integers(max_value=0) | st.floats()
NO_SEED = NO_NUMBER | st.integers(max_value=-1) | st.floats()
NOT_POSITIVE = NO_NUMBER | st.floats(max_value=0) | st.sampled_from([math.nan, math.inf])
BELOW_ZERO = NO_NUMBER | st.floats(max_value=0, exclude_max=True) | st.sampled_from([math.nan, math.inf])
NO_SHARE = BELOW_ZERO | st.floats(min_value=1)
NO_SWITCH = st.none() | st.integers() | st.text(max_size=5)
NO_CHOICE = NO_NUMBER | st.integers()
BAD = {
    "num_epochs": NO_COUNT, "batch_size": NO_COUNT, "learning_rate": NOT_POSITIVE, "weight_decay": BELOW_ZERO,
    "warmup": NO_SHARE,
    "optimizer": NO_CHOICE, "schedule": NO_CHOICE, "drop_last": NO_SWITCH, "shuffle": NO_SWITCH, "seed": NO_SEED,
}  # fmt: skip


def refused(action: Callable[[], object], name: str) -> None:
    with pytest.raises(LessonError) as caught:
        action()
    text = str(caught.value)
    assert name in text and text.endswith(".") and "\n" not in text


@pytest.fixture(autouse=True)
def synchronous(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPOCH_SYNC", "1")


def test_every_setting_has_its_faults() -> None:
    assert set(BAD) == set(Config.__dataclass_fields__)


@pytest.mark.fault("one sentence with the setting's name, what it may be and what was given, before any work")
@pytest.mark.parametrize("name", BAD)
def test_a_setting_that_no_run_can_use(name: str) -> None:
    @settings(max_examples=40, deadline=None, database=None)
    @given(BAD[name])
    def refuse(value: object) -> None:
        refused(lambda: Config(**{name: value}), name)

    refuse()


@pytest.fixture(scope="module")
def play():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EPOCH_SYNC", "1")
        part = playground(data="diabetes", num_epochs=1)
        yield part
        part.close()


@pytest.mark.fault("one sentence with the nearest values that the control has; table, curve and sliders stay")
@pytest.mark.parametrize("value", [-1, 10**9, math.nan, "fast", None, True], ids=repr)
@pytest.mark.parametrize("name", CONTROLS)
def test_a_value_that_the_playground_does_not_have(play: LiveTraining, name: str, value: object) -> None:
    values, runs, words, losses = play.values, play.runs, play.text, list(play.history.losses)
    refused(lambda: play.set(**{name: value}), name)
    assert (play.values, play.text, play.history.losses) == (values, words, losses) and play.runs.equals(runs)


@pytest.mark.fault("a run, a row and a sentence, even if the sentence is that it diverged")
@pytest.mark.parametrize("end", ["low", "high"])
@pytest.mark.parametrize("name", [name for name, control in CONTROLS.items() if control.kind == "slider"])
def test_a_slider_at_its_end(play: LiveTraining, name: str, end: str) -> None:
    rows, extreme = len(play.runs), CONTROLS[name].options[0 if end == "low" else -1]
    play.set_up(data="diabetes", **{"num_epochs": 1} | {name: extreme})
    assert len(play.runs) == rows + 1 and play.runs.iloc[-1][name] == extreme
    assert play.runs.iloc[-1]["outcome"] in ("complete", "diverged")
    assert play.text.startswith(("Ended after", "Diverged in epoch"))


def training() -> LiveTraining:
    def start(batch_size: int):
        return train(MLP(4), patients(), patients(9, seed=1), Config(num_epochs=1, batch_size=batch_size))

    return live_training(start, batch_size=powers_of_two(1, 32, 8))


def picture() -> LivePicture:
    return live_picture(lambda figure, batch_size: f"Size {batch_size}.", batch_size=powers_of_two(1, 32, 8))


@pytest.mark.fault("one sentence with the controls or values there are; the picture stays")
@pytest.mark.parametrize("make", [training, picture])
@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"batch_size": 9}, {"batch_size": "8"}, {"rate": 1}], ids=str)
def test_a_live_part_set_to_what_it_does_not_have(make: Callable, wrong: dict[str, object]) -> None:
    part = make()
    words, frame = part.text, part._saved()
    refused(lambda: part.set(**wrong), next(iter(wrong)))
    assert part.values == {"batch_size": 8} and part.text == words and part._saved() == frame
    part.set(batch_size=1)
    assert part.text and part.text != words
    part.close()


@pytest.mark.fault("one sentence when the cell runs, not later on the page")
@pytest.mark.parametrize("make", [int_slider, float_slider, log_slider, powers_of_two])
@pytest.mark.parametrize("low, high, value", [(5, 1, 3), (1, 5, 9), (1, "9", 2), (1, math.nan, 2), (1, 5, None)])
def test_a_slider_that_cannot_be(make: Callable, low: object, high: object, value: object) -> None:
    with pytest.raises(LessonError) as caught:
        make(low, high, value)
    assert "\n" not in str(caught.value)


@pytest.mark.fault("nothing: training time comes from a clock that never goes back")
def test_the_clock_is_put_back_while_training(monkeypatch: pytest.MonkeyPatch) -> None:
    hours = iter(range(10**6, 0, -1))
    monkeypatch.setattr(time, "time", lambda: 3600.0 * next(hours))
    history = History.of(train(MLP(4), patients(), patients(9, seed=1), Config(num_epochs=3, batch_size=8)))
    seconds = history.updates["seconds"]
    assert (seconds.diff().dropna() >= 0).all() and 0 < seconds.iloc[-1] < 60
    part = training()
    assert "left" not in part.text and (part.history.updates["seconds"] >= 0).all()
    part.close()
