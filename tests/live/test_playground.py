"""The playground without a page: what its controls set, what its table keeps, what it says when data is missing."""

import asyncio
import io
import math
import os
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import ipywidgets
import numpy as np
import pandas as pd
import pytest
import torch

from helpers.checks import LessonError
from helpers.data.movielens import SETS
from helpers.live import Playground, experiment, num_parameters, playground, training_bytes
from helpers.live.curves import Curves
from helpers.live.playground import CONTROLS, OPTIMIZER_NAMES, SCHEDULE_NAMES
from helpers.live.program import FACTORS, program
from helpers.live.tasks import load_task, ratings_csv
from helpers.models import CollaborativeFilter
from helpers.training import OPTIMIZERS, SCHEDULES, Config, History, make_optimizer, train

QUICK = {"num_epochs": 2, "batch_size": 8192}


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Iterator[Playground]:
    monkeypatch.setenv("EPOCH_SYNC", "1")
    part = playground(**QUICK)
    yield part
    part.close()


def test_it_is_the_course_loop(play: Playground) -> None:
    task = load_task("embedded", 0.2, 42)
    model = CollaborativeFilter(*task.num_rows, 50, mean=task.train.targets.mean().item())
    history = History.of(train(model, task.train, task.validation, Config(**QUICK)))
    run = play.runs.loc[1]
    assert run["best_loss"] == pytest.approx(history.best_validation_loss**0.5, rel=1e-6)
    assert run["best_epoch"] == 2 and run["updates"] == 26 and run["outcome"] == "complete"
    assert run["parameters"] == 3_000 * 51 and run["best"]


def test_every_control_of_the_course_is_there_with_a_tip() -> None:
    kinds = {name: control.kind for name, control in CONTROLS.items()}
    assert [name for name, kind in kinds.items() if kind == "menu"] == ["data", "optimizer", "schedule"]
    assert [name for name, kind in kinds.items() if kind == "slider"] == [
        "embedding_dim", "batch_size", "learning_rate", "num_epochs", "validation_share", "weight_decay", "seed",
    ]  # fmt: skip
    assert all(control.tip for control in CONTROLS.values())
    values = {name: control.options[control.start] for name, control in CONTROLS.items()}
    assert (values["embedding_dim"], values["batch_size"], values["learning_rate"]) == (50, 1024, 0.001)
    assert (values["num_epochs"], values["validation_share"], values["seed"]) == (10, 0.2, 42)
    assert {32, 50, 64} <= set(CONTROLS["embedding_dim"].options)
    assert {512, 1024, 2048} <= set(CONTROLS["batch_size"].options)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("optimizer", "SGD"), ("schedule", "cosine"), ("embedding_dim", 2),
        ("batch_size", 4096), ("learning_rate", 0.01), ("num_epochs", 1),
        ("validation_share", 0.01), ("weight_decay", 0.05), ("seed", 7),
    ],
)  # fmt: skip
def test_every_control_changes_the_run(play: Playground, name: str, value: object) -> None:
    play.set(**{name: value})
    first, second = play.runs.loc[1], play.runs.loc[2]
    assert second[name] == value and second["best_loss"] != first["best_loss"]


def test_the_table_marks_the_best_on_each_data(play: Playground) -> None:
    play.set(learning_rate=0.01)
    play.set(data="diabetes")
    assert list(play.runs["best"]) == [False, True, True]
    table = play.widget.details
    assert table.count("★ ") == 2 + 1  # two rows and the caption
    assert "best RMSE" in table and "seconds" in table
    exported = pd.read_csv(io.StringIO(play.csv()))
    assert list(exported["run"]) == [1, 2, 3] and list(exported["best"]) == [False, True, True]
    assert set(CONTROLS) | {"best_loss", "best_epoch", "updates", "parameters", "memory", "seconds"} <= set(exported)


def test_the_export_button_sends_the_table(play: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict] = []
    monkeypatch.setattr(play.widget.access, "send", sent.append)
    play.widget.buttons["export"].click()
    assert sent == [{"download": "runs.csv", "text": play.csv()}]


def test_reset_forgets_the_runs(play: Playground) -> None:
    play.set(learning_rate=0.01)
    play.widget.buttons["reset"].click()
    assert len(play.runs) == 1 and play.runs.iloc[0]["learning_rate"] == 0.001
    assert not play.curves.earlier


def test_ghosts_stay_until_the_loss_is_another_one(play: Playground) -> None:
    play.set(learning_rate=0.01)
    assert len(play.curves.earlier) == 1
    assert 0.7 < play.curves.floor < 0.9  # stars: the noise floor of these ratings
    play.set(data="diabetes")
    assert play.curves.earlier == [] and play.curves.metric == "mse" and play.curves.floor is None
    assert play.history.best_validation_loss > 1_000
    play.set(data="embedded")
    assert play.curves.metric == "rmse" and play.curves.floor is not None


