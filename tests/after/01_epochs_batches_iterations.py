"""Checks in the kernel of notebook 1, after its last cell; the live parts run to completion in place there."""

# %% one epoch uses everybody once, batch by batch, and the next begins afresh in another order
import re

for update in (1, 5, 6, 7, 12, 18):
    live_epoch.set(update=update)
    numbers = [int(found) for found in re.findall(r"\d+", live_epoch.text)]
    epoch, place = divmod(update - 1, 6)
    size = 33 if place == 5 else 64
    seen = min(64 * (place + 1), 353)
    assert numbers == [update, epoch + 1, place + 1, size, seen, 353, 353 - seen], live_epoch.text
assert all(sorted(torch.cat(batches[at : at + 6]).tolist()) == list(range(353)) for at in (0, 6, 12))
assert not torch.equal(batches[0], batches[6])

# %% the picture of the epoch is another one after every update
frames = []
for update in range(1, 8):
    live_epoch.set(update=update)
    frames.append(bytes(live_epoch._repr_mimebundle_()[0]["image/png"], "ascii"))
assert len(set(frames)) == 7


# %% the counts follow the sliders, with and without drop_last
def counted(**values):
    live_counts.set(**values)
    return [float(found.replace(",", "")) for found in re.findall(r"[\d,]*\d(?:\.\d+)?", live_counts.text)]


assert counted(samples=1_000, batch_size=100, epochs=10, drop_last=False) == [1_000, 100, 10, 10, 100, 100, 10]
assert counted(samples=1_001) == [1_001, 100, 10.01, 11, 1, 110, 10]
assert counted(drop_last=True) == [1_001, 100, 10.01, 10, 100, 100, 10]
assert counted(samples=64, batch_size=100, drop_last=False) == [64, 100, 0.64, 1, 64, 10, 10]
counted(drop_last=True)
assert live_counts.text.startswith("64 samples do not fill one batch of 100")

# %% the facts of the counting section, from PyTorch's own DataLoader
from torch.utils.data import DataLoader

assert len(DataLoader(range(1_000), batch_size=100)) == 10
loader = DataLoader(range(100_000), batch_size=1_024, collate_fn=len)
assert len(loader) == 98 and [*loader][-1] == 672
assert len(DataLoader(range(100_000), batch_size=1_024, drop_last=True)) == 97

# %% the live run makes as many updates as counted, and its rate and batch size are those of the loop
for batch_size, updates in ((353, 20), (16, 460), (64, 120)):
    live_race.set(batch_size=batch_size, learning_rate=0.01)
    assert len(live_race.history) == updates
    same = train(
        MLP(10, (64,)).double(),
        train_set,
        validation_set,
        Config(num_epochs=20, batch_size=batch_size, learning_rate=0.01, optimizer="sgd"),
    )
    assert live_race.history.losses == History.of(same).losses
live_race.set(batch_size=353, learning_rate=0.1)
assert live_race.history.best_validation_loss < 0.5  # a full batch tolerates ten times the rate

# %% the races end at the goal and not before it, and samples are the epochs' axis in another unit
for (batch_size, _), run in runs.items():
    assert run[-1][2] <= goal < min(loss for _, _, loss in run[:-1])
    assert batch_size == 16 or all(samples == batch_size * updates for updates, samples, _ in run)
by_samples = {seed: min((1, 16, 353), key=lambda b: runs[b, seed][-1][1]) for seed in range(9)}
assert set(by_samples.values()) == {1}

# %% exercise 1.5's judge is right about the notebook's own races
own = {b: runs[b, 0] for b in (1, 16, 353)}
assert min(own, key=lambda b: own[b][-1][0]) == 353 and min(own, key=lambda b: own[b][-1][1]) == 1

# %% a batch of the mean gradient: over one epoch the weighted mean of the batch gradients is exactly everybody's
model = MLP(10, (64,)).double()
whole = gradient(torch.arange(N))
parts = torch.randperm(N, generator=torch.Generator().manual_seed(3)).split(16)
assert math.isclose(sum(len(part) * gradient(part) for part in parts) / N, whole, rel_tol=1e-9)

# %% the 5,000-epoch run in full: the facts of the course
assert len(curve) == 5_000
assert best + 1 == 2_024
assert f"{validation_loss[best]:.1f} {validation_loss[-1]:.1f} {train_loss[-1]:.0f}" == "2620.0 3056.4 1583"
assert regressor._optimizer.t == 10_000
assert regressor.t_ == 5_000 * 353
assert (train_loss[1_000:] < train_loss[:-1_000]).all()  # it goes on falling

