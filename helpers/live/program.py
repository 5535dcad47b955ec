"""A run of the playground as a plain PyTorch program, for those who leave the course: no `helpers` in it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from helpers.live.tasks import TEST_SEED
from helpers.training import OPTIMIZERS
from helpers.training.optimizers import OptimizerKind

RATINGS = '''
# Ratings: users and films numbered from 0, a part of the ratings held back.
table = pd.read_csv("ratings.csv")
users, films = (pd.factorize(table[column], sort=True)[0] for column in ("userId", "movieId"))
inputs = torch.tensor(np.column_stack([users, films]))
targets = torch.tensor(table["rating"].to_numpy(), dtype=torch.float32)
parts = train_test_split({known}, test_size={validation_share}, random_state={seed})
(x, y), (x_validation, y_validation) = ((inputs[part], targets[part]) for part in map(torch.from_numpy, parts))


class Model(nn.Module):
    """mean + bias of the user + bias of the film + dot product of their embeddings"""

    def __init__(self, num_users, num_films, size, mean):
        super().__init__()
        draw = torch.Generator().manual_seed({seed})
        self.user, self.film = (
            nn.Parameter(torch.zeros(rows, size).normal_(0, 0.04, generator=draw)) for rows in (num_users, num_films)
        )
        self.user_bias, self.film_bias = (nn.Parameter(torch.zeros(rows, 1)) for rows in (num_users, num_films))
        self.mean = mean

    def forward(self, rows):
        user, film = rows.unbind(1)
        bias = [self.user_bias.index_select(0, user), self.film_bias.index_select(0, film)]
        vector = [self.user.index_select(0, user), self.film.index_select(0, film)]
        self.looked_up = [*bias, *vector]
        return self.mean + bias[0].squeeze(1) + bias[1].squeeze(1) + (vector[0] * vector[1]).sum(1)

    def penalty(self):
        return sum(rows.pow(2).sum(1) for rows in self.looked_up).mean()


model = Model(users.max() + 1, films.max() + 1, {embedding_dim}, y.mean())
'''
PATIENTS = '''
# 442 patients: ten measurements each, and how the disease went; standardised by the training part.
parts = train_test_split(*load_diabetes(return_X_y=True), test_size={validation_share}, random_state={seed})
mean, spread = parts[0].mean(axis=0), parts[0].std(axis=0)
x, x_validation = (torch.tensor((part - mean) / spread, dtype=torch.float32) for part in parts[:2])
y, y_validation = (torch.tensor(part, dtype=torch.float32) for part in parts[2:])


class Model(nn.Module):
    """10 measurements -> 64 units -> 1 number"""

    def __init__(self):
        super().__init__()
        torch.manual_seed({seed})
        self.layers = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, rows):
        return self.layers(rows).squeeze(1)

    def penalty(self):
        return sum(layer.weight.pow(2).sum() for layer in (self.layers[0], self.layers[2]))


model = Model()
'''
LOOP = """
optimizer = {optimizer}
draw = torch.Generator().manual_seed({seed})
losses, validation_losses = [], []
{steps}
for epoch in range(1, {num_epochs} + 1):
    for batch in torch.randperm(len(y), generator=draw).split({batch_size}):{rate_now}
        loss = (model(x[batch]) - y[batch]).square().mean()
        objective = loss{penalty}
        optimizer.zero_grad()
        objective.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        validation_losses.append((model(x_validation) - y_validation).square().mean().item())
    print(f"epoch {{epoch}}: validation {measure}")
"""
FACTORS = {
    "constant": "",
    "linear": "1 - len(losses) / num_updates",
    "cosine": "0.5 + 0.5 * math.cos(math.pi * len(losses) / num_updates)",
}


def program(values: Mapping[str, Any], optimizer: str, schedule: str, test_size: float = 0.0) -> str:
    """The text of a program that makes this run, to the last digit on the same machine.

    Args:
        values: the settings of a run by the names of the playground's controls.
        optimizer, schedule: their names as `Config` has them.
        test_size: the share of the ratings that the playground holds back.
    """
    patients, rate, decay = values["data"] == "diabetes", values["learning_rate"], values["weight_decay"]
    factor, known = FACTORS[schedule], "np.arange(len(table))"
    if test_size:
        known = f"train_test_split({known}, test_size={test_size}, random_state={TEST_SEED})[0]"
    loop = LOOP.format(
        **{**values, "optimizer": _made(OPTIMIZERS[optimizer], rate, decay)},
        steps=f"num_updates = {values['num_epochs']} * math.ceil(len(y) / {values['batch_size']})\n"
        if factor else "",
        rate_now=f'\n        optimizer.param_groups[0]["lr"] = ({factor}) * {rate}' if factor else "",
        penalty=f" + {decay} * model.penalty()" if decay and not OPTIMIZERS[optimizer].decays_weights else "",
        measure="loss {validation_losses[-1]:.4f}" if patients else "RMSE {validation_losses[-1] ** 0.5:.4f}",
    )  # fmt: skip
    imports = ["import math"] if factor else []
    imports += ["import torch"] if patients else ["import numpy as np", "import pandas as pd", "import torch"]
    imports += ["from sklearn.datasets import load_diabetes"] if patients else []
    imports += ["from sklearn.model_selection import train_test_split", "from torch import nn"]
    needs = "" if patients else '\n\nThe playground\'s "Download the ratings" gives ratings.csv, to lie beside it.\n'
    head = f'"""A run of the playground in plain PyTorch; the last digits depend on the machine.{needs}"""\n\n'
    body = (PATIENTS if patients else RATINGS).format(**values, known=known)
    return head + "\n".join(imports) + "\n\ntorch.set_num_threads(1)\n" + body + loop


def _made(kind: OptimizerKind, rate: float, decay: float) -> str:
    """The call that makes an optimiser as `make_optimizer` does on a CPU."""
    options = {"lr": rate, **getattr(kind.make, "keywords", {})}
    options |= {"weight_decay": decay} if kind.decays_weights else {}
    options |= {"fused": True} if "fused" in inspect.signature(kind.make).parameters else {}
    given = ", ".join(f"{name}={value!r}" for name, value in options.items())
    return f"torch.optim.{getattr(kind.make, 'func', kind.make).__name__}(model.parameters(), {given})"
