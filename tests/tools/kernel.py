"""The surroundings in which the tests and the refresh tool run notebooks: the same on every machine."""

import atexit
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

# What a learner may have set for other work and what must not change the committed outputs.
LEARNERS_OWN = (
    "EPOCH_THREADS",
    "MOVIELENS_DIR",
    "MOVIELENS_URL",
    "MPLBACKEND",
    "MPLSTYLE",
    "PYTHONSTARTUP",
    "PYTHONWARNINGS",
)


@cache
def _empty_ipython_folder() -> str:
    """A folder for IPython without anybody's start-up files, gone when this process ends."""
    folder = tempfile.mkdtemp(prefix="ipython-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _default_matplotlibrc() -> str:
    """Matplotlib's own settings file, found without importing matplotlib."""
    package = importlib.util.find_spec("matplotlib").submodule_search_locations[0]
    return str(Path(package) / "mpl-data" / "matplotlibrc")


@contextmanager
def course_environment() -> Iterator[None]:
    """Environment variables for kernels started inside the `with` block; the old ones come back after it.

    Live parts run to completion in place (EPOCH_SYNC), on one thread, since a second one gains nothing at these sizes,
    or on as many as the variable TEST_THREADS says: the numbers have to be the same.
    """
    before = dict(os.environ)
    for name in LEARNERS_OWN:
        os.environ.pop(name, None)
    threads = os.environ.get("TEST_THREADS", "1")
    os.environ.update(
        EPOCH_SYNC="1",
        EPOCH_THREADS=threads,
        OMP_NUM_THREADS=threads,
        IPYTHONDIR=_empty_ipython_folder(),
        MATPLOTLIBRC=_default_matplotlibrc(),
    )
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
