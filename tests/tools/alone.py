"""The course as somebody meets it who opens one notebook: an empty environment, and `pip install` of this tree.

    python -m tests.tools.alone     with the newest versions that pyproject.toml allows

Imports, trains, shows a live part, and runs notebook 1 with every output compared. Only Python is needed;
.github/workflows/newest.yml runs it once a week.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "notebooks/01_epochs_batches_iterations.ipynb"
# What a JupyterLab, Colab or VS Code brings along, and what compares the outputs.
HOST = ["ipykernel!=7.4.0", "nbval", "pytest"]
WORKS = """
import sys
from importlib.metadata import version
from pathlib import Path

import helpers
from helpers.data import load_ratings, split
from helpers.live import playground
from helpers.models import CollaborativeFilter
from helpers.training import Config, train

print(*(f"{name} {version(name)}" for name in ("torch", "numpy", "pandas", "ipywidgets", "anywidget")), sep=", ")
tree, installed = Path(sys.argv[1]), Path(helpers.__file__).parent
assert tree not in installed.parents, f"{installed} is not the installed one"
assets = {path.relative_to(tree) for path in tree.rglob("*") if path.suffix in (".css", ".js")}
assert len(assets) > 3 and all((installed / path).read_text() == (tree / path).read_text() for path in assets)
ratings = load_ratings()
parts = split(ratings)
model = CollaborativeFilter(ratings.num_users, ratings.num_movies, mean=3.5)
*_, last = train(model, parts.train, parts.validation, Config(num_epochs=2))
assert 0.5 < last.validation_loss < 1.1, last
print(playground(num_epochs=1))
"""


def main() -> int:
    """The command line; 1 where something does not hold."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        venv.create(folder / "venv", with_pip=True)
        python = folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        shutil.copytree(ROOT / "helpers", folder / "tree/helpers")  # a build leaves things behind in its folder
        for file in (NOTEBOOK, *(ROOT / one for one in ("pyproject.toml", "README.md", "LICENSE"))):
            shutil.copy(file, folder / ("tree" if file is not NOTEBOOK else ""))
        compare = ["-m", "pytest", "--nbval", "--nbval-current-env", "-q", "-p", "no:cacheprovider", NOTEBOOK.name]
        environment = os.environ | {"EPOCH_SYNC": "1", "EPOCH_THREADS": "1", "OMP_NUM_THREADS": "1"}
        for command in (
            [*install, folder / "tree"],
            [python, "-c", WORKS, ROOT / "helpers"],
            [*install, *HOST],
            [python, *compare],
        ):
            if subprocess.run(command, cwd=folder, env=environment).returncode != 0:
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
