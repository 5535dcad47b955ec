"""Which cells an answer needs: those that make, or may change, what it uses, so that grading trains nothing in vain."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

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
    effects, constant = _effects(sources), _of_the_course(sources)
    for place in reversed(range(len(sources))):
        if place in wanted:
            live |= _used(wanted[place]) | late
        try:
            statements = ast.parse(sources[place]).body
        except (SyntaxError, ValueError):
            needed.add(place)
            continue
        if place not in wanted and not any(
            live & (_bound(one) | _changed(one, effects, constant)) for one in statements
        ):
            continue
        needed.add(place)
        for statement in reversed(statements):  # the cell runs from its first line, and must not stop before its last
            if isinstance(statement, ast.FunctionDef) and not live & _bound(statement):
                statement.body = [ast.Pass()]  # nobody calls it
            if isinstance(statement, MAKES_ANEW):
                live -= _bound(statement)  # what it was before does not matter
            used = _used(ast.unparse(statement))
            if isinstance(statement, ast.For):  # its own name has a value wherever its lines run
                used -= _used(ast.unparse(statement.target)) - _used(ast.unparse(statement.iter))
            live |= used
            in_functions |= used if isinstance(statement, ast.FunctionDef | ast.ClassDef) else set()
    return needed, in_functions


def _effects(sources: Sequence[str]) -> dict[str, set[str]]:
    """For every function of the cells, the global names whose things a call of it may change."""
    effects = {}
    for source in sources:
        try:
            functions = [one for one in ast.parse(source).body if isinstance(one, ast.FunctionDef)]
        except (SyntaxError, ValueError):
            continue
        for function in functions:
            changed = set().union(*(_changed(one, {}) for one in function.body))
            effects[function.name] = changed & _used(ast.unparse(function))
    return effects


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


def _of_the_course(sources: Sequence[str]) -> set[str]:
    """What the cells import from `helpers`: calling it changes none of it, as `torch.manual_seed(1)` changes torch."""
    ours, others = set(), set()
    for source in sources:
        try:
            statements = ast.parse(source).body
        except (SyntaxError, ValueError):
            continue
        for one in statements:
            imported = isinstance(one, ast.ImportFrom) and (one.module or "").split(".")[0] == "helpers"
            (ours if imported else others).update(_bound(one))
    return ours - others


def _changed(
    statement: ast.stmt, effects: Mapping[str, set[str]], constant: AbstractSet[str] = frozenset()
) -> set[str]:
    """The names whose things this statement may change: `rows.append(3)`, `row[0] = 3`, `fill()`; in a loop, too.

    Calls of what is `constant` change nothing of it.
    """
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return set()
    nodes = list(ast.walk(statement))
    calls = [node.value.func for node in nodes if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)]
    parts = [call for call in calls if _root(call) not in constant]
    parts += [node for node in nodes if isinstance(getattr(node, "ctx", None), ast.Store | ast.Del)]
    called = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    in_calls = set().union(*(effects.get(name, set()) for name in called))
    return in_calls | {_root(part) for part in parts if isinstance(part, ast.Attribute | ast.Subscript)}


def _root(node: ast.expr) -> str:
    """`model` of `model.layers[0].weight`."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""
