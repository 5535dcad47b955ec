"""What several tests build: small samples, and progress that no run has made."""

import torch

from helpers.data import Samples
from helpers.training import Progress


def patients(
    num_samples: int = 53, num_features: int = 4, seed: int = 0, dtype: torch.dtype = torch.float32
) -> Samples:
    """Features drawn from a normal distribution; each target is their sum and some noise."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(num_samples, num_features, generator=generator, dtype=dtype)
    noise = torch.randn(num_samples, generator=generator, dtype=dtype)
    return Samples(inputs, inputs.sum(1) + 0.3 * noise)


def ratings(num_samples: int = 53, seed: int = 0) -> Samples:
    """Stars from 1 to 5, given at random by 7 users to 11 films."""
    generator = torch.Generator().manual_seed(seed)
    user = torch.randint(7, (num_samples, 1), generator=generator)
    movie = torch.randint(11, (num_samples, 1), generator=generator)
    return Samples(torch.cat([user, movie], 1), 1 + 4 * torch.rand(num_samples, generator=generator))


def made_up_progress(update: int, loss: float, *, num_updates: int, num_epochs: int = 1, **more: object) -> Progress:
    """The progress of one update, with its epoch worked out; `train_loss` marks the end of an epoch."""
    per_epoch = num_updates // num_epochs
    values = {
        "update": update,
        "num_updates": num_updates,
        "epoch": (update - 1) // per_epoch + 1,
        "num_epochs": num_epochs,
        "samples_seen": update * 32,
        "seconds": update * 0.01,
        "loss": torch.tensor(loss),
    }
    return Progress(**{**values, **more})
