"""What every judge has from `check`: copies for the learner, one sentence for any answer, and never an error."""

import contextlib
import copy
import itertools
import math
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from helpers.checks import LessonError
from helpers.exercises import (
    SOMETHING_ELSE,
    Reply,
    as_numbers,
    check,
    exercises,
    find,
    function,
    how_far,
    number,
    numbers,
    plain,
)
from tests.tools.exercises import solutions

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("0*.ipynb"))
TRAINS = {"4.7"}  # its judge trains what it is given


def right_functions():
    """The learner's function of every folded solution, by the number of its exercise."""
    for path in NOTEBOOKS:
        for solution in solutions(nbformat.read(path, as_version=4)):
            answers = {}
            names = {"math": math, "np": np, "torch": torch, "pd": pd, "check": answers.setdefault}
            with contextlib.suppress(NameError):  # other kinds of answers work with what the notebook has computed
                exec(solution.source, names)
            yield from ((number, answer) for number, answer in answers.items() if callable(answer))


RIGHT = dict(right_functions())


# ---------------------------------------------------------------------------------------- what is thrown at them

HUGE = st.builds(pow, st.sampled_from([10, -10, 2]), st.sampled_from([401, 1024, 5001]))
PLAIN = st.recursive(
    st.one_of(
        st.booleans(), st.integers(), HUGE, st.floats(), st.complex_numbers(), st.fractions(), st.decimals(),
        st.text(max_size=20), st.text("0123456789.,_-e+ ", max_size=12), st.binary(max_size=5), st.dates(),
        st.sampled_from([print, math.sqrt, len, torch.sin, int, range(3), object(), NotImplemented, pd.NA, pd.NaT]),
        st.sampled_from(["a", "b", "c", "d", "1.1", "\ud800", "1e999", "٣"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.tuples(inner, inner), st.dictionaries(st.text(max_size=5), inner, max_size=3),
        st.builds(iter, st.lists(inner, max_size=3)),
    ),
    max_leaves=6,
)  # fmt: skip
DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16, torch.int64, torch.bool, torch.complex64]
TENSORS = st.builds(
    lambda shape, dtype, value, device: torch.full(shape, value, dtype=dtype, device=device),
    st.lists(st.integers(0, 3), max_size=3),
    st.sampled_from(DTYPES),
    st.integers(0, 5),
    st.sampled_from(["cpu", "meta"]),
)
ARRAYS = st.one_of(
    TENSORS.filter(lambda it: it.dtype != torch.bfloat16 and it.device.type == "cpu").map(torch.Tensor.numpy),
    st.sampled_from([
        np.array(["a", "b"]), np.array([None, 1], dtype=object), np.array("2026-01-01", dtype="datetime64[D]"),
        pd.DataFrame({"a": [1, 2]}), pd.Series(["x"]), torch.eye(3).to_sparse(), np.float64(3), np.bool_(True),
        torch.nn.Parameter(torch.ones(2)), np.ma.masked, pd.Index([]),
    ]),
)  # fmt: skip


class Hostile:
    """Raises at every touch."""

    def __getattribute__(self, name):
        if name == "__class__":
            return Hostile
        raise RuntimeError("keep off")

    def __repr__(self):
        raise RuntimeError("no repr")

    def __eq__(self, other):
        raise SystemExit("no comparison")

    __hash__ = None
    __bool__ = __len__ = __iter__ = __float__ = __array__ = __deepcopy__ = __eq__


ANYTHING = st.one_of(PLAIN, TENSORS, ARRAYS, st.builds(Hostile))
JUDGES = sorted(set(exercises()) - TRAINS)
MANY = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("name", JUDGES)
@MANY
@given(answer=ANYTHING)
@pytest.mark.filterwarnings("ignore")  # NumPy on huge numbers, when our own code is not the one that asks
def test_any_answer_gets_a_sentence(name, answer):
    if answer is NotImplemented:
        return
    reply = check(name, answer)
    assert reply.passed in (True, False)
    assert 0 < len(reply.text) <= 400
    assert reply._repr_html_().encode()
    # Not by luck of the last net: what holds plain values is judged, not stumbled over.
    if not isinstance(answer, Hostile) and not callable(answer):
        find(name)(answer)


@pytest.mark.parametrize("name", JUDGES)
@MANY
@given(returned=ANYTHING, others=ANYTHING)
@example(returned=np.ma.masked, others=np.ma.masked)  # neither equal to anything nor unequal
@pytest.mark.filterwarnings("ignore")
def test_a_function_that_returns_anything_is_judged_and_not_taken_for_right(name, returned, others):
    results = itertools.chain([returned], itertools.repeat(others))
    reply = check(name, lambda *_, **__: next(results))
    assert reply.passed is False
    assert 0 < len(reply.text) <= 400


def stop(error):
    raise error


@pytest.mark.parametrize("name", sorted(RIGHT))
@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit(), RecursionError(), MemoryError(), StopIteration()])
def test_whatever_a_learners_function_raises_is_told(name, error):
    reply = check(name, lambda *_, **__: stop(error))
    assert reply.passed is False
    assert reply.text.startswith(f"Your function stopped with {type(error).__name__}")


