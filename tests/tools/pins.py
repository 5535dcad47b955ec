"""What .venv lacks of requirements.txt, one name a line: nothing to say means that pip has nothing to do.

    .venv/bin/python tests/tools/pins.py           1 if something is missing, 3 if a line can only be judged by pip
    .venv/bin/python tests/tools/pins.py --mend    so that pip installs anew what an installation left half done

A killed installation leaves a package without its list of files, which pip writes last, and the next pip takes it for
whole. This runs before anything is installed, so it needs nothing but Python.
"""

import json
import re
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[2]
ITSELF = "-e ."


def _name(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text).lower()


def is_whole(found: Distribution) -> bool:
    """Whether pip came to the end of installing the package."""
    return found.read_text("RECORD") is not None


def is_here(found: Distribution) -> bool:
    """Whether this is the course's own module, installed from this folder and editable."""
    origin = json.loads(found.read_text("direct_url.json") or "{}")
    folder = Path(unquote(urlsplit(origin.get("url", "")).path))
    return origin.get("dir_info", {}).get("editable", False) and folder == ROOT


def missing(lines: list[str], installed: list[Distribution]) -> Iterator[tuple[str, bool]]:
    """(requirement, whether it is known to be missing) for each one that is not certainly met."""
    whole = [found for found in installed if is_whole(found)]
    versions = {_name(found.metadata["Name"]): found.version.partition("+")[0] for found in whole}
    for line in (line.partition(" #")[0].strip() for line in lines):
        if not line or line.startswith(("#", "--")):
            continue
        pin = re.fullmatch(r"([\w.-]+)==([\w.]+)", line)
        if pin and versions.get(_name(pin[1])) != pin[2]:
            yield line, True
        elif line == ITSELF and not any(is_here(found) for found in whole):
            yield "helpers, the course's own module", True
        elif not pin and line != ITSELF:
            yield line, False


def mend(installed: list[Distribution]) -> None:
    """Take packages that are not whole off pip's list: it then writes all their files again."""
    for found in installed:
        folder = getattr(found, "_path", None)
        if not is_whole(found) and folder is not None and folder.suffix == ".dist-info":
            shutil.rmtree(folder)


def main(arguments: list[str]) -> int:
    """The command line."""
    installed = list(distributions(path=[path for path in sys.path if Path(path).name == "site-packages"]))
    if arguments == ["--mend"]:
        mend(installed)
        return 0
    lacks = list(missing((ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines(), installed))
    print("\n".join(requirement for requirement, certain in lacks if certain))
    return 1 if any(certain for _, certain in lacks) else 3 if lacks else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
