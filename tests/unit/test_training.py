"""The loop against a loop written by hand, closed forms and counting."""

import copy
import math
import subprocess
import sys
import textwrap
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.checks import LessonError
from helpers.data import Samples
from helpers.models import MLP, CollaborativeFilter
from helpers.training import (
    OPTIMIZERS,
    Config,
    History,
    early_stopping,
    evaluate,
    iterations_per_epoch,
    make_optimizer,
    predict,
    train,
    warm_up,
)
from tests.builders import made_up_progress, patients, ratings


def test_every_number_equals_a_loop_written_by_hand():
    train_set, config = patients(), Config(num_epochs=3, batch_size=8, learning_rate=0.01, weight_decay=0.1)
    model, twin = MLP(4), MLP(4)
    seen = [(float(p.loss), p.train_loss) for p in train(model, train_set, None, config)]

    optimizer = torch.optim.Adam(twin.parameters(), lr=0.01)
    generator = torch.Generator().manual_seed(42)
    by_hand = []
    for _ in range(3):
        total = 0.0
        for batch in torch.randperm(53, generator=generator).split(8):
            loss = ((twin(train_set.inputs[batch]) - train_set.targets[batch]) ** 2).mean()
            penalty = sum((layer.weight**2).sum() for layer in twin.layers if hasattr(layer, "weight"))
            optimizer.zero_grad()
            (loss + 0.1 * penalty).backward()
            optimizer.step()
            total += loss.item() * len(batch)
            by_hand.append((loss.item(), None))
        by_hand[-1] = (loss.item(), total / 53)
    assert [loss for loss, _ in seen] == pytest.approx([loss for loss, _ in by_hand], rel=1e-5)
    assert [mean for _, mean in seen if mean] == pytest.approx([mean for _, mean in by_hand if mean], rel=1e-6)
    for ours, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_each_optimizer_learns(optimizer):
    train_set, model = patients(), MLP(4)
    before = evaluate(model, train_set)
    History.of(
        train(model, train_set, None, Config(num_epochs=30, batch_size=16, learning_rate=0.01, optimizer=optimizer))
    )
    assert evaluate(model, train_set) < before / 2


def test_sgd_update_is_minus_rate_times_gradient():
    train_set, model = patients(16), MLP(4, ())
    weight = model.layers[0].weight.detach().clone()
    error = predict(model, train_set.inputs) - train_set.targets
    gradient = (2 * error[:, None] * train_set.inputs).mean(0)
    next(
        train(
            model,
            train_set,
            None,
            Config(num_epochs=1, batch_size=16, learning_rate=0.1, optimizer="sgd", shuffle=False),
        )
    )
    torch.testing.assert_close(model.layers[0].weight[0], weight[0] - 0.1 * gradient)


@given(st.integers(1, 300), st.integers(1, 80), st.booleans(), st.integers(1, 3))
@settings(deadline=None, max_examples=40)
def test_updates_samples_and_epochs_are_counted_right(num_samples, batch_size, drop_last, num_epochs):
    per_epoch = len(range(0, num_samples, batch_size)) - (drop_last and num_samples % batch_size > 0)
    assert iterations_per_epoch(num_samples, batch_size, drop_last) == per_epoch
    config = Config(num_epochs=num_epochs, batch_size=batch_size, drop_last=drop_last)
    if per_epoch == 0:
        with pytest.raises(LessonError, match="drop_last leaves nothing"):
            train(MLP(2, ()), patients(num_samples, 2), None, config)
        return
    run = list(train(MLP(2, ()), patients(num_samples, 2), None, config))
    assert [p.update for p in run] == list(range(1, per_epoch * num_epochs + 1))
    assert {p.num_updates for p in run} == {len(run)}
    assert [p.update for p in run if p.epoch_ended] == [per_epoch * epoch for epoch in range(1, num_epochs + 1)]
    used = per_epoch * batch_size if drop_last else num_samples
    assert run[-1].samples_seen == used * num_epochs


