"""The playground of notebook 4: every setting a control, every run kept in a table, the code of each to take home."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import pandas as pd

from helpers.checks import LessonError, share
from helpers.live.controls import Control, float_slider, int_slider, log_slider, menu, powers_of_two
from helpers.live.curve import Curve
from helpers.live.curves import Curves
from helpers.live.program import program
from helpers.live.table import CAPTION, as_html, best_runs
from helpers.live.take_home import TakeHome
from helpers.live.tasks import load_task, num_parameters, training_bytes
from helpers.live.training import LiveTraining
from helpers.live.words import sentence
from helpers.models import MLP, CollaborativeFilter
from helpers.plots import in_metric
from helpers.training import OPTIMIZERS, SCHEDULES, Config, Progress, train

MOVIELENS = "ml-latest-small"
OPTIMIZER_NAMES = {kind.label: name for name, kind in OPTIMIZERS.items()}
SCHEDULE_NAMES = {kind.label: name for name, kind in SCHEDULES.items()}
CONTROLS: dict[str, Control] = {
    "data": menu(("embedded", "MovieLens", "diabetes"), "embedded", "what to learn from"),
    "optimizer": menu(
        tuple(OPTIMIZER_NAMES), OPTIMIZERS["adam"].label, "how a gradient becomes a step", label="optimiser"
    ),
    "embedding_dim": powers_of_two(2, 128, 50, "per user and per film", unit="numbers", label="embedding size"),
    "batch_size": powers_of_two(32, 8192, 1024, "samples per update"),
    "learning_rate": log_slider(1e-4, 10, 0.001, "length of a step"),
    "schedule": menu(tuple(SCHEDULE_NAMES), SCHEDULES["constant"].label, "what becomes of the learning rate"),
    "num_epochs": int_slider(1, 30, 10, "how often every sample is seen", label="epochs"),
    "validation_share": log_slider(0.001, 0.5, 0.2, "share of the data held back"),
    "weight_decay": float_slider(0, 0.2, 0, "how strongly weights are pulled to zero", step=0.01),
    "seed": int_slider(0, 99, 42, "of the split, the first weights and the order"),
}
NOTHING_TO_EMBED = "no part in this: patients are measured, not looked up"

LABELS = {
    "run": "run",
    **{name: control.label or name.replace("_", " ") for name, control in CONTROLS.items()},
    "best_loss": "best RMSE",
    "best_epoch": "best epoch",
    "last_loss": "RMSE at the end",
    "updates": "updates",
    "parameters": "parameters",
    "memory": "memory (MB)",
    "seconds": "seconds",
    "outcome": "ended",
}


class Playground(LiveTraining):
    """A loss curve with every setting beside it and a table of all runs below it; made by `playground`.

    Attributes:
        runs: a DataFrame with one row per run that has ended: the settings, best_loss (RMSE in stars; for diabetes the
            mean squared error), best_epoch, last_loss (at its end), updates, parameters, memory (MB), seconds, outcome
            (how it ended), and whether it is the `best` on its data. A run that still trains is finished first.
        experiment: whose runs the picture shows, if it is one's.
    """

    KIND = "playground"
    UNSAID: ClassVar = {"schedule": SCHEDULES["constant"].label}
    BUTTONS: ClassVar = [
        *LiveTraining.BUTTONS,
        ("export", "Export table", "download the table of runs as a CSV file"),
        ("code", "Show the code", "this run as a plain PyTorch program, to copy or download"),
        ("settings", "Copy settings", "copy the line of Python that sets the playground to this"),
    ]

    def __init__(self, source: str, values: Mapping[str, Any], test_size: float = 0.0) -> None:
        check_settings(values)
        self._test_size = share("test_size", test_size, or_zero=True)
        controls = {name: _starting_at(control, name, values) for name, control in CONTROLS.items()}
        self._source, self._movielens = source, MOVIELENS if source == "embedded" else source
        self._rows: list[dict[str, Any]] = []
        self._kept: dict[int, tuple] = {}  # of every run: row, curve, metric, floor, and what it did in words
        self._parameters = 0
        self._in_front: int | None = None
        self.experiment: Any = None
        super().__init__(self._start_run, controls, Curves(metric="rmse"))
        self.widget.row_pressed = lambda row: self._worker.call(lambda: self.show_run(row))
        self._take_home = TakeHome(self, self.widget)
        self.actions = self._take_home.actions

    @property
    def runs(self) -> pd.DataFrame:
        """Every run that has ended, oldest first."""
        self.finish()
        table = pd.DataFrame(self._rows, columns=list(LABELS)).set_index("run")
        # Numbers even where a run had none: whole ones for an epoch.
        table = table.astype({"best_loss": float, "best_epoch": "Int64", "last_loss": float})
        best = best_runs(self._rows)
        return table.assign(best=[number in best for number in table.index])

    @property
    def ended(self) -> list[dict[str, Any]]:
        """The rows of `runs` as they are now, without waiting for a run that trains."""
        return list(self._rows)

    def reset(self) -> None:
        """Back to the first values, without earlier runs in the picture and in the table, and train."""
        self._rows.clear()
        self._kept.clear()
        self._show_table()
        super().reset()

    def set_up(self, keep: bool = True, name: str = "", **settings: Any) -> None:
        """First values everywhere but for these settings, and train; `keep` leaves earlier runs in the picture."""
        self._forget = self._forget or not keep
        self._name = name
        try:
            self.set(**{name: control.options[control.start] for name, control in CONTROLS.items()} | settings)
        finally:
            if self.sync:
                self._name = ""

    def show_run(self, number: int) -> None:
        """Bring the curve of a run of the table forward and its settings back into the controls; trains nothing.
        Raises `LessonError` for a run that is not in the table.
        """
        if number not in self._kept:
            raise LessonError(f"There is no run {number} in the table: there are {', '.join(map(str, self._kept))}.")
        row, curve, metric, floor, text = self._kept[number]
        self._worker.drop()
        self.curves.measure(metric, floor)
        self.curves.bring_forward(curve, keep=bool(self._outcome))
        self._run_values, self._outcome = {name: row[name] for name in CONTROLS}, row["outcome"]
        self._quiet = True
        try:
            self._choose({name: control.position(name, row[name]) for name, control in CONTROLS.items()})
        finally:
            self._quiet = False
        self._in_front = number
        self._screen.still(self.curves, text, f"run {number} of the table")
        self._take_home.show()
        self._show_table()

    def code(self) -> str:
        """A plain PyTorch program, without helpers, that makes the run of the present settings."""
        values = self.values
        names = OPTIMIZER_NAMES[values["optimizer"]], SCHEDULE_NAMES[values["schedule"]]
        return program(values, *names, self._test_size)

    def settings(self) -> str:
        """The line of Python that sets a playground to the present settings."""
        return settings_line(self.values, self._source, self._test_size)

    def csv(self) -> str:
        """The table of runs as a CSV file."""
        return self.runs.to_csv()

    def source_of(self, data: str) -> str:
        """Where the ratings of a choice of the menu come from."""
        return {"MovieLens": self._movielens}.get(data, data)

    def _start_run(
        self, data: str, optimizer: str, schedule: str, embedding_dim: int, validation_share: float, seed: int,
        **settings: Any,
    ) -> Iterator[Progress]:  # fmt: skip
        self.widget.disabled = {"embedding_dim": NOTHING_TO_EMBED} if data == "diabetes" else {}
        task = load_task(self.source_of(data), validation_share, seed, self._test_size)
        self.curves.measure(task.metric, task.floor)
        if task.num_rows is None:
            model: MLP | CollaborativeFilter = MLP(task.train.inputs.shape[1], seed=seed)
        else:
            mean = task.train.targets.mean().item()
            model = CollaborativeFilter(*task.num_rows, embedding_dim, mean=mean, seed=seed)
        self._parameters = num_parameters(model)
        settings |= {"optimizer": OPTIMIZER_NAMES[optimizer], "schedule": SCHEDULE_NAMES[schedule]}
        return train(model, task.train, task.validation, Config(seed=seed, **settings))

    def _begin(self, values: dict[str, Any]) -> Curve:
        self._in_front = None
        curve = super()._begin(values)
        self._name = ""
        self._take_home.show()
        return curve

    def _finished(self, curve: Curve) -> None:
        number, metric = (self._rows[-1]["run"] if self._rows else 0) + 1, self.curves.metric
        memory = training_bytes(self._parameters, OPTIMIZER_NAMES[self._run_values["optimizer"]]) / 1e6
        row = {"run": number, **self._run_values, "parameters": self._parameters, "memory": memory}
        self._rows.append(row | what_came_of(curve, metric) | {"outcome": self._outcome})
        text = sentence(curve, metric, self._outcome)
        self._kept[number] = (self._rows[-1], curve.compact(), metric, self.curves.floor, text)
        self._in_front = number
        self._show_table()
        if self.experiment is not None:
            self.experiment.run_ended(self.curves.run.name, self._rows[-1])

    def _show_table(self) -> None:
        rows = [(row["run"], row) for row in reversed(self._rows)]
        best = best_runs(self._rows)
        self.widget.details = as_html(rows, LABELS, best, CAPTION, self._in_front) if rows else ""


def playground(source: str | os.PathLike = "embedded", *, test_size: float = 0.0, **values: Any) -> Playground:
    """Every setting of a run as a control, the loss curve that follows them, and a table of all runs.

    Args:
        source: where the ratings come from, as for `load_ratings`. "embedded" leaves the menu's MovieLens to
            ml-latest-small; a MovieLens name or a path takes its place, and the playground starts with it. "diabetes"
            starts with the patients.
        test_size: the share of the ratings that no run may see: the validation part of `split(ratings, test_size)`.
        values: what controls are set to at first, by name, such as `learning_rate=0.01`.

    Raises `LessonError` for a control that is not there, or a value that it does not have.
    """
    source = os.fspath(source)
    if source == "diabetes":  # a choice of the menu, as "embedded" is, and no source of ratings
        return Playground("embedded", {"data": "diabetes"} | values, test_size).opened()
    first = {} if source == "embedded" else {"data": "MovieLens"}
    return Playground(source, first | values, test_size).opened()


def what_came_of(curve: Curve, metric: str) -> dict[str, Any]:
    """What the table says of a run's losses."""
    history, losses = curve.history, curve.history.epochs["validation_loss"]
    best, last = history.best_validation_loss, losses.iloc[-1] if len(losses) else None
    return {
        "best_loss": None if best is None else float(in_metric(best, metric)),
        "best_epoch": history.best_epoch,
        "last_loss": None if last is None else float(in_metric(last, metric)),
        "updates": history.last.update if history.last else 0,
        "seconds": float(curve.x("seconds")[-1]),
    }


def settings_line(values: Mapping[str, Any], source: str, test_size: float = 0.0) -> str:
    """The call that makes a playground with these values."""
    firsts = {name: control.options[control.start] for name, control in CONTROLS.items()}
    given = [] if source == "embedded" else [repr(source)]
    if given:
        firsts["data"] = "MovieLens"
    changed = [f"{name}={value!r}" for name, value in values.items() if value != firsts[name]]
    held_back = [f"test_size={test_size!r}"] if test_size else []
    return f"playground({', '.join(given + held_back + changed)})"


def check_settings(values: Mapping[str, Any]) -> None:
    """Raises `LessonError` for a control that is not there, or a value that it does not have."""
    for name, value in values.items():
        if name not in CONTROLS:
            raise LessonError(f"There is no control {name!r} in the playground: there are {', '.join(CONTROLS)}.")
        CONTROLS[name].position(name, value)


def _starting_at(control: Control, name: str, values: Mapping[str, Any]) -> Control:
    return replace(control, start=control.position(name, values[name])) if name in values else control
