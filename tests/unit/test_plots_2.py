"""The drawings of notebook 2: what grows, what leaves the picture, and what is written beside it."""

import numpy as np
import pytest

from helpers import plots

PATHS = {"far": np.column_stack([np.linspace(0, 1, 31)] * 2), "one": np.array([[0.0, 0.0], [0.5, 0.2]])}


def test_paths_grow_to_their_ends_within_the_limits_of_the_axes() -> None:
    _, axes = plots.new_figure()
    axes.set(xlim=(-1, 1), ylim=(0, 2))
    seen = []
    for updates in plots.growing_paths(axes, PATHS, frames=6):
        seen.append(updates)
        assert len(axes.lines[0].get_xdata()) == updates + 1
    assert seen == sorted(set(seen)) and seen[-1] == 30 and len(seen) == 6
    assert axes.lines[1].get_xydata().tolist() == [[1.0, 1.0]]
    assert axes.lines[3].get_xydata().tolist() == [[0.5, 0.2]]
    assert axes.get_xlim() == (-1, 1) and axes.get_ylim() == (0, 2)
    assert len({(line.get_color(), line.get_linestyle()) for line in axes.lines[::2]}) == 2


def test_a_path_without_end_is_still_drawn() -> None:
    figure, axes = plots.new_figure()
    lost = np.array([[0.0, 0.0], [1e300, -np.inf], [np.nan, np.nan]])
    for _ in plots.growing_paths(axes, {"lost": lost}):
        figure.canvas.draw()
    assert np.isfinite(axes.lines[0].get_xydata()).all()


def test_a_cloud_of_slopes_has_its_mean_and_spread_beside_it() -> None:
    _, axes = plots.new_figure()
    clouds = {"B = 1": np.array([0.0, 1.0, 2.0]), "B = 2": np.linspace(0, 1, 5000)}
    plots.slope_clouds(axes, clouds, {"best": 0.5, "other": 0.7})
    texts = [text.get_text() for text in axes.texts]
    assert "1.000 ± 0.816" in texts and "best" in texts and "other" in texts
    assert [label.get_text() for label in axes.get_yticklabels()] == list(clouds)


def test_names_at_the_end_of_a_race_keep_a_distance() -> None:
    _, axes = plots.new_figure()
    plots.race_curves(axes, {"a": ([0, 1], [2.0, 1.0]), "b": ([0, 1], [3.0, 1.01]), "c": ([0, 0.5], [3.0, 2.0])})
    heights = sorted(text.xy[1] for text in axes.texts)
    assert min(np.diff(heights)) > 0.1
    assert {text.get_text() for text in axes.texts} == {"a", "b", "c"}


def test_means_are_written_beside_the_runs() -> None:
    _, axes = plots.new_figure()
    plots.mean_and_spread(axes, ["small", "large"], np.array([[1.0, 2.0], [2.0, 4.0]]), "loss")
    assert [text.get_text() for text in axes.texts] == ["1.500", "3.000"]
    assert axes.lines[0].get_ydata() == pytest.approx([1.0, 2.0])
