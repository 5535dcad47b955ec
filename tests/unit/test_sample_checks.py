"""Samples are tried as they will be used: each of these used to end in a library's traceback, or in silence."""

import copy

import pytest
import torch
from torch import nn

from helpers.checks import LessonError
from helpers.data import Samples, load_diabetes, split
from helpers.models import MLP, CollaborativeFilter
from helpers.training import (
    Config,
    History,
    early_stopping,
    evaluate,
    load_weights,
    predict,
    save_weights,
    train,
)
from tests.builders import patients, ratings

P, R = patients(), ratings()


class Wrapped(nn.Module):
    """An MLP whose output is changed on the way out."""

    def __init__(self, change, layers=None):
        super().__init__()
        self.layers = layers or nn.Sequential(nn.Linear(4, 1))
        self.change = change

    def forward(self, inputs):
        return self.change(self, self.layers(inputs).squeeze(1))


def normalised():
    return Wrapped(lambda self, out: out, nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 1)))


def moved(row, user, movie):
    inputs = R.inputs.clone()
    inputs[row] = torch.tensor([user, movie])
    return Samples(inputs, R.targets)


def holding(value, row=7, where="inputs"):
    samples = patients()
    getattr(samples, where)[row] = value
    return samples


def breaking(self, out):
    raise KeyError("bias")


@pytest.mark.fault("one sentence, before any work")
@pytest.mark.parametrize(
    "model, samples, batch_size, words",
    [
        (CollaborativeFilter(7, 11), moved(40, 7, 0), 8, "cannot take the inputs of the training set.*out of range"),
        (CollaborativeFilter(7, 11), moved(40, 0, 11), 8, "cannot take the inputs of the training set.*out of range"),
        (CollaborativeFilter(7, 11), moved(40, -1, 0), 8, "cannot take the inputs of the training set.*out of range"),
        (MLP(4), Samples(P.inputs, P.targets > 0), 8, "targets of the training set must be numbers.*float"),
        (MLP(4), Samples(P.inputs, P.targets.to(torch.complex64)), 8, "targets .* real numbers, not complex64"),
        (MLP(4), Samples(P.inputs.clone().requires_grad_(), P.targets), 8, r"inputs .* give them with \.detach\(\)"),
        (MLP(4), Samples(P.inputs, P.targets.clone().requires_grad_()), 8, r"targets .* give them with \.detach\(\)"),
        (MLP(4), holding(float("nan")), 8, "inputs of the training set must be finite numbers, and row 7 "),
        (MLP(4), holding(float("inf"), where="targets"), 8, "targets of the training set must be finite.*row 7 "),
        (normalised(), P, 52, r"cannot take a batch of 1 in training.*more than 1 value"),
        (normalised(), P, 1, r"cannot take a batch of 1 in training"),
        (Wrapped(lambda self, out: out.detach()), P, 8, "carry no gradient back to its weights"),
        (
            Wrapped(lambda self, out: out[:, None] if self.training else out),
            P,
            8,
            r"it gives \(2, 1\): end its forward",
        ),
        (Wrapped(lambda self, out: (out, out)), P, 8, "must predict a tensor of floats, but gives a tuple"),
        (Wrapped(lambda self, out: out.to(torch.complex64)), P, 8, "tensor of floats, but gives complex64"),
        (Wrapped(breaking), P, 8, "cannot take the inputs .*'bias'"),
    ],
)
def test_what_would_break_later_is_said_at_once(model, samples, batch_size, words):
    with pytest.raises(LessonError, match=words) as error:
        train(model, samples, None, Config(batch_size=batch_size))
    assert "\n" not in str(error.value)


def test_a_batch_of_one_that_is_dropped_is_no_fault():
    run = train(normalised(), P, None, Config(num_epochs=1, batch_size=52, drop_last=True))
    assert len(list(run)) == 1


def test_the_learners_own_error_stands_behind_the_sentence():
    with pytest.raises(LessonError) as error:
        train(Wrapped(breaking), P)
    assert isinstance(error.value.__cause__, KeyError)


