"""Notebooks and Markdown as pages: nbconvert turns cells into HTML, the templates here are the book around them."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from latex2mathml.converter import convert as to_mathml
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode
from PIL import Image

from tests.tools.exercises import checked_numbers
from tests.tools.notebook_rules import load

HERE = Path(__file__).parent
TEMPLATES = HERE / "templates"
BINDER = "https://mybinder.org/v2/gh/{repository}/HEAD?urlpath=lab/tree/notebooks/{name}"
SOURCE = "https://github.com/{repository}/blob/HEAD/{path}"
WORDS = re.compile(r"<[^>]+>")


class Renderer(IPythonRenderer):
    """Markdown with formulas as MathML, which browsers draw themselves, and tables that scroll where they are wide."""

    def inline_math(self, body: str) -> str:
        return to_mathml(body)

    def block_math(self, body: str) -> str:
        formula = to_mathml(body, display="block")
        return f'<span class="formula" tabindex="0" role="group" aria-label="formula">{formula}</span>'

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        return (
            super()
            .heading(text, level, **attrs)
            .replace('class="anchor-link"', 'class="anchor-link" aria-hidden="true" tabindex="-1"')
        )


def to_html(markdown: str) -> str:
    """Markdown as the notebooks write it."""
    page = MarkdownWithMath(renderer=Renderer(escape=False)).render(markdown)
    return wide(page)


def wide(page: str) -> str:
    """Every table in a box that scrolls sideways, also by keys."""
    box = '<div class="wide" tabindex="0" role="group" aria-label="table">'
    page = re.sub(r"<table[^>]*>", f"{box}<table>", page)
    return page.replace("</table>", "</table></div>")


@dataclass
class Site:
    """Where pages go, and what all of them know."""

    folder: Path
    repository: str  # OWNER/REPO on GitHub
    kept: Path  # a folder for pictures that were made before
    chapters: list[dict[str, Any]] = field(default_factory=list)

    def write(self, template: str, name: str, **values: Any) -> None:
        """Write a page."""
        environment = Environment(
            loader=FileSystemLoader(TEMPLATES), autoescape=False, trim_blocks=True, lstrip_blocks=True
        )
        page = environment.get_template(template).render(site=self, page=name, **values)
        (self.folder / name).write_text(self.linked(page), encoding="utf-8", newline="\n")

    def linked(self, page: str) -> str:
        """Links between notebooks lead to their pages, those to other files of the project to GitHub."""
        page = re.sub(r'href="(?:notebooks/)?(\d\d_\w+)\.ipynb(#[^"]*)?"(?! download)', r'href="\1.html\2"', page)
        page = re.sub(r'href="(glossary|claims)\.md(#[^"]*)?"', r'href="\1.html\2"', page)
        source = SOURCE.format(repository=self.repository, path="")
        return re.sub(r'href="\.\./([^"]+)"', rf'href="{source}\1"', page)

    def binder(self, notebook: str) -> str:
        """The address at which Binder opens a notebook."""
        return BINDER.format(repository=self.repository, name=notebook)

    def chapter(self, path: Path, parts: dict[str, dict[str, Any]]) -> str:
        """The cells of a notebook as HTML; `parts` holds what is known of each live part, by the id of its cell."""
        notebook = load(path)
        for cell in notebook.cells:
            cell.metadata["numbers"] = checked_numbers(cell.source) if cell.cell_type == "code" else ()
            if cell.cell_type == "code":
                self.show_outputs(cell, path.name[:2], parts.get(cell.id))
        exporter = HTMLExporter(template_name="chapter", extra_template_basedirs=[str(TEMPLATES)])
        exporter.register_filter("markdown2html", to_html)
        body, _ = exporter.from_notebook_node(notebook, {"binder": self.binder(path.name), "file": path.name})
        return re.sub(r"<pre>(?=<span></span>)", "<pre>", body)

    def show_outputs(self, cell: NotebookNode, number: str, part: dict[str, Any] | None) -> None:
        """Pictures as files of their own, loaded when they come near; a live part with its picture until it moves."""
        for place, output in enumerate(cell.outputs):
            data = output.get("data", {})
            if "image/png" in data:
                size = output.metadata.get("image/png", {})
                words = size.get("alt") or next(iter(sentences(cell.outputs[place + 1 :])), cell.id.replace("-", " "))
                name = f"pictures/{number}-{cell.id}-{place}.webp"
                output.data = {"text/html": self.picture(data["image/png"], name, size, words)}
            elif "text/html" in data:
                output.data = {"text/html": wide(data["text/html"])}
        if part is not None:
            still = "".join(output.data.get("text/html", "") for output in cell.outputs if "data" in output)
            sentence = f'<p class="sentence">{html.escape(part["first_text"])}</p>' if part.get("first_text") else ""
            told = json.dumps(part, separators=(",", ":"), ensure_ascii=False).replace("</", "<\\/")
            live = (
                f'<div class="epoch-live" id="{part["id"]}" data-live><div class="still">{still}{sentence}</div></div>'
                f'<script type="application/json" data-for="{part["id"]}">{told}</script>'
            )
            output = NotebookNode(output_type="display_data", metadata={}, data={"text/html": live})
            cell.outputs = [NotebookNode(output)]

    def picture(self, png: str, name: str, size: dict[str, Any], words: str) -> str:
        """Keep a picture as a file; returns the element that shows it."""
        file = base64.b64decode(png)
        image, made = Image.open(io.BytesIO(file)), self.kept / f"{hashlib.sha256(file).hexdigest()[:24]}.webp"
        if not made.exists():
            self.kept.mkdir(parents=True, exist_ok=True)
            image.save(made, "webp", lossless=True, quality=60, method=4)
        (self.folder / "pictures").mkdir(exist_ok=True)
        shutil.copy(made, self.folder / name)
        width, height = size.get("width", image.width // 2), size.get("height", image.height // 2)
        words = html.escape(words, quote=True)
        return f'<img src="{name}" width="{width}" height="{height}" loading="lazy" alt="{words}">'


def sentences(outputs: list[NotebookNode]) -> Iterator[str]:
    """What stands in words below a picture."""
    for output in outputs:
        text = output.get("data", {}).get("text/markdown")
        if text:
            yield text.strip().strip("*_")


def headings(body: str) -> list[tuple[int, str, str]]:
    """(level, anchor, words) of the headings of a page."""
    found = re.findall(r'<h([23]) id="([^"]+)">(.*?)</h\1>', body, re.DOTALL)
    return [(int(level), anchor, WORDS.sub("", words).replace("¶", "").strip()) for level, anchor, words in found]
