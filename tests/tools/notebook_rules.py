"""What every notebook of the course must be and nbval does not see: each rule yields a sentence per fault."""

import ast
import builtins
import re
import statistics
import symtable
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.validator import iter_validate

from tests.tools.exercises import DETAILS, checked_numbers, exercises, solutions
from tests.tools.prose import prose_of

MOST_LINES = 20
MEDIAN_LINES = 6
MOST_BYTES = 1_500_000
FEWEST_EXERCISES = 4
LONGEST_PATH = 75  # minutes that a main path may take
WORDS_A_MINUTE, A_CELL, A_LIVE_PART, AN_ANSWER, A_FUNCTION = 200, 0.5, 2, 4, 8
LIVE_PARTS = {"live_training", "live_picture", "playground", "experiment"}
SECOND_READING = " · second reading"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
GIVEN_BY_JUPYTER = {"display", "get_ipython", "In", "Out", "_", "__", "___", "exit", "quit", "__name__", "__file__"}

Faults = Iterator[str]


def load(path: Path) -> NotebookNode:
    """A notebook as it stands in its file: `nbformat.read` would mend ids before a rule could see them."""
    return nbformat.v4.reads(path.read_text(encoding="utf-8"))


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The code cells, in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def lines_of_code(cell: NotebookNode) -> int:
    """How many lines of a cell are not blank."""
    return sum(bool(line.strip()) for line in cell.source.splitlines())


def _tree(cell: NotebookNode) -> ast.Module:
    """The parsed cell; an empty module for one that is no Python, which `plain_python` reports."""
    try:
        return ast.parse(cell.source)
    except SyntaxError:
        return ast.Module([], type_ignores=[])


def written_for_nbformat(notebook: NotebookNode, path: Path) -> Faults:
    """The file is valid, its metadata is the course's, and its size is fit for a browser."""
    for error in iter_validate(notebook):
        yield f"not a valid notebook: {error.message}"
    if notebook.metadata != METADATA:
        yield f"metadata must be {METADATA}, not {dict(notebook.metadata)}"
    if path.stat().st_size >= MOST_BYTES:
        yield f"{path.stat().st_size:,} bytes is too large: keep it under {MOST_BYTES:,}"


def cell_ids(notebook: NotebookNode, path: Path) -> Faults:
    """Every cell has an id of its own: the live parts and the refresh tool know a cell by it."""
    for name, count in Counter(cell.get("id") for cell in notebook.cells).items():
        if name is None or count > 1:
            yield f"cell id {name!r} stands on {count} cells"


def run_top_to_bottom(notebook: NotebookNode, path: Path) -> Faults:
    """Execution counts are 1..n: nbval compares nothing in a cell that was never run."""
    counts = [cell.execution_count for cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"not run once from top to bottom, the execution counts are {counts}: run make notebooks"
    if not counts:
        yield "there is no code to run"


def plain_python(notebook: NotebookNode, path: Path) -> Faults:
    """No magics, no shell lines, no top-level await, no trailing semicolon; nothing is skipped by a tag."""
    for cell in code_cells(notebook):
        try:
            tree = ast.parse(cell.source)
        except SyntaxError as error:
            yield f"cell {cell.id}: not plain Python ({error.msg}): {error.text}"
            continue
        if cell.source.rstrip().endswith(";"):
            yield f"cell {cell.id}: ends in a semicolon"
        if any(_awaits_outside_functions(statement) for statement in tree.body):
            yield f"cell {cell.id}: awaits outside a function"
        if {"nbval-skip", "skip-execution"} & set(cell.metadata.get("tags", [])):
            yield f"cell {cell.id}: is skipped by its tag"
        if re.search(r"^\s*#\s*(NBVAL_|PYTEST_VALIDATE)", cell.source, re.MULTILINE):
            yield f"cell {cell.id}: use a tag, such as nbval-ignore-output, not a comment"


def _awaits_outside_functions(node: ast.AST) -> bool:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return False
    if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith):
        return True
    return any(_awaits_outside_functions(child) for child in ast.iter_child_nodes(node))


def clean_outputs(notebook: NotebookNode, path: Path) -> Faults:
    """No stderr, no widget views, no errors but the ones a cell announces."""
    for cell in code_cells(notebook):
        announced = "raises-exception" in cell.metadata.get("tags", [])
        errors = [output for output in cell.outputs if output.output_type == "error"]
        if errors and not announced:
            yield f"cell {cell.id}: ended in {errors[0].ename}"
        if announced and not errors:
            yield f"cell {cell.id}: announces an exception and shows none"
        if any(output.get("name") == "stderr" for output in cell.outputs):
            yield f"cell {cell.id}: text on stderr"
        if any(WIDGET_VIEW in output.get("data", {}) for output in cell.outputs):
            yield f"cell {cell.id}: a widget view is saved: run make notebooks"
        if "execution" in cell.metadata:
            yield f"cell {cell.id}: timings are saved: run make notebooks"


