"""The models against their formulas."""

import copy
import pickle

import numpy as np
import pytest
import torch

from helpers import models
from helpers.checks import LessonError
from helpers.data import Samples
from helpers.models import MLP, CollaborativeFilter, RatingMLP

ROWS = torch.tensor([[0, 1], [2, 0], [0, 0]])


def test_a_prediction_is_mean_plus_biases_plus_dot_product():
    model = CollaborativeFilter(3, 2, 4, mean=3.5)
    torch.nn.init.normal_(model.user_bias.weight)
    torch.nn.init.normal_(model.movie_bias.weight)
    expected = [
        3.5
        + model.user_bias.weight[user, 0]
        + model.movie_bias.weight[movie, 0]
        + model.user_embedding.weight[user] @ model.movie_embedding.weight[movie]
        for user, movie in ROWS
    ]
    torch.testing.assert_close(model(ROWS), torch.stack(expected))


def test_the_penalty_is_the_squared_length_of_what_was_looked_up():
    model = CollaborativeFilter(3, 2, 4)
    torch.nn.init.normal_(model.user_bias.weight)
    model(ROWS)
    expected = sum(
        model.user_embedding.weight[u].pow(2).sum()
        + model.movie_embedding.weight[m].pow(2).sum()
        + model.user_bias.weight[u].pow(2).sum()
        + model.movie_bias.weight[m].pow(2).sum()
        for u, m in ROWS
    ) / len(ROWS)
    torch.testing.assert_close(model.penalty(), expected)


@pytest.mark.fault("one sentence")
@pytest.mark.parametrize("make", [CollaborativeFilter, RatingMLP])
def test_a_penalty_belongs_to_a_forward(make):
    model = make(3, 2, 4)
    with pytest.raises(LessonError, match="call the model in training mode first"):
        model.penalty()
    model(ROWS)
    model.penalty()
    with pytest.raises(LessonError, match="call the model in training mode first"):
        model.penalty()
    model.eval()(ROWS)
    with pytest.raises(LessonError, match="call the model in training mode first"):
        model.penalty()


@pytest.mark.parametrize("make", [CollaborativeFilter, RatingMLP])
def test_a_used_model_can_be_copied_and_pickled(make):
    model = make(3, 2, 4)
    model(ROWS)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(twin(ROWS), model(ROWS))


@pytest.mark.parametrize(
    "make", [lambda **k: CollaborativeFilter(3, 2, **k), lambda **k: RatingMLP(3, 2, **k), lambda **k: MLP(4, **k)]
)
def test_a_seed_gives_the_weights_and_leaves_the_global_generator_alone(make):
    torch.manual_seed(7)
    undisturbed = torch.rand(1)
    torch.manual_seed(7)
    first, same, other = make(seed=1), make(seed=1), make(seed=2)
    assert torch.equal(torch.rand(1), undisturbed)
    vector = torch.nn.utils.parameters_to_vector
    assert torch.equal(vector(first.parameters()), vector(same.parameters()))
    assert not torch.equal(vector(first.parameters()), vector(other.parameters()))
    assert torch.equal(vector(make().parameters()), vector(make(seed=42).parameters()))


def test_a_rating_mlp_is_its_mean_and_a_network_on_both_vectors():
    model = RatingMLP(3, 2)
    named = RatingMLP(3, 2, 16, (64,), mean=0.0, seed=42)
    assert torch.equal(model(ROWS), named(ROWS)) and model.user_embedding.weight.std() > 0
    other = RatingMLP(3, 2, seed=7)
    assert not torch.equal(model.mlp.layers[0].weight, other.mlp.layers[0].weight)
    assert not torch.equal(model.movie_embedding.weight, other.movie_embedding.weight)
    tall = RatingMLP(3, 2, mean=3.5)
    both = torch.cat([tall.user_embedding(ROWS[:, 0]), tall.movie_embedding(ROWS[:, 1])], dim=1)
    torch.testing.assert_close(tall(ROWS), 3.5 + tall.mlp(both))
    with pytest.raises(LessonError, match=r"^embedding_dim must be"):
        RatingMLP(3, 2, 0)


