"""Pictures: what is drawn, in which metric, and that nothing is left open."""

import io

import matplotlib.image as image
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

from helpers import plots
from helpers.checks import LessonError
from helpers.models import MLP
from helpers.training import Config, History, train
from tests.builders import patients


@pytest.fixture(scope="module")
def history():
    return History.of(
        train(MLP(4), patients(), patients(9, seed=1), Config(num_epochs=12, batch_size=8, learning_rate=0.01))
    )


def test_loss_curves_draw_the_history(history):
    _, axes = plots.new_figure()
    plots.loss_curves(axes, history, metric="rmse", floor=0.3)
    training, validation, best = axes.lines[:3]
    np.testing.assert_allclose(training.get_ydata(), np.sqrt(history.epochs["train_loss"]))
    np.testing.assert_allclose(validation.get_ydata(), np.sqrt(history.epochs["validation_loss"]))
    np.testing.assert_allclose(training.get_xdata(), history.epochs["epoch"])
    assert best.get_ydata()[0] == pytest.approx(np.sqrt(history.best_validation_loss))
    assert axes.get_ylabel() == "RMSE (stars)"


def test_loss_curves_without_validation():
    _, axes = plots.new_figure()
    plots.loss_curves(axes, History.of(train(MLP(4), patients(), None, Config(num_epochs=2, batch_size=8))))
    assert len(axes.lines) == 1


def test_an_unknown_metric_gets_one_sentence(history):
    _, axes = plots.new_figure()
    with pytest.raises(LessonError, match="metric must be one of"):
        plots.loss_curves(axes, history, metric="mae")


def fresh(history):
    figure, axes = plots.new_figure()
    plots.loss_curves(axes, history)
    return figure


def test_a_picture_is_a_png_with_a_sentence(history):
    picture = plots.show(fresh(history), "Validation loss is lowest at the end.")
    pixels = image.imread(io.BytesIO(picture.png), format="png")
    assert pixels.ndim == 3 and pixels[..., :3].std() > 0.01
    assert picture.png == plots.Captioned(fresh(history), "").png
    assert repr(picture) == "Validation loss is lowest at the end."


def test_pyplot_never_knows():
    from matplotlib import pyplot

    plots.new_figure()
    assert pyplot.get_fignums() == []


def test_colours_differ_in_grey_or_by_line():
    def grey(colour):
        red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
        return 0.299 * red + 0.587 * green + 0.114 * blue

    pairs = [(colour, str(line)) for colour, line in zip(plots.CYCLE, plots.LINES, strict=True)]
    assert len({line for _, line in pairs}) == len(pairs)
    assert abs(grey(plots.TRAIN) - grey(plots.VALIDATION)) > 20


def test_heat_map_writes_every_number():
    _, axes = plots.new_figure()
    plots.heat_map(axes, np.array([[1.0, 2.0], [np.nan, 4.0]]), ["a", "b"], ["c", "d"])
    assert [text.get_text() for text in axes.texts] == ["1.000", "2.000", "4.000"]
    assert axes.texts[0].get_color() != axes.texts[-1].get_color()


def test_contrast_is_wcags():
    assert plots.contrast("black") == pytest.approx(21) and plots.contrast("white") == pytest.approx(1)
    assert plots.contrast("#767676") == pytest.approx(4.54, abs=0.01)  # WCAG's own example of the lightest grey


def draw_everything_with_words(history):
    """Every picture of the course that writes in a colour of its own, on white."""
    losses, places = np.array([3.0, 2.0, 0.5]), np.array([[0.0, 0.0], [1.0, 1.0]])
    _, axes = plots.new_figure()
    plots.loss_curves(axes, history, floor=0.1)
    plots.sorted_losses(axes, losses)
    plots.batch_strip(axes, 100, 32)
    plots.batch_strip(axes, 100, 32, drop_last=True)
    plots.tilted_line(axes, np.arange(3.0), losses, 1.0, 2.0)
    for colour in plots.CYCLE:
        plots.label_end(axes, 1, 1, "a curve", colour)
        plots.weight_path(axes, places, "a path", colour)
    return axes


def test_words_can_be_read_on_white(history):
    axes = draw_everything_with_words(history)
    words = [text for text in axes.findobj(Text) if text.get_text()]
    assert len(words) > 20
    faint = {text.get_text(): text.get_color() for text in words if plots.contrast(text.get_color()) < plots.READABLE}
    assert not faint
    # What notebooks write in a colour by its role.
    assert all(plots.contrast(c) >= plots.READABLE for c in (plots.TRAIN, plots.VALIDATION, plots.FLOOR, plots.BEST))


def test_words_on_coloured_ground_can_be_read():
    _, axes = plots.new_figure()
    values = np.linspace(0, 1, 60).reshape(6, 10)
    image = plots.heat_map(axes, values, range(6), range(10))
    for text, value in zip(axes.texts, values.ravel(), strict=True):
        assert plots.contrast(text.get_color(), to_hex(image.to_rgba(value))) >= plots.READABLE
    _, axes = plots.new_figure()
    plots.recommendations(axes, ["A film"], [4.5], ["because of another"])
    bar = to_hex(axes.patches[0].get_facecolor())
    assert len(axes.texts) == 2 and all(plots.contrast(t.get_color(), bar) >= plots.READABLE for t in axes.texts)


ODD = ["$^$ (2010)", "100% $ure", r"\frac", "A $1 film and a $2 film"]


@pytest.mark.fault("the title, letter by letter")
def test_titles_are_written_as_they_are_and_never_read_as_formulas():
    figure, recommended = plots.new_figure()
    plots.recommendations(recommended, ODD, [4.0] * 4, [f"because you liked {title}" for title in ODD])
    figure.savefig(io.BytesIO())
    figure, axes = plots.new_figure()
    plots.heat_map(axes, np.eye(4), ODD, ODD)
    for title in ODD:
        plots.label_end(axes, 1, 1, title, plots.BLUE)
    figure.savefig(io.BytesIO())
    drawn = {text.get_text() for axes in (recommended, axes) for text in axes.findobj(Text)}
    assert {f"4.00  {title}" for title in ODD} | set(ODD) <= drawn


def test_the_best_is_marked_alike_in_every_picture(history):
    marks = []
    for draw in (plots.loss_curves, lambda axes, _: plots.knob_curves(axes, "rate", [1, 2, 3], [3, 2, 1], [3, 1, 2])):
        _, axes = plots.new_figure()
        draw(axes, history)
        (mark,) = [line for line in axes.lines if to_hex(line.get_color()) == plots.BEST.lower()]
        marks.append((mark.get_marker(), mark.get_markersize()))
    assert marks == [("o", 7)] * 2


def test_a_map_of_films_has_a_colour_and_a_shape_for_each_of_seven_genres():
    places, genres = np.random.default_rng(0).normal(size=(16, 2)), {}
    for number in range(7):
        genres[f"genre {number}"] = np.arange(16) // 2 == number
    _, axes = plots.new_figure()
    plots.film_map(axes, places, genres)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == list(genres)
    with pytest.raises(LessonError, match="at most 7 genres; you gave 8"):
        plots.film_map(axes, places, genres | {"genre 7": np.arange(16) > 13})
