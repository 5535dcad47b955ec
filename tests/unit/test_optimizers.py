"""Every optimiser against PyTorch's own, the schedules against their formulas, and optimisers of one's own."""

import copy
import math
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.checks import LessonError
from helpers.models import MLP
from helpers.training import OPTIMIZERS, SCHEDULES, Config, History, make_optimizer, train, warm_up
from tests.builders import patients

# Written out here once more, on purpose: what each name stands for. A new name without a line here is a red test.
REFERENCE = {
    "sgd": torch.optim.SGD,
    "momentum": partial(torch.optim.SGD, momentum=0.9),
    "rmsprop": torch.optim.RMSprop,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


def by_hand(optimizer, model, samples, batch_size=8, num_epochs=3):
    """A plain loop over the same batches, with an optimiser that nobody else made."""
    generator = torch.Generator().manual_seed(42)
    for _ in range(num_epochs):
        for batch in torch.randperm(len(samples), generator=generator).split(batch_size):
            optimizer.zero_grad()
            (model(samples.inputs[batch]) - samples.targets[batch]).square().mean().backward()
            optimizer.step()


def weights(model):
    return torch.nn.utils.parameters_to_vector(model.parameters()).detach()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_does_what_pytorchs_own_does(name):
    samples, ours, theirs = patients(), MLP(4), MLP(4)
    decay = {"weight_decay": 0.1} if name == "adamw" else {}
    config = Config(num_epochs=3, batch_size=8, learning_rate=0.01, optimizer=name, **decay)
    History.of(train(ours, samples, None, config))
    by_hand(REFERENCE[name](theirs.parameters(), lr=0.01, **decay), theirs, samples)
    torch.testing.assert_close(weights(ours), weights(theirs), rtol=1e-4, atol=1e-6)


def test_no_two_optimizers_are_the_same():
    ends = {}
    for name in OPTIMIZERS:
        model = MLP(4)
        settings = {"weight_decay": 0.5} if OPTIMIZERS[name].decays_weights else {}
        History.of(train(model, patients(), None, Config(num_epochs=2, batch_size=8, optimizer=name, **settings)))
        ends[name] = tuple(weights(model).tolist())
    assert len(set(ends.values())) == len(OPTIMIZERS) == len(REFERENCE)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_numbers_kept_per_weight_are_those_of_the_table(name):
    model = MLP(4)
    optimizer = make_optimizer(model, Config(optimizer=name))
    model(patients().inputs).sum().backward()
    optimizer.step()
    for weight in model.parameters():
        kept = sum(value.numel() for value in optimizer.state[weight].values() if value.shape == weight.shape)
        assert kept == OPTIMIZERS[name].numbers_per_weight * weight.numel()


def test_labels_are_the_names_as_they_are_written():
    assert all(kind.label.lower() == name for name, kind in OPTIMIZERS.items())
    assert all(kind.label == name for name, kind in SCHEDULES.items())
    lines = {name: words for name, _, words in (line.strip().partition(": ") for line in Config.__doc__.splitlines())}
    for setting, known in {"optimizer": OPTIMIZERS, "schedule": SCHEDULES}.items():
        assert {name for name in known if f'"{name}"' in lines[setting]} == set(known)


def test_adamw_shrinks_weights_itself_and_needs_no_penalty():
    class Plain(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.slope = torch.nn.Parameter(torch.ones(4))

        def forward(self, inputs):
            return inputs @ self.slope

    still = patients()
    still = type(still)(torch.zeros_like(still.inputs), still.targets)  # no gradient: only the shrinking is left
    model = Plain()
    next(train(model, still, None, Config(batch_size=53, learning_rate=0.1, weight_decay=0.5, optimizer="adamw")))
    torch.testing.assert_close(model.slope.detach(), torch.full((4,), 1 - 0.1 * 0.5))


# ---------------------------------------------------------------------------------------- schedules


def rates(**settings):
    config = Config(num_epochs=5, batch_size=8, learning_rate=0.02, **settings)
    return [p.learning_rate for p in train(MLP(4), patients(56), None, config)]  # 5 epochs of 7 updates


def test_a_constant_rate_is_the_settings_rate():
    assert rates() == [0.02] * 35


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_rate_is_the_schedules_formula(schedule):
    left = {
        "constant": lambda over: 1,
        "linear": lambda over: 1 - over,
        "cosine": lambda over: (1 + math.cos(math.pi * over)) / 2,
    }[schedule]
    assert rates(schedule=schedule) == pytest.approx([0.02 * left(update / 35) for update in range(35)])
    warm = [0.02 * (update + 1) / 8 for update in range(7)]
    decaying = [0.02 * left(update / 28) for update in range(28)]
    assert rates(schedule=schedule, warmup=0.2) == pytest.approx(warm + decaying)


@given(st.sampled_from(sorted(SCHEDULES)), st.floats(0, 0.999), st.integers(1, 60))
@settings(deadline=None, max_examples=60)
def test_a_rate_rises_then_falls_and_never_leaves_its_bounds(schedule, warmup, num_samples):
    config = Config(num_epochs=2, batch_size=3, learning_rate=0.5, schedule=schedule, warmup=warmup)
    seen = [p.learning_rate for p in train(MLP(4, ()), patients(num_samples), None, config)]
    top = seen.index(max(seen))
    assert min(seen) > 0 and max(seen) <= 0.5
    assert seen[: top + 1] == sorted(seen[: top + 1]) and seen[top:] == sorted(seen[top:], reverse=True)


def test_the_rate_that_is_told_is_the_rate_that_was_used():
    samples, model = patients(48), MLP(4, ())
    config = Config(num_epochs=1, batch_size=48, learning_rate=0.1, optimizer="sgd", schedule="cosine", warmup=0.9)
    before = weights(model).clone()
    progress = next(train(model, samples, None, config))
    twin = MLP(4, ())
    (twin(samples.inputs) - samples.targets).square().mean().backward()
    gradient = torch.cat([weight.grad.flatten() for weight in twin.parameters()])
    torch.testing.assert_close(weights(model), before - progress.learning_rate * gradient)
    assert progress.learning_rate == 0.05  # the only update of the run is its warm-up


# ---------------------------------------------------------------------------------------- one's own


@pytest.mark.parametrize(
    "give", [lambda model: torch.optim.Adagrad, lambda model: torch.optim.Adagrad(model.parameters(), lr=0.05)]
)
def test_an_optimizer_of_ones_own(give):
    samples, ours, theirs = patients(), MLP(4), MLP(4)
    config = Config(num_epochs=3, batch_size=8, learning_rate=0.05)
    History.of(train(ours, samples, None, config, optimizer=give(ours)))
    by_hand(torch.optim.Adagrad(theirs.parameters(), lr=0.05), theirs, samples)
    torch.testing.assert_close(weights(ours), weights(theirs), rtol=1e-4, atol=1e-6)


def test_a_schedule_moves_the_rates_of_every_group_of_ones_own_optimizer():
    model = MLP(4)
    groups = [{"params": list(model.layers[0].parameters()), "lr": 0.1}, {"params": list(model.layers[2].parameters())}]
    own = torch.optim.SGD(groups, lr=0.01)
    run = train(model, patients(56), None, Config(num_epochs=1, batch_size=8, schedule="linear"), optimizer=own)
    for update, progress in enumerate(run):
        left = 1 - update / 7
        assert [group["lr"] for group in own.param_groups] == pytest.approx([0.1 * left, 0.01 * left])
        assert progress.learning_rate == pytest.approx(0.1 * left)


def test_a_scheduler_of_ones_own_is_left_alone():
    model = MLP(4)
    own = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(own, step_size=1, gamma=0.5)
    seen = []
    for progress in train(model, patients(), None, Config(num_epochs=4, batch_size=53), optimizer=own):
        seen.append(progress.learning_rate)
        scheduler.step()
    assert seen == pytest.approx([0.1, 0.05, 0.025, 0.0125])


@pytest.mark.fault("one sentence, before any work")
@pytest.mark.parametrize(
    "own, config, words",
    [
        (
            "adagrad",
            {},
            r"^optimizer must be one of torch.optim, such as torch.optim.Adagrad, .* you gave 'adagrad'\.$",
        ),
        (lambda weights, lr: 3, {}, "optimizer must be one of torch.optim"),
        (
            torch.optim.SGD(MLP(4).parameters(), lr=0.1),
            {},
            r"^The optimizer holds weights of another model: make it from this model's parameters\(\)\.$",
        ),
        (torch.optim.LBFGS, {}, "LBFGS wants to compute the loss several times"),
        (torch.optim.SGD, {"optimizer": "adamw", "weight_decay": 0.1}, "give weight_decay to that optimizer"),
    ],
)
def test_an_optimizer_that_cannot_train_this_model(own, config, words):
    with pytest.raises(LessonError, match=words) as error:
        train(MLP(4), patients(), None, Config(**config), optimizer=own)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("own", "behind"), [("adagrad", type(None)), (lambda weights: None, TypeError)])
def test_what_a_function_of_ones_own_raised_stands_behind_the_sentence(own, behind):
    with pytest.raises(LessonError) as error:
        train(MLP(4), patients(), optimizer=own)
    assert type(error.value.__cause__) is behind


def test_warming_up_draws_no_random_numbers():
    state = torch.get_rng_state()
    warm_up()
    assert torch.equal(torch.get_rng_state(), state)


def test_making_an_optimizer_changes_nothing():
    model = MLP(4)
    before = copy.deepcopy(model.state_dict())
    for name in OPTIMIZERS:
        make_optimizer(model, Config(optimizer=name))
    assert all(torch.equal(before[name], weight) for name, weight in model.state_dict().items())