def test_a_control_without_a_part_is_greyed_out_with_the_reason(play: Playground) -> None:
    assert play.widget.disabled == {}
    play.set(data="diabetes")
    assert list(play.widget.disabled) == ["embedding_dim"] and "patients" in play.widget.disabled["embedding_dim"]
    play.set(data="embedded")
    assert play.widget.disabled == {}


@pytest.mark.fault("one sentence; the playground goes on with the other data")
def test_missing_ratings_are_one_sentence_and_the_playground_goes_on(play: Playground, tmp_path: Path) -> None:
    play = playground(tmp_path / "not there", data="embedded", **QUICK)
    with pytest.raises(LessonError, match="goes on with the other data") as raised:
        play.set(data="MovieLens")
    assert "\n" not in str(raised.value)
    play.set(data="diabetes")
    assert play.runs.iloc[-1]["outcome"] == "complete"


@pytest.mark.fault("a row with the word diverged")
def test_a_run_that_diverges_is_a_row_too(play: Playground) -> None:
    play.set(data="diabetes", optimizer="SGD", learning_rate=10, batch_size=32, num_epochs=30)
    last = play.runs.iloc[-1]
    assert last["outcome"] == "diverged" and pd.isna(last["best_loss"]) and not last["best"]
    assert "–" in play.widget.details
    play.set(learning_rate=0.001)
    assert play.runs.iloc[-1]["outcome"] == "complete"


def test_a_saved_notebook_shows_curve_and_words(play: Playground) -> None:
    data, metadata = play._repr_mimebundle_()
    assert data["image/png"] and metadata["image/png"]["alt"] == play.text
    assert data["text/plain"].startswith("playground(data=embedded, optimizer=Adam, embedding_dim=50, ")
    assert "seconds" not in data["text/plain"]


def test_what_it_is_given_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LessonError, match="no control 'batch'"):
        playground(batch=32)
    with pytest.raises(LessonError, match="nearest"):
        playground(batch_size=33)


# ---------------------------------------------------------------------------------------- experiments


def test_an_experiment_sets_the_playground_up(play: Playground, capsys: pytest.CaptureFixture) -> None:
    play.set(seed=7)
    trial = experiment(play, {"two": {"embedding_dim": 2}, "many": {"embedding_dim": 128, "learning_rate": 0.01}})
    trial.press("two")
    assert play.values["embedding_dim"] == 2 and play.values["seed"] == 42  # the rest as at first
    assert play.curves.earlier == []  # the learner's own runs leave the picture, not the table
    trial.press("many")
    assert play.values["embedding_dim"] == 128 and play.values["learning_rate"] == 0.01
    assert len(play.curves.earlier) == 1 and len(play.runs) == 4
    with pytest.raises(LessonError, match="there are two, many"):
        trial.press("three")


def test_its_buttons_are_one_row_with_the_playground_below(play: Playground) -> None:
    trial = experiment(play, {"two": {"embedding_dim": 2}})
    left = trial.widget().children[0].children[0]
    [button] = [button for row in left.children[1:3] for button in row.children if button.description == "two"]
    button.click()
    assert play.values["embedding_dim"] == 2
    trial.close()
    assert play.widget.comm is not None  # the playground stays open


# ---------------------------------------------------------------------------------------- resources


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "rmsprop", "adam"])
def test_the_formula_for_memory_is_what_pytorch_keeps(optimizer: str) -> None:
    model = CollaborativeFilter(30, 20, 8)
    config = Config(optimizer=optimizer)
    made = make_optimizer(model, config)
    model(torch.zeros(4, 2, dtype=torch.int64)).sum().backward()
    made.step()
    tensors = [*model.parameters(), *(weight.grad for weight in model.parameters())]
    # Adam also counts its updates, one number for each table.
    tensors += [
        value for kept in made.state.values() for value in kept.values() if torch.is_tensor(value) and value.ndim
    ]
    assert num_parameters(model) == 50 * 9
    assert training_bytes(450, optimizer) == sum(tensor.nbytes for tensor in tensors)


# ---------------------------------------------------------------------------------------- what it asks of helpers.live


def test_curves_can_be_measured_anew() -> None:
    curves = Curves(metric="rmse", floor=0.8)
    curves.measure("rmse", 0.9)
    assert curves.for_page()["floor"] == 0.9
    curves.measure("mse", None)
    assert curves.floor is None and curves.for_page()["metric"] == "mean squared error"


def test_the_page_greys_out_what_plays_no_part(play: Playground) -> None:
    size, tip = play.widget.inputs["embedding_dim"], play.widget.tips["embedding_dim"]
    assert not size.disabled and tip.value == "per user and per film"
    play.set(data="diabetes")
    assert size.disabled and "patients" in tip.value
    play.set(data="embedded")
    assert not size.disabled and tip.value == "per user and per film"


