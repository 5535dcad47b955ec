"""The two models of the course: a small multi-layer perceptron and the collaborative filter."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from helpers.checks import LessonError, finite_number, is_whole, positive_int, seed_number, shown, switch
from helpers.devices import RandomState

if TYPE_CHECKING:
    from helpers.data import Ratings, Samples

# Small: the first predictions stay close to the mean. Not too small: the two tables pull each other away from zero.
INITIAL_SPREAD = 0.04


class _RowModel(nn.Module):
    """A model that looks rows up in tables, and remembers which for the penalty."""

    mean: Tensor

    def __init__(self, num_users: int, num_movies: int, mean: float) -> None:
        super().__init__()
        self.num_users = positive_int("num_users", num_users)
        self.num_movies = positive_int("num_movies", num_movies)
        self.register_buffer("mean", _mean(mean))
        self._looked_up: list[Tensor] = []

    def penalty(self) -> Tensor:
        """The squared length of the rows that the last forward looked up, averaged over its batch; a scalar.

        The regulariser of Koren et al. (2009), equation 5: a row is held back once for every rating that uses it.
        Raises `LessonError` without a forward in training since the last call.
        """
        looked_up, self._looked_up = self._looked_up, []
        if not looked_up:
            raise LessonError("The penalty is that of the rows just looked up: call the model in training mode first.")
        return reduce(torch.add, (rows.pow(2).sum(1) for rows in looked_up)).mean()

    def __getstate__(self) -> dict:
        # What the last forward looked up belongs to its graph, which can be neither copied nor saved.
        return {**super().__getstate__(), "_looked_up": []}


class CollaborativeFilter(_RowModel):
    """Predicts a rating as mean + user bias + movie bias + dot product of two embeddings.

    Koren, Bell & Volinsky (2009), "Matrix factorization techniques for recommender systems", equation 4.

    Args:
        num_users, num_movies: rows of the two tables.
        embedding_dim: numbers per row; 0 leaves only the biases.
        mean: the global mean of the training ratings, in stars.
        biases: whether users and movies have a bias.
        seed: of the initial weights; the same seed gives the same weights.

    Raises `LessonError` for a table without rows, or an embedding_dim below 0.
    """

    def __init__(
        self, num_users: int, num_movies: int, embedding_dim: int = 50, *, mean: float = 0.0, biases: bool = True,
        seed: int = 42,
    ) -> None:  # fmt: skip
        super().__init__(num_users, num_movies, mean)
        if not is_whole(embedding_dim) or embedding_dim != 0:
            embedding_dim = positive_int("embedding_dim", embedding_dim)
        elif not switch("biases", biases):
            raise LessonError(
                "embedding_dim 0 without biases leaves nothing to learn: keep the biases or give it at least 1."
            )
        generator = torch.Generator().manual_seed(seed_number("seed", seed))
        self.user_embedding = _table(num_users, embedding_dim, generator) if embedding_dim else None
        self.movie_embedding = _table(num_movies, embedding_dim, generator) if embedding_dim else None
        self.user_bias = _table(num_users, 1, None) if switch("biases", biases) else None
        self.movie_bias = _table(num_movies, 1, None) if biases else None

    @classmethod
    def for_ratings(
        cls, ratings: Ratings, train_set: Samples, embedding_dim: int = 50, **options
    ) -> CollaborativeFilter:
        """A model with a row for every user and movie of `ratings` and the mean of `train_set`, on its device."""
        options.setdefault("mean", train_set.targets.mean().item())
        model = cls(ratings.num_users, ratings.num_movies, embedding_dim, **options)
        return model.to(train_set.targets.device)

    def forward(self, inputs: Tensor) -> Tensor:
        """Rows (B, 2) of [user, movie], int64 -> predicted ratings (B,), in stars."""
        user, movie = inputs.unbind(1)
        prediction, looked_up = self.mean, []
        if self.user_bias is not None and self.movie_bias is not None:
            user_bias, movie_bias = _look_up(self.user_bias, user), _look_up(self.movie_bias, movie)
            prediction = prediction + user_bias.squeeze(1) + movie_bias.squeeze(1)
            looked_up += [user_bias, movie_bias]
        if self.user_embedding is not None and self.movie_embedding is not None:
            user_vector, movie_vector = _look_up(self.user_embedding, user), _look_up(self.movie_embedding, movie)
            prediction = prediction + (user_vector * movie_vector).sum(1)
            looked_up += [user_vector, movie_vector]
        self._looked_up = looked_up if self.training else []
        return prediction


class MLP(nn.Module):
    """A multi-layer perceptron with ReLU between its layers and one number out.

    Args:
        num_features: numbers per sample.
        hidden: units in each hidden layer; () leaves a linear model.
        seed: of the initial weights; the same seed gives the same weights.

    Raises `LessonError` for a layer without units, or one number where a tuple belongs.
    """

    def __init__(self, num_features: int, hidden: tuple[int, ...] = (64,), *, seed: int = 42) -> None:
        super().__init__()
        if not isinstance(hidden, Iterable) or getattr(hidden, "ndim", 1) == 0:
            raise LessonError(
                f"hidden must be a tuple with the units of each hidden layer, such as (64,); you gave {shown(hidden)}."
            )
        seed = seed_number("seed", seed)
        units = (positive_int("units in a hidden layer", number) for number in hidden)
        sizes = [positive_int("num_features", num_features), *units]
        with RandomState(seed):  # making a model does not disturb anybody else's numbers
            layers: list[nn.Module] = []
            for fan_in, fan_out in pairwise(sizes):
                layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
            self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], 1))

    def forward(self, inputs: Tensor) -> Tensor:
        """Samples (B, num_features) -> predictions (B,)."""
        return self.layers(inputs).squeeze(1)

    def penalty(self) -> Tensor:
        """The squared length of all weights (not the biases: they bend nothing); a scalar."""
        weights = (weight for name, weight in self.named_parameters() if name.endswith("weight"))
        return reduce(torch.add, (weight.pow(2).sum() for weight in weights))


class RatingMLP(_RowModel):
    """A multi-layer perceptron on the concatenated embeddings of a user and a movie.

    The input side of He et al. (2017), "Neural collaborative filtering", section 3.3.

    Args:
        num_users, num_movies, embedding_dim, mean, seed: as for `CollaborativeFilter`.
        hidden: units in each hidden layer.
    """

    def __init__(
        self, num_users: int, num_movies: int, embedding_dim: int = 16, hidden: tuple[int, ...] = (64,), *,
        mean: float = 0.0, seed: int = 42,
    ) -> None:  # fmt: skip
        super().__init__(num_users, num_movies, mean)
        positive_int("embedding_dim", embedding_dim)
        generator = torch.Generator().manual_seed(seed_number("seed", seed))
        self.user_embedding = _table(num_users, embedding_dim, generator)
        self.movie_embedding = _table(num_movies, embedding_dim, generator)
        self.mlp = MLP(2 * embedding_dim, hidden, seed=seed)

    def forward(self, inputs: Tensor) -> Tensor:
        """Rows (B, 2) of [user, movie], int64 -> predicted ratings (B,), in stars."""
        user, movie = inputs.unbind(1)
        vectors = torch.cat([_look_up(self.user_embedding, user), _look_up(self.movie_embedding, movie)], dim=1)
        self._looked_up = [vectors] if self.training else []
        return self.mean + self.mlp(vectors)


def _mean(value: object) -> Tensor:
    """The mean of a model as a tensor; one of NumPy or PyTorch will do."""
    number = value.item() if isinstance(value, Tensor) and value.numel() == 1 else value
    return torch.tensor(float(finite_number("mean", number)))


def _table(num_rows: int, num_columns: int, generator: torch.Generator | None) -> nn.Embedding:
    """Rows of small normal numbers, or of zeros without a generator."""
    rows = torch.zeros(num_rows, num_columns)
    if generator is not None:
        rows.normal_(0, INITIAL_SPREAD, generator=generator)
    return nn.Embedding.from_pretrained(rows, freeze=False)


def _look_up(table: nn.Embedding, rows: Tensor) -> Tensor:
    """Rows (B,) of a table -> (B, columns): `table(rows)`, with the same gradient to the last bit.

    On the CPU `index_select` takes less time: an update is 12 to 15 % shorter, with the tables of MovieLens 25M 35 %
    (measured). On a GPU it would add up its gradient in an order of chance, which the embedding does not.
    """
    if rows.device.type == "cpu" and not table.sparse:
        return table.weight.index_select(0, rows)
    return table(rows)
