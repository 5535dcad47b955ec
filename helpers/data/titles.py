"""Titles of films that were never made, in the tone of their genres."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

import numpy as np


def invent_titles(genres: Sequence[Sequence[str]], seed: int) -> list[str]:
    """One title per film, no two alike; `genres` holds each film's genres, the leading one first."""
    words_of = tomllib.loads(Path(__file__).with_name("titles.toml").read_text(encoding="utf-8"))
    random = np.random.RandomState(seed)

    def pick(genre: str, kind: str) -> str:
        choices = words_of[genre][kind]
        return choices[int(random.randint(len(choices), dtype=np.int64))]

    titles: dict[str, None] = {}  # keeps its order
    for first, *others in genres:
        title = None
        while title is None or title in titles:
            thing, other_thing = pick(others[-1] if others else first, "what"), pick(first, "what")
            words = {"who": pick(first, "who"), "what": thing, "whats": _plural(thing), "what_else": other_thing}
            title = _polish(pick(first, "templates").format(**words))
        titles[title] = None
    return list(titles)


def _plural(noun: str) -> str:
    if re.search(r"(s|sh|x|z)$", noun):
        return noun + "es"
    return re.sub(r"(?<![aeiou])y$", "ie", noun) + "s"


def _polish(title: str) -> str:
    """Small articles in the middle, and "an" before a vowel."""
    title = re.sub(r"(?<!:) (The|An?) ", lambda article: article[0].lower(), title)
    return re.sub(r"\b([Aa]) (?=[AEIOU])", r"\1n ", title)
