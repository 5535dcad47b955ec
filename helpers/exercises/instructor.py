"""An instructor's own judges: the file that `EPOCH_JUDGES` names, or `judges.py` beside the notebooks.

The file holds `EXERCISES`, a dictionary as in `notebook_1.py`; its judges come before the course's own. With
`HINTS = False` in it, `check` says whether an answer is right, but not why it is wrong.
"""

from __future__ import annotations

import os
from functools import lru_cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from helpers.checks import LessonError

BESIDE = "judges.py"


def judges_file(folder: Path | None = None) -> Path | None:
    """The instructor's file, or None; `folder`: of the notebooks, if it is not the one in which this runs.

    Raises `LessonError` if `EPOCH_JUDGES` names a file that does not exist.
    """
    named = os.environ.get("EPOCH_JUDGES", "")
    path = (Path(named) if named else (folder or Path()) / BESIDE).absolute()
    if named and not path.is_file():
        raise LessonError(f"EPOCH_JUDGES names {named}, but there is no such file.")
    return path if path.is_file() else None


def own_judges() -> ModuleType | None:
    """The instructor's file as a module, or None. Raises `LessonError` for one that cannot be used."""
    path = judges_file()
    return _load(path, path.stat().st_mtime_ns) if path else None


@lru_cache(maxsize=1)
def _load(path: Path, changed: int) -> ModuleType:
    """The file as it is now; `changed` makes an edited file load again."""
    spec = spec_from_file_location("epoch_judges", path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise LessonError(f"{path.name} cannot be used as judges: {type(error).__name__}: {error}.") from error
    exercises = getattr(module, "EXERCISES", None)
    table = exercises.items() if isinstance(exercises, dict) else [(None, None)]
    if not all(isinstance(name, str) and callable(judge) for name, judge in table):
        raise LessonError(f"{path.name} needs EXERCISES, a dictionary from a name such as '1.3' to a judge.")
    return module