@pytest.mark.parametrize(
    ("error", "ends"),
    [(ValueError("No rule for axis X.\nMore on other lines."), "No rule for axis X."), (ValueError(), "ValueError.")],
)
def test_the_learners_own_error_is_quoted_in_one_line(error, ends):
    def fail(self, out):
        raise error

    with pytest.raises(LessonError) as told:
        train(Wrapped(fail), P)
    assert str(told.value).endswith(f"dtype float32: {ends}")


def test_the_trial_leaves_buffers_and_random_numbers_as_they_were():
    model, state = normalised(), torch.get_rng_state()
    before = copy.deepcopy(model.state_dict())
    train(model, P, patients(9), Config(batch_size=8))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)


def test_layers_that_were_frozen_stay_frozen():
    model = normalised()
    model.layers[1].eval()
    before = model.layers[1].running_mean.clone()
    evaluate(model, P), predict(model, P.inputs)
    assert model.training and not model.layers[1].training
    History.of(train(model, P, patients(9), Config(num_epochs=2, batch_size=53)))
    assert model.training and not model.layers[1].training
    assert torch.equal(before, model.layers[1].running_mean)


def test_a_model_left_in_evaluation_mode_is_trained_in_training_mode():
    model = normalised().eval()
    History.of(train(model, P, None, Config(num_epochs=1, batch_size=53)))
    assert model.training and model.layers[1].num_batches_tracked == 1


# ---------------------------------------------------------------------------------------- random numbers of a model


def dropping(probability=0.5):
    torch.manual_seed(7)
    return Wrapped(lambda self, out: out, nn.Sequential(nn.Linear(4, 8), nn.Dropout(probability), nn.Linear(8, 1)))


def test_same_seed_same_losses_with_dropout_too():
    def losses(seed=42, draw=lambda: None):
        seen, model = [], dropping()
        for progress in train(model, P, patients(9), Config(num_epochs=3, batch_size=8, seed=seed, shuffle=False)):
            draw()
            seen.append(float(progress.loss))
        return seen

    plain = losses()
    assert losses() == plain and losses(draw=lambda: torch.rand(5)) == plain
    assert losses(seed=1) != plain


def test_dropout_is_drawn_anew_for_every_update():
    model = dropping()
    seen = []
    model.layers[1].register_forward_hook(lambda module, inputs, out: seen.append(out == 0) if model.training else None)
    list(train(model, P, None, Config(num_epochs=2, batch_size=53)))
    assert not torch.equal(seen[-1], seen[-2])


def test_two_runs_side_by_side_and_a_learners_own_numbers_do_not_touch_each_other():
    config = Config(num_epochs=1, batch_size=8)
    alone = [float(p.loss) for p in train(dropping(), P, None, config)]
    first, second = train(dropping(), P, None, config), train(dropping(), P, None, config)
    torch.manual_seed(0)
    expected = torch.rand(4)
    torch.manual_seed(0)
    mixed, drawn = [], []
    for one, other in zip(first, second, strict=True):
        mixed.append((float(one.loss), float(other.loss)))
        drawn.append(torch.rand(()))
    assert mixed == [(loss, loss) for loss in alone]
    assert torch.equal(torch.stack(drawn[:4]), expected)


# ---------------------------------------------------------------------------------------- metrics


def mae(predictions, targets):
    return (predictions - targets).abs().mean()


def test_further_metrics_are_measured_on_the_validation_set_when_an_epoch_ends():
    model, held_back = MLP(4), patients(9, seed=1)
    run = train(
        model,
        P,
        held_back,
        Config(num_epochs=2, batch_size=8),
        metrics={"mae": mae, "worst": lambda p, t: (p - t).abs().max()},
    )
    history = History()
    for progress in run:
        history.add(progress)
        if progress.epoch_ended:
            errors = (predict(model, held_back.inputs) - held_back.targets).abs()
            assert progress.metrics == pytest.approx({"mae": float(errors.mean()), "worst": float(errors.max())})
        else:
            assert progress.metrics == {}
    assert list(history.epochs)[-3:] == ["validation_loss", "mae", "worst"]
    assert history.epochs["mae"].iloc[-1] == progress.metrics["mae"]


