"""Workers: the same numbers as one process, whatever the shares; one clear error when one of them is lost."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import nbformat
import pytest
import torch
from torch import nn

from helpers import data_parallel
from helpers.checks import LessonError
from helpers.data import Samples
from helpers.data_parallel.workers import _environment
from helpers.models import MLP, CollaborativeFilter
from helpers.training import BestWeights, Config, History, load_weights, train

ROOT = Path(__file__).resolve().parents[2]
NUM_USERS, NUM_MOVIES = 30, 40


def ratings(num_samples: int = 1001) -> Samples:
    generator = torch.Generator().manual_seed(1)
    rows = [torch.randint(size, (num_samples,), generator=generator) for size in (NUM_USERS, NUM_MOVIES)]
    return Samples(torch.stack(rows, 1), torch.rand(num_samples, generator=generator, dtype=torch.float64) * 5)


def collaborative_filter() -> CollaborativeFilter:
    return CollaborativeFilter(NUM_USERS, NUM_MOVIES, 4, mean=2.5).double()


# ---------------------------------------------------------------------------------------- in one process


@pytest.mark.parametrize("size", [1, 2, 5, 7])
@pytest.mark.parametrize("workers", [2, 3])
def test_shares_are_the_batch_and_their_weights_add_up_to_one(size, workers):
    samples, batch = ratings(), torch.arange(100, 100 + size)
    parts = [data_parallel.Shares(samples, rank, workers) for rank in range(workers)]
    targets = [part[batch][1][: part.size] for part in parts]
    assert sorted(torch.cat(targets).tolist()) == sorted(samples.targets[batch].tolist())
    assert sum(part.weight for part in parts) == pytest.approx(1)
    assert all(len(part[batch][1]) > 0 for part in parts), "a worker without a sample still takes part"


def test_without_torchrun_it_is_the_course_loop():
    runs = [
        History.of(loop(collaborative_filter(), ratings(), config=Config(num_epochs=2)))
        for loop in (train, data_parallel.train)
    ]
    assert runs[0].losses == runs[1].losses
    assert (data_parallel.rank(), data_parallel.num_workers(), data_parallel.start().type) == (
        0,
        1,
        data_parallel.start().type,
    )


@pytest.mark.parametrize(("platform", "loopback"), [("linux", "lo"), ("darwin", "lo0"), ("win32", None)])
def test_the_loopback_interface_is_named_where_its_name_is_known(monkeypatch, platform, loopback):
    monkeypatch.delenv("GLOO_SOCKET_IFNAME", raising=False)
    monkeypatch.setattr(sys, "platform", platform)
    assert _environment().get("GLOO_SOCKET_IFNAME") == loopback


def test_shares_are_checked_as_samples_are(monkeypatch):
    monkeypatch.setattr(data_parallel.sharing, "num_workers", lambda: 2)
    data_parallel.train(collaborative_filter(), ratings())
    with pytest.raises(LessonError, match="training set"):
        data_parallel.train(MLP(5), ratings())


@pytest.mark.parametrize("workers", [0, 1.5, "2"])
def test_a_number_of_workers_that_cannot_be_is_refused_before_any_work(workers):
    with pytest.raises(LessonError, match="number"):
        data_parallel.Workers(workers)


# ---------------------------------------------------------------------------------------- in two


# A start costs three processes that import PyTorch. So the runs that end no worker come first, and share one; every
# fault after them ends the workers that the run before it started.


@pytest.fixture(scope="module")
def workers():
    with data_parallel.Workers(2) as workers:
        yield workers


def test_a_worker_has_one_thread_however_many_its_starter_has(workers, monkeypatch):
    for variable in ("OMP_NUM_THREADS", "EPOCH_THREADS"):
        monkeypatch.setenv(variable, "2")
    assert workers.run(torch.get_num_threads) == [1, 1]  # the first run of this file: they start now


def train_all(cases):
    """In a worker: train each case, and hand back its history and weights."""
    from helpers import data_parallel
    from helpers.training import History

    results = []
    for model, train_set, validation_set, config in cases:
        history = History.of(data_parallel.train(model, train_set, validation_set, config))
        results.append((history.epochs.drop(columns="seconds"), model.state_dict()))
    return results


def test_two_workers_are_one_process(workers):
    """Batches of 200 from 1,001 samples: equal shares, and one last batch with a sample for one worker only."""
    patients = Samples(torch.randn(333, 3, dtype=torch.float64), torch.randn(333, dtype=torch.float64))
    odd = Config(num_epochs=3, batch_size=55, learning_rate=0.01, weight_decay=0.1)
    cases = [
        (collaborative_filter, ratings(), Config(num_epochs=3, batch_size=200, learning_rate=0.01)),
        (collaborative_filter, ratings(), odd),
        (lambda: MLP(3).double(), patients, odd),
        (lambda: MLP(3).double(), patients, Config(num_epochs=3, batch_size=64, learning_rate=0.1, optimizer="sgd")),
    ]
    given = [(make(), samples, samples, config) for make, samples, config in cases]
    results = workers.run(train_all, cases=given)
    for number, (make, samples, config) in enumerate(cases):
        model = make()
        expected = History.of(train(model, samples, samples, config)).epochs.drop(columns="seconds")
        for epochs, weights in (worker[number] for worker in results):
            torch.testing.assert_close(torch.tensor(epochs.to_numpy()), torch.tensor(expected.to_numpy()))
            torch.testing.assert_close(weights, model.state_dict())
        first, second = (worker[number][1] for worker in results)
        assert all(torch.equal(first[name], second[name]) for name in first), "workers drifted apart"


def test_frozen_weights_stay_and_the_rest_is_trained_as_in_one_process(workers):
    def frozen():
        model = collaborative_filter()
        model.movie_embedding.weight.requires_grad_(False)
        return model

    config = Config(num_epochs=2, batch_size=99, learning_rate=0.01)
    for _, weights in (
        case for worker in workers.run(train_all, cases=[(frozen(), ratings(), None, config)]) for case in worker
    ):
        model = frozen()
        History.of(train(model, ratings(), config=config))
        torch.testing.assert_close(weights, model.state_dict())
        assert torch.equal(weights["movie_embedding.weight"], frozen().state_dict()["movie_embedding.weight"])


def test_buffers_stay_together(workers):
    """BatchNorm sees its worker's share only, but all workers keep the same running means and the same losses."""
    generator = torch.Generator().manual_seed(3)
    patients = Samples(torch.randn(334, 3, generator=generator), torch.randn(334, generator=generator))
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1), nn.Flatten(0))
    config = Config(num_epochs=2, batch_size=50, learning_rate=0.01)
    first, second = (worker[0] for worker in workers.run(train_all, cases=[(model, patients, patients, config)]))
    assert first[0].equals(second[0]), "the same losses in every epoch"
    assert all(torch.equal(first[1][name], second[1][name]) for name in first[1])
    assert first[1]["1.num_batches_tracked"] == 14