def pictures_have_words(notebook: NotebookNode, path: Path) -> Faults:
    """Each picture has a text beside it that says what it shows."""
    for cell in code_cells(notebook):
        for output in cell.outputs:
            data = output.get("data", {})
            if not any(kind.startswith("image/") for kind in data):
                continue
            words = "".join(data.get("text/plain", ""))
            if not words.strip() or re.match(r"<.*>$", words.strip(), re.DOTALL):
                yield f"cell {cell.id}: a picture without words, only {words!r}"


def short_cells(notebook: NotebookNode, path: Path) -> Faults:
    """Code cells of a handful of lines; the first, which only imports, may be as long as its list."""
    lengths = {cell.id: lines_of_code(cell) for cell in code_cells(notebook)}
    imports = next(iter(lengths), None)
    for name, length in lengths.items():
        if length > MOST_LINES and name != imports:
            yield f"cell {name}: {length} lines of code, more than {MOST_LINES}"
        if length == 0:
            yield f"cell {name}: empty"
    if lengths and statistics.median(lengths.values()) > MEDIAN_LINES:
        yield f"the median code cell has {statistics.median(lengths.values())} lines, more than {MEDIAN_LINES}"


def imports_first(notebook: NotebookNode, path: Path) -> Faults:
    """The first code cell imports, and does nothing else; it does not touch sys.path anywhere."""
    for cell in code_cells(notebook)[:1]:
        if not all(isinstance(statement, ast.Import | ast.ImportFrom) for statement in _tree(cell).body):
            yield f"cell {cell.id}: the first code cell holds more than imports"
    for cell in code_cells(notebook):
        if "sys.path" in cell.source:
            yield f"cell {cell.id}: helpers is installed, sys.path needs no help"


def names_come_from_above(notebook: NotebookNode, path: Path) -> Faults:
    """No cell uses a name that only a later cell defines, not even inside a function."""
    cells = [cell for cell in code_cells(notebook) if _tree(cell).body and not _top_level_await(cell)]
    defined = [_defined(cell) for cell in cells]
    known = GIVEN_BY_JUPYTER | set(dir(builtins))
    for index, cell in enumerate(cells):
        known |= defined[index]
        later = set().union(*defined[index + 1 :])
        for name in sorted((_used(cell) - known) & later):
            yield f"cell {cell.id}: uses {name}, which only a later cell defines"


def _top_level_await(cell: NotebookNode) -> bool:
    return any(_awaits_outside_functions(statement) for statement in _tree(cell).body)


def _defined(cell: NotebookNode) -> set[str]:
    table = symtable.symtable(cell.source, str(cell.id), "exec")
    return {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}


def _used(cell: NotebookNode) -> set[str]:
    def walk(table: symtable.SymbolTable) -> Iterator[str]:
        at_top = table.get_type() == "module"
        for symbol in table.get_symbols():
            if symbol.is_referenced() and (at_top or symbol.is_global()):
                yield symbol.get_name()
        for child in table.get_children():
            yield from walk(child)

    return set(walk(symtable.symtable(cell.source, str(cell.id), "exec")))


