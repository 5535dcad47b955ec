"""The loop against the usual `Dataset` + `DataLoader`, against the barest loop, and against row-sparse updates."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from helpers.data import Samples
from helpers.models import MLP, CollaborativeFilter
from helpers.training import Config, evaluate, train
from tests.benchmarks.measuring import Row, alternate, compared, noise

# Users, movies and training ratings of ml-latest-small and of ml-100k; what the ratings say does not matter for speed.
SHAPES = {"ml-latest-small": (610, 9724, 80_668), "ml-100k": (943, 1682, 80_000)}
AT_LEAST = {"ml-latest-small": 4, "ml-100k": 8}


def made_up(num_users: int, num_movies: int, num_ratings: int) -> Samples:
    """Ratings with the long tails of ml-latest-small: a tenth of the users gives 46 %, a tenth of the films 60 %."""
    generator = torch.Generator().manual_seed(0)
    columns = []
    for count, exponent in ((num_users, 3), (num_movies, 4.5)):
        popular = torch.randperm(count, generator=generator)  # who is popular stands anywhere in the table
        places = torch.rand(num_ratings, generator=generator, dtype=torch.float64) ** exponent * count
        columns.append(popular[places.long()])
    return Samples(torch.stack(columns, 1), torch.randint(1, 11, (num_ratings,), generator=generator) / 2)


class RowByRow(Dataset):
    """Ratings as most tutorials hold them: three columns, and one `__getitem__` for every rating."""

    def __init__(self, samples: Samples) -> None:
        self.user, self.movie = samples.inputs.unbind(1)
        self.rating = samples.targets

    def __len__(self) -> int:
        return len(self.rating)

    def __getitem__(self, row: int) -> tuple[Tensor, Tensor, Tensor]:
        return self.user[row], self.movie[row], self.rating[row]


def with_data_loader(model: torch.nn.Module, samples: Samples, config: Config) -> list[float]:
    """The way most tutorials write it, `.item()` at every update included; the losses of all updates.

    It goes through the ratings in the order in which `train()` draws them, so that the losses can be compared.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
    generator = torch.Generator().manual_seed(config.seed)
    losses = []
    for _ in range(config.num_epochs):
        order = torch.randperm(len(samples), generator=generator)
        for user, movie, rating in DataLoader(RowByRow(samples), config.batch_size, sampler=order.tolist()):
            loss = torch.nn.functional.mse_loss(model(torch.stack([user, movie], 1)), rating)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


