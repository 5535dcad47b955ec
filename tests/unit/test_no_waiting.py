"""On a GPU the loop must not wait for a number: nothing is read back between two updates, only when an epoch ends."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from helpers.data import Samples
from helpers.live import live_training
from helpers.models import MLP, CollaborativeFilter
from helpers.training import OPTIMIZERS, Config, History, train


class Reads(TorchDispatchMode):
    """Counts what makes the processor wait for a GPU: numbers read out of tensors, and sizes that depend on data."""

    WAITING = ("_local_scalar_dense", "nonzero", "_unique2", "masked_select", "is_nonzero", "equal")

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += function.overloadpacket.__name__ in self.WAITING
        return function(*args, **(kwargs or {}))


def rated(num_samples: int, device: str = "cpu") -> Samples:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randint(20, (num_samples, 2), generator=generator)
    return Samples(inputs.to(device), torch.rand(num_samples, generator=generator).to(device))


def reads(optimizer: str = "adam", num_samples: int = 64, validation: bool = True) -> int:
    model = CollaborativeFilter(20, 20, 4)
    config = Config(num_epochs=2, batch_size=8, optimizer=optimizer, weight_decay=0.1)
    run = train(model, rated(num_samples), rated(30) if validation else None, config)
    with Reads() as seen:
        for _progress in run:
            pass
    return seen.count


def test_the_count_sees_a_read():
    with Reads() as seen:
        float(torch.ones(()))
        torch.ones(()).item()
        bool(torch.ones(()) > 0)
    assert seen.count == 3


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_reads_are_per_epoch_and_not_per_update(optimizer):
    assert reads(optimizer, num_samples=64) == reads(optimizer, num_samples=640)


@pytest.mark.parametrize(("validation", "per_epoch"), [(False, 1), (True, 2)])
def test_one_read_for_each_loss_of_an_epoch(validation, per_epoch):
    assert reads(validation=validation) == 2 * per_epoch


def test_a_history_reads_all_new_losses_at_once(monkeypatch):
    history = History.of(train(CollaborativeFilter(20, 20, 4), rated(640), None, Config(num_epochs=2, batch_size=8)))
    lists = []
    original = torch.Tensor.tolist
    monkeypatch.setattr(torch.Tensor, "tolist", lambda tensor: lists.append(len(tensor)) or original(tensor))
    assert len(history.losses) == 160
    assert lists == [160]
    assert len(history.losses) == 160
    assert lists == [160], "what has been read is not read again"


def test_watching_live_adds_no_read_per_update(monkeypatch):
    monkeypatch.setenv("EPOCH_SYNC", "1")
    counts = []
    for num_samples in (160, 1600):

        def start(num_samples=num_samples):
            return train(
                MLP(2), Samples(torch.rand(num_samples, 2), torch.rand(num_samples)), None, Config(batch_size=8)
            )

        with Reads() as seen:
            live_training(start)
        counts.append((seen.count, num_samples * 10 // 8))
    (few, few_updates), (many, many_updates) = counts
    # A frame reads what is new; slower runs have more frames, but far fewer than updates.
    assert many - few < (many_updates - few_updates) / 10


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_on_cuda_no_update_waits():
    model = CollaborativeFilter(20, 20, 4).to("cuda")
    run = train(model, rated(640, "cuda"), None, Config(num_epochs=1, batch_size=8, weight_decay=0.1))
    next(run)  # the order of the epoch is sent, and the optimiser makes its state
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(78):
            assert next(run).loss.is_cuda
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert next(run).epoch_ended
