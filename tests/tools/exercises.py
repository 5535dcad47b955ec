"""Find the exercises of a notebook and their folded solutions.

An exercise is a code cell that calls `check("1.3", answer)`. Its solution stands in a later markdown cell, in a
```python block inside <details>, and calls `check` with the same number.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nbformat import NotebookNode

DETAILS = re.compile(r"<details\b.*?</details>", re.DOTALL | re.IGNORECASE)
PYTHON_BLOCK = re.compile(r"^```python[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Solution:
    """One folded block of Python: its code, the numbers it checks, and the cell it stands in."""

    source: str
    numbers: tuple[str, ...]
    cell_index: int


def _is_check(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "check"


def checked_numbers(source: str) -> tuple[str, ...]:
    """The numbers of the exercises that this code checks; () for code that cannot be parsed."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return ()
    calls = (node for node in ast.walk(tree) if _is_check(node))
    return tuple(
        ast.literal_eval(call.args[0]) for call in calls if call.args and isinstance(call.args[0], ast.Constant)
    )


def exercises(notebook: NotebookNode) -> Iterator[tuple[str, int]]:
    """Every exercise as (number, index of its cell)."""
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            yield from ((number, index) for number in checked_numbers(cell.source))


def solutions(notebook: NotebookNode) -> Iterator[Solution]:
    """Every folded block of Python, in order."""
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type != "markdown":
            continue
        for folded in DETAILS.findall(cell.source):
            for source in PYTHON_BLOCK.findall(folded):
                yield Solution(source, checked_numbers(source), index)


def as_test(solution: Solution) -> str:
    """The solution as code that fails unless each of its checks passes, and passes neither nothing nor nonsense."""
    tree = ast.parse(solution.source)
    body: list[ast.stmt] = []
    for statement in tree.body:
        if not (isinstance(statement, ast.Expr) and _is_check(statement.value)):
            body.append(statement)
            continue
        call = ast.unparse(statement.value)
        number = ast.unparse(statement.value.args[0])
        others = ", ".join("_given" for _ in statement.value.args[1:])
        body += ast.parse(
            f"_number, _reply = {number}, {call}\n"
            f"assert _reply.passed, f'the folded solution of {{_number}} does not pass: {{_reply}}'\n"
            f"for _given in (None, 'not an answer'):\n"
            f"    assert not check({number}, {others}).passed, f'exercise {{_number}} takes {{_given!r}} for right'\n"
        ).body
    return ast.unparse(ast.Module(body, type_ignores=[]))
