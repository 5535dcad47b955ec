"""The second half of `make mutants`: what survived is judged once more, and the table.

mutmut forks every mutant from a process that has imported the course and its tests. That is quick; but what runs once,
at an import or for a result that is kept, is never seen changed. So whatever survived there, or ran out of time, is
tried again in a process of its own. `mutants/again.json` keeps what is known: after an interrupt it goes on from there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import joblib
from tqdm.auto import tqdm

KILLED = {1, 2, 3}  # exit codes of pytest, as mutmut keeps them
# What these do is done once for all tests, and mutmut knows the first of them only: these files are run as well.
ONCE = {
    "helpers.exercises.": "tests/unit/test_exercises*.py",
    "helpers.data.embedded.": "tests/unit/test_embedded.py",
    "helpers.data.titles.": "tests/unit/test_embedded.py",
}
UNKNOWN = {4, 5}  # pytest found no such test: the change has given it another name
PATIENCE = 180  # seconds for the tests of one mutant; longer than that is a loop without an end


def first_pass(folder: Path) -> dict[str, int]:
    """Name -> exit code of every mutant that mutmut has run."""
    found = {}
    for file in sorted(folder.rglob("*.meta")):
        codes = json.loads(file.read_text(encoding="utf-8"))["exit_code_by_key"]
        found |= {name: code for name, code in codes.items() if code is not None}
    return found


def tests_of(name: str, reached: dict[str, list[str]], folder: Path) -> list[str]:
    """The tests that reach a mutant's function."""
    tests = sorted(reached.get(name.rpartition("__mutmut_")[0], ()))
    more = next((pattern for start, pattern in ONCE.items() if name.startswith(start)), "")
    files = [file.relative_to(folder).as_posix() for file in sorted(folder.glob(more))] if more else []
    return files + [test for test in tests if test.partition("::")[0] not in files]


def survives(name: str, tests: list[str], folder: Path, options: list[str]) -> bool:
    """Whether all these tests pass with this one change, in a process of their own."""
    environment = os.environ | {"MUTANT_UNDER_TEST": name, "OMP_NUM_THREADS": "1"}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # plugins import for a second, and no test needs one
    for wanted in (tests, _files(tests)):
        command = [sys.executable, "-m", "pytest", *options, "-x", "-q", *wanted]
        try:
            done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            return False
        if done.returncode not in UNKNOWN:
            return done.returncode == 0
    return True  # no test could be run, so none has noticed


def _files(tests: list[str]) -> list[str]:
    return sorted({test.partition("::")[0] for test in tests})


def second_pass(folder: Path, options: list[str], at_once: int) -> dict[str, bool]:
    """Name -> whether it survives, of all that the first pass did not see killed."""
    kept = folder / "again.json"
    again: dict[str, bool] = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    stats = json.loads((folder / "mutmut-stats.json").read_text(encoding="utf-8"))
    reached = stats["tests_by_mangled_function_name"]
    left = [name for name, code in first_pass(folder).items() if code not in KILLED and name not in again]
    tests = {name: tests_of(name, reached, folder) for name in left}
    with ThreadPoolExecutor(at_once) as pool:
        outcomes = pool.map(lambda name: not tests[name] or survives(name, tests[name], folder, options), left)
        for name, alive in zip(left, tqdm(outcomes, total=len(left), desc="again", unit=" mutants"), strict=True):
            again[name] = alive
            kept.write_text(json.dumps(again), encoding="utf-8")
    return again


def table(first: dict[str, int], again: dict[str, bool]) -> str:
    """The numbers, file by file."""
    rows: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for name, code in first.items():
        file = name.partition(".x")[0].removeprefix("helpers.").replace(".", "/")
        outcome = "quick" if code in KILLED else "alive" if again[name] else "alone"
        for row in (file, "all"):
            rows[row][outcome] += 1
    lines = ["| file | mutants | killed | killed in a process of its own | survived |", "|---|--:|--:|--:|--:|"]
    for row, counts in sorted(rows.items(), key=lambda item: (item[0] == "all", item[0])):
        share = f"{counts['alive']} ({counts['alive'] / counts.total():.0%})"
        lines.append(f"| `{row}` | {counts.total():,} | {counts['quick']:,} | {counts['alone']:,} | {share} |")
    return "\n".join(lines)


def main(folder: Path = Path("mutants")) -> int:
    """Judge again what survived; print the table and what survives still."""
    settings = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"]
    again = second_pass(folder, settings["pytest_add_cli_args"], joblib.cpu_count())
    alive = sorted(name for name, survived in again.items() if survived)
    print(table(first_pass(folder), again), *alive, sep="\n")
    print("\nWhat one of these changed: .venv/bin/python -m mutmut show NAME")
    return 0


if __name__ == "__main__":
    sys.exit(main())
