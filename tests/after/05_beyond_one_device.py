# %% two workers and one process agree to rounding, and both workers exactly
for worker in together:
    assert (worker["train_loss"] - alone["train_loss"]).abs().max() < 1e-9
    assert (worker["validation_loss"] - alone["validation_loss"]).abs().max() < 1e-9
assert (together[0]["validation_loss"] == together[1]["validation_loss"]).all()

# %% the workers start again after one was killed, and end for good
assert workers.run(lambda: distributed.num_workers()) == [2, 2]
workers.close()

# %% the live picture follows its sliders, and its text with them
live = live_picture(
    draw_speedup, batch_size=powers_of_two(256, 1_048_576, 1024), link=log_slider(10, 100_000, 100, unit="MB/s")
)
slow = repr(live)
live.set(link=100_000)
assert "0.26 times" in slow and "16 workers are 15.10 times" in repr(live), repr(live)
live.set(link=100, batch_size=1_048_576)
assert "the best number is 16, 15." in repr(live), repr(live)
live.close()

# %% the rule breaks where the notebook says it does
assert rmse("sgd", 2.0 * 16, 16) < rmse("sgd", 2.0, 16)
assert rmse("sgd", 2.0 * 64, 64) > rmse("sgd", 2.0 * 8, 64)
assert rmse("adam", 0.003 * 4, 4) < rmse("adam", 0.003, 1)

# %% no process is left behind by the cluster
import multiprocessing

assert not [child for child in multiprocessing.active_children() if "Dask" in child.name]