def compare_with_pytorch(model, batch):
    """In a worker: the averaged gradient, ours and that of PyTorch's DistributedDataParallel."""
    import copy

    from torch.nn.parallel import DistributedDataParallel

    from helpers import data_parallel

    shares = data_parallel.Shares(batch, data_parallel.rank(), data_parallel.num_workers())
    inputs, targets = shares[torch.arange(len(batch))]
    gradients = []
    for wrap in (DistributedDataParallel, lambda copied: data_parallel.average_gradients(copied, shares) and copied):
        copied = copy.deepcopy(model)
        wrapped = wrap(copied)  # kept: PyTorch's wrapper does its work only while it lives
        (wrapped(inputs) - targets).square().mean().backward()
        gradients.append([weights.grad for weights in copied.parameters()])
    return gradients


def test_equal_shares_give_the_gradient_of_pytorchs_own_wrapper(workers):
    pytorchs, ours = workers.run(compare_with_pytorch, model=collaborative_filter(), batch=ratings(1000))[0]
    torch.testing.assert_close(ours, pytorchs)


def test_what_cannot_be_sent_is_refused_and_the_next_run_runs(workers):
    assert workers.run(int) == [0, 0]
    with pytest.raises(LessonError, match="cannot be sent"):
        workers.run(print, end=threading.Lock())
    assert workers.run(int) == [0, 0]


class Unreadable:
    """Can be written but not read."""

    def __reduce__(self):
        return int, ("no number",)


def test_what_cannot_be_read_or_returned_is_one_sentence(workers):
    before = workers.run(os.getpid)
    with pytest.raises(LessonError, match=r"What worker 0 returned cannot be read here \(ValueError"):
        workers.run(lambda kind: kind(), kind=Unreadable)
    assert workers.run(os.getpid) == before, "they did their work: there is no need for new ones"
    with pytest.raises(LessonError, match=r"stopped with TypeError: cannot pickle 'generator' object"):
        workers.run(lambda: (number for number in range(3)))


