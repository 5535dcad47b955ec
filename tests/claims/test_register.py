"""Prose, experiments and the committed table of claims say the same; a few small experiments are run again."""

import re
from pathlib import Path

import pytest

from tests.claims import page
from tests.claims.register import (
    CLAIMS,
    NOTEBOOKS,
    Claim,
    Result,
    Source,
    claim,
    claims_of,
    ids_in,
    load_results,
    notebooks_on_trial,
    numbers_behind,
    sources_of,
)
from tests.tools.notebook_rules import load

NUMBER_WORDS = [
    "none",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
]
QUOTED = re.compile(r"\b(\d+|[a-z]+) of (?:the |its )?(\d+|[a-z]+) (?:runs|seeds|splits|draws)\b", re.IGNORECASE)
QUICK = 0.4  # seconds a run took when the table was made
RUN_AGAIN = 2  # claims of each notebook


def prose(notebook: int) -> list[str]:
    path = next(NOTEBOOKS.glob(f"{notebook:02}_*.ipynb"))
    return [cell.source for cell in load(path).cells if cell.cell_type == "markdown"]


def count(written: str) -> int | None:
    if written.isdigit():
        return int(written)
    return NUMBER_WORDS.index(written.lower()) if written.lower() in NUMBER_WORDS else None


def quotations(source: str) -> list[tuple[int, int]]:
    """Every "9 of 10 runs" of a cell, as (9, 10)."""
    found = [(count(some), count(all_)) for some, all_ in QUOTED.findall(source)]
    return [(some, all_) for some, all_ in found if some is not None and all_ is not None]


@pytest.mark.parametrize("notebook", notebooks_on_trial())
def test_every_claim_has_a_sentence_an_experiment_and_a_result(notebook: int) -> None:
    registered = {claim.id: set(claim.on) for claim in claims_of(notebook)}
    in_prose = {name for source in prose(notebook) for name in ids_in(source)}
    assert in_prose == set(registered), "in the notebook, and in its module of claims"
    results = {name: set(rows) for name, rows in load_results(notebook).items()}
    assert results == registered, "in the table, and in the module: run make claims"


@pytest.mark.parametrize("notebook", notebooks_on_trial())
def test_the_table_is_whole(notebook: int) -> None:
    results = load_results(notebook)
    for tried in claims_of(notebook):
        for data, result in results[tried.id].items():
            assert result.n == len(result.held_by_seed) == tried.seeds, f"{tried.id} on {data}: run it again"
        failed = [data for data, result in results[tried.id].items() if result.verdict == "fails"]
        assert bool(tried.instead) == bool(failed), f"{tried.id} fails on {failed}: say what is true instead"


@pytest.mark.parametrize("notebook", notebooks_on_trial())
def test_prose_quotes_the_table(notebook: int) -> None:
    results = load_results(notebook)
    for source in prose(notebook):
        ids = ids_in(source)
        known = {(row.held, row.n) for name in ids for row in results.get(name, {}).values()}
        known |= {(n - held, n) for held, n in known}
        for quoted in quotations(source) if ids else []:
            assert quoted in known, f"{quoted[0]} of {quoted[1]} stands in none of the results of {ids}: {known}"


@pytest.mark.parametrize("notebook", notebooks_on_trial())
def test_every_verdict_on_a_source_rests_on_a_claim_or_says_why(notebook: int) -> None:
    for source in sources_of(notebook):
        assert source.because, source.says
        assert source.claim is None or source.claim in {claim.id for claim in claims_of(notebook)}, source.claim


@pytest.mark.parametrize("notebook", notebooks_on_trial())
def test_small_claims_come_out_as_in_the_table(notebook: int) -> None:
    """The quickest claims again, with two seeds: the committed numbers belong to the code that stands there."""
    results = load_results(notebook)
    rows = [(c, data, results[c.id][data]) for c in claims_of(notebook) for data in c.on if data in results[c.id]]
    quick = [row for row in rows if row[0].repeatable and row[1] != "movielens" and row[2].seconds < QUICK * row[2].n]
    for again, data, result in sorted(quick, key=lambda row: row[2].seconds / row[2].n)[:RUN_AGAIN]:
        for seed in (0, 1):
            held, effect = again.run(data, seed)
            assert effect == pytest.approx(result.effects[seed], rel=0.02, abs=1e-6), f"{again.id}, seed {seed}"
            assert held == result.held_by_seed[seed], f"{again.id}, seed {seed}"


