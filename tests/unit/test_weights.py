"""Best weights kept, saved and read back; and files that must not be loaded."""

import copy
import os
import pickle
from types import SimpleNamespace

import pytest
import torch

from helpers.checks import LessonError
from helpers.models import MLP
from helpers.training import BestWeights, Config, evaluate, load_weights, save_weights, train
from tests.builders import patients


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


def test_the_best_weights_come_back(tmp_path):
    model, validation_set = MLP(4), patients(9, seed=1)
    best = BestWeights(model)
    for progress in best.watch(
        train(model, patients(), validation_set, Config(num_epochs=40, batch_size=4, learning_rate=0.1))
    ):
        last = progress.validation_loss
    assert best.epoch < 40 and best.validation_loss < last
    best.restore()
    assert evaluate(model, validation_set) == pytest.approx(best.validation_loss)
    best.save(tmp_path / "best.pt")
    fresh = MLP(4, seed=9)
    load_weights(fresh, tmp_path / "best.pt")
    assert same(fresh.state_dict(), model.state_dict())
    assert os.listdir(tmp_path) == ["best.pt"]


@pytest.mark.fault("one sentence: no epoch has ended yet")
def test_there_are_no_best_weights_before_an_epoch_ends():
    with pytest.raises(LessonError, match="no best weights yet"):
        BestWeights(MLP(4)).restore()


class Evil:
    def __reduce__(self):
        return os.system, ("echo this must never run > evil",)


def write_truncated(path):
    save_weights(MLP(4), path)
    path.write_bytes(path.read_bytes()[:200])


def save_changed(path, change):
    weights = MLP(4, seed=2).state_dict()
    name = list(weights)[-1]  # the last: everything before it could already have been copied
    torch.save(weights | {name: change(weights[name])}, path)


@pytest.mark.fault("one sentence; the model keeps its weights, and no code runs")
@pytest.mark.parametrize(
    "write, words",
    [
        (lambda path: None, "There is no file of weights"),
        (write_truncated, "damaged or not a file of weights"),
        (lambda path: path.write_bytes(b""), "damaged or not a file of weights|holds more than weights"),
        (lambda path: path.write_text("weights"), "damaged or not a file of weights|holds more than weights"),
        (lambda path: path.write_bytes(pickle.dumps(Evil())), "holds more than weights"),
        (lambda path: torch.save({"layers.0.weight": Evil()}, path), "holds more than weights"),
        (lambda path: torch.save([1, 2], path), "not hold weights by their names"),
        (lambda path: torch.save(MLP(4, seed=2).state_dict() | {"epoch": 3}, path), "not hold weights by their names"),
        (lambda path: torch.save({0: torch.zeros(2)}, path), "not hold weights by their names"),
        (lambda path: path.write_bytes(b"\x80\x02}q\x00X"), "damaged or not a file of weights|holds more than weights"),
        (lambda path: path.write_bytes(b"\x80\x02."), "damaged or not a file of weights|holds more than weights"),
        (lambda path: save_weights(MLP(5), path), "of another model: layers.0.weight"),
        (lambda path: save_changed(path, lambda weight: weight.to_sparse()), "not a plain tensor of numbers"),
        (lambda path: save_changed(path, lambda weight: weight.to("meta")), "not a plain tensor of numbers"),
        (lambda path: save_changed(path, lambda weight: weight.int()), "has dtype torch.int32, .* wants torch.float32"),
        (lambda path: save_changed(path, lambda weight: weight + 0j), "has dtype torch.complex64"),
        (lambda path: save_changed(path, lambda weight: weight / 0), "holds NaN or infinity"),
        (lambda path: save_weights(MLP(4, (64, 8)), path), "of another model"),
    ],
)
def test_a_bad_file_gets_one_sentence_and_changes_nothing(tmp_path, monkeypatch, recwarn, write, words):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "bad.pt")
    recwarn.clear()
    model = MLP(4)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(LessonError, match=words) as error:
        load_weights(model, tmp_path / "bad.pt")
    assert "\n" not in str(error.value)
    assert same(model.state_dict(), before)
    assert not (tmp_path / "evil").exists() and not recwarn.list


@pytest.mark.fault("one sentence; the former file is whole")
def test_a_failed_save_leaves_the_former_file(tmp_path, monkeypatch):
    path = tmp_path / "weights.pt"
    save_weights(MLP(4), path)
    former = path.read_bytes()

    def disk_full(weights, target):
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", disk_full)
    with pytest.raises(LessonError, match="No space left"):
        save_weights(MLP(4, seed=2), path)
    assert path.read_bytes() == former and os.listdir(tmp_path) == ["weights.pt"]


@pytest.mark.fault("one sentence")
def test_a_place_that_is_no_file_gets_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LessonError, match="could not be written"):
        save_weights(MLP(4), tmp_path / "file" / "weights.pt")
    with pytest.raises(LessonError, match="Weights are written to a file, such as"):
        save_weights(MLP(4), "")


def test_the_first_of_two_equal_epochs_is_kept() -> None:
    best = BestWeights(MLP(4))
    assert best.epoch is None
    equal = [SimpleNamespace(epoch=epoch, validation_loss=0.5) for epoch in (1, 2)]
    assert list(best.watch(iter(equal))) == equal
    assert best.epoch == 1


def test_buffers_that_count_are_read_back(tmp_path) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    model(torch.randn(4, 2))
    save_weights(model, tmp_path / "w.pt")
    fresh = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    load_weights(fresh, tmp_path / "w.pt")
    assert same(fresh.state_dict(), model.state_dict()) and fresh[1].num_batches_tracked == 1


@pytest.mark.fault("one sentence: which weights differ, there and here")
def test_weights_of_another_model_are_told_apart(tmp_path) -> None:
    path = tmp_path / "w.pt"
    one, two = torch.nn.Sequential(torch.nn.Linear(2, 3)), torch.nn.Sequential(*[torch.nn.Linear(2, 2)] * 2)
    save_weights(one, path)
    for model, sentence in (
        (two, "0.bias is (3,) there and (2,) here."),
        (torch.nn.Linear(2, 3), "0.bias is (3,) there and missing here."),
    ):
        with pytest.raises(LessonError) as refused:
            load_weights(model, path)
        assert str(refused.value) == f"The weights in {path} are of another model: {sentence}"
    save_weights(torch.nn.Linear(2, 3), path)
    with pytest.raises(LessonError, match=r"0\.bias is missing there and \(3,\) here\.$"):
        load_weights(one, path)


@pytest.mark.fault("one sentence")
def test_what_is_said_of_no_weights_and_no_path() -> None:
    for action, sentence in (
        (BestWeights(MLP(4)).restore, "There are no best weights yet: no epoch with a validation loss has ended."),
        (lambda: save_weights(MLP(4), 5),
         "Weights are kept in a file: give a path, such as 'weights.pt'; you gave 5."),
    ):  # fmt: skip
        with pytest.raises(LessonError) as refused:
            action()
        assert str(refused.value) == sentence


@pytest.mark.fault("one sentence that names them")
def test_weights_that_are_no_numbers_are_named(tmp_path) -> None:
    diverged = torch.nn.Linear(2, 3)
    with torch.no_grad():
        diverged.bias[1] = torch.nan
    save_weights(diverged, tmp_path / "w.pt")
    with pytest.raises(LessonError, match=r"^bias in .*w\.pt holds NaN or infinity"):
        load_weights(torch.nn.Linear(2, 3), tmp_path / "w.pt")
