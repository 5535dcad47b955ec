"""How far am I? What `check` has seen in this kernel, exercise by exercise; it is kept nowhere else."""

from __future__ import annotations

import html
from dataclasses import dataclass

SEEN: dict[str, bool] = {}  # the exercises that were answered, and whether the last answer was right


@dataclass(frozen=True)
class HowFar:
    """The exercises of one notebook: `solved`, `tried` without success yet, and `open`."""

    solved: tuple[str, ...]
    tried: tuple[str, ...]
    open: tuple[str, ...]

    @property
    def text(self) -> str:
        """What there is to say, in a sentence or two."""
        total = len(self.solved) + len(self.tried) + len(self.open)
        if len(self.solved) == total:
            return f"All {total} exercises are solved."
        said = f"{len(self.solved)} of {total} exercises are solved."
        if self.tried:
            return f"{said} You have begun {_listed(self.tried)}: read the hint below the last answer, and try again."
        if not self.solved:
            return f"{said} Exercise {self.open[0]} is the first."
        return f"{said} Exercise {self.open[0]} is next."

    def __repr__(self) -> str:
        return (
            f"{self._row('✓', self.solved)}{self._row('✗', self.tried)}{self._row('…', self.open)}\n{self.text}".strip()
        )

    def _row(self, sign: str, names: tuple[str, ...]) -> str:
        return "".join(f"{sign} {name}  " for name in names)

    def _repr_html_(self) -> str:
        marks = {"✓": ("solved", self.solved), "✗": ("tried", self.tried), "…": ("open", self.open)}
        found = [(name, sign, word) for sign, (word, names) in marks.items() for name in names]
        items = "".join(
            f'<li style="display: inline-block; margin-right: 1.2em"><b>{sign}</b> {name} {word}</li>'
            for name, sign, word in sorted(found, key=lambda item: _key(item[0]))
        )
        return f'<ul style="padding: 0" aria-label="exercises">{items}</ul><p>{html.escape(self.text)}</p>'


def of_notebook(notebook: int, names: list[str]) -> HowFar:
    """How far this kernel's answers go among `names`, all exercises of the course."""
    own = sorted((name for name in names if name.startswith(f"{notebook}.")), key=_key)
    return HowFar(
        tuple(name for name in own if SEEN.get(name) is True),
        tuple(name for name in own if SEEN.get(name) is False),
        tuple(name for name in own if name not in SEEN),
    )


def _key(name: str) -> list[str | int]:
    return [int(part) if part.isdigit() else part for part in name.split(".")]


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
