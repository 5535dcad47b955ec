"""The playground of notebook 4: every setting a control, every run kept in a table, experiments one click away."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import ipywidgets
import numpy as np
import pandas as pd
import torch
from IPython.display import display
from sklearn.model_selection import train_test_split

from helpers.checks import LessonError, share
from helpers.data import Samples, load_diabetes, load_ratings, split
from helpers.live.controls import Control, float_slider, int_slider, log_slider, menu, powers_of_two, write_number
from helpers.live.loss_picture import LossPicture
from helpers.live.part import LiveTraining, Run
from helpers.live.worker import retire_former
from helpers.models import MLP, CollaborativeFilter
from helpers.plots import in_metric
from helpers.training import Config, Progress, train

MOVIELENS = "ml-latest-small"
CONTROLS: dict[str, Control] = {
    "data": menu(("embedded", "MovieLens", "diabetes"), "embedded", "what to learn from"),
    "optimizer": menu(
        ("SGD", "momentum", "RMSprop", "Adam"), "Adam", "how a gradient becomes a step", label="optimiser"
    ),
    "embedding_dim": powers_of_two(2, 128, 50, "per user and per film", unit="numbers", label="embedding size"),
    "batch_size": powers_of_two(32, 8192, 1024, "samples per update"),
    "learning_rate": log_slider(1e-4, 10, 0.001, "length of a step"),
    "num_epochs": int_slider(1, 30, 10, "how often every sample is seen", label="epochs"),
    "validation_share": log_slider(0.001, 0.5, 0.2, "share of the data held back"),
    "weight_decay": float_slider(0, 0.2, 0, "how strongly weights are pulled to zero", step=0.01),
    "seed": int_slider(0, 99, 42, "of the split, the first weights and the order"),
}
NOTHING_TO_EMBED = "no part in this: patients are measured, not looked up"
# Numbers an optimiser keeps for every weight, beside the weight and its gradient.
KEPT_PER_WEIGHT = {"sgd": 0, "momentum": 1, "rmsprop": 1, "adam": 2}
BYTES = 4  # of a float32

LABELS = {
    "run": "run",
    **{name: control.label or name.replace("_", " ") for name, control in CONTROLS.items()},
    "best_loss": "best loss",
    "best_epoch": "best epoch",
    "last_loss": "loss at the end",
    "updates": "updates",
    "parameters": "parameters",
    "memory": "memory (MB)",
    "seconds": "seconds",
    "outcome": "ended",
}


def num_parameters(model: torch.nn.Module) -> int:
    """How many numbers a model learns."""
    return sum(weight.numel() for weight in model.parameters())


def training_bytes(parameters: int, optimizer: str) -> int:
    """Bytes that training keeps for its weights: each one, its gradient, and what the optimiser remembers of it."""
    return BYTES * parameters * (2 + KEPT_PER_WEIGHT[optimizer])


class Task(NamedTuple):
    """What a run learns from, and how its loss is measured."""

    train: Samples
    validation: Samples
    metric: str
    floor: float | None  # in the metric
    num_rows: tuple[int, int] | None  # users and movies; None for patients


@lru_cache(maxsize=3)  # one for each data: with every new share or seed the former splits are of no use
def load_task(source: str, validation_share: float, seed: int, test_size: float = 0.0) -> Task:
    """Data by name or path, split; a `test_size` of the ratings takes no part. Raises `LessonError` without ratings."""
    if source == "diabetes":
        return Task(*load_diabetes(validation_share, seed), "mse", None, None)
    ratings = _ratings(source)
    known = split(ratings, test_size, seed=42).train_index if test_size else np.arange(len(ratings))
    train_index, validation_index = train_test_split(known, test_size=validation_share, random_state=seed)
    floor = ratings.truth.noise_floor(validation_index) if ratings.truth else None
    parts = ratings.samples(train_index), ratings.samples(validation_index)
    return Task(*parts, "rmse", floor, (ratings.num_users, ratings.num_movies))


@lru_cache(maxsize=2)
def _ratings(source: str):
    try:
        return load_ratings(source)
    except LessonError as error:
        raise LessonError(f"{error} The playground goes on with the other data.") from error


class Playground(LiveTraining):
    """A loss curve with every setting beside it and a table of all runs below it; made by `playground`.

    Attributes:
        runs: a DataFrame with one row per run that has ended: the settings, best_loss (RMSE in stars; for diabetes the
            mean squared error), best_epoch, last_loss (at its end), updates, parameters, memory (MB), seconds, outcome
            (how it ended), and whether it is the `best` on its data.
    """

    BUTTONS: ClassVar = [*LiveTraining.BUTTONS, ("export", "Export table", "download the table of runs as a CSV file")]

    def __init__(self, source: str, values: Mapping[str, Any], test_size: float = 0.0) -> None:
        _check(values)
        self._test_size = test_size
        controls = {name: _starting_at(control, name, values) for name, control in CONTROLS.items()}
        self._movielens = MOVIELENS if source == "embedded" else source
        self._rows: list[dict[str, Any]] = []
        self._parameters = 0
        self.experiment: Experiment | None = None  # whose runs the picture shows
        super().__init__(self._start_run, controls, LossPicture(metric="rmse"))

    @property
    def widget(self) -> ipywidgets.DOMWidget:
        """What the page shows; it can stand in several places at once."""
        return self._open_view()

    @property
    def runs(self) -> pd.DataFrame:
        """Every run that has ended, oldest first."""
        table = pd.DataFrame(self._rows, columns=list(LABELS)).set_index("run")
        # Numbers even where a run had none: whole ones for an epoch.
        table = table.astype({"best_loss": float, "best_epoch": "Int64", "last_loss": float})
        return table.assign(best=[number in self._best() for number in table.index])

    def reset(self) -> None:
        """Back to the first values, without earlier runs in the picture and in the table, and train."""
        self._rows.clear()
        self._show_table()
        super().reset()

    def set_up(self, keep: bool = True, **settings: Any) -> None:
        """First values everywhere but for these settings, and train; `keep` leaves earlier runs in the picture."""
        self._forget = self._forget or not keep
        self.set(**{name: control.options[control.start] for name, control in CONTROLS.items()} | settings)

    def csv(self) -> str:
        """The table of runs as a CSV file."""
        return self.runs.to_csv()

    def _start_run(
        self, data: str, optimizer: str, embedding_dim: int, validation_share: float, seed: int, **settings: Any
    ) -> Iterator[Progress]:
        self._open_view().disabled = {"embedding_dim": NOTHING_TO_EMBED} if data == "diabetes" else {}
        source = {"MovieLens": self._movielens}.get(data, data)
        task = load_task(source, validation_share, seed, self._test_size)
        self._picture.measure(task.metric, task.floor)
        if task.num_rows is None:
            model = MLP(task.train.inputs.shape[1], seed=seed)
        else:
            mean = task.train.targets.mean().item()
            model = CollaborativeFilter(*task.num_rows, embedding_dim, mean=mean, seed=seed)
        self._parameters = num_parameters(model)
        return train(model, task.train, task.validation, Config(optimizer=optimizer.lower(), seed=seed, **settings))

    def _finish(self, run: Run) -> None:
        history, metric = run.history, self._picture.metric
        best, epochs = history.best_validation_loss, history.epochs
        last = epochs["validation_loss"].iloc[-1] if len(epochs) else None
        self._rows.append(
            {
                "run": (self._rows[-1]["run"] if self._rows else 0) + 1,
                **run.values,
                "best_loss": None if best is None else float(in_metric(best, metric)),
                "best_epoch": history.best_epoch,
                "last_loss": None if last is None else float(in_metric(last, metric)),
                "updates": history.last.update if history.last else 0,
                "parameters": self._parameters,
                "memory": training_bytes(self._parameters, run.values["optimizer"].lower()) / 1e6,
                "seconds": run.seconds,
                "outcome": run.outcome,
            }
        )
        self._show_table()
        super()._finish(run)

    def _best(self) -> set[int]:
        """The run with the lowest loss on each of the data sets."""
        finished = [row for row in self._rows if row["best_loss"] is not None]
        by_data = {row["data"]: row for row in sorted(finished, key=lambda row: -row["best_loss"])}
        return {row["run"] for row in by_data.values()}

    def _show_table(self) -> None:
        self._open_view().details = _as_html(self._rows, self._best()) if self._rows else ""

    def _press(self, button: str) -> None:
        if button == "export":
            self._worker.call(lambda: self._view.download("runs.csv", self.csv()))
        else:
            super()._press(button)

    def __repr__(self) -> str:
        return super().__repr__().replace("live_training(", "playground(", 1)


def playground(source: str = "embedded", *, test_size: float = 0.0, **values: Any) -> Playground:
    """Every setting of a run as a control, the loss curve that follows them, and a table of all runs.

    Args:
        source: where the ratings come from, as for `load_ratings`. "embedded" leaves the menu's MovieLens to
            ml-latest-small; a MovieLens name or a path takes its place, and the playground starts with it. "diabetes"
            starts with the patients.
        test_size: the share of the ratings that no run may see: the validation part of `split(ratings, test_size)`.
        values: what controls are set to at first, by name, such as `learning_rate=0.01`.

    Raises:
        LessonError: for a control that is not there, or a value that it does not have.
    """
    if source == "diabetes":  # a choice of the menu, as "embedded" is, and no source of ratings
        return Playground("embedded", {"data": "diabetes"} | values, test_size)
    first = {} if source == "embedded" else {"data": "MovieLens"}
    return Playground(source, first | values, share("test_size", test_size, or_zero=True))


def _check(values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if name not in CONTROLS:
            raise LessonError(f"There is no control {name!r} in the playground: there are {', '.join(CONTROLS)}.")
        CONTROLS[name].position(name, value)


def _starting_at(control: Control, name: str, values: Mapping[str, Any]) -> Control:
    return replace(control, start=control.position(name, values[name])) if name in values else control


def _as_html(rows: list[dict[str, Any]], best: set[int]) -> str:
    """The table of runs, newest on top, the best marked."""
    head = "".join(f'<th scope="col">{html.escape(label)}</th>' for label in LABELS.values())
    body = ""
    for row in reversed(rows):
        cells = "".join(f"<td>{html.escape(_write(name, row[name]))}</td>" for name in list(LABELS)[1:])
        mark = ("★ ", ' class="best"') if row["run"] in best else ("", "")
        body += f"<tr{mark[1]}><td>{mark[0]}{row['run']}</td>{cells}</tr>"
    return (
        f"<table><caption>Every run that has ended, the newest on top. ★ marks the lowest validation loss on its data: "
        f"RMSE in stars for ratings, mean squared error for diabetes.</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _write(name: str, value: Any) -> str:
    """One entry of the table, with as many digits as say something."""
    if value is None:
        return "–"
    if name in ("best_loss", "last_loss"):
        return f"{value:.4f}" if value < 100 else f"{value:,.0f}"
    if name in ("memory", "seconds"):
        return f"{value:,.2f}"
    return write_number(value)


# ---------------------------------------------------------------------------------------- experiments


class Experiment:
    """Buttons that set the playground up, and the playground once more below them; made by `experiment`.

    With a kernel and a page nothing runs before a button is pressed. In synchronous mode every setting is run, so that
    a saved notebook shows what each of them does.
    """

    def __init__(self, playground: Playground, settings: Mapping[str, Mapping[str, Any]]) -> None:
        for values in settings.values():
            _check(values)
        self._playground, self._settings = playground, settings
        self._buttons: list[ipywidgets.Widget] = []
        retire_former(self)

    def press(self, name: str) -> None:
        """Set the playground up as this button does; the first press takes all other runs out of the picture."""
        if name not in self._settings:
            raise LessonError(f"There is no setting {name!r} here: there are {', '.join(self._settings)}.")
        self._playground.set_up(keep=self._playground.experiment is self, **self._settings[name])
        self._playground.experiment = self

    def close(self) -> None:
        """Take the buttons off the page; the playground stays."""
        for widget in self._buttons:
            widget.close()
        self._buttons = []

    def __repr__(self) -> str:
        return f"experiment, one click each: {', '.join(self._settings)}"

    def _ipython_display_(self) -> None:
        if self._playground.sync:
            display(self._run_all())
            display(self._playground)
        else:
            display(self._as_widget())

    def _run_all(self) -> pd.DataFrame:
        rows = {}
        for name in self._settings:
            self.press(name)
            run = self._playground.runs.iloc[-1]
            # More digits would depend on the CPU, all the more where a run goes wild.
            losses = {kind: ",.3f" if run[kind] < 1.5 else ",.2f" for kind in ("best_loss", "last_loss")}
            formats = losses | dict.fromkeys(("best_epoch", "updates", "parameters"), ",")
            rows[name] = {
                LABELS[kind]: "–" if pd.isna(run[kind]) else format(run[kind], how) for kind, how in formats.items()
            }
        return pd.DataFrame(rows).T

    def _as_widget(self) -> ipywidgets.Widget:
        self.close()
        label = ipywidgets.Label("Set it up for me:")
        buttons = [ipywidgets.Button(description=name, layout={"width": "auto"}) for name in self._settings]
        for button in buttons:
            button.on_click(lambda pressed: self.press(pressed.description))
        row = ipywidgets.HBox([label, *buttons], layout={"flex_flow": "row wrap"}).add_class("epoch-buttons")
        whole = ipywidgets.VBox([row, self._playground.widget])
        self._buttons = [whole, row, label, *buttons]
        return whole


def experiment(playground: Playground, settings: Mapping[str, Mapping[str, Any]]) -> Experiment:
    """A row of buttons that each set the playground up for a guided experiment.

    >>> experiment(play, {"too low": {"learning_rate": 0.0001}, "too high": {"learning_rate": 0.1}})

    Args:
        playground: what the buttons move.
        settings: the name on each button -> the controls it sets; all others go to their first values.

    Raises:
        LessonError: for a control that is not there, or a value that it does not have.
    """
    return Experiment(playground, settings)
