"""One style and one palette for every figure of the course, and how well its words can be read."""

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_hex, to_rgb
from matplotlib.rcsetup import cycler

# Okabe & Ito (2008), "Color universal design": eight colours that colour-blind readers tell apart. Green and red are
# darker than theirs (#009E73, #D55E00), so that the best epoch and the validation curve can be named in their colour.
BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, RED, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#008560", "#F0E442", "#0072B2", "#C25500", "#CC79A7",
)  # fmt: skip
GREY, FAINT = "#6B6B6B", "#D0D0D0"
# Behind a text that stands on lines.
PLATE: dict[str, Any] = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
READABLE = 4.5  # the contrast that WCAG 2.2 asks of text (level AA)
CYCLE = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY)
# What is the same in every picture has the same colour and line in every picture, and differs in grey too.
TRAIN, VALIDATION, FLOOR, BEST = BLUE, RED, GREY, GREEN
BEST_MARK: dict[str, Any] = {"color": BEST, "marker": "o", "markersize": 7, "linestyle": "none"}
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)))

STYLE: dict[Any, Any] = {
    "figure.dpi": 110,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.labelcolor": "#333333",
    "axes.edgecolor": "#888888",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.8,
    "xtick.color": "#333333",
    "ytick.color": "#333333",
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "image.cmap": "cividis",
}
MARKERS = "os^Dv*P"


def use_style() -> None:
    """Make the course's style the default of this process; colours and line styles change together."""
    mpl.rcParams.update(STYLE)
    mpl.rcParams["axes.prop_cycle"] = cycler(color=CYCLE, linestyle=LINES)


def contrast(colour: str, background: str = "white") -> float:
    """How well text in `colour` reads on `background`: from 1 to 21. Source: WCAG 2.2, contrast ratio."""
    darker, lighter = sorted(_luminance(colour) for colour in (colour, background))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    linear = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour))
    return float(np.dot((0.2126, 0.7152, 0.0722), tuple(linear)))


def ink(colour: str) -> str:
    """The same hue, as dark as text on white has to be."""
    while contrast(colour) < READABLE:
        red, green, blue = to_rgb(colour)
        colour = to_hex((0.97 * red, 0.97 * green, 0.97 * blue))
    return colour
