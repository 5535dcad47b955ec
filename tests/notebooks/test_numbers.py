"""Every number in the prose of a notebook is one that a cell beside it computes, so that the prose cannot drift."""

import re
from decimal import Decimal
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.tools.notebook_plugin import needs_saved_outputs
from tests.tools.notebook_rules import load
from tests.tools.prose import Claim, claims_beside_numbers, not_computed, prose_of

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_prose_claims_only_what_is_computed(path: Path) -> None:
    needs_saved_outputs(path)
    faults = [f"cell {claim.cell}: {claim.written} in {claim.sentence!r}" for claim in not_computed(load(path))]
    assert not faults, "no code and no output of the same section has this number:\n" + "\n".join(faults)


def notebook(prose: str, code: str = "", output: str = "", tags: list[str] | None = None) -> NotebookNode:
    """A section with one paragraph and one executed cell, after two sections without numbers."""
    cell = new_code_cell(code, id="code", metadata={"tags": tags or []}, outputs=[new_output("stream", text=output)])
    headings = [new_markdown_cell(f"## {name}", id=name) for name in ("data", "loop")]
    return new_notebook(cells=[*headings, new_markdown_cell(prose, id="prose"), cell])


def faults(*parts, **options) -> list[str]:
    return [claim.written for claim in not_computed(notebook(*parts, **options))]


@pytest.mark.parametrize(
    ("prose", "code", "output"),
    [
        ("98 batches, the last with 672.", "", "98 batches, 672 in the last\n"),
        ("100,000 ratings", "ratings = 100_000", ""),
        ("the 2,024th epoch, with 2620.0", "", "epoch 2,024: 2620.0"),
        ("a share of 20 %, or 63.2%", "share = 0.2", "0.632"),
        ("a loss of 0.45.", "", "loss=0.45"),
        ("3 epochs", "", "3.0 epochs"),
        ("2.4800", "loss = 2.4800", ""),
        ("from -0.3 to −0.25", "low = -0.3", "-0.25"),
        ("a difference of 5 in **12** of 13 (7)", "", "5, 12/13 and 7"),
        ("below 0.000001", "assert gap < 1e-6", ""),
        (
            "It takes 40 minutes, and 25 more of second reading. Exercise 2.3, notebooks 2 and 3 (2009), "
            "Koren et al. 2009.\n\n1. first\n2. second",
            "",
            "",
        ),
        ("`batch 7`, $B = 8$, $$\\frac{9}{10}$$ and [a page](https://x.org/11), <!-- 12 --> a 2-D map, x1", "", ""),
        ("```python\nsize = 13\n```\nis 13", "", ""),
    ],
)
def test_a_number_that_is_computed_passes(prose: str, code: str, output: str) -> None:
    assert faults(prose, code, output) == []


@pytest.mark.parametrize(
    ("prose", "code", "output", "missing"),
    [
        ("97 batches", "", "98 batches", ["97"]),
        ("98 batches", "", "97.65625 batches", ["98"]),  # a rounding that nobody computed
        ("98 batches", "print(text)  # 98", "", ["98"]),
        ("98 batches", "text = '98'", "", ["98"]),
        ("0.45", "", "0.451", ["0.45"]),
        ("2,024", "", "2,025", ["2,024"]),
        ("24 epochs", "", "2,024 epochs", ["24"]),
        ("20 %", "", "0.21", ["20"]),
        ("20 people", "", "0.2", ["20"]),
        ("2620.0", "", "2620", ["2620.0"]),  # more decimals than were computed
        ("| a | 3 |\n|---|---|\n| b | 4 |", "three = 3", "", ["4"]),
        ("## 5,000 epochs", "", "50", ["5,000"]),
        ("<details>\nhidden 350\n</details>", "", "", ["350"]),
    ],
)
def test_a_number_that_is_not_computed_is_found(prose: str, code: str, output: str, missing: list[str]) -> None:
    assert faults(prose, code, output) == missing


def test_timings_are_no_evidence() -> None:
    assert faults("0.35 seconds", "", "0.35 s", tags=["nbval-ignore-output"]) == ["0.35"]
    assert faults("0.35 seconds", "limit = 0.35", "", tags=["nbval-ignore-output"]) == []


def test_evidence_stands_in_the_same_section_or_where_the_data_come_in() -> None:
    pages = notebook("98 batches")
    other = [new_markdown_cell("## later", id="later"), new_code_cell("count = 98", id="count")]
    pages.cells += other
    assert [claim.written for claim in not_computed(pages)] == ["98"]
    pages.cells = other[1:] + pages.cells[:-2]
    assert not_computed(pages) == []


def test_prose_keeps_what_a_reader_reads() -> None:
    words = prose_of("A [link 5](https://x.org/6) costs $7 or <b>8</b>.").split()
    assert words == ["A", "[link", "5]", "costs", "$7", "or", "8", "."]


def drifted(claim: Claim) -> list[Claim]:
    """The claim with its last digit one more and one less: what drift looks like."""
    value = Decimal(claim.written.replace(",", ""))
    digit = Decimal(1).scaleb(value.as_tuple().exponent)
    return [Claim(claim.cell, f"{changed:,}", "") for changed in (value + digit, value - digit)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_drift_is_caught_in_the_real_notebooks(path: Path) -> None:
    needs_saved_outputs(path)
    """Change the last digit of each telling number in the prose: nearly always no cell computes the neighbour.

    Numbers of one or two digits have neighbours everywhere; they are left out here and not in the test above.
    """
    noticed = []
    for claim, numbers in claims_beside_numbers(load(path)):
        if len(re.sub(r"\D", "", claim.written).lstrip("0")) >= 3:
            noticed += [not changed.backed_by(numbers) for changed in drifted(claim)]
    assert sum(noticed) >= 0.85 * len(noticed), f"only {sum(noticed)} of {len(noticed)} changed numbers were noticed"


def test_outputs_that_move_are_caught_in_the_first_notebook() -> None:
    """The facts of the course: let the run give something else, and the prose that still has them is reported."""
    path = next(path for path in NOTEBOOKS if path.stem.startswith("01_"))
    needs_saved_outputs(path)
    for fact, drifted in (
        ("2,024", "2,031"),
        ("2620.0", "2618.4"),
        ("3056.4", "3060.2"),
        ("1583", "1579"),
        ("672", "671"),
    ):
        pages = nbformat.reads(nbformat.writes(load(path)), as_version=4)
        for cell in pages.cells:
            for output in cell.get("outputs", []):
                if "text" in output:
                    output.text = output.text.replace(fact, drifted)
                if "data" in output:
                    output.data = {kind: str(text).replace(fact, drifted) for kind, text in output.data.items()}
        assert fact in [claim.written for claim in not_computed(pages)], fact
