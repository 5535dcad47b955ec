"""Checks in notebook 3's kernel after its last cell: the live parts moved, the results looked at."""

# %% the scoreboard climbs rung by rung, and stays above the floor
means = board["RMSE"].tolist()
assert means[0] > means[1] > means[2] > means[3] > means[4], means
without, with_decay = board["RMSE"]["MLP"], board["RMSE"]["MLP + weight decay"]
assert means[4] < with_decay < without < means[3]  # like for like: the network wins without decay, and loses with it
assert (board["RMSE"] > floor).all() and board["RMSE"].min() < 1.1 * floor
gains = np.array(scoreboard["user and film biases"]) - np.array(scoreboard["+ weight decay"])
assert gains.mean() > 2 * np.std(scoreboard["user and film biases"], ddof=1), gains

# %% of the menu's values the ladder's weight decay has the lowest validation RMSE on the split with seed 42
by_decay = {}
for value in (0.0, 0.02, 0.05, 0.08, 0.1, 0.2):
    size_50 = CollaborativeFilter.for_ratings(ratings, data.train, embedding_dim=50)
    menu_config = Config(num_epochs=15, batch_size=1024, learning_rate=0.005, weight_decay=value)
    by_decay[value] = best_rmse(size_50, data.train, data.validation, menu_config)
assert min(by_decay, key=by_decay.get) == decayed.weight_decay and by_decay[0.1] - by_decay[0.08] < 0.001, by_decay

# %% the film map moves with its slider, from a start without genres
at_start = map_picture.text
map_picture.set(epoch=10)
assert map_picture.values == {"epoch": 10}
assert map_picture.text != at_start and "epoch 10" in map_picture.text
assert abs(readable[0] - 0.5) < 0.05 < readable[-1] - 0.75

# %% all eight genres stand on the map in the planted order of the wheel
on_the_map = rec.around(centres(list(genres)), list(genres))
assert on_the_map == rec.around(planted_map.numpy(), ratings.truth.genres) and len(on_the_map) == 8

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

# %% lists: the truth ranks them, and support keeps promises
true_means = list_board["new films, true stars"]
assert true_means["best known"] < true_means["film biases"] < true_means["full model"] < true_means["oracle"]
gaps = [(everybody - true).gather(1, films).mean().item() for films in (five, kept)]
assert gaps[0] > 0.1 and gaps[1] < gaps[0] - 0.05, gaps
assert true.gather(1, kept).mean() > true.gather(1, five).mean() < everybody.gather(1, five).mean()

# %% a constant penalty is better for a newcomer with few ratings, and all profiles help with twenty
judged = pd.DataFrame(table)
assert judged["c = nλ"][0] > judged["no profile"][0], judged
assert (judged.iloc[1:3, 2] < judged.iloc[1:3, 1]).all(), judged
assert (judged.iloc[3, 1:] < judged.iloc[3, 0] - 0.05).all(), judged

# %% a split by time is harder; new films make it harder, and are most of its strangers
assert time_scores[2] > time_scores[3] > random_scores[3] + 0.02
assert time_scores[5] > 10 * time_scores[4]
