"""What the notebooks of Epoch by Epoch import: the training loop, its data and models, and the live pictures.

Read `training/loop.py` first: the loop is there. Imports run one way: live, plots, training, models and data.
"""

import gc

# Imports make hundreds of thousands of objects that stay. The garbage collector would look through them again after
# every 700 new ones: a seventh of the time until a first cell has run.
gc.set_threshold(20_000)
