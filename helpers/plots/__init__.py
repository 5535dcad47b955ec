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
    Captioned,
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
    BLACK,
    BLUE,
    CYCLE,
    FLOOR,
    GREY,
    LINES,
    ORANGE,
    READABLE,
    RED,
    TRAIN,
    VALIDATION,
    contrast,
)