@given(st.integers(1, 300), st.integers(1, 80))
@settings(deadline=None, max_examples=40)
def test_the_epoch_mean_is_exact_for_any_partition(num_samples, batch_size):
    train_set, model = patients(num_samples, 2, dtype=torch.float64), MLP(2, ()).double()
    expected = evaluate(model, train_set)
    frozen = train(
        model, train_set, train_set, Config(num_epochs=1, batch_size=batch_size, learning_rate=1e-300, optimizer="sgd")
    )
    last = list(frozen)[-1]
    assert last.train_loss == pytest.approx(expected, rel=1e-12)
    assert last.validation_loss == pytest.approx(expected, rel=1e-12)


def test_every_sample_is_seen_once_an_epoch_in_a_new_order():
    seen = []

    class Watching(Samples):
        def __getitem__(self, index):
            seen.append(index.tolist())
            return super().__getitem__(index)

    plain = patients(10)
    History.of(train(MLP(4), Watching(plain.inputs, plain.targets), None, Config(num_epochs=2, batch_size=4)))
    first, second = [*chain(*seen[:3])], [*chain(*seen[3:])]
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second
    assert [len(batch) for batch in seen] == [4, 4, 2] * 2


def test_same_seed_same_losses_whoever_watches():
    def losses(watch, seed=42):
        model, train_set = MLP(4), patients()
        return [
            float(p.loss)
            for p in watch(
                train(model, train_set, patients(9), Config(num_epochs=4, batch_size=8, learning_rate=0.01, seed=seed))
            )
        ]

    def nosy(run):
        for progress in run:
            torch.rand(3)
            np.random.rand()
            yield progress

    plain = losses(iter)
    assert losses(nosy) == plain
    assert losses(lambda run: early_stopping(run, patience=99)) == plain
    assert losses(iter, seed=1) != plain


def test_stopping_is_not_iterating():
    model, train_set = MLP(4), patients()
    list(islice(train(model, train_set, None, Config(num_epochs=5, batch_size=8)), 3))
    weights = copy.deepcopy(model.state_dict())
    twin = MLP(4)
    for progress in train(twin, train_set, None, Config(num_epochs=5, batch_size=8)):
        if progress.update == 3:
            break
    assert all(torch.equal(weights[name], weight) for name, weight in twin.state_dict().items())


def test_seconds_stand_still_while_the_watcher_works():
    import time

    total = 0.0
    for progress in train(MLP(4), patients(), None, Config(num_epochs=1, batch_size=8)):
        time.sleep(0.05)
        total = progress.seconds
    assert total < 0.05 * 7


def test_no_loss_is_read_from_the_device_between_epochs(monkeypatch):
    reads = []
    original = torch.Tensor.__float__
    monkeypatch.setattr(torch.Tensor, "__float__", lambda self: reads.append(1) or original(self))
    monkeypatch.setattr(torch.Tensor, "item", lambda self: reads.append(1) or original(self))
    for progress in train(MLP(4), patients(), patients(9), Config(num_epochs=1, batch_size=8)):
        if not progress.epoch_ended:
            assert not reads
    assert reads


@pytest.mark.parametrize(
    "setting, value, words",
    [
        ("batch_size", 0, "batch_size must be a whole number of 1 or more"),
        ("batch_size", -4, "batch_size must be"),
        ("batch_size", 2.5, "batch_size must be"),
        ("batch_size", True, "batch_size must be"),
        ("num_epochs", 0, "num_epochs must be"),
        ("learning_rate", 0, "learning_rate must be a number above zero"),
        ("learning_rate", -0.1, "learning_rate must be"),
        ("learning_rate", math.nan, "learning_rate must be"),
        ("learning_rate", math.inf, "learning_rate must be"),
        ("learning_rate", "fast", "learning_rate must be"),
        ("weight_decay", -1, "weight_decay must be"),
        ("optimizer", "Adam", "did you mean 'adam'"),
        ("schedule", "cosin", "did you mean 'cosine'"),
        ("warmup", 1.0, "warmup must be 0 \\(off\\) or a share"),
        ("seed", -1, "seed must be"),
        ("drop_last", "no", "drop_last must be True or False"),
    ],
)
def test_a_bad_setting_gets_one_sentence(setting, value, words):
    with pytest.raises(LessonError, match=words) as error:
        Config(**{setting: value})
    assert "\n" not in str(error.value)


