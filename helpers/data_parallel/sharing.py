"""Inside a worker: a share of each batch, averaged gradients, and otherwise the course's own loop."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from helpers import training
from helpers.training import Config, Progress

if TYPE_CHECKING:
    from helpers.data import Samples

# A worker that hangs is given up after this long; one that dies is noticed at once.
PATIENCE = timedelta(minutes=2)


def start() -> torch.device:
    """Join the other workers that torchrun started, and return this worker's device: its own GPU, or the CPU.

    Without torchrun there is nobody to join, and the same script runs as one process.
    """
    on_gpu = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if on_gpu else torch.device("cpu")
    if dist.is_torchelastic_launched() and not dist.is_initialized():
        if on_gpu:
            torch.cuda.set_device(device)
        dist.init_process_group("nccl" if on_gpu else "gloo", timeout=PATIENCE)
    return device


def rank() -> int:
    """This worker's number, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def num_workers() -> int:
    """How many workers train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


class Shares:
    """One worker's share of every batch: of the batch's samples numbers rank, rank + W, rank + 2W, … for W workers.

    It stands where `train()` expects its samples. All workers draw the same batches, because they have the same seed.

    Attributes:
        size: samples of this worker in the newest batch; 0 where a short batch has fewer samples than workers.
        weight: the same as a share of the batch. The weights of all workers add up to 1.
    """

    def __init__(self, samples: Samples, rank: int, num_workers: int) -> None:
        self.samples, self.rank, self.num_workers = samples, rank, num_workers
        self.inputs, self.targets = samples.inputs, samples.targets
        self.size, self.weight = 0, 0.0

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        share = batch[self.rank :: self.num_workers]
        self.size, self.weight = len(share), len(share) / len(batch)
        # A worker without a sample must still take part in the averaging: it looks at one, with weight zero.
        return self.samples[share if len(share) else batch[:1]]


def average_gradients(model: nn.Module, shares: Shares) -> list[RemovableHandle]:
    """Replace every gradient, as soon as backpropagation has it, by the weighted mean over all workers.

    Each worker's gradient is the mean over its share; weighted by the share's size they add up to the mean over the
    batch, whether the shares are equal or not. Returns the hooks; removing them ends it.
    """

    def average(weights: Tensor) -> None:
        assert weights.grad is not None  # the hook runs when it is there
        weights.grad.mul_(shares.weight)
        dist.all_reduce(weights.grad, op=dist.ReduceOp.SUM)

    return [
        weights.register_post_accumulate_grad_hook(average) for weights in model.parameters() if weights.requires_grad
    ]


def share_buffers(model: nn.Module) -> RemovableHandle:
    """After every forward pass in training, everyone takes over worker 0's buffers, such as BatchNorm's running means.

    PyTorch's DistributedDataParallel does the same. Returns the hook; removing it ends it.
    """

    def take_over(*_: object) -> None:
        if model.training and torch.is_grad_enabled():
            for buffer in model.buffers():
                dist.broadcast(buffer.data, src=0)  # .data: backpropagation need not know of it

    return model.register_forward_hook(take_over)


def train(
    model: nn.Module,
    train_set: Samples,
    validation_set: Samples | None = None,
    config: Config | None = None,
    **options: Any,
) -> Iterator[Progress]:
    """`helpers.training.train()`, with every batch shared out among the workers; same arguments, same numbers.

    Every worker gives the same arguments and gets the same weights, `train_loss` and `validation_loss`; `loss` is
    the mean over the worker's own share. `batch_size` counts the samples of all workers together. Only a layer that
    lets the samples of a batch meet (BatchNorm) makes other numbers than one process: it sees its worker's share.
    Raises `LessonError` as `helpers.training.train()`.
    """
    if num_workers() == 1:
        return training.train(model, train_set, validation_set, config, **options)
    shares = Shares(train_set, rank(), num_workers())
    return _with_everyones_loss(
        model, shares, training.train(model, cast("Samples", shares), validation_set, config, **options)
    )


def _with_everyones_loss(model: nn.Module, shares: Shares, run: Iterator[Progress]) -> Iterator[Progress]:
    for weights in model.state_dict().values():
        dist.broadcast(weights, src=0)  # everyone starts where worker 0 starts
    hooks = [*average_gradients(model, shares), share_buffers(model)]
    losses = torch.zeros(2, dtype=torch.float64, device=shares.targets.device)
    try:
        for progress in run:
            losses[0] += progress.loss * shares.size
            losses[1] += shares.size
            if progress.epoch_ended:
                dist.all_reduce(losses, op=dist.ReduceOp.SUM)
                progress = replace(progress, train_loss=float(losses[0] / losses[1]))
                losses.zero_()
            yield progress
    finally:
        for hook in hooks:
            hook.remove()
