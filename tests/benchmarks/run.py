"""The benchmarks: ratios against peers and bounds, printed as a table and kept in `results/`.

    python -m tests.benchmarks.run                 all
    python -m tests.benchmarks.run peers growth    some
    python -m tests.benchmarks.run --list          what there is

Real ratings are read from the folder that MOVIELENS_DIR names, or downloaded. The peers get an environment of their
own, made on first use. Ends with an error when a bound is missed: run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks import growth, kernels, loops, peers, session, start_up
from tests.benchmarks.measuring import Row, machine

RESULTS = Path(__file__).parent / "results"


def live_parts() -> Iterator[Row]:
    """How quickly live parts answer, in a real JupyterLab and Chromium."""
    from tests.benchmarks import live_latency  # only here: it needs a browser

    yield from live_latency.rows()


BENCHMARKS: dict[str, Callable[[], Iterator[Row]]] = {
    "dataloader": loops.against_data_loader,
    "overhead": loops.over_the_barest,
    "rows": loops.row_sparse_variants,
    "peers": peers.seconds_to_rmse,
    "growth": growth.growth,
    "import": start_up.seconds_to_import,
    "kernels": kernels.ten_kernels,
    "session": session.all_notebooks,
    "live": live_parts,
}


def main(arguments: list[str]) -> int:
    """Run the named benchmarks; 1 if a bound was missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.run")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}")
    parser.add_argument("--list", action="store_true", help="say what there is")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    if options.list:
        for name, benchmark in BENCHMARKS.items():
            print(f"{name:<12}{_about(benchmark)}")
        return 0
    return measure(options.names or list(BENCHMARKS))


def measure(names: list[str]) -> int:
    """Run, print, keep; 1 if a bound was missed."""
    about, results = machine(), {}
    print(" · ".join(f"{name} {value}" for name, value in about.items() if value is not None), flush=True)
    for name in names:
        print(f"\n{name}: {_about(BENCHMARKS[name])}", flush=True)
        results[name] = []
        for row in BENCHMARKS[name]():
            print(f"  {row}", flush=True)
            results[name].append(asdict(row) | {"met": row.met})
    about["load_after"] = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    file = _keep(about, results)
    missed = [row["what"] for rows in results.values() for row in rows if not row["met"]]
    print(f"\nKept in {file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file}.")
    if missed:
        print(f"Missed: {'; '.join(missed)}.")
    return 1 if missed else 0


def _about(benchmark: Callable) -> str:
    """The first line of its docstring."""
    return (benchmark.__doc__ or "").partition("\n")[0]


def _keep(about: dict, results: dict) -> Path:
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{datetime.now(UTC):%Y-%m-%d-%H%M}.json"
    # JSON knows no infinity: a goal that was never reached is null.
    text = json.dumps({"machine": about, "results": results}, indent=1, default=str, ensure_ascii=False)
    file.write_text(text.replace("Infinity", "null") + "\n", encoding="utf-8")
    return file


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