@pytest.mark.fault("one sentence, before any work")
def test_bad_runs_are_refused_before_any_work():
    model = MLP(4)
    with pytest.raises(LessonError, match="on meta and the training set on cpu"):
        train(MLP(4).to("meta"), patients())
    with pytest.raises(LessonError, match="drop_last leaves nothing"):
        train(model, patients(7), None, Config(batch_size=8, drop_last=True))
    for weight in model.parameters():
        weight.requires_grad = False
    with pytest.raises(LessonError, match="no weights to train"):
        make_optimizer(model, Config())


class Column(MLP):
    def forward(self, inputs):
        return self.layers(inputs)


class NoPenalty(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weights = torch.nn.Linear(4, 1)

    def forward(self, inputs):
        return self.weights(inputs).squeeze(1)


@pytest.mark.fault("one sentence, before any work")
@pytest.mark.parametrize(
    "arguments, words",
    [
        (
            lambda: (Column(4), patients()),
            r"shape \(2,\) for 2 samples; it gives \(2, 1\): end its .* \.squeeze\(1\)\.$",
        ),
        (lambda: (MLP(4), patients(), Samples(torch.zeros(2, 3), torch.zeros(2))), "inputs of the validation set"),
        (lambda: (MLP(4), torch.zeros(9, 4), torch.zeros(9)), "training set must be Samples.* not a Tensor"),
        (lambda: (MLP(4), (patients(), patients())), "training set must be Samples.* not a tuple"),
        (lambda: (MLP(4), patients(), Config()), "validation set must be Samples.* not a Config"),
        (lambda: (MLP(4), patients(), None, {"num_epochs": 3}), "config must be a Config.* not a dict"),
        (lambda: (MLP(4), patients(), None, {}), "config must be a Config"),
        (lambda: (MLP, patients()), "model must be an nn.Module.* not a type"),
        (lambda: (MLP(4), patients(dtype=torch.float64)), r"shape \(53, 4\) and dtype float64"),
        (lambda: (CollaborativeFilter(7, 11), patients()), "model cannot take the inputs of the training set"),
        (lambda: (MLP(2), ratings()), "model cannot take the inputs of the training set"),
        (lambda: (CollaborativeFilter(1, 1), ratings()), "model cannot take the inputs of the training set"),
        (lambda: (MLP(4).requires_grad_(False), patients()), "no weights to train"),
        (
            lambda: (NoPenalty(), patients(), None, Config(weight_decay=0.1)),
            "model's penalty\\(\\), and this model has none",
        ),
    ],
)
def test_what_does_not_fit_together_is_said_by_train_itself(arguments, words):
    with pytest.raises(LessonError, match=words) as error:
        train(*arguments())
    assert "\n" not in str(error.value)


@pytest.mark.fault("one sentence, before any work")
def test_measuring_checks_what_it_is_given():
    with pytest.raises(LessonError, match=r"end its forward with"):
        evaluate(Column(4), patients())
    with pytest.raises(LessonError, match="given set must be Samples"):
        evaluate(MLP(4), torch.zeros(3, 4))


def test_the_check_leaves_no_trace():
    model, train_set, state = CollaborativeFilter(7, 11), ratings(), torch.get_rng_state()
    model.train()
    train(model, train_set, ratings(9), Config(weight_decay=0.1))
    assert model.training and model._looked_up == [] and torch.equal(torch.get_rng_state(), state)


def test_a_failed_prediction_leaves_the_model_in_its_mode():
    model = MLP(4).train()
    with pytest.raises(LessonError, match="cannot take these inputs"):
        predict(model, torch.zeros(2, 3))
    assert model.training


def test_an_import_draws_no_random_numbers():
    state = torch.get_rng_state()
    warm_up()
    assert torch.equal(torch.get_rng_state(), state)


def test_progress_can_be_compared():
    first, second = islice(train(MLP(4), patients()), 2)
    assert first == first and first != second


def test_history_is_a_tidy_table():
    history = History.of(train(MLP(4), patients(), patients(9, seed=1), Config(num_epochs=3, batch_size=8)))
    assert list(history.updates) == ["update", "epoch", "samples_seen", "seconds", "loss"]
    assert list(history.epochs) == ["epoch", "update", "samples_seen", "seconds", "train_loss", "validation_loss"]
    assert len(history.updates) == len(history) == 21
    assert history.epochs["epoch"].tolist() == [1, 2, 3]
    assert history.updates["seconds"].is_monotonic_increasing
    best = history.epochs["validation_loss"].idxmin()
    assert history.best_epoch == best + 1
    assert history.best_validation_loss == history.epochs["validation_loss"][best]


def test_a_change_to_the_losses_does_not_change_the_history():
    history = History.of(train(MLP(4), patients(), None, Config(num_epochs=1, batch_size=8)))
    history.losses.clear()
    assert len(history.losses) == len(history.updates) == 7


def test_history_of_nothing_and_without_validation():
    assert (
        History().epochs.empty and History().updates.empty and History().best_epoch is None and History().last is None
    )
    history = History.of(train(MLP(4), patients(), None, Config(num_epochs=2, batch_size=8)))
    assert history.epochs["validation_loss"].isna().all() and history.best_validation_loss is None


def fake_run(losses):
    for epoch, loss in enumerate(losses, 1):
        yield made_up_progress(
            epoch, loss, num_updates=len(losses), num_epochs=len(losses), train_loss=loss, validation_loss=loss
        )


@pytest.mark.parametrize(
    "losses, patience, min_delta, stops_after",
    [
        ([5, 4, 3, 2, 1], 2, 0, 5),
        ([5, 4, 4, 4, 1], 2, 0, 4),
        ([5, 4, 6, 3, 6, 6, 6], 2, 0, 6),
        ([5, 4.95, 4.9, 4.8], 2, 0.5, 3),
        ([math.nan, math.nan, 1], 2, 0, 2),
    ],
)
def test_early_stopping(losses, patience, min_delta, stops_after):
    assert len(list(early_stopping(fake_run(losses), patience, min_delta))) == stops_after


def test_early_stopping_waits_three_epochs_and_counts_every_fall_unless_told_otherwise():
    assert len(list(early_stopping(fake_run([5, 4, 4, 4, 4, 1])))) == 5
    assert len(list(early_stopping(fake_run([5, 4.9, 4.8, 4.7, 4.6, 4.5])))) == 6


def test_of_equally_good_epochs_the_first_is_the_best():
    history = History.of(fake_run([5, 3, 4, 3, 3]))
    assert history.best_epoch == 2 and history.best_validation_loss == 3


def test_the_losses_of_an_epoch_move_into_one_tensor_once():
    history, first = History(), None
    for progress in train(MLP(4), patients(56), None, Config(num_epochs=2, batch_size=8)):
        history.add(progress)
        if progress.update == 7:
            first = history.last.loss
            assert first.untyped_storage().nbytes() == 7 * first.element_size()
    assert history._progress[6].loss is first


def test_early_stopping_needs_patience_and_a_validation_set():
    with pytest.raises(LessonError, match=r"^patience must be"):
        early_stopping(fake_run([1]), 0)
    with pytest.raises(LessonError, match=r"^min_delta must be"):
        early_stopping(fake_run([1]), min_delta=-1)
    with pytest.raises(LessonError, match=r"^Early stopping watches .* give train\(\) a validation set\.$"):
        list(early_stopping(train(MLP(4), patients(), None, Config(num_epochs=1, batch_size=8))))


def test_weight_decay_pulls_only_the_rows_that_were_looked_up():
    train_set = Samples(torch.tensor([[0, 0], [1, 0]]), torch.tensor([3.0, 3.0]))
    model = CollaborativeFilter(3, 2, 4, mean=3.0)
    before = copy.deepcopy(model.state_dict())
    next(
        train(
            model,
            train_set,
            None,
            Config(num_epochs=1, batch_size=2, learning_rate=0.1, optimizer="sgd", weight_decay=0.5, shuffle=False),
        )
    )
    after = model.state_dict()
    assert torch.equal(before["user_embedding.weight"][2], after["user_embedding.weight"][2])
    assert torch.equal(before["movie_embedding.weight"][1], after["movie_embedding.weight"][1])
    assert not torch.equal(before["user_embedding.weight"][0], after["user_embedding.weight"][0])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how much memory a process used")
def test_runs_that_are_kept_do_not_hold_the_memory_of_their_updates() -> None:
    code = """
        import torch
        from helpers.data import Samples
        from helpers.models import CollaborativeFilter
        from helpers.training import Config, History, train
        from tests.tools.memory import peak_mb

        torch.set_num_threads(1)
        ratings, kept = Samples(torch.randint(1000, (50_000, 2)), torch.rand(50_000)), []
        config = Config(num_epochs=4, batch_size=1000, weight_decay=0.1)  # powers of two fit into one another's places
        for run in range(5):
            model = CollaborativeFilter(1000, 1000, 128, mean=0.5)
            kept.append(History.of(train(model, ratings, None, config)))
            first = first if run else peak_mb()
        print(peak_mb() - first)
    """
    grown = float(subprocess.check_output([sys.executable, "-c", textwrap.dedent(code)], cwd=Path(__file__).parents[2]))
    assert grown < 30  # MB; below 10 as it is, and about 70 with every loss in a place of its own


@pytest.mark.parametrize("options", [{}, {"warmup": 0.4, "schedule": "cosine"}, {"optimizer": "momentum"}])
def test_an_interrupted_run_goes_on_to_the_same_numbers(options):
    samples = Samples(torch.randn(50, 3), torch.randn(50))
    config = Config(num_epochs=5, batch_size=16, learning_rate=0.05, **options)
    whole = MLP(3)
    expected = History.of(train(whole, samples, samples, config)).epochs

    model = MLP(3)
    optimizer = make_optimizer(model, config)
    for progress in train(model, samples, samples, config, optimizer=optimizer):
        if progress.epoch_ended and progress.epoch == 2:
            kept = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
        if progress.epoch == 4:
            break

    model = MLP(3)
    optimizer = make_optimizer(model, config)
    model.load_state_dict(kept[0])
    optimizer.load_state_dict(kept[1])
    found = History.of(train(model, samples, samples, config, optimizer=optimizer, first_epoch=3)).epochs
    columns = ["epoch", "update", "samples_seen", "train_loss", "validation_loss"]
    assert found[columns].equals(expected[columns][2:].reset_index(drop=True))
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(model.parameters(), whole.parameters(), strict=True))


@pytest.mark.parametrize("first_epoch", [0, 6, 1.5, "2"])
def test_a_first_epoch_that_is_none_is_refused(first_epoch):
    samples = Samples(torch.randn(50, 3), torch.randn(50))
    with pytest.raises(LessonError, match="first_epoch"):
        train(MLP(3), samples, config=Config(num_epochs=5), first_epoch=first_epoch)