def later(error):
    yield 1
    raise error


def test_an_error_in_a_generator_is_told_too():
    assert "SystemExit" in check("1.5", lambda *_, **__: later(SystemExit(3))).text
    assert check("1.5", lambda *_, **__: itertools.count()).passed is False


def test_an_interrupt_still_interrupts():
    with pytest.raises(KeyboardInterrupt):
        check("1.5", lambda *_, **__: stop(KeyboardInterrupt()))


@pytest.mark.parametrize("name", [["1.1"], {}, 1.1, pytest.param(10**5000, id="huge"), "1.1 ", "", None])
def test_an_exercise_that_is_not_there_is_one_sentence(name):
    with pytest.raises(LessonError, match="There is no exercise"):
        check(name, 1)


@pytest.mark.parametrize(
    "settings",
    [
        {"embedding_dim": 10**9},
        {"embedding_dim": 10**400},
        {"batch_size": 10**400},
        {"learning_rate": 10**400},
        {"learning_rate": "fast"},
        {"num_epochs": []},
        {"seed": -1},
        {"weight_decay": float("nan")},
        {1: 2},
        {("a",): None},
        {"embedding_dim": np.int64(-5)},
        {"optimizer": {}},
    ],
)
def test_absurd_settings_are_one_sentence(settings):
    reply = check("4.7", settings)
    assert reply.passed is False
    assert reply.text != SOMETHING_ELSE


# ---------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    "answer",
    [3, 3.0, "3", " 3.0 ", np.int8(3), np.array([3]), torch.tensor(3), torch.tensor([3.0], dtype=torch.bfloat16),
     torch.tensor(3.0, requires_grad=True), torch.tensor([3.0]).to_sparse(), pd.Series([3]), [torch.tensor(3.0)], (3,)],
)  # fmt: skip
def test_one_number_in_any_form(answer):
    assert number(3)(answer).passed is True


@pytest.mark.parametrize(
    "answer", [True, np.bool_(True), torch.tensor(True), 1j, torch.tensor(1 + 0j), {1}, {1: 1}, "one", b"1", [[1], []]]
)
def test_what_is_no_number_is_called_by_its_kind(answer):
    reply = number(1)(answer)
    assert reply.passed is False
    assert "One number is wanted" in reply.text


def test_numbers_too_large_for_a_float_are_numbers():
    assert number(1, otherwise="Too much.")(10**400).text == "Too much."
    assert numbers([1, 2], otherwise="Too much.")([1, -(10**400)]).text == "Too much."


def test_whole_numbers_are_shown_as_such_and_others_as_they_are():
    assert plain(torch.tensor([100, 53])) == [100, 53]
    assert str(plain(np.array([100.0, 100.7]))) == "[100, 100.7]"
    assert plain("no") is None
    assert as_numbers([1, torch.tensor(2)]).tolist() == [1, 2]


