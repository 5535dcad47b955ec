"""The committed notebooks as a page without a kernel shows them, and the live view's colours in JupyterLab's themes."""

import re
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from matplotlib.colors import to_hex, to_rgb
from nbconvert import HTMLExporter

from helpers.plots import READABLE, contrast
from tests.tools.notebook_plugin import needs_saved_outputs

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
THEMES = Path(sys.prefix) / "share/jupyter/lab/themes/@jupyterlab"


class Page(HTMLParser):
    """What matters of a page: its pictures, links, places to link to, folded parts, and classes."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.pictures: list[dict[str, str]] = []
        self.links: list[str] = []
        self.places: set[str] = set()
        self.folded: list[dict[str, str]] = []
        self.classes: set[str] = set()
        self.feed(source)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        self.places.add(found.get("id", ""))
        self.classes.update(found.get("class", "").split())
        if tag == "img":
            self.pictures.append(found)
        elif tag == "a" and "href" in found and "anchor-link" not in found.get("class", ""):
            self.links.append(found["href"])
        elif tag == "details":
            self.folded.append(found)


@cache
def page(path: Path) -> Page:
    # GitHub and nbviewer have no widget manager: what is shown is the picture or the text beside the widget.
    exporter = HTMLExporter(template_name="basic", exclude_input_prompt=True)
    return Page(exporter.from_notebook_node(nbformat.read(path, as_version=4))[0])


@cache
def outputs(path: Path) -> list:
    cells = nbformat.read(path, as_version=4).cells
    return [output for cell in cells if cell.cell_type == "code" for output in cell.outputs]


every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@every_notebook
def test_no_error_boxes_and_no_empty_widgets(path: Path) -> None:
    needs_saved_outputs(path)
    # The class that nbconvert gives tracebacks and what was written to stderr.
    assert not any(output.output_type == "error" or output.get("name") == "stderr" for output in outputs(path))
    assert not {"jp-RenderedError", "output_error", "output_stderr", "widget-error"} & page(path).classes
    assert not any("widget" in name for name in page(path).classes)
    for output in outputs(path):
        data = output.get("data", {})
        if any("widget-view" in kind for kind in data):
            assert "image/png" in data, f"nothing but a widget: {data.get('text/plain')}"


@every_notebook
def test_every_figure_is_there_and_said_in_words(path: Path) -> None:
    needs_saved_outputs(path)
    figures = [output for output in outputs(path) if "image/png" in output.get("data", {})]
    shown = [picture for picture in page(path).pictures if picture["src"].startswith("data:image/png;base64,")]
    assert len(shown) == len(figures) > 0
    for picture in shown:
        words = picture.get("alt", "")
        assert len(words) >= 20 and words != "No description has been provided for this image", picture["src"][-40:]


@every_notebook
def test_solutions_are_folded(path: Path) -> None:
    source = "\n".join(c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "markdown")
    folded = page(path).folded
    assert len(folded) == source.count("<details") > 0 and not any("open" in attributes for attributes in folded)
    assert source.count("<summary>") == source.count("</details>") == len(folded)


@every_notebook
def test_links_lead_somewhere(path: Path) -> None:
    inside = [urlsplit(link) for link in page(path).links if not urlsplit(link).scheme]
    assert inside
    for link in inside:
        target = path if not link.path else (path.parent / unquote(link.path)).resolve()
        assert target.is_file(), link.path
        if link.fragment and target.suffix == ".ipynb":
            assert {link.fragment, unquote(link.fragment)} & page(target).places, link.geturl()


# ---------------------------------------------------------------------------------------- the live view's colours


def theme(name: str) -> dict[str, str]:
    """JupyterLab's own colours by the names of their variables, as they are installed."""
    source = (THEMES / f"theme-{name}-extension/index.css").read_text(encoding="utf-8")
    variables = dict(re.findall(r"(--jp-[\w-]+):\s*([^;}]+)", source))
    return {key: re.sub(r"var\([\w-]+,\s*(#\w+)\)", r"\1", value) for key, value in variables.items()}


def laid_over(colour: str, ground: str) -> str:
    """A colour as it looks on its ground, which shines through `rgba(…)`."""
    see_through = re.fullmatch(r"rgba\((\d+),(\d+),(\d+),([\d.]+)\)", colour)
    if not see_through:
        return colour
    *parts, alpha = (float(part) for part in see_through.groups())
    return to_hex([alpha * part / 255 + (1 - alpha) * below for part, below in zip(parts, to_rgb(ground), strict=True)])


@pytest.mark.parametrize("name", ["light", "dark"])
def test_the_live_views_words_can_be_read(name: str) -> None:
    css, colours = (ROOT / "helpers/live/view.css").read_text(encoding="utf-8"), theme(name)
    used = set(re.findall(r"(?:--quiet|[^-]color): var\((--jp-[\w-]+)", css))
    assert len(used) == 2  # quiet words and errors; everything else keeps the page's own colour
    ground = colours["--jp-layout-color0"]
    for variable in used:
        assert contrast(laid_over(colours[variable], ground), ground) >= READABLE, variable
    accent = dict(zip(("light", "dark"), re.findall(r"--accent: (#\w+)", css), strict=True))[name]
    assert contrast(accent, ground) >= 3  # WCAG asks less of what is no text: the frame around what has the focus
