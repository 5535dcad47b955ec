"""What a page says in its own words, and which numbers it claims.

Prose is what is left of Markdown without code, formulas, addresses and comments. A claim is a number in it.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import nbformat
from nbformat import NotebookNode

from tests.claims.register import ids_in, numbers_behind
from tests.tools.exercises import PYTHON_BLOCK

TIMING_TAG = "nbval-ignore-output"  # on a cell whose output is a timing by nature
NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
# A number that belongs to a word (x1, 2-D, B2) or to a longer one (3.11.2) is a name, not a claim.
CLAIM = re.compile(rf"(?<![\w.,#])(?:{NUMBER})(?![\w]*-?[A-Z])(?!\.?,?\d)(?:(?=th\b|st\b|nd\b|rd\b)|(?!\w))")
NOT_CLAIMED = (
    r"^\s*\d+\. ",  # the number of an item in a list
    r"\b(?:[Ee]xercises?|[Nn]otebooks?)\s+\d[\d.]*(?:(?:,| and| to)\s+\d[\d.]*)*",
    r"\b\d+ min(?:utes)?\b",  # how long the notebook takes
    r"\((?:19|20)\d\d\)|\b(?:et al\.|&amp; \w+|& \w+),? (?:19|20)\d\d",  # the year of a source
)


def prose_of(markdown: str) -> str:
    """Markdown without fenced and inline code, formulas, comments, tags, and the addresses of its links."""
    text = re.sub(r"^```.*?^```", " ", markdown, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"<!--.*?-->", " ", text, flags=re.DOTALL)
    text = re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", " ", text, flags=re.DOTALL)
    text = re.sub(r"\$\$.*?\$\$", " ", text, flags=re.DOTALL)
    text = re.sub(r"(?<![\\\w])\$(?=\S)[^$\n]*?(?<=\S)\$(?!\d)", " ", text)
    text = re.sub(r"\]\([^)\s]*\)", "]", text)
    text = re.sub(r"<https?:[^>]*>|https?://[^\s)]+", " ", text)
    return re.sub(r"</?[a-z][^>]*>", " ", text)


@dataclass(frozen=True)
class Claim:
    """A number in the prose: as written, and where."""

    cell: str
    written: str
    sentence: str

    def backed_by(self, numbers: "Computed") -> bool:
        """Whether it was computed, to as many decimals; of a percentage the share will do."""
        value = _value(self.written)
        if re.search(rf"(?<![\d.,]){re.escape(self.written)}\s?%", self.sentence) and value / 100 in numbers:
            return True
        return numbers.get(value, -1) >= _decimals(value)


# A number that is computed, without its sign -> to how many decimals it is printed.
Computed = dict[Decimal, int]
EXACTLY = 99


def _value(written: str) -> Decimal:
    return Decimal(written.replace(",", ""))


def _decimals(value: Decimal) -> int:
    return max(0, -value.as_tuple().exponent)


def claims(notebook: NotebookNode) -> Iterator[Claim]:
    """Every number that the prose of a notebook claims."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for paragraph in re.split(r"\n\s*\n|\n(?=\s*(?:[-*|]|\d+\.) ?)", prose_of(cell.source)):
                for pattern in NOT_CLAIMED:
                    paragraph = re.sub(pattern, " ", paragraph, flags=re.MULTILINE)
                yield from (
                    Claim(cell.id, found[0], " ".join(paragraph.split())) for found in CLAIM.finditer(paragraph)
                )


def computed(notebook: NotebookNode) -> Computed:
    """Every number in the code, folded solutions included, and in the outputs of a notebook.

    Outputs of cells that measure time do not count: on another machine they say something else. Prose that rests on
    registered claims may quote their committed results, rounded as it likes.
    """
    found: Computed = {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            behind = list(numbers_behind(ids_in(cell.source)))
            found |= {abs(Decimal(f"{number:.{digits}f}")): EXACTLY for number in behind for digits in range(5)}
        sources = PYTHON_BLOCK.findall(cell.source) if cell.cell_type == "markdown" else [cell.source]
        timing = TIMING_TAG in cell.metadata.get("tags", [])
        outputs = [] if timing else cell.get("outputs", [])
        found |= {value: EXACTLY for source in sources for value in _in_code(source)}
        for value in (value for output in outputs for value in _in_output(output)):
            found[value] = max(found.get(value, 0), _decimals(value))
    return found


def _in_code(source: str) -> Iterator[Decimal]:
    """The numbers that stand in code as numbers (not in its comments or texts)."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            yield Decimal(repr(node.value))


def _in_output(output: NotebookNode) -> Iterator[Decimal]:
    texts = [output.get("text", "")]
    for kind, content in output.get("data", {}).items():
        if kind.startswith("text/"):
            texts.append(re.sub(r"<style.*?</style>|<[^>]*>", " ", content, flags=re.DOTALL))
    for text in texts:
        yield from (Decimal(number) for number in re.findall(r"\d+(?:\.\d+)?e[+-]?\d+", text))
        yield from (_value(number) for number in re.findall(rf"(?<![\w.])(?:{NUMBER})", text))


def sections(notebook: NotebookNode) -> list[NotebookNode]:
    """The notebook cut at its headings of the second level, each part a notebook; the first stands before them."""
    parts: list[list[NotebookNode]] = [[]]
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and re.search(r"^## ", cell.source, re.MULTILINE):
            parts.append([])
        parts[-1].append(cell)
    return [nbformat.v4.new_notebook(cells=cells) for cells in parts]


def claims_beside_numbers(notebook: NotebookNode) -> Iterator[tuple[Claim, Computed]]:
    """Every claim, with what is computed in its section, and in the first one, where the data come in."""
    parts = sections(notebook)
    at_first = [computed(part) for part in parts[:2]]
    for part in parts:
        beside: Computed = {}
        for numbers in (*at_first, computed(part)):
            beside |= {value: max(decimals, beside.get(value, 0)) for value, decimals in numbers.items()}
        yield from ((claim, beside) for claim in claims(part))


def not_computed(notebook: NotebookNode) -> list[Claim]:
    """The claims that no cell beside them computes."""
    return [claim for claim, numbers in claims_beside_numbers(notebook) if not claim.backed_by(numbers)]