# %% scikit-learn's fit makes as many updates as partial_fit and begins like it, but deals new orders
again = MLPRegressor(hidden_layer_sizes=(128,), random_state=42, max_iter=25, tol=0, n_iter_no_change=10_000)
again.fit(inputs, targets)
fresh = MLPRegressor(hidden_layer_sizes=(128,), random_state=42)
for _ in range(25):
    fresh.partial_fit(inputs, targets)
assert again._optimizer.t == fresh._optimizer.t == 50 and again.n_iter_ == 25
assert math.isclose(again.loss_curve_[0], fresh.loss_curve_[0])
assert not np.allclose(again.loss_curve_[1:], fresh.loss_curve_[1:])


# %% the same deck: every later call deals one order, and a generator deals new ones from the same first weights
def first_epoch(state):
    return MLPRegressor(hidden_layer_sizes=(128,), random_state=state).partial_fit(inputs, targets)


one, other = first_epoch(42), first_epoch(np.random.RandomState(42))
assert all(np.array_equal(a, b) for a, b in zip(one.coefs_, other.coefs_, strict=True))
for made_with, same in ((one, True), (other, False)):
    orders = {tuple(check_random_state(made_with.random_state).permutation(N)) for _ in range(2)}
    assert (len(orders) == 1) is same
assert f"{looks[-1, 1]:.1f}" == "2674.3" and 3_000 < new_best[0] < 3_400

# %% without alpha, scikit-learn's best epoch moves by a handful
without = MLPRegressor(hidden_layer_sizes=(128,), alpha=0.0, random_state=42)
losses_without = []
for _ in range(2_100):
    without.partial_fit(inputs, targets)
    losses_without.append(np.mean((without.predict(new_inputs) - new_targets) ** 2))
assert 0 < abs(int(np.argmin(losses_without)) - best) < 10

# %% patience: too little stops early, enough finds the best, more only takes longer
ends = {}
for patience in (1, 5, 20, 60):
    live_patience.set(patience=patience)
    ends[patience] = (live_patience.history.best_validation_loss, len(live_patience.history.epochs))
assert ends[1][0] > ends[5][0] and ends[5][0] == ends[20][0] == ends[60][0]
assert ends[1][1] < ends[5][1] < ends[20][1] < ends[60][1] < 120
assert ends[60][1] - live_patience.history.best_epoch == 60

# %% going back puts the best weights into the model, and the three parts share nobody
assert evaluate(model_to_keep, choosing) == best_weights.validation_loss
rows = [tuple(row) for part in (learning, choosing, judging) for row in part.inputs.tolist()]
assert len(set(rows)) == len(rows) == 442


# %% the riddle: the gap closes as the learning rate goes to nothing, and is never negative
def gap(learning_rate):
    live_riddle.set(learning_rate=learning_rate)
    return float(re.search(r"gap of (-?[\d.]+)\.$", live_riddle.text)[1])


gaps = [gap(learning_rate) for learning_rate in (0.0001, 0.001, 0.003, 0.005)]
assert gaps == sorted(gaps) and 0 < gaps[0] < 0.005 and gaps[-1] > 0.08


# %% the bowl: gradient descent at 2 / steepness is where it breaks, and Adam does not notice the steepness
def distance_from_the_bottom(**values):
    live_optimisers.set(**values)
    return float(re.search(r": ([\d.e+-]+) from the bottom", live_optimisers.text)[1])


assert distance_from_the_bottom(optimiser="gradient descent", learning_rate=0.07, steepness=25, updates=100) < 0.05
assert distance_from_the_bottom(learning_rate=0.1) > 100
assert distance_from_the_bottom(learning_rate=1.0, steepness=1, updates=1) < 1e-9
far = [distance_from_the_bottom(optimiser="Adam", learning_rate=0.1, steepness=s, updates=30) for s in (1, 25, 50)]
assert max(far) - min(far) < 1e-2 * max(far)


# %% the rule of exercise 1.6 is the rule of the course's early stopping
def stop_epoch_by_the_course(validation_losses, patience):
    from helpers.training import Progress

    count = len(validation_losses)
    zero = torch.zeros(())
    run = (
        Progress(
            update=e,
            num_updates=count,
            epoch=e,
            num_epochs=count,
            samples_seen=e,
            seconds=0.0,
            loss=zero,
            train_loss=1.0,
            validation_loss=loss,
        )
        for e, loss in enumerate(validation_losses, start=1)
    )
    return len([*early_stopping(run, patience)])


assert check("1.6", stop_epoch_by_the_course).passed
