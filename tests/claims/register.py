"""The register of claims: what the notebooks say on evidence, and what their sources say, with a verdict.

A claim is a function that runs one experiment with one seed and returns whether the claim held and by how much. It says
in plain words what it tries. `python -m tests.claims.run` runs it over seeds and writes the table in `results/`; a
sentence that rests on it carries `<!-- claim: 1.fixed-order -->` in its cell.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING

# Whoever only reads the register, as every run of pytest does, needs neither PyTorch nor SciPy.
if TYPE_CHECKING:
    from helpers.data import Ratings

RESULTS = Path(__file__).resolve().parent / "results"
NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
DATA = {"embedded": "invented ratings", "movielens": "MovieLens", "diabetes": "diabetes", "synthetic": "made up for it"}
VERDICTS = ("holds", "holds when", "does not hold here")
MOST = 0.8  # the share of the runs in which a claim must hold to be said without "on average"
CLAIM_ID = re.compile(r"<!-- claim: ([\w.-]+) -->")

Experiment = Callable[..., tuple[bool, float]]


@dataclass(frozen=True)
class Claim:
    """A sentence of the course and the experiment behind it.

    Attributes:
        id: notebook, dot, name, such as "1.fixed-order".
        says: the claim in plain words, for readers.
        unit: of the effect, such as "stars"; an effect is a difference or a ratio between runs with the same seed.
        on: the data it is tried on: "embedded" and "movielens" ratings (the experiment then takes `ratings`, too),
            "diabetes" or "synthetic".
        seeds: how many seeds; a seed changes split, initial weights and order of the batches.
        smaller_is_better: what the sign of the effect means; None where neither is better.
        instead: what is true instead, for a claim that fails.
        repeatable: False where the effect is a time, which no other machine repeats.
    """

    id: str
    says: str
    unit: str
    on: tuple[str, ...]
    experiment: Experiment
    seeds: int = 10
    smaller_is_better: bool | None = None
    instead: str = ""
    repeatable: bool = True

    @property
    def notebook(self) -> int:
        return int(self.id.partition(".")[0])

    def run(self, data: str, seed: int) -> tuple[bool, float]:
        """One run of the experiment: whether the claim held, and by how much."""
        held, effect = self.experiment(seed, ratings(data)) if data in RATINGS else self.experiment(seed)
        return bool(held), float(effect)


@dataclass(frozen=True)
class Source:
    """What one of the texts behind the course says, with the verdict: "holds", "holds when …", "does not hold here"."""

    says: str
    verdict: str
    because: str
    claim: str | None = None

    def __post_init__(self) -> None:
        if not self.verdict.startswith(VERDICTS):
            raise ValueError(f"a verdict starts with one of {VERDICTS}, not {self.verdict!r}")


CLAIMS: dict[str, Claim] = {}


def claim(
    id: str,
    says: str,
    unit: str,
    on: tuple[str, ...],
    seeds: int = 10,
    smaller_is_better: bool | None = None,
    instead: str = "",
    repeatable: bool = True,
) -> Callable[[Experiment], Experiment]:
    """Put an experiment into the register; the arguments are those of `Claim`."""
    if not re.fullmatch(r"[1-5]\.[a-z0-9-]+", id) or id in CLAIMS:
        raise ValueError(f"a claim's id is new and like '1.fixed-order', not {id!r}")
    if not on or not set(on) <= set(DATA):
        raise ValueError(f"{id}: `on` names some of {tuple(DATA)}, not {on}")

    def register(experiment: Experiment) -> Experiment:
        CLAIMS[id] = Claim(id, says, unit, tuple(on), experiment, seeds, smaller_is_better, instead, repeatable)
        return experiment

    return register


def notebooks_on_trial() -> list[int]:
    """The notebooks that have a module of claims."""
    return sorted(int(path.stem[-1]) for path in RESULTS.parent.glob("notebook_[1-5].py"))


def claims_of(notebook: int) -> list[Claim]:
    """The claims of one notebook, in the order of its module."""
    import_module(f"tests.claims.notebook_{notebook}")
    return [claim for claim in CLAIMS.values() if claim.notebook == notebook]


def sources_of(notebook: int) -> list[Source]:
    """The sources' claims that a notebook's module puts on trial."""
    return list(getattr(import_module(f"tests.claims.notebook_{notebook}"), "SOURCES", []))


# ---------------------------------------------------------------------------------------- data

RATINGS = ("embedded", "movielens")


@cache
def ratings(data: str) -> Ratings:
    """The ratings a claim is tried on; real MovieLens comes from the folder that `MOVIELENS_DIR` names."""
    from helpers.data import load_ratings

    if data == "embedded":
        return load_ratings()
    return load_ratings(Path(os.environ["MOVIELENS_DIR"]) / "ml-latest-small")


# ---------------------------------------------------------------------------------------- results


@dataclass(frozen=True)
class Result:
    """How a claim came out on one data set: per seed whether it held and by how much; seconds and day of the run."""

    effects: tuple[float, ...]
    held_by_seed: tuple[bool, ...]
    seconds: float
    date: str

    @property
    def n(self) -> int:
        return len(self.effects)

    @property
    def held(self) -> int:
        return sum(self.held_by_seed)

    @property
    def mean(self) -> float:
        return mean(self.effects)

    @property
    def half_width(self) -> float:
        """Half the width of the 95 % interval of the mean effect (Student's t over the seeds)."""
        if self.n < 2:
            return math.inf
        from scipy.stats import t as student

        return float(student.ppf(0.975, self.n - 1)) * stdev(self.effects) / math.sqrt(self.n)

    @property
    def interval(self) -> tuple[float, float]:
        return self.mean - self.half_width, self.mean + self.half_width

    @property
    def verdict(self) -> str:
        """ "holds" in most runs, "on average" (more than half, and an interval that leaves 0 out), or "fails"."""
        if self.held >= MOST * self.n:
            return "holds"
        low, high = self.interval
        return "on average" if self.held > self.n / 2 and not low <= 0 <= high else "fails"

    def as_json(self) -> dict:
        low, high = (float(f"{end:.6g}") for end in self.interval)
        return {
            "n": self.n,
            "held": self.held,
            "mean": float(f"{self.mean:.6g}"),
            "interval": [low, high],
            "effects": list(self.effects),
            "held_by_seed": list(self.held_by_seed),
            "seconds": self.seconds,
            "date": self.date,
        }


def results_file(notebook: int) -> Path:
    """The committed table of one notebook."""
    return RESULTS / f"notebook_{notebook}.json"


def load_results(notebook: int) -> dict[str, dict[str, Result]]:
    """Claim id -> data set -> result, as committed; empty before the first run."""
    path = results_file(notebook)
    table = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {
        name: {
            data: Result(tuple(row["effects"]), tuple(row["held_by_seed"]), row["seconds"], row["date"])
            for data, row in rows.items()
        }
        for name, rows in table.items()
    }


def save_results(notebook: int, results: dict[str, dict[str, Result]]) -> None:
    """Write the table of one notebook, claims in the order of its module."""
    table = {
        claim.id: {data: results[claim.id][data].as_json() for data in claim.on if data in results[claim.id]}
        for claim in claims_of(notebook)
        if claim.id in results
    }
    text = json.dumps(table, indent=1, ensure_ascii=False)
    # One claim's numbers stay on one line.
    text = re.sub(r"\[\s+([^\[\]]*?)\s+\]", lambda found: f"[{' '.join(found[1].split())}]", text)
    RESULTS.mkdir(exist_ok=True)
    results_file(notebook).write_text(text + "\n", encoding="utf-8")


# ---------------------------------------------------------------------------------------- prose


def ids_in(markdown: str) -> list[str]:
    """The claims that a piece of prose says it rests on."""
    return CLAIM_ID.findall(markdown)


def numbers_behind(ids: list[str]) -> Iterator[float]:
    """The numbers that prose with these claims may quote: those that they say, and those of their results.

    Of a result: runs, how many held and how many did not, mean effect, half width and ends of its interval.
    """
    for name in ids:
        notebook = int(name[0]) if name[:1].isdigit() else 0
        if notebook in notebooks_on_trial():
            says = {claim.id: claim.says for claim in claims_of(notebook)}.get(name, "")
            yield from (float(number.replace(",", "")) for number in re.findall(r"\d[\d,]*(?:\.\d+)?", says))
        for result in load_results(notebook).get(name, {}).values():
            yield from (result.n, result.held, result.n - result.held)
            yield from (result.mean, result.half_width, *result.interval)