def test_for_ratings_takes_sizes_and_mean_from_the_data():
    class FakeRatings:
        num_users, num_movies = 3, 2

    model = CollaborativeFilter.for_ratings(FakeRatings, Samples(ROWS, torch.tensor([2.0, 4.0, 3.0])), 5)
    assert float(model.mean) == 3.0
    assert model.user_embedding.weight.shape == (3, 5) and model.movie_embedding.weight.shape == (2, 5)
    assert "mean" in model.state_dict()


def test_shapes_of_the_mlps():
    assert MLP(4, (8, 3))(torch.zeros(5, 4)).shape == (5,)
    assert RatingMLP(3, 2)(ROWS).shape == (3,)
    linear = MLP(4, ())
    assert len(linear.layers) == 1
    torch.testing.assert_close(linear.penalty(), linear.layers[0].weight.pow(2).sum())


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: CollaborativeFilter(0, 2), "^num_users must be"),
        (lambda: CollaborativeFilter(3, 0), "^num_movies must be"),
        (lambda: CollaborativeFilter(3, 2, biases=1), "^biases must be"),
        (lambda: CollaborativeFilter(3, 2, -1), "embedding_dim"),
        (lambda: CollaborativeFilter(3, 2, 2.0), "embedding_dim"),
        (lambda: CollaborativeFilter(3, 2, 0, biases=False), "nothing to learn"),
        (lambda: MLP(0), "^num_features must be"),
        (lambda: MLP(4, (0,)), "^units in a hidden layer must be"),
        (lambda: MLP(4, hidden=64), r"hidden must be a tuple .* such as \(64,\); you gave 64\."),
        (lambda: RatingMLP(3, 2, 4, 64), "hidden must be a tuple"),
        (lambda: MLP(4, seed=None), "seed must be a whole number"),
        (lambda: CollaborativeFilter(3, 2, seed=None), "seed must be a whole number"),
        (lambda: RatingMLP(3, 2, seed=2**32), "seed must be a whole number"),
    ],
)
def test_bad_shapes_get_one_sentence(make, words):
    with pytest.raises(LessonError, match=words):
        make()


def test_where_nothing_is_said_a_row_has_fifty_numbers_and_predictions_begin_at_zero():
    model = CollaborativeFilter(3, 2)
    assert model.user_embedding.weight.shape == (3, 50) and model.mean == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_look_up_is_the_embeddings_own_to_the_last_bit(dtype):
    """Rows that come up many times, so that the order in which their gradients are added up shows."""
    rows = torch.randint(7, (500,), generator=torch.Generator().manual_seed(0))
    weights = torch.randn(7, 3, dtype=dtype, generator=torch.Generator().manual_seed(1))
    gradients = []
    for look_up in (models._look_up, lambda table, rows: table(rows)):
        table = torch.nn.Embedding.from_pretrained(weights.clone(), freeze=False)
        found = look_up(table, rows)
        assert torch.equal(found, weights[rows])
        (found * torch.randn(500, 3, dtype=dtype, generator=torch.Generator().manual_seed(2))).sum().backward()
        gradients.append(table.weight.grad)
    assert torch.equal(*gradients)


@pytest.mark.fault("one sentence")
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: CollaborativeFilter(3, 2, mean="high"), "mean must be a number"),
        (lambda: CollaborativeFilter(3, 2, mean=float("nan")), "mean must be a number"),
        (lambda: RatingMLP(3, 2, mean=10**400), "mean must be a number"),
        (lambda: CollaborativeFilter(3, 2, biases="no"), "biases must be True or False"),
        (lambda: CollaborativeFilter(3, 2, torch.tensor([1, 2])), "embedding_dim must be a whole number"),
        (lambda: MLP(3, torch.tensor(64)), r"hidden must be a tuple .* you gave tensor\(64\)"),
        (lambda: MLP(3, 10**400), "hidden must be a tuple .* about 400 digits"),
    ],
)
def test_what_no_model_can_be_made_of(make, words):
    with pytest.raises(LessonError, match=words):
        make()


def test_a_mean_may_come_as_a_tensor_or_from_numpy():
    for mean in (torch.tensor(3.5), np.float32(3.5), 3.5):
        assert CollaborativeFilter(3, 2, mean=mean).mean.item() == 3.5