def links_lead_somewhere(notebook: NotebookNode, path: Path) -> Faults:
    """Links to other files of the project, and to headings of this notebook or another, have their target."""
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        prose = re.sub(r"```.*?```|`[^`\n]*`", "", cell.source, flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", prose) + re.findall(r"""(?:href|src)=["']([^"']+)["']""", prose):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, heading = target.partition("#")
            file = path.parent / name if name else path
            if not file.exists():
                yield f"cell {cell.id}: link to {target}, which is not there"
            elif heading and file.suffix == ".ipynb":
                headings = _headings(notebook if file == path else load(file))
                if heading not in headings:
                    yield f"cell {cell.id}: link to {target}, but no heading is called that"


def _headings(notebook: NotebookNode) -> set[str]:
    """The headings as JupyterLab names them in links: blanks become hyphens."""
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return {title.strip().replace(" ", "-") for title in re.findall(r"^#+ +(.+)$", prose, re.MULTILINE)}


def head_says_how_long(notebook: NotebookNode, path: Path) -> Faults:
    """The first cell is prose with a title, and says how many minutes to bring."""
    first = notebook.cells[0] if notebook.cells else None
    if first is None or first.cell_type != "markdown" or not first.source.lstrip().startswith("# "):
        yield "the first cell must be the head: a markdown cell with the title"
    elif minutes(notebook) is None:
        yield "the head must say how long it takes, such as '40 minutes'"


def minutes(notebook: NotebookNode) -> int | None:
    """The minutes that the head of a notebook asks for, the first figure followed by the word."""
    found = re.search(r"(\d+)\s*(?:min\b|minutes\b)", notebook.cells[0].source)
    return int(found[1]) if found else None


def minutes_are_honest(notebook: NotebookNode, path: Path) -> Faults:
    """The minutes in the head are those that words, cells, live parts and exercises take; the main path is not long."""
    first = notebook.cells[0].source if notebook.cells else ""
    said = re.search(r"(\d+) minutes, and (\d+) more of second reading", first)
    marked = any(SECOND_READING in cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    if not said:
        if marked:
            yield "has second reading, so the head must say '70 minutes, and 35 more of second reading'"
        return
    main, second = minutes_needed(notebook)
    for name, stated, needed in (("the main path", int(said[1]), main), ("second reading", int(said[2]), second)):
        if stated % 5 or abs(stated - needed) > 3:  # to the nearest 5, and a sentence more or less does not tip it
            yield f"the head says {stated} minutes for {name}; it takes {needed:.0f}, so say {5 * round(needed / 5)}"
    if main > LONGEST_PATH + 3:
        yield f"the main path takes {main:.0f} minutes, more than {LONGEST_PATH}: mark more of it as second reading"


def minutes_needed(notebook: NotebookNode) -> tuple[float, float]:
    """The minutes for the main path, and for what the headings mark as second reading. Folded solutions are free."""
    needed, level = {False: 0.0, True: 0.0}, 0  # level: of the heading that began the second reading; 0 outside it
    for cell in notebook.cells:
        if cell.cell_type == "code":
            needed[level > 0] += A_CELL + _minutes_of_doing(cell)
            continue
        for piece in re.split(r"(?=^#+ )", DETAILS.sub("", cell.source), flags=re.MULTILINE):
            heading = re.match(r"(#+) +(.*)", piece)
            if heading and heading[2].strip().endswith(SECOND_READING.strip()):
                level = len(heading[1]) if not level else min(level, len(heading[1]))
            elif heading and level and len(heading[1]) <= level:
                level = 0
            needed[level > 0] += len(re.findall(r"\w[\w'’.,-]*", prose_of(piece))) / WORDS_A_MINUTE
    return needed[False], needed[True]


def _minutes_of_doing(cell: NotebookNode) -> float:
    """What a code cell asks for besides reading it: a live part to play with, an answer to find, one to write."""
    if checked_numbers(cell.source):
        writes = any(isinstance(node, ast.FunctionDef) for node in ast.walk(_tree(cell)))
        return A_FUNCTION if writes else AN_ANSWER
    called = {ast.unparse(node.func) for node in ast.walk(_tree(cell)) if isinstance(node, ast.Call)}
    return A_LIVE_PART if called & LIVE_PARTS else 0


def exercises_with_solutions(notebook: NotebookNode, path: Path) -> Faults:
    """Four exercises or more, each unanswered, with a question before it and its folded solution after it."""
    found = list(exercises(notebook))
    if len(found) < FEWEST_EXERCISES:
        yield f"{len(found)} exercises, fewer than {FEWEST_EXERCISES}"
    for number, count in Counter(number for number, _ in found).items():
        if count > 1:
            yield f"exercise {number} is checked in {count} cells"
    solved = {number: solution.cell_index for solution in solutions(notebook) for number in solution.numbers}
    for number, index in found:
        if notebook.cells[index - 1].cell_type != "markdown":
            yield f"exercise {number}: no question stands before it"
        if solved.get(number, -1) < index:
            yield f"exercise {number}: no folded solution stands after it"
    for number in sorted(set(solved) - {number for number, _ in found}):
        yield f"the solution of {number} has no exercise"
    for solution in solutions(notebook):
        yield from _faults_of(solution.source, solution.numbers)


def _faults_of(source: str, numbers: tuple[str, ...]) -> Faults:
    """A solution is Python, and each of its checks is a line of its own, so that the tests can see its reply."""
    short = textwrap.shorten(source, 60)
    try:
        top_level = [statement.value for statement in ast.parse(source).body if isinstance(statement, ast.Expr)]
    except SyntaxError:
        yield f"a solution is not plain Python: {short}"
        return
    calls = [node for node in top_level if isinstance(node, ast.Call) and ast.unparse(node.func) == "check"]
    if not numbers or len(calls) != len(numbers):
        yield f"a solution must call check on a line of its own: {short}"


RULES: tuple[Callable[[NotebookNode, Path], Faults], ...] = (
    written_for_nbformat,
    cell_ids,
    run_top_to_bottom,
    plain_python,
    clean_outputs,
    pictures_have_words,
    short_cells,
    imports_first,
    names_come_from_above,
    links_lead_somewhere,
    head_says_how_long,
    minutes_are_honest,
    exercises_with_solutions,
)
