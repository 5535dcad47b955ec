"""The reading edition from file://, with the network cut off: all of it moves, and everybody can read it."""

from __future__ import annotations

import multiprocessing
import os
import re
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.site.conftest import RECORDINGS, ROOT, Reader
from tests.tools.kernel import course_environment
from tests.tools.notebook_rules import load
from tests.tools.site.again import again

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CHAPTERS = [f"{path.stem}.html" for path in NOTEBOOKS]
PAGES = ["index.html", *CHAPTERS, "glossary.html", "claims.html"]
MOST_BYTES, MOST_TO_READ = 30_000_000, 1_000_000
IN_THE_DARK = PAGES if "EPOCH_SITE" in os.environ else ["index.html", CHAPTERS[3]]
# Nothing is left over from 1,000 samples in batches of 100, so there is nothing to drop.
CHANGES_NOTHING_AT_FIRST = {("01-live-counting", "drop_last")}
# Compared with fresh runs: (notebook, how many, parts that need little else of it).
AGAIN = [
    ("01", 6, ("draw-one-epoch", "live-counting", "live-batch-size")),
    ("02", 8, ("one-update-live", "noise-live", "outlier-live", "bowl-live-picture")),
    ("04", 6, ("the-playground",)),
]


@pytest.fixture
def open_page(browser: Browser, site: Path) -> Iterator:
    """Open a page; in the end it must have been silent."""
    opened: list[Reader] = []

    def open_one(name: str, **options) -> Reader:
        opened.append(Reader(browser, site, name, **options))
        return opened[-1]

    yield open_one
    for reader in opened:
        reader.close()


# --------------------------------------------------------------------------------------------------- without a browser


def test_every_link_leads_somewhere(site: Path) -> None:
    pages = {page.name: page.read_text(encoding="utf-8") for page in site.glob("*.html")}
    assert set(pages) == set(PAGES)
    for name, page in pages.items():
        for target in map(unescape, re.findall(r'(?:href|src)="([^"]*)"', page)):
            if target.startswith(("https://", "data:")):
                continue
            file, _, place = target.partition("#")
            assert (site / (file or name)).is_file(), (name, target)
            if place:
                anchors = re.findall(r'id="([^"]*)"', unescape(pages[file or name]))
                assert unquote(place) in map(unquote, anchors), (name, target)


def test_nothing_is_asked_of_another_host(site: Path) -> None:
    for page in site.glob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.findall(r'<(?:script|img|link|iframe)[^>]*(?:src|href)="(?:https?:)?//', text), page.name
    for file in (site / "assets").iterdir():
        assert not re.search(r"(?:fetch|import)\(|url\(|@import", file.read_text(encoding="utf-8")), file.name


def test_every_formula_is_mathml(site: Path) -> None:
    found = 0
    for page in site.glob("*.html"):
        text = page.read_text(encoding="utf-8")
        found += text.count("<math ")
        words = re.sub(r"<(pre|code|script)\b.*?</\1>", "", text, flags=re.DOTALL)
        assert not re.findall(r"\$\$|\$\\\w+|\\(?:frac|bar|sum|text)\b", words), page.name
        assert "merror" not in text
    assert found > 250


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_chapter_is_whole(site: Path, path: Path) -> None:
    page = (site / f"{path.stem}.html").read_text(encoding="utf-8")
    notebook = load(path)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert page.count('<details class="code" open') == len(code)
    for number in re.findall(r'check\("(\d\.\d+)"', "\n".join(cell.source for cell in code)):
        assert f'id="exercise-{number}"' in page
    solutions = sum(cell.source.count("<details") for cell in notebook.cells if cell.cell_type == "markdown")
    assert page.count("<details>") == solutions
    binder = rf'href="https://mybinder.org/v2/gh/[\w.-]+/[\w.-]+/HEAD\?urlpath=lab/tree/notebooks/{path.name}"'
    assert re.search(binder, page) and f'href="notebooks/{path.name}"' in page and 'href="glossary.html"' in page
    assert page.count("<h1") == 1
    assert not re.findall(r"<img(?![^>]*alt=\"[^\"]{10,}\")[^>]*>", page)


def test_it_is_small(site: Path) -> None:
    assert sum(file.stat().st_size for file in site.rglob("*") if file.is_file()) < MOST_BYTES


@pytest.fixture(scope="module")
def fresh() -> Iterator[Executor]:
    """A process in which nothing has been recorded."""
    with course_environment(), ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.mark.parametrize(("number", "count", "parts"), AGAIN)
def test_a_recording_is_what_a_fresh_run_gives(
    site: Path, fresh: Executor, number: str, count: int, parts: tuple[str, ...]
) -> None:
    notebook = next(path for path in NOTEBOOKS if path.name.startswith(number))
    made, differ = fresh.submit(again, notebook, count, RECORDINGS, parts).result()
    assert made >= count and differ == []


# --------------------------------------------------------------------------------------------------- in the browser