def test_the_page_is_made_from_the_results() -> None:
    if notebooks_on_trial():
        assert page.PAGE.read_text(encoding="utf-8") == page.text(), "run python -m tests.claims.page"


# ---------------------------------------------------------------------------------------- the register itself


def result(*effects: float, held: tuple[bool, ...] | None = None) -> Result:
    return Result(effects, held or tuple(effect > 0 for effect in effects), 0.1, "2026-01-01")


def test_a_paired_interval() -> None:
    three = result(1.0, 2.0, 3.0)
    assert three.mean == 2.0
    assert three.half_width == pytest.approx(4.3027 / 3**0.5, rel=1e-4)  # t(0.975, 2) = 4.3027, sd = 1


@pytest.mark.parametrize(
    ("effects", "verdict"),
    [
        ((1.0, 2.0, 3.0, 1.0, 2.0), "holds"),
        ((1.0, 2.0, 3.0, 1.0, -1.0), "holds"),
        ((2.0, 2.1, 2.0, -0.1, -0.1), "fails"),  # three of five, and the interval contains zero
        ((2.0, 2.0, 2.1, 2.0, 2.0, 2.0, 2.1, -0.1, -0.1, -0.1), "on average"),
        ((-1.0, -1.0, -1.0, -1.1, -1.0), "fails"),
    ],
)
def test_a_verdict_needs_runs_and_an_interval(effects: tuple[float, ...], verdict: str) -> None:
    assert result(*effects).verdict == verdict


@pytest.mark.parametrize(
    ("id", "on"), [("fixed-order", ("diabetes",)), ("1.Fixed", ("diabetes",)), ("1.a", ()), ("1.a", ("moons",))]
)
def test_a_claim_without_a_proper_name_or_data_is_refused(id: str, on: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"claim's id|names some of"):
        claim(id, "", "", on)


def test_a_claim_is_registered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CLAIMS, "1.twice", Claim("1.twice", "", "", ("diabetes",), lambda seed: (True, 0.0)))
    with pytest.raises(ValueError, match=r"1\.twice"):
        claim("1.twice", "", "", ("diabetes",))


def test_a_verdict_is_one_of_three() -> None:
    Source("A", "holds when the learning rate is small", "seen")
    with pytest.raises(ValueError, match="verdict starts"):
        Source("A", "perhaps", "seen")


def test_quotations_are_read_in_figures_and_words() -> None:
    assert quotations("in 9 of 10 runs, eight of ten seeds, some of the runs") == [(9, 10), (8, 10)]


def test_prose_may_quote_what_stands_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {"1.a": {"diabetes": result(0.1, 0.2, 0.3)}}
    monkeypatch.setattr("tests.claims.register.load_results", lambda notebook: table)
    assert {3, 0} <= set(numbers_behind(["1.a"]))
    assert any(abs(number - 0.2) < 1e-9 for number in numbers_behind(["1.a"]))
    assert list(numbers_behind(["1.b"])) == []
    assert 0.05 in numbers_behind(["1.fixed-order"])  # it says so itself


def test_the_page_says_what_holds_and_what_does_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    good = Claim("1.good", "It helps.", "loss", ("diabetes",), lambda seed: (True, 0.0), smaller_is_better=True)
    bad = Claim("1.bad", "It never hurts.", "loss", ("diabetes",), lambda seed: (True, 0.0), instead="It does.")
    table = {"1.good": {"diabetes": result(0.1, 0.2, 0.3)}, "1.bad": {"diabetes": result(-0.1, -0.2, -0.3)}}
    monkeypatch.setattr(page, "notebooks_on_trial", lambda: [1])
    monkeypatch.setattr(page, "claims_of", lambda notebook: [good, bad])
    monkeypatch.setattr(page, "sources_of", lambda notebook: [Source("More is better.", "holds", "it is", "1.good")])
    monkeypatch.setattr(page, "load_results", lambda notebook: table)
    text = page.text()
    assert (
        "| It helps. (`1.good`) | diabetes | 3 of 3 runs | +0.20 loss (−0.05 to +0.45, less is better) | holds |"
        in text
    )
    assert "- ~~It never hurts.~~ (diabetes) It does." in text
    assert "| More is better. | holds | it is (`1.good`) |" in text
    assert "2 measured claims, 2 experiments: 1 hold, 0 hold on average, 1 do not hold. 6 runs in all." in text
