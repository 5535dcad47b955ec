"""Checks in notebook 3's kernel after its last cell: the live parts moved, the results looked at."""

# %% the scoreboard climbs rung by rung, and stays above the floor
means = board["RMSE"].tolist()
assert means[0] > means[1] > means[2] > means[3] > means[4], means
assert (board["RMSE"] > floor).all() and board["RMSE"].min() < 1.1 * floor
gains = np.array(scoreboard["user and film biases"]) - np.array(scoreboard["+ weight decay"])
assert gains.mean() > 2 * np.std(scoreboard["user and film biases"], ddof=1), gains

# %% the film map moves with its slider, from a start without genres
at_start = map_picture.text
map_picture.set(epoch=10)
assert map_picture.values == {"epoch": 10}
assert map_picture.text != at_start and "epoch 10" in map_picture.text
assert abs(readable[0] - 0.5) < 0.05 < readable[-1] - 0.75

# %% all eight genres stand on the map in the planted order of the wheel
on_the_map = rec.around(middles(list(genres)), list(genres))
assert on_the_map == rec.around(planted.numpy(), ratings.truth.genres) and len(on_the_map) == 8

# %% more numbers without decay overfit, and decay holds them
size_and_decay.set(embedding_dim=128, weight_decay=0.0)
free_epochs = size_and_decay.history.epochs["validation_loss"] ** 0.5
size_and_decay.set(embedding_dim=128, weight_decay=0.1)
held_epochs = size_and_decay.history.epochs["validation_loss"] ** 0.5
assert size_and_decay.values == {"embedding_dim": 128, "weight_decay": 0.1}
assert held_epochs.min() < free_epochs.min() - 0.005
assert held_epochs.iloc[-1] - held_epochs.min() < 0.01 < free_epochs.iloc[-1] - free_epochs.min()

# %% four numbers do without decay what sixty-four do not, and a decay of 0.2 holds back everything
size_and_decay.set(embedding_dim=4, weight_decay=0.0)
assert size_and_decay.history.best_validation_loss**0.5 < free_epochs.min() - 0.01
size_and_decay.set(embedding_dim=4, weight_decay=0.2)
assert size_and_decay.history.epochs["train_loss"].iloc[-1] ** 0.5 > 0.83

# %% the newcomer's recommendations change at once and name the ratings behind them
before = newcomer_picture.text
newcomer_picture.set(film_1=0.5, film_4=0.5, film_2=5.0)
assert newcomer_picture.text != before
assert "because you" in newcomer_picture.text
newcomer_picture.set(**{f"film_{place}": 5.0 for place in range(1, 6)})
kind = newcomer_picture.text
newcomer_picture.set(**{f"film_{place}": 3.5 for place in range(1, 6)})
assert newcomer_picture.text != kind

# %% the model that recommends is the best epoch's, from its file
assert abs(evaluate(recommender, data.validation) - best.validation_loss) < 1e-12

# %% a split by time is harder, and not only because of strangers
assert time_scores[2] > random_scores[2] + 0.03
assert time_scores[3] > random_scores[3] + 0.02
