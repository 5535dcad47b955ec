"""One learner's session on Binder: every notebook is run, none is shut down, and all of it fits in 2 GB."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.measuring import Row
from tests.tools.notebook_rules import code_cells, load
from tests.tools.session import ROOT, Watch, session

LIMIT = 2_000_000_000


def all_notebooks() -> Iterator[Row]:
    """Memory of a server and its kernels, in MB, while one notebook after the other is opened and run."""
    with tempfile.TemporaryDirectory() as folder, session(Path(folder), LIMIT) as server:
        watch = Watch(server.process.pid)
        watch.start()
        for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
            watch.peak_mb = 0.0
            name = server.open(path.relative_to(ROOT).as_posix())
            for cell in code_cells(load(path)):
                error = server.run(name, cell.source)
                if error and "raises-exception" not in cell.metadata.get("tags", []):
                    raise RuntimeError(f"{path.name}, cell {cell.id}: {error}")
            details = f"{watch.held_mb():,.0f} MB at the end; kernels alive: {len(server.kernels())}"
            yield Row(f"MB at most with notebook {path.name[:2]}", watch.peak_mb, at_most=LIMIT / 1e6, details=details)
        watch.over.set()