def test_two_threads_get_their_own_results(workers):
    results = {}  # there are no workers now: only one of the threads may start them
    threads = [
        threading.Thread(target=lambda n=n: results.update({n: workers.run(lambda n: n, n=n)})) for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {n: [n, n] for n in range(4)}


def lose_worker_1(model, samples, path, epoch):
    """In a worker: train and keep the best weights; worker 1 is killed after its first update of `epoch`."""
    import os
    import signal

    from helpers import data_parallel
    from helpers.training import BestWeights, Config

    best, config = BestWeights(model), Config(num_epochs=9, batch_size=100, learning_rate=0.01)
    for progress in best.watch(data_parallel.train(model, samples, samples, config)):
        if data_parallel.rank() == 0 and progress.epoch_ended and best.epoch == progress.epoch:
            best.save(path)
        if data_parallel.rank() == 1 and progress.epoch == epoch:
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")
def test_a_killed_worker_is_one_sentence_and_the_best_weights_are_kept(workers, tmp_path):
    given = {"model": collaborative_filter(), "samples": ratings(), "path": tmp_path / "best", "epoch": 3}
    with pytest.raises(LessonError, match=r"^Worker 1 was killed \(SIGKILL\)[^\n]*\.$"):
        workers.run(lose_worker_1, **given)
    kept, model = collaborative_filter(), collaborative_filter()
    load_weights(kept, tmp_path / "best")
    best = BestWeights(model)
    History.of(best.watch(train(model, ratings(), ratings(), Config(num_epochs=2, batch_size=100, learning_rate=0.01))))
    torch.testing.assert_close(kept.state_dict(), model.state_dict())
    assert list(tmp_path.iterdir()) == [tmp_path / "best"], "nothing half-written is left"


def one_of_two_fails():
    """In a worker: worker 1 raises, worker 0 waits for it."""
    import torch.distributed as dist

    if dist.get_rank() == 1:
        raise ValueError("this film is not rated")
    dist.barrier()


def test_an_error_in_one_worker_is_told_and_not_the_broken_connection_of_the_other(workers):
    with pytest.raises(LessonError, match=r"^Worker 1 stopped with ValueError: this film is not rated$"):
        workers.run(one_of_two_fails)


def test_after_an_error_the_next_run_starts_new_workers(workers):
    assert workers.run(lambda numbers: sum(numbers), numbers=[1, 2]) == [3, 3]


# Every one of these stopped the workers, and hung, or gave no reason.


def leave(how):
    """In a worker: worker 1 leaves, worker 0 waits for it."""
    import os
    import sys

    import torch
    import torch.distributed as dist

    if dist.get_rank() == 1:
        {"exit": sys.exit, "hard": os._exit, "input": lambda _: input()}[how[0]](how[1])
    if how[2]:
        dist.all_reduce(torch.ones(1))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (("exit", 3, True), "Worker 1 stopped with SystemExit: 3"),
        (("hard", 3, True), "Worker 1 ended before its work was done, with exit code 3."),
        (("hard", 0, True), "Worker 1 ended before its work was done, with exit code 0."),
        (("hard", 0, False), "Worker 1 ended before its work was done, with exit code 0."),
        (("input", 0, True), "Worker 1 stopped with EOFError: EOF when reading a line"),
    ],
)
def test_a_worker_that_leaves_is_named(workers, how, said, monkeypatch):
    if not how[2]:  # the other has done its work and lives on: torchrun, which is given this long to report, never will
        monkeypatch.setattr(data_parallel.workers, "LAST_WORDS", 1)
    with pytest.raises(LessonError) as error:
        workers.run(leave, how=how)
    assert str(error.value) == said


def test_workers_that_ended_while_idle_start_again_and_leave_nothing_in_the_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with data_parallel.Workers(1) as own:
        own.run(int)
        own._process.terminate()
        own._process.wait()
        assert own.run(int) == [0]
    assert list(tmp_path.iterdir()) == []


def test_the_script_in_the_notebook_runs_alone_and_with_others(tmp_path):
    """Notebook 5 prints a whole script: it is run as it stands, by python and by torchrun, and says the same."""
    notebook = nbformat.read(ROOT / "notebooks/05_beyond_one_device.ipynb", as_version=4)
    cell = next(cell for cell in notebook.cells if cell.id == "further-words")
    script = tmp_path / "train_together.py"
    script.write_text(re.search(r"```python\n(.*?)```", cell.source, re.DOTALL)[1], encoding="utf-8")
    said = [
        subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        for command in ([sys.executable, script], data_parallel.command(2, f"--log-dir={tmp_path}", str(script)))
    ]
    assert said[0].splitlines() == said[1].splitlines()
    assert [line.split(":")[0] for line in said[1].splitlines()] == ["epoch 1", "epoch 2", "epoch 3"]
    assert (tmp_path / "best.pt").exists()


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for processes in /proc")
def test_workers_end_with_the_process_that_started_them(tmp_path):
    script = (
        "import sys, time; from pathlib import Path; from helpers import data_parallel\n"
        "def wait(folder):\n"
        "    import os, time; from pathlib import Path\n"
        "    Path(folder, str(os.getpid())).touch(); time.sleep(600)\n"
        "data_parallel.Workers(2).run(wait, folder=sys.argv[1])\n"
    )
    temporary, marks = tmp_path / "temporary", tmp_path / "marks"
    temporary.mkdir(), marks.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    launcher = subprocess.Popen([sys.executable, "-c", script, marks], cwd=ROOT, env=environment)
    _until(lambda: len(list(marks.iterdir())) == 2, seconds=90)
    workers = [Path("/proc", path.name) for path in marks.iterdir()]
    assert [path.name.split("-")[0] for path in temporary.iterdir()] == ["workers"]
    launcher.send_signal(signal.SIGKILL)
    launcher.wait()
    _until(lambda: not any(map(_runs, workers)), seconds=30)
    _until(lambda: not list(temporary.iterdir()), seconds=30)  # nor are their files


def _runs(process: Path) -> bool:
    try:
        return process.joinpath("stat").read_text().split(") ")[1][0] != "Z"
    except OSError:
        return False


def _until(condition, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)