@pytest.mark.fault("one sentence, before any work")
@pytest.mark.parametrize(
    "validation, metrics, words",
    [
        (None, {"mae": mae}, "measured on the validation set"),
        (patients(9), [mae], "metrics must map names to functions"),
        (patients(9), {"mae": "mae"}, "metrics must map names to functions"),
        (patients(9), {"seconds": mae}, "cannot be called seconds"),
        (patients(9), {"all": lambda p, t: p - t}, "The metric all must give one number"),
        (patients(9), {"broken": lambda p: p}, "The metric broken must give one number"),
    ],
)
def test_a_metric_that_cannot_be_measured(validation, metrics, words):
    with pytest.raises(LessonError, match=words) as error:
        train(MLP(4), P, validation, metrics=metrics)
    assert "\n" not in str(error.value)


def with_penalty(penalty):
    model = MLP(4)
    model.penalty = penalty
    return model


def failing(*_):
    raise KeyError("one\ntwo")


@pytest.mark.fault("one sentence, before any work")
@pytest.mark.parametrize(
    ("begin", "words"),
    [
        (lambda: train(with_penalty(failing), P, None, Config(weight_decay=0.1)), "penalty.* must give one number"),
        (
            lambda: train(with_penalty(lambda: None), P, None, Config(weight_decay=0.1)),
            "penalty.* must give one number",
        ),
        (lambda: train(with_penalty(lambda: torch.ones(3)), P, None, Config(weight_decay=0.1)), "one number"),
        (lambda: train(MLP(4), P, P, metrics=torch.ones(2)), "metrics must map names"),
        (lambda: train(MLP(4), P, P, metrics={"mae": failing}), "mae must give one number"),
        (lambda: train(MLP(4), P, optimizer=lambda weights: None), "optimizer must be one of torch.optim"),
        (lambda: train(MLP(4), P, optimizer=print), "optimizer must be one of torch.optim"),
        (lambda: Samples(P.inputs.to_sparse(), P.targets), "plain tensors"),
        (lambda: Samples(P.inputs.to("meta"), P.targets.to("meta")), "plain tensors"),
        (lambda: predict(MLP(4), P), r"a tensor of shape \(N, features\)"),
        (lambda: predict(P.inputs, MLP(4)), "must be an nn.Module"),
        (lambda: History.of([1.0, 0.5]), r"what train\(\) yields"),
        (lambda: list(early_stopping([1.0, 0.5])), r"what train\(\) yields"),
        (lambda: History.of(None), r"what train\(\) yields"),
        (lambda: save_weights("weights.pt", MLP(4)), "must be an nn.Module"),
        (lambda: load_weights("weights.pt", MLP(4)), "must be an nn.Module"),
        (lambda: save_weights(MLP(4), 3), "a path, such as 'weights.pt'"),
        (lambda: load_weights(MLP(4), None), "a path, such as 'weights.pt'"),
        (lambda: split("embedded"), r"load_ratings\(\)"),
        (lambda: load_diabetes(dtype="float32"), "dtype must be torch.float32 or torch.float64"),
        (lambda: load_diabetes(dtype=torch.int64), "dtype must be torch.float32 or torch.float64"),
    ],
)
def test_what_is_given_for_something_else_is_told_so(begin, words):
    with pytest.raises(LessonError, match=words) as told:
        begin()
    assert "\n" not in str(told.value)


def test_training_inside_no_grad_trains():
    with torch.no_grad():
        history = History.of(train(MLP(4), P, P, Config(num_epochs=2, batch_size=8)))
    assert history.losses == History.of(train(MLP(4), P, P, Config(num_epochs=2, batch_size=8))).losses