# What was recorded of some positions: what is drawn of it, and what it says.
TOLD = """const told = (run) => {
  if (!Array.isArray(run)) return { drawn: JSON.stringify(run.losses), said: run.text };
  return { drawn: JSON.stringify(run.at(-1)[0]), said: run.at(-1)[1] };
};"""
# A recorded position that differs from the present ones in one control only: the next one that shows something else.
OTHER = f"""([id, place]) => {{
  {TOLD}
  const part = document.getElementById(id).live, {{ runs }} = stores[part.store], {{ at }} = part;
  const others = Object.keys(runs).map((key) => key.split(",").map(Number)).filter(
    (other) => other.every((position, control) => (control === place) !== (position === at[control])));
  const away = (other) => Math.abs(other[place] - at[place]), now = JSON.stringify(told(part.find(at)));
  const same = (other) => JSON.stringify(told(part.find(other))) === now;
  others.sort((one, other) => same(one) - same(other) || away(one) - away(other) || other[place] - one[place]);
  return others[0]?.[place] ?? null;
}}"""
# What a reader sees of a part at rest, and what was recorded of it.
SEEN = f"""id => {{
  {TOLD}
  const element = document.getElementById(id), part = element.live;
  return {{
    picture: element.querySelector("canvas").toDataURL(), sentence: part.text.textContent,
    readouts: part.inputs.map(({{ input, readout }}) =>
      readout?.textContent ?? (input.type === "checkbox" ? input.checked : input.value)),
    missing: !part.missing.hidden, ...told(part.find(part.at)),
  }};
}}"""
MOVE = """([id, place, position]) => {
  const { input } = document.getElementById(id).live.inputs[place];
  if (input.type === "checkbox") input.checked = position === 1;
  else input.value = position;
  input.dispatchEvent(new Event("input", { bubbles: true }));
}"""
# Everything that plays has come to its end (through Skip), and was drawn.
AT_REST = """async id => {
  const part = document.getElementById(id).live;
  await load(part.store);
  [...part.el.querySelectorAll("button")].find((button) => button.textContent === "Skip")?.click();
  while (part.ended === false) await new Promise((done) => setTimeout(done, 20));
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (part.picture && !still) await new Promise((done) => setTimeout(done, 140 * part.find(part.at).length));
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""


@pytest.mark.browser
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_control_moves_picture_sentence_and_readout(open_page, chapter: str) -> None:
    reader = open_page(chapter, reduced_motion="reduce")  # but for each part's first move
    page, still = reader.page, set()
    parts = reader.parts()
    assert parts
    for part in parts:
        page.evaluate("id => document.getElementById(id).scrollIntoView({ block: 'center' })", part)
        page.evaluate("id => document.getElementById(id).querySelector('details')?.setAttribute('open', '')", part)
        page.evaluate(AT_REST, part)
        names = page.evaluate("id => document.getElementById(id).live.controls.map(({ name }) => name)", part)
        start = page.evaluate("id => [...document.getElementById(id).live.at]", part)
        for place, name in enumerate(names):
            before, position = page.evaluate(SEEN, part), page.evaluate(OTHER, [part, place])
            assert position is not None, (part, name)
            page.emulate_media(reduced_motion="reduce" if place else "no-preference")
            page.evaluate(MOVE, [part, place, position])
            page.evaluate(AT_REST, part)
            page.emulate_media(reduced_motion="reduce")
            after = page.evaluate(SEEN, part)
            assert not after["missing"], (part, name)
            assert before["readouts"][place] != after["readouts"][place], (part, name)
            assert after["sentence"] == after["said"] != "", (part, name)
            assert before["drawn"] == after["drawn"] or before["picture"] != after["picture"], (part, name)
            if (before["drawn"], before["said"]) == (after["drawn"], after["said"]):
                still.add((part, name))
            page.evaluate(MOVE, [part, place, start[place]])
            page.evaluate(AT_REST, part)
    assert still == {(part, name) for part, name in CHANGES_NOTHING_AT_FIRST if part in parts}


@pytest.mark.browser
def test_an_experiment_sets_the_playground_up_and_keeps_a_table(open_page) -> None:
    reader = open_page(CHAPTERS[3])
    page = reader.page
    experiments = [part for part in reader.parts() if part.startswith("04-experiment")]
    assert len(experiments) == 5
    for part in experiments:
        buttons = page.locator(f"[id='{part}'] .epoch-buttons").first.locator("button")
        sentences = set()
        for number in range(buttons.count()):
            buttons.nth(number).click()
            page.evaluate(AT_REST, part)
            sentences.add(page.evaluate(SEEN, part)["sentence"])
        assert len(sentences) == buttons.count() == page.locator(f"[id='{part}'] tbody tr").count()


@pytest.mark.browser
def test_what_was_not_recorded_is_said_and_the_nearest_offered(open_page) -> None:
    reader = open_page(CHAPTERS[3])
    page, part = reader.page, "04-the-playground"
    reader.parts()
    page.evaluate(AT_REST, part)
    root = page.locator(f"[id='{part}']")
    root.locator("select").first.select_option(label="MovieLens")
    missing = root.locator(".missing")
    missing.wait_for(state="visible")
    assert "These settings were not recorded." in missing.inner_text()
    assert "playground(test_size=0.2, data='MovieLens')" in missing.inner_text()
    missing.get_by_role("button").click()
    page.evaluate(AT_REST, part)
    assert missing.is_hidden() and page.evaluate(SEEN, part)["sentence"].startswith("Ended after")
    root.get_by_role("button", name="Show the code").click()
    root.locator(".program pre").wait_for(state="visible")
    assert "torch.optim.Adam" in root.locator(".program pre").inner_text()


@pytest.mark.browser
def test_a_run_grows_at_its_own_pace_and_can_be_skipped(open_page) -> None:
    page = open_page("index.html").page
    part = page.locator("[data-live]")
    page.wait_for_function("() => document.querySelector('[data-live] canvas')?.dataset.frames > 3")
    assert "Recorded runs" in part.inner_text()
    part.get_by_role("slider", name="batch size").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => Object.keys(stores).length === 1")
    frames = "() => Number(document.querySelector('[data-live] canvas').dataset.frames)"
    before = page.evaluate(frames)  # asked after the press, a run of a tenth of a second may have ended
    part.get_by_role("button", name="Start").click()
    page.wait_for_function(f"before => ({frames})() > before + 1", arg=before)
    part.get_by_role("button", name="Skip").click()
    page.wait_for_function("() => document.querySelector('[data-live]').live.ended")
    assert part.locator(".text").inner_text().startswith("Ended after")
    part.locator("canvas").focus()
    page.keyboard.press("ArrowRight")
    assert part.locator(".readout").inner_text()


@pytest.mark.browser
def test_the_first_chapter_is_read_before_a_megabyte_has_come(open_page, site: Path) -> None:
    reader = open_page(CHAPTERS[0])
    files = {Path(unquote(url.removeprefix("file://"))) for url in reader.requests if url.startswith("file:")}
    assert sum(file.stat().st_size for file in files) < MOST_TO_READ, files


# Contrast takes axe most of its time, on thousands of words of code. It is measured of the first twenty of each look,
# which is an element's colour and font, and all the grounds that it lies on.
TWENTY_OF_EACH_LOOK = """(() => {
  const times = new Map(), grounds = new Map(), looked = [];
  for (const element of document.querySelectorAll("body, body *")) {
    const style = getComputedStyle(element), look = (...names) => names.map((name) => style[name]).join();
    const own = look("backgroundColor", "backgroundImage", "opacity"), around = grounds.get(element.parentElement);
    grounds.set(element, own === "rgba(0, 0, 0, 0),none,1" ? around : `${around} ${own}`);
    const writes = [...element.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.data.trim());
    if (!writes && !element.matches("input, select, textarea") || !element.checkVisibility()) continue;
    const all = `${look("color", "fontSize", "fontWeight", "textShadow")} ${grounds.get(element)}`;
    times.set(all, (times.get(all) ?? 0) + 1);
    if (times.get(all) <= 20) looked.push(element);
  }
  for (const element of looked) element.setAttribute("data-look", "");
  axe.configure({ rules: [{ id: "color-contrast", selector: "[data-look]" }] });
})();"""


@pytest.mark.browser
@pytest.mark.parametrize(
    ("name", "theme"), [(name, "light") for name in PAGES] + [(name, "dark") for name in IN_THE_DARK]
)
def test_axe_finds_nothing_serious(open_page, name: str, theme: str) -> None:
    reader = open_page(name, color_scheme=theme)
    reader.parts()
    # Passes are not described: on a page of a hundred formulas that takes longer than finding the faults.
    options: dict[str, object] = {"preload": False, "resultTypes": ["violations"]}
    if theme == "dark":  # the same page but for its colours
        options["runOnly"] = ["color-contrast"]
    found = Axe(f"{AXE_SCRIPT}\n{TWENTY_OF_EACH_LOOK}").run(reader.page, options=options).response["violations"]
    serious = [
        (fault["id"], [node["html"][:160] for node in fault["nodes"][:3]])
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]
    assert serious == []


@pytest.mark.browser
@pytest.mark.parametrize("name", PAGES)
def test_nothing_scrolls_sideways_on_a_phone(open_page, name: str) -> None:
    reader = open_page(name, viewport={"width": 390, "height": 844})
    reader.parts()
    assert reader.page.evaluate("() => document.documentElement.scrollWidth") <= 390


@pytest.mark.browser
def test_the_theme_switches_and_is_kept(open_page) -> None:
    reader = open_page(CHAPTERS[0], color_scheme="light")
    page, part = reader.page, "01-draw-one-epoch"
    reader.parts()
    page.evaluate(AT_REST, part)
    light, paper = page.evaluate(SEEN, part)["picture"], "() => getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(paper) == "rgb(255, 255, 255)"
    page.get_by_label("Theme").select_option("dark")
    page.wait_for_timeout(300)
    assert page.evaluate(paper) == "rgb(20, 23, 26)" and page.evaluate(SEEN, part)["picture"] != light
    page.reload()
    assert page.evaluate(paper) == "rgb(20, 23, 26)"
    page.get_by_label("code").uncheck()
    assert page.locator("details.code[open]").count() == 0