# ---------------------------------------------------------------------------------------- MovieLens


def test_movielens_takes_the_menus_place(monkeypatch: pytest.MonkeyPatch) -> None:
    if "MOVIELENS_DIR" not in os.environ:
        pytest.skip("MOVIELENS_DIR is not set: this needs the real ml-latest-small")
    monkeypatch.setenv("EPOCH_SYNC", "1")
    play = playground("ml-latest-small", num_epochs=3, learning_rate=0.01, weight_decay=0.08)
    assert play.values["data"] == "MovieLens"
    assert play.runs.iloc[0]["best_loss"] < 0.860  # reference: 0.8557 after 3 epochs
    assert play.curves.floor is None and np.isfinite(play.runs.iloc[0]["best_loss"])
    play.close()


@pytest.fixture
def on_diabetes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Playground]:
    monkeypatch.setenv("EPOCH_SYNC", "1")
    part = playground("diabetes", num_epochs=1)
    yield part
    part.close()


def test_diabetes_is_the_menus_own(on_diabetes: Playground) -> None:
    play = on_diabetes
    assert play.values["data"] == "diabetes" and play.runs["data"].tolist() == ["diabetes"]
    play.set(data="embedded", batch_size=8192)
    assert play.runs["parameters"].iloc[-1] == 3_000 * 51  # and MovieLens is still MovieLens
    assert play.source_of("MovieLens") == "ml-latest-small"


@pytest.mark.fault("one sentence, before a button is there")
@pytest.mark.parametrize(
    ("settings", "words"),
    [({"batch": 32}, "no control 'batch'"), ({"learning_rate": 0.0123}, "learning_rate has no 0.0123")],
)
def test_an_experiment_is_checked_when_it_is_made(on_diabetes: Playground, settings: dict, words: str) -> None:
    with pytest.raises(LessonError, match=words):
        experiment(on_diabetes, {"fine": {"seed": 1}, "wrong": settings})


def test_a_run_without_a_best_epoch_leaves_the_others_whole(on_diabetes: Playground) -> None:
    play, wild = on_diabetes, {"data": "diabetes", "optimizer": "SGD", "learning_rate": 10, "batch_size": 32}
    experiment(play, {"wild": wild}).run_all()
    assert pd.isna(play.runs["best_epoch"].iloc[1])
    play.set(learning_rate=0.001)
    assert play.runs["best_epoch"].isna().tolist() == [False, True, False] and play.runs["best_epoch"].iloc[2] > 0
    assert play.runs["best_epoch"].dtype == "Int64"


# ---------------------------------------------------------------------------------------- runs to come back to


def test_a_row_brings_its_curve_forward_and_its_settings_back(play: Playground) -> None:
    play.set(learning_rate=0.01)
    play.set(learning_rate=0.1)
    text = play.text
    play.widget.row_pressed(2)
    assert len(play.runs) == 3 and play.values["learning_rate"] == 0.01  # nothing was trained
    assert play.text != text and play.curves.run.settings["learning rate"] == "0.01"
    names = [curve.called(play.curves.run) for curve in play.curves.earlier]
    assert names == ["rate 0.001", "rate 0.1"]
    assert (
        'data-run="2" class="best shown"' in play.widget.details or 'data-run="2" class="shown"' in play.widget.details
    )
    with pytest.raises(LessonError, match="no run 9 in the table"):
        play.show_run(9)


def test_runs_are_finished_when_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EPOCH_SYNC", raising=False)

    async def scenario() -> None:
        play = playground("diabetes", num_epochs=30)
        play._repr_mimebundle_()  # as under Run All: displayed, and read in the next cell
        assert len(play.runs) == 1 and play.runs.iloc[0]["outcome"] == "complete"
        play.set(num_epochs=3)
        assert len(play.history.epochs) == 3 and len(play.runs) == 2
        unseen = playground("diabetes", num_epochs=2)
        assert len(unseen.history.epochs) == 2
        trial = experiment(play, {"five": {"num_epochs": 5}, "six": {"num_epochs": 6}})
        trial.run_all()
        while not play.idle or len(play.ended) < 4:
            await asyncio.sleep(0.01)
        assert [row["num_epochs"] for row in play.ended[2:]] == [5, 6]
        for part in (play, unseen):
            part.close()

    asyncio.run(asyncio.wait_for(scenario(), 60))


def test_an_experiment_shown_again_and_closed_leaves_no_widget(play: Playground) -> None:
    before = len(ipywidgets.widgets.widget._instances)
    trial = experiment(play, {"two": {"embedding_dim": 2}})
    trial.widget()
    shown_once = len(ipywidgets.widgets.widget._instances)
    trial.widget()
    assert len(ipywidgets.widgets.widget._instances) == shown_once > before
    trial.close()
    assert len(ipywidgets.widgets.widget._instances) == before


