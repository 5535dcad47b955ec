"""Which cells an answer needs: those that make, or may change, what it uses, so that grading trains nothing in vain."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterator, Mapping, Sequence

MAKES_ANEW = (ast.Assign, ast.AnnAssign, ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


def needed_cells(sources: Sequence[str], wanted: Mapping[int, str]) -> set[int]:
    """The places of the cells that must run.

    Args:
        sources: the cells, in order.
        wanted: the places of cells that must run, each with an expression that is looked at after it.

    A cell that cannot be parsed, a magic for instance, is always needed.
    """
    late: set[str] = set()  # what functions use is looked up when they are called, after they were written
    while True:
        needed, in_functions = _backwards(sources, wanted, late)
        if in_functions <= late:
            return needed
        late |= in_functions


def _backwards(sources: Sequence[str], wanted: Mapping[int, str], late: set[str]) -> tuple[set[int], set[str]]:
    """The needed cells, if `late` matters at every wanted place, and the names that the functions in them use."""
    live: set[str] = set()  # names whose value at this point matters
    needed, in_functions = set(wanted), set()
    for place in reversed(range(len(sources))):
        if place in wanted:
            live |= _used(wanted[place]) | late
        try:
            statements = ast.parse(sources[place]).body
        except (SyntaxError, ValueError):
            needed.add(place)
            continue
        for statement in reversed(statements):
            if place in wanted or live & (_bound(statement) | _changed(statement)):
                needed.add(place)
                if isinstance(statement, MAKES_ANEW):
                    live -= _bound(statement)  # what it was before does not matter
                used = _used(ast.unparse(statement))
                live |= used
                in_functions |= used if isinstance(statement, ast.FunctionDef | ast.ClassDef) else set()
    return needed, in_functions


def _used(source: str) -> set[str]:
    """The global names that this code reads, inside its functions too."""

    def walk(table: symtable.SymbolTable) -> Iterator[str]:
        for symbol in table.get_symbols():
            if symbol.is_referenced() and (table.get_type() == "module" or symbol.is_global()):
                yield symbol.get_name()
        for child in table.get_children():
            yield from walk(child)

    try:
        return set(walk(symtable.symtable(source, "cell", "exec")))
    except (SyntaxError, ValueError):
        return set()


def _bound(statement: ast.stmt) -> set[str]:
    """The global names that this statement makes."""
    table = symtable.symtable(ast.unparse(statement), "cell", "exec")
    return {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}


def _changed(statement: ast.stmt) -> set[str]:
    """The names whose things this statement may change: `rows.append(3)`, `row[0] = 3`, also inside a loop."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return set()
    parts = [
        node.value.func if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else node
        for node in ast.walk(statement)
        if isinstance(node, ast.Expr) or isinstance(getattr(node, "ctx", None), ast.Store | ast.Del)
    ]
    return {_root(part) for part in parts if isinstance(part, ast.Attribute | ast.Subscript)}


def _root(node: ast.expr) -> str:
    """`model` of `model.layers[0].weight`."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""
