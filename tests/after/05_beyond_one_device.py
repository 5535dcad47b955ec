# %% two workers and one process agree to rounding, and both workers exactly
for worker in together:
    assert (worker["train_loss"] - alone["train_loss"]).abs().max() < 1e-9
    assert (worker["validation_loss"] - alone["validation_loss"]).abs().max() < 1e-9
assert (together[0]["validation_loss"] == together[1]["validation_loss"]).all()

# %% the workers start again after one was killed, and end for good
assert workers.run(lambda: data_parallel.num_workers()) == [2, 2]
workers.close()

# %% the live picture follows its sliders, and its text with them
live = live_picture(
    draw_speedup, batch_size=powers_of_two(256, 1_048_576, 1024), link=log_slider(10, 100_000, 10_000, unit="MB/s")
)
assert "16 workers are 10.01 times" in repr(live), repr(live)
live.set(link=100)
assert "16 workers are 0.26 times" in repr(live) and "the best number is 1," in repr(live), repr(live)
live.set(batch_size=1_048_576)
assert "the best number is 16, 15." in repr(live), repr(live)
live.close()

# %% the rule works, and breaks where the notebook says it does; the root serves Adam
assert abs(float(scaled("sgd", 64.0, 4)[0]) - float(scaled("sgd", 16.0, 1)[0])) < 0.005
assert scaled("sgd", 16.0, 4)[1] == "0.00" and scaled("sgd", 64.0, 4)[1] > "0.20"
assert float(scaled("sgd", 128.0, 8)[0]) > 1 and scaled("sgd", 256.0, 16)[0] == "diverged"
assert float(scaled("adam", 0.024, 16)[0]) < float(scaled("adam", 0.096, 16)[0])

# %% the resumed run is the run that nobody interrupted, to nine digits; the one without a memory is not
assert abs(resumed.train_loss.iloc[-1] - alone.train_loss.iloc[-1]) < 1e-9
assert abs(without_memory.validation_loss.iloc[-1] - alone.validation_loss.iloc[-1]) > 1e-4

# %% no process is left behind by the cluster
import multiprocessing

assert not [child for child in multiprocessing.active_children() if "Dask" in child.name]

# %% the two workers have ended: with the cluster's processes they would be more than a session on Binder may hold
import psutil

started = [" ".join(process.cmdline()) for process in psutil.Process().children(recursive=True)]
assert not [command for command in started if "helpers.data_parallel" in command]
