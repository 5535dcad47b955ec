"""The benchmarks: ratios against peers and bounds, printed as a table and kept in `results/`.

    python -m tests.benchmarks.run                 all
    python -m tests.benchmarks.run peers growth    some
    python -m tests.benchmarks.run --list          what there is

Real ratings are read from the folder that MOVIELENS_DIR names, or downloaded. The peers get an environment of their
own, made on first use. Ends with an error when a bound is missed: run it on a machine that does nothing else; the
result keeps how busy it was. What became slower than in the last result kept on this processor is said, row by row,
where the difference is larger than the spread of both rows over their repeats.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks import growth, kernels, loops, newcomer, peers, session, start_up
from tests.benchmarks.measuring import Row, machine

RESULTS = Path(__file__).parent / "results"


def live_parts() -> Iterator[Row]:
    """How quickly live parts answer, in a real JupyterLab and Chromium."""
    from tests.benchmarks import live_latency  # only here: it needs a browser

    yield from live_latency.rows()


BENCHMARKS: dict[str, Callable[[], Iterator[Row]]] = {
    "dataloader": loops.against_data_loader,
    "overhead": loops.over_the_barest,
    "profile": loops.where_the_time_goes,
    "rows": loops.row_sparse_variants,
    "peers": peers.seconds_to_rmse,
    "growth": growth.growth,
    "import": start_up.seconds_to_import,
    "setup": newcomer.set_up,
    "first": newcomer.first_minute,
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
    """Run, print, keep; 1 if a bound was missed, or a benchmark ended in an error."""
    about, results, broken = machine(), {}, []
    print(" · ".join(f"{name} {value}" for name, value in about.items() if value is not None), flush=True)
    for name in names:
        print(f"\n{name}: {_about(BENCHMARKS[name])}", flush=True)
        results[name] = []
        try:
            for row in BENCHMARKS[name]():
                print(f"  {row}", flush=True)
                results[name].append(asdict(row) | {"met": row.met})
        except Exception:  # hours of other measurements must not be lost with it
            traceback.print_exc()
            broken.append(name)
    about["load_after"] = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    slower = became_slower(about, results)
    file = _keep(about, results)
    missed = [row["what"] for rows in results.values() for row in rows if not row["met"]]
    print(f"\nKept in {file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file}.")
    for line in slower:
        print(line)
    if missed:
        print(f"Missed: {'; '.join(missed)}.")
    if broken:
        print(f"Not measured to the end: {', '.join(broken)}.")
    return 1 if missed or broken else 0


def became_slower(about: dict, results: dict) -> list[str]:
    """A sentence for each row that is worse, beyond its noise, than in the last result kept on this processor."""
    found = []
    for name, rows in results.items():
        for file in sorted(RESULTS.glob("*.json"), reverse=True):
            kept = json.loads(file.read_text(encoding="utf-8"))
            if name in kept["results"] and kept["machine"]["processor"] == about["processor"]:
                before = {row["what"]: row for row in kept["results"][name]}
                found += [worse(before[row["what"]], row, file.stem) for row in rows if row["what"] in before]
                break
    return [sentence for sentence in found if sentence]


def worse(before: dict, now: dict, when: str) -> str | None:
    """What became slower, in a sentence; None where nothing did, or where a row does not say how noisy it is."""
    noises = [row.get("noise") for row in (before, now)]
    if None in noises or not before["ratio"] or not now["ratio"]:
        return None
    change = now["ratio"] / before["ratio"] if now["at_least"] is None else before["ratio"] / now["ratio"]
    if change <= 1 + sum(noises):
        return None
    return f"Slower than {when}: {now['what']}, {before['ratio']:.3f} → {now['ratio']:.3f} (noise {sum(noises):.0%})."


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
