"""Write `notebooks/claims.md`, the page for readers, from the register and the committed results.

The same results give the same page: `python -m tests.claims.page` may be run as often as you like.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.claims.register import (
    DATA,
    NOTEBOOKS,
    Claim,
    Result,
    Source,
    claims_of,
    load_results,
    notebooks_on_trial,
    sources_of,
)

PAGE = NOTEBOOKS / "claims.md"

STRENGTHS = (
    ("proved", '"is", "always"', "a cell beside it checks it, to rounding"),
    (
        "measured",
        '"in 9 of 10 runs", "on average 0.02 lower"',
        "an experiment repeated with other splits, initial weights and orders: the tables below",
    ),
    (
        "seen here",
        '"in this run", "on the machine that made this page"',
        "the output above it, and nothing more",
    ),
)

HEAD = f"""\
# Claims on trial

A course can get every number right and still draw the wrong lesson from it: one seed, one order of the batches or one
friendly data set is not evidence. So a sentence in these notebooks has one of three strengths, and its wording tells
you which.

| strength | how the notebook says it | what stands behind it |
|---|---|---|
{chr(10).join(f"| **{name}** | {said} | {behind} |" for name, said, behind in STRENGTHS)}

Each row of the tables is one experiment, repeated with different seeds. The runs that are compared share their seed:
the same split, the same initial weights, the same order wherever that is possible. *Effect* is the mean difference with
its 95 %
interval; where the interval contains zero, the difference may be chance. "Holds" means that the claim held in at least
four runs of five; "on average" means that it held in more than half of them and that the interval excludes zero.

**A claim that fails stays on this page**, with what is true instead. To run one yourself:
`make claims CLAIM=1.fixed-order`.
"""


def text() -> str:
    """The whole page."""
    trials = {notebook: (claims_of(notebook), load_results(notebook)) for notebook in notebooks_on_trial()}
    parts = [HEAD, *summary(trials)]
    for notebook, (claims, results) in trials.items():
        parts += [f"## {title(notebook)}\n", *table(claims, results)]
        failed = list(failures(claims, results))
        if failed:
            parts += ["**What did not hold, and what is true instead**\n", "\n".join(failed) + "\n"]
        sources = sources_of(notebook)
        if sources:
            parts += ["### What the sources say\n", *verdicts(sources)]
    return "\n".join(parts)


def summary(trials: dict[int, tuple[list[Claim], dict]]) -> Iterator[str]:
    """How many claims there are, and how they came out."""
    rows = [results[claim.id][data] for claims, results in trials.values() for claim, data in tried(claims, results)]
    count = {verdict: sum(row.verdict == verdict for row in rows) for verdict in ("holds", "on average", "fails")}
    claims = sum(len(claims) for claims, _ in trials.values())
    yield (
        f"{claims} measured claims, {len(rows)} experiments: {count['holds']} hold, {count['on average']} hold on "
        f"average, {count['fails']} do not hold. {sum(row.n for row in rows):,} runs in all.\n"
    )


def title(notebook: int) -> str:
    """The notebook's title, as a link."""
    path = next(NOTEBOOKS.glob(f"{notebook:02}_*.ipynb"))
    # Only the head is wanted here, and the whole file may hold megabytes of pictures.
    head = re.search(r'"# ([^"\\]+)', path.read_text(encoding="utf-8"))[1]
    return f"[Notebook {notebook}: {head}]({path.name})"


def tried(claims: list[Claim], results: dict[str, dict[str, Result]]) -> Iterator[tuple[Claim, str]]:
    """Each claim with each data set that it has a result for."""
    yield from ((claim, data) for claim in claims for data in claim.on if data in results.get(claim.id, {}))


def table(claims: list[Claim], results: dict[str, dict[str, Result]]) -> Iterator[str]:
    """The table of one notebook's claims."""
    yield "| claim | data | held in | effect, 95 % interval | verdict |"
    yield "|---|---|---|---|---|"
    for claim, data in tried(claims, results):
        result = results[claim.id][data]
        yield (
            f"| {claim.says} (`{claim.id}`) | {DATA[data]} | {result.held} of {result.n} runs | "
            f"{effect(claim, result)} | {result.verdict} |"
        )
    yield ""


def effect(claim: Claim, result: Result) -> str:
    """The mean effect with its interval, rounded to what the interval leaves; a sign where it can go either way."""
    digits = decimals(result.half_width)
    low, high = result.interval
    better = {True: ", less is better", False: ", more is better", None: ""}[claim.smaller_is_better]
    sign = "+" if claim.smaller_is_better is not None or min(result.effects) < 0 else ""
    number, *ends = (f"{value:{sign}z,.{digits}f}".replace("-", "−") for value in (result.mean, low, high))
    interval = " to ".join(ends)
    return f"{number} {claim.unit} ({interval}{better})"


def decimals(half_width: float) -> int:
    """How many decimals to print beside an interval of this half width: two telling digits of it, three at most."""
    for digits in range(3):
        if half_width >= 10 ** (1 - digits):
            return digits
    return 3


def failures(claims: list[Claim], results: dict[str, dict[str, Result]]) -> Iterator[str]:
    """The claims that failed somewhere, each with what is true instead."""
    for claim in claims:
        where = [DATA[data] for data, result in results.get(claim.id, {}).items() if result.verdict == "fails"]
        if where:
            yield f"- ~~{claim.says}~~ ({', '.join(where)}) {claim.instead}"


def verdicts(sources: list[Source]) -> Iterator[str]:
    """The sources' claims with their verdicts."""
    yield "| a source says | verdict | because |"
    yield "|---|---|---|"
    for source in sources:
        because = source.because + (f" (`{source.claim}`)" if source.claim else "")
        yield f"| {source.says} | {source.verdict} | {because} |"
    yield ""


def write() -> None:
    """Write the page."""
    PAGE.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    write()
