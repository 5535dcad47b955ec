"""The drawings of notebook 3 show the numbers they are given."""

import numpy as np
from matplotlib.collections import LineCollection

from helpers import plots
from helpers.plots import notebook_3 as drawings


def texts(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_the_ladder_writes_every_score_of_both_columns():
    figure, axes = plots.new_figure()
    drawings.ladder(axes, ["mean", "biases"], {"here": ([1.04, 0.91], [0.01, 0.02]), "elsewhere": ([1.2, 0.87], None)})
    assert texts(axes) == ["1.040", "0.910", "1.200", "0.870"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["mean", "biases"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["here", "elsewhere"]


def test_the_factorisation_says_its_shapes_and_they_fit():
    figure, axes = plots.new_figure()
    drawings.factorisation(axes, 1_000, 2_000, 50)
    words = " ".join(texts(axes))
    for shape in ("1,000 users × 2,000 films", "1,000 × 50", "50 × 2,000"):
        assert shape in words
    whole, left, right, *_ = (np.round([patch.get_width(), patch.get_height()], 9) for patch in axes.patches)
    assert (whole == [right[0], left[1]]).all() and left[0] == right[1]


def test_promises_are_drawn_with_what_is_due_where_it_is_known():
    figure, (known, unknown) = plots.new_figure(columns=2)
    drawings.promises(known, ["few", "many"], [4.6, 4.4], [4.1, 4.3])
    drawings.promises(unknown, ["few", "many"], [4.6, 4.4])
    assert [line.get_label() for line in known.lines] == ["promised", "true, on average"]
    assert [line.get_label() for line in unknown.lines] == ["promised"]
    gaps = next(part for part in known.collections if isinstance(part, LineCollection))
    assert [abs(ends[0, 0] - ends[1, 0]).round(3) for ends in gaps.get_segments()] == [0.5, 0.1]
