"""Live parts: controls that retrain a model or redraw a picture at once, and notebook 4's playground."""

from helpers.live.controls import checkbox, float_slider, int_slider, log_slider, menu, powers_of_two
from helpers.live.part import LivePicture, LiveTraining, live_picture, live_training
from helpers.live.playground import Playground, experiment, num_parameters, playground, training_bytes

__all__ = [
    "LivePicture", "LiveTraining", "Playground", "checkbox", "experiment", "float_slider", "int_slider",
    "live_picture", "live_training", "log_slider", "menu", "num_parameters", "playground", "powers_of_two",
    "training_bytes",
]  # fmt: skip
