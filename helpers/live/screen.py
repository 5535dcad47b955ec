"""What a run shows on the page while it trains, and when the next frame is due."""

from __future__ import annotations

from time import perf_counter

from helpers.live.chart import Chart
from helpers.live.curves import OWN_LOOPS_AXES, Curves
from helpers.live.view import View
from helpers.live.words import progress_line, sentence
from helpers.plots import X_AXES

FRAME = 0.03  # seconds between two frames, at least
DRAWING = 0.2  # share of the time that goes into frames, as a rule at most
WORDS = 0.12  # seconds between two lines of progress, at least: every message costs the page time
FIRST_WORDS = 0.02  # seconds after the start of a run: its first frame comes before any words
LONGEST_WAIT = 0.2  # seconds; a frame that takes longer must not be the last for a while


class Screen:
    """Sends frames, and now and then a line of progress."""

    def __init__(self, chart: Chart, view: View, sync: bool) -> None:
        self._chart, self._view, self._sync = chart, view, sync
        self._words_due = 0.0

    def begin(self) -> None:
        """A run begins."""
        self._words_due = FIRST_WORDS
        self._view.progress_text = "starting"

    def frame(self, curves: Curves, outcome: str, elapsed: float) -> float:
        """Send a frame, and all that is to say where the run has ended; returns when the next one is due."""
        view, curve, begun = self._view, curves.run, perf_counter()
        if outcome:
            curves.fit()
        if not self._sync:
            self.show(curves)
        if outcome or elapsed >= self._words_due:
            self._words_due = elapsed + WORDS
            view.running, view.progress = not outcome, len(curve) / (curve.num_updates or len(curve) or 1)
            view.progress_text = progress_line(curve, outcome, elapsed)
            view.text = self._chart.text = sentence(curve, curves.metric, outcome) if outcome else ""
            view.error = view.traceback = ""
        now = perf_counter()
        return now + min(max(FRAME, (now - begun) * (1 / DRAWING - 1)), LONGEST_WAIT)

    def still(self, curves: Curves, text: str, words: str) -> None:
        """Show curves that do not grow, what they did, and what they are."""
        self.show(curves)
        view, self._chart.text = self._view, text
        view.text, view.progress_text, view.running, view.progress = text, words, False, 1.0

    def show(self, curves: Curves) -> None:
        """Send the page what the picture shows now."""
        chart, run = self._chart, curves.run
        with chart.hold_sync():
            earlier = [*curves.earlier, run.settings]
            if earlier != chart.earlier_sent:
                chart.earlier, chart.earlier_sent = curves.earlier_for_page(), earlier
            if len(run) and not run.num_updates and len(chart.x_axes) > 2:
                chart.x_axes = {name: X_AXES[name] for name in OWN_LOOPS_AXES}  # all that is known of it
            chart.run = curves.for_page()
