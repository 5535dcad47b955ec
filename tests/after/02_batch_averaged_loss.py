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
        expected = float(0.1 * 2 * moved * inputs[outlier, 0] / seats)
        assert abs(tilt(batch_size=seats, outlier_moved=moved) - expected) < 1e-3, (seats, moved)


# %% the order moves the single updates, and not the averaged one; a 64th of the rate brings them close
def places(text):
    return [tuple(map(float, found)) for found in re.findall(r"\((-?[\d.]+), (-?[\d.]+)\)", text)]


live_updates.set(learning_rate=0.05, order="as dealt", a_64th_each=False)
dealt, averaged = places(live_updates.text)
live_updates.set(order="backwards")
assert places(live_updates.text)[1] == averaged and places(live_updates.text)[0] != dealt
live_updates.set(a_64th_each=True)
close, averaged = places(live_updates.text)
assert abs(close[0] - averaged[0]) < 0.01 and abs(close[1] - averaged[1]) < 0.01
live_updates.set(learning_rate=0.5, a_64th_each=False)
assert "After 64 patients" in live_updates.text


# %% in the narrow valley gradient descent is left behind; on the round bowl, without noise, it arrives
def distances_after(**values):
    live_bowl.set(**values)
    assert live_bowl.text.startswith("After 60 updates")
    return {rule: float(re.search(rf"{rule} (\d+\.\d+)", live_bowl.text)[1]) for rule in RULES}


valley = distances_after(learning_rate=0.05, batch_size=353, narrow_valley=True)
assert valley["gradient descent"] == max(valley.values()) > 0.3
assert distances_after(narrow_valley=False)["gradient descent"] < valley["gradient descent"] / 5
noisy, calm = distances_after(batch_size=1), distances_after(batch_size=1, learning_rate=0.01)
assert noisy["momentum"] > 0.05 and calm["momentum"] < noisy["momentum"]

# %% the race has a winner in the middle, or at least no winner at the slow end
assert set(best_rate) == set(RATES)
assert runs["B = 1,024"][1][-1] < runs["B = 1"][1][-1]

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