def test_batches_of_a_hundred_and_a_bit_are_not_batches_of_a_hundred():
    def with_a_bit(num_samples, batch_size, drop_last=False):
        full, rest = divmod(num_samples, batch_size)
        return [batch_size + 0.7] * full + ([rest] if rest and not drop_last else [])

    reply = check("1.2", with_a_bit)
    assert reply.passed is False
    assert "100.7" in reply.text


# ---------------------------------------------------------------------------------------- copies


def test_a_learners_function_gets_copies():
    given, vector = [[1, 2]], torch.ones(2)

    def test(learners):
        learners(given, vector=vector)
        return None if given == [[1, 2]] and vector.sum() == 2 else "changed"

    def vandal(numbers, vector):
        numbers[0].clear()
        return vector.zero_()

    assert function(test)(vandal).passed is True


def destroy(value):
    if isinstance(value, torch.Tensor):
        value.zero_()
    elif isinstance(value, np.ndarray):
        value[...] = 0
    elif isinstance(value, pd.DataFrame):
        value.loc[:] = 0
    elif isinstance(value, list):
        for item in value:
            destroy(item)
        value.clear()


def test_there_are_functions_to_try():
    assert {"1.2", "1.5", "1.6", "2.4", "2.6", "3.4", "3.7", "4.3", "4.6", "5.2"} <= set(RIGHT)


@pytest.mark.parametrize("name", sorted(RIGHT))
def test_a_right_function_may_change_its_arguments_in_place(name):
    def right_and_rough(*arguments, **keywords):
        result = copy.deepcopy(RIGHT[name](*arguments, **keywords))
        for value in (*arguments, *keywords.values()):
            destroy(value)
        return result

    assert check(name, RIGHT[name]).passed is True
    assert check(name, right_and_rough).passed is True, check(name, right_and_rough)


# ---------------------------------------------------------------------------------------- nothing


@pytest.mark.parametrize("name", sorted(RIGHT))
def test_a_function_that_returns_nothing_is_told_so_in_the_same_words_everywhere(name):
    assert check(name, lambda *_, **__: None).text == "Your function returns nothing yet: end it with return."


# ---------------------------------------------------------------------------------------- how far


@pytest.fixture
def fresh(monkeypatch):
    monkeypatch.setattr("helpers.exercises._solved", {})


def test_how_far_tells_solved_tried_and_open(fresh):
    assert how_far(5) == Reply(None, "Of 7 exercises: 7 open (5.1, 5.2, 5.3, 5.4, 5.5, 5.6, 5.7). Next: 5.1.")
    check("5.1")
    check("5.6", 4)
    check("5.6", 3)  # solved is solved
    check("5.4", Hostile())
    check("1.1", 32)
    assert how_far(5) == Reply(
        None,
        "Of 7 exercises: 1 solved (5.6), 1 tried (5.4), 5 open (5.1, 5.2, 5.3, 5.5, 5.7). Next: 5.4, with its hint.",
    )
    assert "1 solved (1.1)" in how_far(np.int64(1)).text


def test_how_far_praises_who_has_solved_all(fresh, monkeypatch):
    monkeypatch.setattr("helpers.exercises._solved", dict.fromkeys(exercises(), True))
    assert how_far(5).passed is True
    assert "That is all of them" in how_far(5).text


@pytest.mark.parametrize("notebook", [0, 6, 1.0, True, "1", None, [1], pytest.param(10**5000, id="huge")])
def test_how_far_knows_which_notebooks_there_are(notebook):
    with pytest.raises(LessonError, match="notebook must be one of 1, 2, 3, 4, 5"):
        how_far(notebook)


def test_praise_that_says_right_itself_is_not_said_twice() -> None:
    assert number(3, right="Right on time.")(3).text == "Right on time."


def test_a_check_loads_the_judges_of_its_own_notebook_only() -> None:
    code = (
        "import sys; from helpers.exercises import check; print(check('1.1', 5).passed); "
        "print(sorted(name for name in sys.modules if name.startswith('helpers.exercises.notebook_')), "
        "'torch' in sys.modules)"
    )
    said = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert said == "False\n['helpers.exercises.notebook_1'] False\n"
