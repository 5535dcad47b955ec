"""Every committed notebook keeps every rule that nbval does not see."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tools.notebook_plugin import needs_saved_outputs
from tests.tools.notebook_rules import OF_OUTPUTS, RULES, load

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS, "no notebook was found, so nothing below was tested"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path: Path, rule: Callable) -> None:
    if rule in OF_OUTPUTS:
        needs_saved_outputs(path)
    faults = list(rule(load(path), path))
    assert not faults, f"{path.name}, {rule.__doc__}\n" + "\n".join(faults)