def test_the_staircase_is_what_the_page_says_it_is() -> None:
    task = load_task("embedded", 0.2, 42)
    climbs, drops = {}, {}
    for shuffle in (True, False):
        model = CollaborativeFilter(*task.num_rows, 50, mean=task.train.targets.mean().item())
        config = Config(num_epochs=5, learning_rate=0.01, shuffle=shuffle)
        losses = np.reshape(History.of(train(model, task.train, None, config)).losses, (5, 98))
        first, last = losses[:, :10].mean(axis=1), losses[:, -10:].mean(axis=1)
        climbs[shuffle], drops[shuffle] = (last - first)[2:], (last[:-1] - first[1:])[1:]
    assert (climbs[True] > 0.05).all() and (climbs[False] < 0).all()  # a new order each epoch, one fixed order
    assert (drops[True] > 2 * drops[False]).all()


# ---------------------------------------------------------------------------------------- to take home


@pytest.mark.parametrize("name", CONTROLS)
def test_every_setting_of_a_run_is_part_of_its_program(name: str) -> None:
    values = {other: control.options[control.start] for other, control in CONTROLS.items()} | {"weight_decay": 0.1}
    runs = [values | {"data": data} for data in ("embedded", "diabetes")]

    def programs(**changed: object) -> list[str]:
        chosen = [run | changed for run in runs]
        return [program(r, OPTIMIZER_NAMES[r["optimizer"]], SCHEDULE_NAMES[r["schedule"]]) for r in chosen]

    assert any(programs(**{name: option}) != programs() for option in CONTROLS[name].options)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": "momentum", "weight_decay": 0.08, "seed": 7},
        {"optimizer": "AdamW", "weight_decay": 0.05, "schedule": "linear", "embedding_dim": 8},
        {"data": "diabetes", "optimizer": "RMSprop", "schedule": "cosine", "batch_size": 32, "weight_decay": 0.01},
        {"data": "diabetes", "optimizer": "SGD", "learning_rate": 0.00015},
    ],
)
def test_the_code_shown_reproduces_the_run(play: Playground, settings: dict, tmp_path: Path, monkeypatch) -> None:
    play.set_up(**settings)
    code = play.code()
    assert "helpers" not in code and max(map(len, code.splitlines())) <= 120
    (tmp_path / "ratings.csv").write_text(ratings_csv("embedded"))
    monkeypatch.chdir(tmp_path)
    made: dict = {}
    exec(compile(code, "run.py", "exec"), made)
    assert made["losses"] == play.history.losses
    assert made["validation_losses"] == play.history.epochs["validation_loss"].tolist()


def test_every_choice_of_the_menus_has_its_code() -> None:
    values = {name: control.options[control.start] for name, control in CONTROLS.items()}
    for optimizer, schedule in product(OPTIMIZERS, SCHEDULES):
        compile(program(values, optimizer, schedule), "run.py", "exec")
    for (schedule, kind), done in product(SCHEDULES.items(), range(8)):
        factor = eval(FACTORS[schedule] or "1.0", {"math": math, "losses": done * [0], "num_updates": 8})
        assert factor == pytest.approx(kind.factor(done / 8))


def test_the_line_that_sets_a_playground_to_this(play: Playground) -> None:
    play.set(learning_rate=0.01, optimizer="SGD")
    line = play.settings()
    assert line == "playground(optimizer='SGD', batch_size=8192, learning_rate=0.01, num_epochs=2)"
    again = eval(line, {"playground": playground})
    assert again.values == play.values
    again.close()


# ---------------------------------------------------------------------------------------- sources


def test_every_data_of_the_menu_can_be_had(play: Playground) -> None:
    sources = [play.source_of(data) for data in CONTROLS["data"].options]
    assert set(sources) <= {"embedded", "diabetes", *SETS}


def test_ratings_are_read_anew_when_their_file_has_changed(play: Playground, tmp_path: Path) -> None:
    file = tmp_path / "ratings.csv"
    lines = ["userId,movieId,rating,timestamp", *(f"{n % 7},{n // 7},{1 + n % 5},{n}" for n in range(70))]
    file.write_text("\n".join(lines))
    first = load_task(str(file), 0.2, 42)
    file.write_text("\n".join([*lines, "99,1,5,70"]))
    assert load_task(str(file), 0.2, 42).num_rows == (first.num_rows[0] + 1, first.num_rows[1])


def test_a_path_may_name_the_embedded_ratings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPOCH_SYNC", "1")
    part = playground(Path("embedded"), **QUICK)
    assert part.values["data"] == "embedded"
    part.close()
    with pytest.raises(LessonError, match="no control 'cache'"):
        playground(cache=3)
