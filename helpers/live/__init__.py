"""Live parts: controls that retrain a model or redraw a picture at once, and notebook 4's playground."""

import gc

from helpers.live.controls import checkbox, float_slider, int_slider, log_slider, menu, powers_of_two
from helpers.live.curves import Curves
from helpers.live.experiment import Experiment, experiment
from helpers.live.picture import LivePicture, live_picture
from helpers.live.playground import Playground, playground
from helpers.live.saved_picture import saved_picture
from helpers.live.tasks import num_parameters, training_bytes
from helpers.live.training import LiveTraining, live_training
from helpers.training import warm_up

# The first picture of a process loads fonts and the encoder, and the first optimiser much of PyTorch: pay for that at
# import, not at a learner's first move.
saved_picture(Curves(log=True))
warm_up()
# What the imports left, half a million objects, stays for good: without looking through them again and again the
# garbage collector needs milliseconds where it would stop a growing curve for 0.2 s.
gc.collect()
gc.freeze()
