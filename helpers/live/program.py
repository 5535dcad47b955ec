"""A run of the playground as a plain PyTorch program, for those who leave the course: no `helpers` in it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from helpers.live.chart import beside
from helpers.live.tasks import TEST_SEED
from helpers.training import OPTIMIZERS
from helpers.training.optimizers import OptimizerKind

RATINGS, PATIENTS, LOOP = (beside(f"program_{part}.txt") for part in ("ratings", "patients", "loop"))
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
