"""What is recorded, how it is written down, and what the page makes of it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from playwright.sync_api import Browser

from helpers.data import load_diabetes
from helpers.live import LiveTraining, checkbox, int_slider, live_picture, live_training, log_slider, menu
from helpers.live.playground import CONTROLS
from helpers.models import MLP
from helpers.training import Config, train
from tests.site.conftest import browser  # noqa: F401
from tests.tools.site.__main__ import main, shortened, write_assets
from tests.tools.site.combinations import MOST, of_a_part, of_the_playground, starts, thinned
from tests.tools.site.strokes import strokes
from tests.tools.site.told import recording


@pytest.fixture(autouse=True)
def in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Live parts run to their end in place, whatever event loop Playwright has."""
    monkeypatch.setenv("EPOCH_SYNC", "1")


@pytest.mark.fault("one sentence, and nothing was started")
def test_no_notebook_at_once_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--to", str(tmp_path / "to"), "--into", str(tmp_path / "into"), "--at-once", "0"]) == 1
    assert capsys.readouterr().err.startswith("--at-once must be a whole number of 1 or more")
    assert list(tmp_path.iterdir()) == []


def test_every_combination_of_two_controls_is_recorded() -> None:
    controls = {"rate": log_slider(0.001, 1, 0.01), "kind": menu(["a", "b", "c"])}
    found = list(of_a_part(controls))
    assert found[0] == starts(controls)
    assert set(found) == {(rate, kind) for rate in range(len(controls["rate"].options)) for kind in range(3)}


def test_of_too_many_combinations_every_value_of_every_control_is_recorded() -> None:
    controls = {name: int_slider(0, 99, 40) for name in "abc"} | {"d": checkbox()}
    found = set(of_a_part(controls))
    assert math.prod(len(control.options) for control in controls.values()) > MOST >= len(found) - 300
    for place, control in enumerate(controls.values()):
        start = starts(controls)
        assert {(*start[:place], at, *start[place + 1 :]) for at in range(len(control.options))} <= found


def test_the_playground_is_recorded_around_its_first_values_and_some_hundred_times_more() -> None:
    found, start = set(of_the_playground(CONTROLS)), starts(CONTROLS)
    for place, (name, control) in enumerate(CONTROLS.items()):
        for at, option in enumerate(control.options):
            assert (name, option) == ("data", "MovieLens") or (*start[:place], at, *start[place + 1 :]) in found
    more = [at for at in found if sum(one != other for one, other in zip(at, start, strict=True)) > 1]
    assert len(more) >= 300


@pytest.mark.parametrize(
    ("size", "start", "wanted"), [(100, 40, 4), (100, 0, 4), (100, 99, 2), (3, 1, 4), (2000, 999, 9)]
)
def test_thinned_values_hold_the_first_one_and_both_ends(size: int, start: int, wanted: int) -> None:
    found = thinned(size, start, wanted)
    assert {0, size - 1, start} <= set(found) and len(found) <= max(wanted, 3) and found == sorted(set(found))


def test_a_drawing_is_written_down_in_few_strokes() -> None:
    figure = Figure(figsize=(4, 3), dpi=200)
    axes = figure.subplots()
    axes.plot([0, 1, 2], [0, 1, 0], color="#0072B2", label="a line")
    axes.scatter([0, 1, 2], [0, 1, 0], color="#C25500")
    axes.set_xlabel("over here")
    axes.legend()
    found = strokes(figure, 2)
    assert json.loads(json.dumps(found)) == found
    assert {"over here", "a line"} <= {stroke[1] for stroke in found if stroke[0] == "t"}
    dots = [stroke for stroke in found if stroke[0] == "m" and stroke[4] == "#c25500"]
    assert len(dots) == 1 and len(dots[0][-1]) == 6
    lines = [stroke for stroke in found if stroke[0] == "p" and stroke[2] == "#0072b2"]
    assert len(lines) == 2 and all(0 <= number <= 4 * 400 for number in map(int, lines[0][1][1:].split("l")[0].split()))


def test_a_path_that_grows_is_written_once() -> None:
    look = ["#000000", 4, "", [1, 1], [], "butt", "", []]
    path = "M10 20" + "".join(f"l{step} 7" for step in range(30))
    told = [["p", path[:60], *look], ["t", "words"], ["p", path, *look], ["p", path[:60], "#ffffff", *look[1:]]]
    assert shortened(told) == [[2, 60], told[1], told[2], told[3]]


@pytest.fixture
def part() -> LiveTraining:
    """A small live part."""
    train_set, validation_set = load_diabetes(0.2, 42)

    def start(learning_rate: float, epochs: int):
        config = Config(num_epochs=epochs, batch_size=32, learning_rate=learning_rate)
        return train(MLP(10), train_set, validation_set, config)

    return live_training(start, learning_rate=log_slider(0.001, 10, 0.01), epochs=int_slider(1, 30, 5))


def test_a_recorded_run_ends_with_the_losses_of_its_history(part: LiveTraining) -> None:
    told = recording(part, (6, 29))
    epochs = part.history.epochs
    assert len(told["rows"]) == 30 and told["end"][0] == part.history.last.update == told["updates"]
    assert told["rows"][-1][4] == pytest.approx(epochs["validation_loss"].iloc[-1], rel=1e-3)
    assert len(told["losses"]) <= 480 and told["text"] == part.text


def test_every_frame_of_a_picture_that_moves_is_kept() -> None:
    def draw(figure: Figure, to: int):
        axes = figure.subplots()
        for step in range(to):
            axes.plot([0, step], [0, 1])
            yield f"{step + 1} lines"

    told = recording(live_picture(draw, to=int_slider(1, 5, 3)), (3,))
    assert [text for _, text in told["frames"]] == ["1 lines", "2 lines", "3 lines", "4 lines"]
    assert len(told["frames"][-1][0]) > len(told["frames"][0][0])


@pytest.mark.browser
def test_the_page_draws_runs_as_a_kernel_sends_them(part: LiveTraining, browser: Browser, tmp_path: Path) -> None:  # noqa: F811
    """The same axes, names of earlier runs, epochs and best epoch, for a diverged run too."""
    told = [recording(part, at) | {"at": at} for at in ((6, 4), (12, 9), (24, 9), (3, 19))]
    write_assets(tmp_path)
    page = browser.new_page()
    page.add_script_tag(content=(tmp_path / "live.js").read_text(encoding="utf-8").partition("const KINDS")[0])
    controls = [(name.replace("_", " "), control.texts) for name, control in part._controls.items()]
    seen = page.evaluate(
        """([told, controls]) => {
          const runs = told.map((one) => new Run(one,
            Object.fromEntries(controls.map(([label, texts], place) => [label, texts[one.at[place]]]))));
          const run = runs.pop(), page = forPage(run, runs, Infinity);
          const earlier = earlierForPage(run, runs).map(({ label }) => label);
          return { ...page, points: [], epochs: [...page.epochs], earlier };
        }""",
        [told, controls],
    )
    page.close()
    part.curves.fit()  # the first of the earlier runs is that which the part began with
    sent = part.curves.for_page()
    assert [run["label"] for run in part.curves.earlier_for_page()][1:] == seen["earlier"]
    assert seen["best"] == sent["best"] and seen["per_update"] == pytest.approx(sent["per_update"])
    for log in (0, 1):
        assert seen["y"][log] == pytest.approx(sent["y"][log], rel=2e-3)
    for x in ("update", "epoch", "samples_seen"):
        assert seen["x"][x] == pytest.approx(sent["x"][x])
    assert len(seen["epochs"]) == 5 * 20
