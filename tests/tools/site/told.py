"""What a recording holds: a run with all that can be seen of its curve, or the frames of a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from helpers.live import LivePicture, Playground
from helpers.live.curve import Curve
from helpers.live.part import Live
from helpers.live.saved_picture import POINTS_PER_INCH, SHARPNESS, release
from helpers.plots import METRICS, in_metric
from tests.tools.site.combinations import Positions
from tests.tools.site.strokes import strokes

MOST_POINTS = 120  # stretches of a curve, each standing for its highest and lowest loss
DIGITS = 4  # of a loss: a thousandth of the axis is less than a pixel


def recording(part: Live, positions: Positions) -> dict[str, Any]:
    """Move the controls of a part to these positions, and write down what it shows."""
    controls = part._controls
    values = {name: control.options[at] for (name, control), at in zip(controls.items(), positions, strict=True)}
    if isinstance(part, LivePicture):
        return {"frames": [[marks, text] for marks, text in drawn(part, values)]}
    part.set(**values)
    told = run_of(part.curves.run, part.curves.metric, part.curves.floor)
    told |= {"text": part.text, "progress": part.widget.progress_text}
    if isinstance(part, Playground):
        kept = ("best_loss", "best_epoch", "last_loss", "updates", "parameters", "memory", "seconds", "outcome")
        told["row"] = {name: part.ended[-1][name] for name in kept}
        told["row"]["seconds"] = round(told["row"]["seconds"], 2)
        told["code"] = part.code()
        told["off"] = dict(part.widget.disabled)
        part._rows.clear()
        part._kept.clear()
    return told


def drawn(part: LivePicture, values: Mapping[str, Any]) -> Iterator[tuple[list[str], str]]:
    """Every frame of a picture, as strokes, and the sentence that goes with it."""
    figure = Figure(figsize=part._figsize, dpi=POINTS_PER_INCH * SHARPNESS)
    told = part._draw_on(figure, **values)
    for text in told if isinstance(told, Iterator) else [told]:
        yield strokes(figure, SHARPNESS), text or ""
    release(figure.canvas)


def run_of(curve: Curve, metric: str, floor: float | None) -> dict[str, Any]:
    """A run that has ended: of its updates what can be seen, of its epochs everything."""
    losses, epochs = in_metric(curve.losses, metric), curve.epochs
    stretch = 1 if len(losses) <= 2 * MOST_POINTS else 2 ** int(np.ceil(np.log2(len(losses) / MOST_POINTS)))
    first = np.arange(0, len(losses), stretch)
    seen = losses if stretch == 1 else np.column_stack(
        [np.fmax.reduceat(losses, first), np.fmin.reduceat(losses, first)]).ravel()  # fmt: skip
    table = in_metric(np.column_stack([epochs.train_losses, epochs.validation_losses]), metric)
    best = curve.best_epoch()
    return {
        "metric": METRICS[metric], "floor": floor, "updates": curve.num_updates, "epochs": curve.num_epochs,
        "stretch": stretch, "losses": [rounded(loss) for loss in seen],
        "span": [rounded(end) for end in curve.span(metric) or ()],
        "rows": [[*where(curve, row), rounded(train), rounded(validation)]
                 for row, (train, validation) in zip(epochs.rows, table, strict=True)],
        "end": where(curve, -1), "best": -1 if best is None else best, "diverged": curve.diverged,
    }  # fmt: skip


def where(curve: Curve, row: int) -> list[int]:
    """How far a run was: updates, samples, thousandths of a second."""
    return [int(curve.x("update")[row]), int(curve.x("samples_seen")[row]), round(1000 * curve.x("seconds")[row])]


def rounded(loss: float) -> float | None:
    """A number with as many digits as can be seen; None for what is no number."""
    return float(f"{loss:.{DIGITS}g}") if np.isfinite(loss) else None
