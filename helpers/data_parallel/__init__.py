"""Data parallel: several workers train one model, each on its share of every batch.

`sharing` is what happens inside a worker: `train()` is the course's loop, with a share of each batch and averaged
gradients. `workers` starts processes on this machine with PyTorch's own launcher, torchrun.

Checked with processes on CPUs (gloo). The way to several GPUs (nccl) is written down but has not been run, nor have
workers on Windows.
"""

from helpers.data_parallel.sharing import Shares, average_gradients, num_workers, rank, start, train
from helpers.data_parallel.workers import Workers, command
