"""Which cells of a notebook show a live part, and which others they need: the rest of it has not to be run for them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat

SHOWS_CONTROLS = re.compile(r"\b(live_training|live_picture|playground|experiment)\(")


def cells_with_controls(path: Path) -> list[int]:
    """The cells that show a live part, and before them all that may make something these use; from 0."""
    wanted: set[str] = set()
    while True:  # until nothing new is wanted: `score(...)` also fills what a function of an earlier cell fills
        before, kept = set(wanted), []
        for number, cell in reversed(list(enumerate(nbformat.read(path, as_version=4).cells))):
            if cell.cell_type != "code":
                continue
            tree = ast.parse(re.sub(r"(?m)^[%!].*", "", cell.source))
            if SHOWS_CONTROLS.search(cell.source) or wanted & set(changed(tree)):
                wanted |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
                kept.insert(0, number)
        if wanted == before:
            return kept


def changed(tree: ast.AST) -> Iterator[str]:
    """Names that this code gives a value, or (in the widest sense) another one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).split(".")[0]
        elif isinstance(node, ast.Expr | ast.Name | ast.Attribute | ast.Subscript):
            stored = isinstance(getattr(node, "ctx", None), ast.Store)
            while isinstance(node, ast.Expr | ast.Call | ast.Attribute | ast.Subscript):
                stored |= isinstance(node, ast.Expr)  # scores.append(1)
                node = node.func if isinstance(node, ast.Call) else node.value
            if stored and isinstance(node, ast.Name):
                yield node.id
