"""What the notebooks of Epoch by Epoch import: the training loop, its data and models, and the live pictures.

Read `training.py` first: the loop is there. Imports run one way: playground, live, plots, training, models and data.
"""

from helpers.devices import choose_threads

choose_threads()
