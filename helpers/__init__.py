"""What the notebooks of Epoch by Epoch import: the training loop, its data and models, and the live pictures.

Read `training/loop.py` first: the loop is there. Imports run one way: live, plots, training, models and data.
"""
