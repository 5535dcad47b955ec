"""One vocabulary: the prose says sample, batch, iteration, update and epoch, and not what other texts say for them.

The glossary has the words. Other people's words may be quoted ("…" or “…”), set as code, or stand in a table that the
comment `<!-- words of other tools -->` announces. Each pattern below means the synonym, not the everyday word: "for
example", "it records", "step by step" and "the tests pass" are fine.
"""

import re
from pathlib import Path

import pytest

from tests.tools.notebook_rules import load
from tests.tools.prose import prose_of

ROOT = Path(__file__).resolve().parents[2]
GLOSSARY = ROOT / "notebooks" / "glossary.md"
PAGES = [*sorted((ROOT / "notebooks").glob("*.ipynb")), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md"))]

OTHER_TOOLS = re.compile(r"<!-- words of other tools -->\s*?\n(?:\|.*(?:\n|$))+")
QUOTED = re.compile(r'"[^"\n]*"|“[^”\n]*”')

_DATA = (
    r"(?:training |validation |test |whole |entire |full |same )*(?:data(?: ?set)?|set|samples|ratings|people|patients)"
)
_ONE_OF = r"(?:each|every|one|per|single|all|training|validation|test|individual|\d[\d,]*)"
FORBIDDEN = {
    "sample": (
        rf"\b{_ONE_OF}[ -](?:example|instance|record|observation|data ?point)s?\b",
        r"\b(?:examples|instances|records|observations|data ?points) (?:in|of|per) (?:a|the|each|every|one|this) "
        r"(?:batch|epoch|training set|validation set|data)",
        r"\b(?:an?|the|this|that) (?:instance|data ?point)\b(?! (?:of|where|in which))",
        r"\bdata ?points?\b",
    ),
    "batch": (r"\bmini-?batch(?:es)?\b(?! SGD)",),
    "iteration or update": (
        r"\b(?:training|gradient|optimi[sz]er|optimi[sz]ation|update|global|weight|descent) steps?\b",
        r"\b(?:SGD|Adam) step\b",
        r"\bsteps? (?:per|of an?|in an?|in each|in every) (?:epoch|batch|update)\b",
        r"\b(?:per|\d[\d,]*) steps?\b",
        r"\b(?:one|two|each|every|a) steps? of (?:SGD|Adam|gradient descent|training|the optimi[sz]er)\b",
    ),
    "epoch": (
        rf"\b(?:pass|passes|sweep|sweeps) (?:over|through|across|of) (?:all )?(?:of )?(?:the |our |your )?{_DATA}\b",
        r"\b(?:training|full|complete|entire|data) (?:pass|passes|sweep|sweeps)\b",
        r"\b(?:one|each|every|per|first|second|last|\d+) (?:pass|passes|sweep|sweeps)\b",
    ),
}


def own_words(markdown: str) -> str:
    """The prose without quotations and tables of other tools' words."""
    return QUOTED.sub(" ", prose_of(OTHER_TOOLS.sub("\n", markdown)))


def synonyms_in(markdown: str) -> list[str]:
    """Every forbidden word, with the word to say instead."""
    text = " ".join(own_words(markdown).split())
    return [
        f"{found[0]!r}, say {right}: …{text[max(0, found.start() - 40) : found.end() + 30]}…"
        for right, patterns in FORBIDDEN.items()
        for pattern in patterns
        for found in re.finditer(pattern, text, re.IGNORECASE)
    ]


def markdown_of(path: Path) -> list[tuple[str, str]]:
    """(where, markdown) of a page: its cells, or its whole text."""
    if path.suffix != ".ipynb":
        return [(path.name, path.read_text(encoding="utf-8"))]
    return [(f"cell {cell.id}", cell.source) for cell in load(path).cells if cell.cell_type == "markdown"]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_keeps_to_the_vocabulary(path: Path) -> None:
    faults = [f"{where}: {fault}" for where, source in markdown_of(path) for fault in synonyms_in(source)]
    assert not faults, f"{path.name} uses words that the glossary has others for:\n" + "\n".join(faults)


@pytest.mark.parametrize("path", PAGES[:-2], ids=lambda path: path.stem)
def test_the_glossary_is_one_link_away(path: Path) -> None:
    assert "](glossary.md)" in load(path).cells[0].source, "the head of every notebook links to the glossary"


@pytest.mark.parametrize("word", ["sample", "batch", "iteration", "update", "epoch"])
def test_the_glossary_has_each_word_once(word: str) -> None:
    assert len(re.findall(rf"^\| \*\*{word}\*\* \|", GLOSSARY.read_text(encoding="utf-8"), re.MULTILINE)) == 1


@pytest.mark.parametrize("word", ["example", "instance", "record", "mini-batch", "step", "pass", "sweep"])
def test_the_glossary_names_what_others_say(word: str) -> None:
    assert re.search(rf"\b{word}\b", GLOSSARY.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "prose",
    [
        "Each training example counts.",
        "We use 100 examples.",
        "the examples in a batch",
        "one observation",
        "every data point, and a datapoint",
        "an instance and its target",
        "The records of a batch are averaged.",
        "A minibatch is small.",
        "Draw mini-batches at random.",
        "after 500 steps",
        "one gradient step",
        "the optimiser steps once per epoch: two optimizer steps",
        "steps per epoch",
        "one pass over the data",
        "a pass through the whole training set",
        "two full passes",
        "each sweep",
        "a sweep over all samples",
        "<details>one gradient\nstep</details>",
    ],
)
def test_a_synonym_is_found(prose: str) -> None:
    assert synonyms_in(prose)


@pytest.mark.parametrize(
    "prose",
    [
        "For example, a batch of 32. An example: see below. For instance this one.",
        "In this instance of the class it is true.",
        "The record stands at 0.86, and it records every loss.",
        "mini-batch SGD",
        "Five steps, step by step. The first step is to install it. A step size.",
        "Adam steps along an average. All tests pass. The forward pass; pass it on; a password.",
        'scikit-learn says "gradient steps"; others say “a full pass over the data”.',
        "`steps_per_epoch` and `# one pass over the data`",
        "<!-- words of other tools -->\n| tool | word |\n|---|---|\n| Keras | steps per epoch |\n\nA sample.",
        "Give it 2 arguments; 3 people; 5 stepping stones.",
        "a sweep of the slider",
    ],
)
def test_everyday_words_and_quotations_are_fine(prose: str) -> None:
    assert synonyms_in(prose) == []


def test_the_table_of_other_tools_is_all_that_is_exempt() -> None:
    page = "<!-- words of other tools -->\n| a | one pass over the data |\n\nThen one pass over the data.\n"
    assert len(synonyms_in(page)) == len(synonyms_in("Then one pass over the data.")) > 0


def test_the_first_notebook_needs_its_exemption() -> None:
    """The table really holds other tools' words, so the comment before it is no decoration."""
    first = next(path for path in PAGES if path.stem.startswith("01_"))
    tables = [source for _, source in markdown_of(first) if OTHER_TOOLS.search(source)]
    assert len(tables) == 1
    assert synonyms_in(QUOTED.sub("", tables[0]).replace("<!-- words of other tools -->", ""))
