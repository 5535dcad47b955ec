"""Checks in the kernel of notebook 2, after its last cell; the live parts run to completion in place there."""

# %% the cloud of gradients follows the noise law, with and without replacement
import re


def distance_from_full_gradient(**values):
    live_cloud.set(**values)
    assert live_cloud.values == values
    assert live_cloud.text.startswith(f"200 batches of {values['batch_size']}:")
    return float(re.search(r"end ([\d.]+) from", live_cloud.text)[1])


for seats in (1, 4, 32, 128, 353):
    law = float((variance / seats) ** 0.5)
    assert abs(distance_from_full_gradient(batch_size=seats, with_replacement=True) / law - 1) < 0.25
    law *= ((N - seats) / (N - 1)) ** 0.5
    assert abs(distance_from_full_gradient(batch_size=seats, with_replacement=False) - law) <= 0.25 * law

# %% two doublings of the batch halve the cloud, one does not
distances = {seats: distance_from_full_gradient(batch_size=seats, with_replacement=True) for seats in (8, 16, 32)}
assert 0.4 < distances[32] / distances[8] < 0.6
assert 0.6 < distances[16] / distances[8] < 0.85


# %% the outlier's grip on one update falls as 1/B and follows how far it was moved
def tilt(**values):
    live_outlier.set(**values)
    return float(re.search(r"by (-?[\d.]+)\.$", live_outlier.text)[1])


for seats in (1, 2, 16, 256):
    for moved in (-12.0, 0.0, 8.0):
        expected = float(moved * inputs[outlier, 0] / seats)
        assert abs(tilt(batch_size=seats, outlier_moved=moved) - expected) < 1e-3, (seats, moved)

# %% larger batches get more samples through per second
assert per_second[1024] > 10 * per_second[1]
assert list(timings) == speed_sizes and all((spent > 0).all() for spent, _ in timings.values())

# %% reveal takes a guess
import contextlib
import io

said = io.StringIO()
with contextlib.redirect_stdout(said):
    reveal(4, 4.0, 3.2)
assert "your guess: 4 " in said.getvalue() and "3.200" in said.getvalue()
