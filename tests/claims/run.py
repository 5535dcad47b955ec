"""Run the claims over their seeds, on all cores, and write the table: `python -m tests.claims.run [id …]`.

Without ids all claims run; `--notebook N` keeps to one notebook's. MovieLens comes from the folder that `MOVIELENS_DIR`
names; where that is unset, the committed results on MovieLens stay as they are.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import date
from time import perf_counter

from tests.claims import page
from tests.claims.register import (
    CLAIMS,
    DATA,
    Claim,
    Result,
    claims_of,
    load_results,
    notebooks_on_trial,
    save_results,
)

Task = tuple[str, str, int]  # claim, data set, seed


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def one_run(task: Task) -> tuple[Task, bool, float, float]:
    """One experiment with one seed, in a process of its own: the task, whether it held, the effect, the seconds."""
    import torch

    torch.set_num_threads(1)
    name, data, seed = task
    claims_of(int(name[0]))
    started = perf_counter()
    held, effect = CLAIMS[name].run(data, seed)
    return task, held, float(f"{effect:.6g}"), perf_counter() - started


def run(claims: Iterable[Claim], workers: int) -> dict[tuple[str, str], Result]:
    """Every claim on each of its data sets over all its seeds; says on the way how far it has come."""
    with_movielens = bool(os.environ.get("MOVIELENS_DIR"))
    claims = list(claims)
    if not with_movielens and any("movielens" in claim.on for claim in claims):
        print("MOVIELENS_DIR is not set: the results on MovieLens stay as they are.")
    wanted = [(claim, data) for claim in claims for data in claim.on if data != "movielens" or with_movielens]
    tasks = [(claim.id, data, seed) for claim, data in wanted for seed in range(claim.seeds)]
    done: dict[Task, tuple[bool, float, float]] = {}
    left = {(claim.id, data): claim.seeds for claim, data in wanted}
    results = {}
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for future in as_completed([pool.submit(one_run, task) for task in tasks]):
            task, *outcome = future.result()
            done[task] = tuple(outcome)
            name, data, _ = task
            left[name, data] -= 1
            if left[name, data] == 0:
                runs = [done[name, data, seed] for seed in range(CLAIMS[name].seeds)]
                held, effects, seconds = zip(*runs, strict=True)
                result = Result(effects, held, round(sum(seconds), 1), date.today().isoformat())
                results[name, data] = result
                print(f"[{len(done)}/{len(tasks)}] {line(CLAIMS[name], data, result)}", flush=True)
    return results


def line(claim: Claim, data: str, result: Result) -> str:
    """One claim on one data set, in a line."""
    effect = f"{result.mean:+.3g} ± {result.half_width:.2g} {claim.unit}"
    return (
        f"{claim.id} on {DATA[data]}: {result.verdict}, in {result.held} of {result.n} runs, {effect}, "
        f"{result.seconds:.0f} s"
    )


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.claims.run", description="Run the claims of the course.")
    parser.add_argument("id", nargs="*", help="claims to run, such as 1.fixed-order; all without any")
    parser.add_argument("--notebook", type=int, choices=notebooks_on_trial(), help="only the claims of one notebook")
    parser.add_argument("--workers", type=int, default=cores(), help="how many processes; as many as cores if not said")
    options = parser.parse_args(arguments)
    notebooks = [options.notebook] if options.notebook else notebooks_on_trial()
    known = {claim.id: claim for notebook in notebooks for claim in claims_of(notebook)}
    for name in options.id:
        if name not in known:
            print(f"There is no claim {name!r}; there are {', '.join(known)}.", file=sys.stderr)
            return 2
    chosen = [known[name] for name in options.id] or list(known.values())
    results = run(chosen, options.workers)
    for notebook in sorted({claim.notebook for claim in chosen}):
        table = load_results(notebook)
        for (name, data), result in results.items():
            if int(name[0]) == notebook:
                table.setdefault(name, {})[data] = result
        save_results(notebook, table)
    page.write()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
