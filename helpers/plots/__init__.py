"""Drawings: one style, one palette, and the figures of the notebooks."""

from helpers.plots.batches import (
    batch_strip,
    gradient_cloud,
    law_and_measurements,
    loss_bowl,
    sample_grid,
    sorted_losses,
    stacked_shares,
    tilted_line,
    weight_path,
)
from helpers.plots.figures import (
    AS_WRITTEN,
    Captioned,
    bars,
    floor_line,
    heat_map,
    label_end,
    log_axis,
    new_figure,
    show,
)
from helpers.plots.films import film_map, ratings_table, recommendations
from helpers.plots.losses import METRICS, X_AXES, in_metric, knob_curves, loss_curves
from helpers.plots.notebook_2 import growing_paths, mean_and_spread, race_curves, slope_clouds
from helpers.plots.style import (
    BEST,
    BEST_MARK,
    BLACK,
    BLUE,
    CYCLE,
    FAINT,
    FLOOR,
    GREEN,
    GREY,
    LINES,
    MARKERS,
    ORANGE,
    PLATE,
    PURPLE,
    READABLE,
    RED,
    SKY,
    STYLE,
    TRAIN,
    VALIDATION,
    YELLOW,
    contrast,
    ink,
    use_style,
)

__all__ = [
    "AS_WRITTEN", "BEST", "BEST_MARK", "BLACK", "BLUE", "CYCLE", "FAINT", "FLOOR", "GREEN", "GREY", "LINES", "MARKERS",
    "METRICS", "ORANGE", "PLATE", "PURPLE", "READABLE", "RED", "SKY", "STYLE", "TRAIN", "VALIDATION", "X_AXES",
    "YELLOW", "Captioned", "bars", "batch_strip", "contrast", "film_map", "floor_line", "gradient_cloud",
    "growing_paths", "heat_map", "in_metric", "ink", "knob_curves", "label_end", "law_and_measurements", "log_axis",
    "loss_bowl", "loss_curves", "mean_and_spread", "new_figure", "race_curves", "ratings_table", "recommendations",
    "sample_grid", "show", "slope_clouds", "sorted_losses", "stacked_shares", "tilted_line", "use_style", "weight_path",
]  # fmt: skip
