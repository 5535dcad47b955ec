"""On a GPU the loop must not wait for a number: nothing is read back between two updates, only when an epoch ends."""

import sys

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from helpers.data import Samples
from helpers.live import live_training
from helpers.models import MLP, CollaborativeFilter
from helpers.training import OPTIMIZERS, Config, History, train


def names_the_cpu(*targets: object, **named: object) -> bool:
    return any(isinstance(t, str | torch.device) and torch.device(t).type == "cpu" for t in (*targets, *named.values()))


class Reads(TorchDispatchMode):
    """Counts what makes the processor wait for a GPU: numbers read out of tensors, and sizes that depend on data.

    Operators are seen as PyTorch dispatches them. What does nothing at all to a tensor that is on the CPU already, and
    so is never dispatched here, is counted where it is called.
    """

    WAITING = ("_local_scalar_dense", "nonzero", "_unique2", "masked_select", "is_nonzero", "equal")
    CALLED = ("cpu", "tolist", "numpy", "__array__", "__repr__")

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self._patches = pytest.MonkeyPatch()

    def __enter__(self):
        for name in self.CALLED:
            self._patches.setattr(torch.Tensor, name, self._counted(getattr(torch.Tensor, name)))
        self._patches.setattr(torch.Tensor, "to", self._counted(torch.Tensor.to, names_the_cpu))
        return super().__enter__()

    def __exit__(self, *error):
        self._patches.undo()
        return super().__exit__(*error)

    def _counted(self, original, counts=lambda *args, **kwargs: True):
        def call(tensor, *args, **kwargs):
            self.count += counts(*args, **kwargs)
            return original(tensor, *args, **kwargs)

        return call

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        self.count += name in self.WAITING or (name.startswith("index") and self._by_mask(args))
        return function(*args, **(kwargs or {}))

    @staticmethod
    def _by_mask(args) -> bool:
        places = args[1] if len(args) > 1 and isinstance(args[1], list | tuple) else ()
        return any(isinstance(place, torch.Tensor) and place.dtype == torch.bool for place in places)


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


def count_with(watch, num_samples: int) -> int:
    run = train(CollaborativeFilter(20, 20, 4), rated(num_samples), None, Config(num_epochs=2, batch_size=8))
    with Reads() as seen:
        for progress in run:
            watch(progress)
    return seen.count


NUMBER, ROWS = torch.ones(()), torch.arange(3.0)
READS = {
    "float": lambda: float(NUMBER),
    "item": lambda: NUMBER.item(),
    "a decision": lambda: bool(NUMBER > 0),
    "cpu": lambda: NUMBER.cpu(),
    "to the CPU": lambda: NUMBER.to("cpu"),
    "to a device by name": lambda: NUMBER.to(device=torch.device("cpu")),
    "tolist": lambda: ROWS.tolist(),
    "numpy": lambda: ROWS.numpy(),
    "an array": lambda: np.asarray(ROWS),
    "print": lambda: print(NUMBER),
    "a mask": lambda: ROWS[ROWS > 1],
    "writing by a mask": lambda: ROWS.clone().__setitem__(ROWS > 1, 0.0),
    "nonzero": lambda: ROWS.nonzero(),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_the_count_sees_every_kind_of_read(read):
    with Reads() as seen:
        read()
    assert seen.count >= 1


def test_the_count_does_not_see_what_waits_for_nothing():
    with Reads() as seen:
        ROWS.to(torch.float64)[torch.tensor([2, 0])].sum().detach().square_()
    assert seen.count == 0


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_reads_are_per_epoch_and_not_per_update(optimizer):
    assert reads(optimizer, num_samples=640) <= reads(optimizer, num_samples=64)


@pytest.mark.parametrize(("validation", "per_epoch"), [(False, 3), (True, 4)])
def test_few_reads_for_each_epoch(validation, per_epoch):
    # The order goes to the device, the losses come back, their mean is read, and so is the validation loss.
    assert reads(validation=validation) <= 2 * per_epoch


def test_a_read_at_every_update_would_be_seen():
    few, many = (count_with(lambda progress: progress.loss.cpu(), size) for size in (64, 640))
    assert many - few == 2 * (80 - 8)


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
    for name, module in list(sys.modules.items()):
        if name.startswith("helpers.live") and hasattr(module, "perf_counter"):
            monkeypatch.setattr(module, "perf_counter", lambda: 0.0)  # so that no slice ends before the run does
    counts = []
    for num_samples in (160, 1600):

        def start(num_samples=num_samples):
            return train(
                MLP(2), Samples(torch.rand(num_samples, 2), torch.rand(num_samples)), None, Config(batch_size=8)
            )

        with Reads() as seen:
            live_training(start)
        counts.append(seen.count)
    few, many = counts  # of 200 updates and of 2,000, in ten epochs each
    assert few > 0 and many <= few


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
