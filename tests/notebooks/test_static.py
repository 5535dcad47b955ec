"""Every committed notebook keeps every rule that nbval does not see."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tools.notebook_plugin import skip_or_fail
from tests.tools.notebook_rules import OF_OUTPUTS, RULES, load, taught_from

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS, "no notebook was found, so nothing below was tested"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path: Path, rule: Callable) -> None:
    notebook = load(path)
    if rule in OF_OUTPUTS and (taught := taught_from(notebook, path)):
        skip_or_fail(taught)
    faults = list(rule(notebook, path))
    assert not faults, f"{path.name}, {rule.__doc__}\n" + "\n".join(faults)
