"""The benchmarks compare the same work, and their table says whether a bound was kept."""

import json

import pytest
import torch

from helpers.models import CollaborativeFilter
from helpers.training import Config
from tests.benchmarks import kernels, loops, measuring, peers, run
from tests.benchmarks.measuring import Row

SHAPE, CONFIG = (30, 40), Config(num_epochs=2, batch_size=64, learning_rate=0.01)


@pytest.mark.parametrize("loop", [loops.with_data_loader, loops.bare])
def test_the_other_loops_do_the_same_work(loop):
    samples = loops.made_up(*SHAPE, 500)
    losses = [other(CollaborativeFilter(*SHAPE, 4), samples, CONFIG) for other in (loop, loops.ours)]
    assert len(losses[0]) == 16
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


def test_the_lazily_updated_adam_is_adam_where_all_rows_are_looked_up():
    samples, config = loops.made_up(3, 3, 400), Config(num_epochs=1, batch_size=50, learning_rate=0.01)
    lazy = loops.row_sparse(loops.LazyAdam)(CollaborativeFilter(3, 3, 4), samples, config)
    assert lazy == pytest.approx(loops.ours(CollaborativeFilter(3, 3, 4), samples, config), abs=1e-5)


def test_made_up_ratings_have_the_tails_they_claim():
    rows = loops.made_up(610, 9724, 80_668).inputs
    for column, count, share in ((0, 610, 0.46), (1, 9724, 0.60)):
        busiest = rows[:, column].bincount(minlength=count).sort(descending=True).values
        assert busiest[: count // 10].sum() / len(rows) == pytest.approx(share, abs=0.02)


def test_bounds():
    assert Row("a", 0.3, at_most=0.35).met and not Row("a", 0.36, at_most=0.35).met
    assert Row("b", 8.1, at_least=8).met and not Row("b", 7.9, at_least=8).met
    assert Row("c", 99.0).met
    assert "MISSED" in str(Row("a", 0.36, at_most=0.35)) and "met" in str(Row("a", 0.3, at_most=0.35))
    assert not Row("never reached", float("inf"), at_most=0.35).met


def test_tasks_are_run_in_turn():
    order = []
    times = measuring.alternate({"a": lambda: order.append("a"), "b": lambda: order.append("b") or 7}, rounds=3)
    assert order == ["a", "b"] * 3
    assert times["b"].result == 7 and len(times["b"].wall) == len(times["b"].processor) == 3


def test_when_a_goal_is_reached():
    runs = [[(1.0, 0.9, 0.90), (2.0, 1.9, 0.87)], [(3.0, 2.9, 0.90), (4.0, 3.9, 0.87)]]
    assert peers.first_below(runs, 0.88) == (3.0, 2.9, 2)
    assert peers.first_below(runs, 0.80) is None


def test_results_are_kept_with_the_machine_and_a_missed_bound_fails(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(run, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(run, "BENCHMARKS", {"one": lambda: iter([Row("slow", 2.0, at_most=1.0), Row("no goal", 1.0)])})
    assert run.main([]) == 1
    (file,) = (tmp_path / "results").iterdir()
    kept = json.loads(file.read_text(encoding="utf-8"))
    assert kept["machine"]["torch"] == torch.__version__ and kept["machine"]["cores"] > 0
    assert [row["met"] for row in kept["results"]["one"]] == [False, True]
    assert "Missed: slow." in capsys.readouterr().out


def test_a_row_is_slower_only_beyond_its_own_noise(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(run, "RESULTS", tmp_path)
    ratios = {"seconds": 1.0, "noisy": 1.0, "silent": 1.0, "gain": 8.0}
    noises = {"seconds": 0.02, "noisy": 0.2, "silent": None, "gain": 0.02}
    goals = {"gain": {"at_least": 4}}

    def rows():
        return (Row(name, ratio, noise=noises[name], **goals.get(name, {})) for name, ratio in ratios.items())

    monkeypatch.setattr(run, "BENCHMARKS", {"one": rows})
    assert run.main([]) == 0 and "Slower" not in capsys.readouterr().out
    (first,) = tmp_path.iterdir()
    first.rename(tmp_path / "2026-01-01-0000.json")
    ratios.update(seconds=1.1, noisy=1.1, silent=9.0, gain=7.0)
    assert run.main([]) == 0
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Slower")]
    assert [line.split(": ")[1].split(",")[0] for line in said] == ["seconds", "gain"]
    assert said[0] == "Slower than 2026-01-01-0000: seconds, 1.000 → 1.100 (noise 4%)."


def test_spread_is_the_middle_half():
    assert measuring.spread([1.0, 2.0]) is None
    assert measuring.spread([0.9, 1.0, 1.0, 1.0, 7.0]) == 0
    assert measuring.spread([0.9, 0.95, 1.0, 1.05, 1.1]) == pytest.approx(0.1)


def test_an_unknown_benchmark_is_refused(capsys):
    with pytest.raises(SystemExit):
        run.main(["peers", "speed"])
    assert "speed" in capsys.readouterr().err


def test_a_benchmark_that_fails_costs_nobody_elses_results(monkeypatch, tmp_path, capsys):
    def breaks():
        yield Row("before the error", 1.0)
        raise OSError("the browser is gone")

    monkeypatch.setattr(run, "RESULTS", tmp_path)
    monkeypatch.setattr(run, "BENCHMARKS", {"one": breaks, "two": lambda: iter([Row("after it", 2.0)])})
    assert run.measure(["one", "two"]) == 1
    (file,) = tmp_path.glob("*.json")
    kept = json.loads(file.read_text())["results"]
    assert [row["what"] for rows in kept.values() for row in rows] == ["before the error", "after it"]
    said = capsys.readouterr()
    assert "Not measured to the end: one." in said.out and "the browser is gone" in said.err


def test_a_class_of_one_is_measured():
    slowest, *memory = kernels.ten_kernels(number=1, moves=2)
    assert 0 < slowest.ratio < 60 and all(100 < row.ratio < 2_000 for row in memory)