def bare(model: torch.nn.Module, samples: Samples, config: Config, validation: Samples | None = None) -> list[float]:
    """Nothing but the five steps, with everything that makes them fast."""
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate, fused=True)
    generator = torch.Generator().manual_seed(config.seed)
    losses = []
    for _ in range(config.num_epochs):
        for batch in torch.randperm(len(samples), generator=generator).split(config.batch_size):
            loss = (
                (model(samples.inputs.index_select(0, batch)) - samples.targets.index_select(0, batch)).square().mean()
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        if validation is not None:
            evaluate(model, validation)
    return torch.stack(losses).tolist()


def ours(model: torch.nn.Module, samples: Samples, config: Config, validation: Samples | None = None) -> list[float]:
    """`train()`, watched as the notebooks watch it; the losses of all updates."""
    return torch.stack([progress.loss for progress in train(model, samples, validation, config)]).tolist()


def against_data_loader(rounds: int = 3) -> Iterator[Row]:
    """Two epochs of the same work: the same batches, and so the same losses."""
    config = Config(num_epochs=2)
    for name, (num_users, num_movies, num_ratings) in SHAPES.items():
        samples = made_up(num_users, num_movies, num_ratings)
        times = alternate(
            {
                loop.__name__: lambda loop=loop, shape=(num_users, num_movies), samples=samples: loop(
                    CollaborativeFilter(*shape, 50, mean=2.75), samples, config
                )
                for loop in (with_data_loader, ours)
            },
            rounds,
        )
        theirs, mine = times["with_data_loader"], times["ours"]
        apart = max(abs(a - b) for a, b in zip(theirs.result, mine.result, strict=True))
        if apart > 1e-3:
            raise AssertionError(f"the loops do different work: losses are {apart} apart")
        yield Row(
            f"Dataset + DataLoader over train(), {name}",
            theirs.seconds / mine.seconds,
            at_least=AT_LEAST[name],
            details=f"{compared(theirs, mine)}; losses at most {apart:.0e} apart",
            noise=noise(theirs, mine),
        )


def over_the_barest(rounds: int = 15) -> Iterator[Row]:
    """`train()` and its progress over nothing but the five steps, with and without validation; and for a tiny model."""
    ratings, held_back = made_up(*SHAPES["ml-latest-small"]), made_up(610, 9724, 20_168)
    patients = Samples(torch.randn(353, 10), torch.randn(353))
    cases: dict[str, tuple[Callable, Samples, Samples | None, Config]] = {
        "ratings": (lambda: CollaborativeFilter(610, 9724, 50, mean=2.75), ratings, None, Config(num_epochs=1)),
        "ratings, validation included": (
            lambda: CollaborativeFilter(610, 9724, 50, mean=2.75), ratings, held_back, Config(num_epochs=1),
        ),
        "353 patients, batch 32": (lambda: MLP(10), patients, None, Config(num_epochs=20, batch_size=32)),
    }  # fmt: skip
    for name, (make, samples, validation, config) in cases.items():
        times = alternate(
            {
                loop.__name__: lambda loop=loop, make=make, rest=(samples, config, validation): loop(make(), *rest)
                for loop in (bare, ours)
            },
            rounds,
        )
        one, other = times["ours"], times["bare"]
        yield Row(
            f"train() over the barest loop, {name}",
            one.seconds / other.seconds,
            at_most=1.05 if name.startswith("ratings") else None,
            details=compared(one, other),
            noise=noise(one, other),
        )


KINDS = {  # of PyTorch's operators, by their names
    "the optimiser's pass over all weights": ("aten::_fused_adam_",),
    "Python around it, PyTorch's own": ("Optimizer.step#Adam.step", "Optimizer.zero_grad#Adam.zero_grad"),
    "gradients of the tables": ("aten::scatter_add_", "aten::index_add_", "aten::embedding_dense_backward"),
    "tables of zeros for them": ("aten::fill_",),
    "rows looked up": ("aten::index_select",),
}


def where_the_time_goes(epochs: int = 2) -> Iterator[Row]:
    """The default run on ml-latest-small's shape, by operator: the share of each kind in the processor's seconds."""
    samples, config = made_up(*SHAPES["ml-latest-small"]), Config(num_epochs=epochs)
    ours(CollaborativeFilter(610, 9724, 50, mean=2.75), samples, config)  # the first run warms up
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        ours(CollaborativeFilter(610, 9724, 50, mean=2.75), samples, config)
    own = {event.key: event.self_cpu_time_total for event in profile.key_averages()}
    total = sum(own.values())
    for kind, names in KINDS.items():
        yield Row(f"share of {kind}", sum(own.get(name, 0) for name in names) / total, details=", ".join(names))
    weights = (610 + 9724) * 51
    moved = weights * 7 * 4  # gradient read; weight, mean and square read and written; four bytes each
    seconds = own.get("aten::_fused_adam_", 0) / 1e6 / (epochs * 79)
    speed = moved / seconds / 1e9 if seconds else 0.0
    yield Row(
        "GB/s that the optimiser moves", speed, details=f"{moved / 1e6:.1f} MB in {seconds * 1e3:.2f} ms an update"
    )


# ---------------------------------------------------------------------------------------- rows nobody looked up


class LazyAdam(torch.optim.Optimizer):
    """Adam on the rows that the batch looked up; the other rows and their moments wait. Needs sparse gradients."""

    def __init__(self, tables: list[Tensor], lr: float) -> None:
        super().__init__(tables, {"lr": lr})
        self.updates = 0
        self.moments = {table: (torch.zeros_like(table), torch.zeros_like(table)) for table in tables}

    @torch.no_grad()
    def step(self) -> None:
        """One update of the looked-up rows."""
        self.updates += 1
        for table in self.param_groups[0]["params"]:
            gradient, (first, second) = table.grad.coalesce(), self.moments[table]
            rows, values = gradient.indices()[0], gradient.values()
            mean = first.index_select(0, rows).lerp_(values, 0.1)
            square = second.index_select(0, rows).mul_(0.999).addcmul_(values, values, value=0.001)
            first.index_copy_(0, rows, mean)
            second.index_copy_(0, rows, square)
            corrected = square.div(1 - 0.999**self.updates).sqrt_().add_(1e-8)
            rate = self.param_groups[0]["lr"] / (1 - 0.9**self.updates)
            table.index_add_(0, rows, mean / corrected, alpha=-rate)


def row_sparse(optimizer: type[torch.optim.Optimizer]) -> Callable[..., list[float]]:
    """The barest loop with gradients for the looked-up rows only."""

    def loop(model: CollaborativeFilter, samples: Samples, config: Config) -> list[float]:
        for table in (model.user_embedding, model.movie_embedding, model.user_bias, model.movie_bias):
            table.sparse = True
        updates = optimizer(list(model.parameters()), lr=config.learning_rate)
        generator, losses = torch.Generator().manual_seed(config.seed), []
        for batch in torch.randperm(len(samples), generator=generator).split(config.batch_size):
            loss = (
                (model(samples.inputs.index_select(0, batch)) - samples.targets.index_select(0, batch)).square().mean()
            )
            updates.zero_grad()
            loss.backward()
            updates.step()
            losses.append(loss.detach())
        return torch.stack(losses).tolist()

    return loop


def row_sparse_variants(rounds: int = 3) -> Iterator[Row]:
    """What touching only the looked-up rows would gain over the dense update of every row."""
    variants = {"SparseAdam": row_sparse(torch.optim.SparseAdam), "a lazily updated Adam": row_sparse(LazyAdam)}
    shapes = {
        "ml-latest-small, batch 1,024": (*SHAPES["ml-latest-small"], 1024),
        "ml-100k, batch 1,024": (*SHAPES["ml-100k"], 1024),
        "ml-1m, batch 8,192": (6_040, 3_706, 800_000, 8192),
        "221,588 rows, batch 65,536": (162_541, 59_047, 1_000_000, 65_536),
        "221,588 rows, batch 1,024": (162_541, 59_047, 50_000, 1024),
    }
    for name, (num_users, num_movies, num_ratings, batch_size) in shapes.items():
        samples, config = made_up(num_users, num_movies, num_ratings), Config(num_epochs=1, batch_size=batch_size)
        tasks = {
            variant: lambda loop=loop, shape=(num_users, num_movies), given=(samples, config): loop(
                CollaborativeFilter(*shape, 50, mean=2.75), *given
            )
            for variant, loop in {"dense": ours, **variants}.items()
        }
        times = alternate(tasks, rounds)
        updates = math.ceil(num_ratings / batch_size)
        for variant in variants:
            yield Row(
                f"{variant} over dense, {name}",
                times[variant].seconds / times["dense"].seconds,
                details=f"dense {times['dense'].seconds / updates * 1e3:.2f} ms an update",
            )
