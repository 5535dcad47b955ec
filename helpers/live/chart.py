"""The curves on the page. The kernel sends numbers, and `chart.js` draws them on a canvas.

Why not uPlot, the small library for such pictures? It wants all series of a chart to share one list of x, and here
every earlier run has its own: each frame would have to join them all. Names at the ends of lines, dots of one-epoch
runs, the read-out by keys and the theme's colours would be hooks into it, as long as drawing them, and 50 kB of
minified code that nobody here can review would come with it. Time does not decide: a frame of a growing default
run over five earlier ones took this file 1.6 ms, and uPlot 1.1 without any of those hooks (medians of 300 frames in one
headless Chromium).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
from traitlets import Bool, Dict, List, Unicode


def beside(name: str) -> str:
    # As text and not as a path: for a path anywidget would keep every instance alive for as long as the process runs.
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


SCRIPT = "".join(map(beside, ("chart_tools.js", "chart_drawing.js", "chart.js")))


class Chart(anywidget.AnyWidget):
    """Curves that grow, with axes, legend and read-out; everything but the numbers is the page's affair."""

    _esm = SCRIPT

    run = Dict(help="the present run and the limits of the axes, see `Curves.for_page`").tag(sync=True)
    earlier: List[Any] = List(help="the earlier runs, see `Curves.earlier_for_page`").tag(sync=True)
    x_axis = Unicode("update", help="what the horizontal axis counts").tag(sync=True)
    x_axes = Dict(help="what it may count -> how that is written").tag(sync=True)
    log_scale = Bool(False).tag(sync=True)
    text = Unicode(help="text alternative").tag(sync=True)
    earlier_sent: object = None
