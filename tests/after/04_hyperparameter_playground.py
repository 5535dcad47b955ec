# %% moving a control trains again, and the table keeps the run
before = len(play.runs)
play.set_up(embedding_dim=8, num_epochs=2)
assert len(play.runs) == before + 1
newest = play.runs.iloc[-1]
assert newest["embedding_dim"] == 8 and newest["updates"] == 2 * iterations_per_epoch(N, 1024)
assert newest["parameters"] == (ratings.num_users + ratings.num_movies) * 9
assert abs(newest["best_loss"] - play.history.best_validation_loss**0.5) < 1e-9

# %% what the playground trains is the course's loop, number for number
by_hand = History.of(
    train(CollaborativeFilter.for_ratings(ratings, train_set, 8), train_set, validation_set, Config(num_epochs=2))
)
assert by_hand.epochs["validation_loss"].tolist() == play.history.epochs["validation_loss"].tolist()

# %% an impossible learning rate is said, and the next move recovers
play.set_up(data="diabetes", optimizer="SGD", learning_rate=10, batch_size=32)
assert "Diverged" in play.text and play.runs.iloc[-1]["outcome"] == "diverged"
play.set_up(num_epochs=1)
assert play.text.startswith("Ended after 79 updates")

# %% a control without a part is greyed out, with the reason
play.set_up(data="diabetes", num_epochs=1)
assert play.widget.inputs["embedding_dim"].disabled
play.set_up(num_epochs=1)
assert not play.widget.inputs["embedding_dim"].disabled

# %% the table can be taken along
assert play.csv().splitlines()[0].startswith("run,data,optimizer,embedding_dim")
assert len(play.csv().splitlines()) == len(play.runs) + 1

# %% the second grid's winner is the best of its rows, and beats the first grid's
assert np.isclose(-second_search.best_score_, results_table(second_search)["rmse"].min())
assert second_search.best_score_ > first_search.best_score_

# %% no part has a rating of another, and no search has seen the test part
three = [set(train_index), set(validation_index), set(first.validation_index)]
assert sum(map(len, three)) == len(set.union(*three)) == len(ratings)
searched = set(map(tuple, X_few[:, :2].tolist()))
assert not searched & set(map(tuple, test.inputs.tolist()))

# %% the folds are not the split that chose the winners
chose = set(next(one_split.split(X_few))[1].tolist())
assert all(set(fold.tolist()) != chose for _, fold in five_folds.split(X_few))

# %% every draw of the random search lies in the space, all five settings differ, and its winner beats both grids
draws = results_table(random_search)
assert all(space[name].low <= draws[name].min() <= draws[name].max() <= space[name].high for name in space)
assert draws["rmse"].min() < min(-first_search.best_score_, -second_search.best_score_)

# %% early stopping inside a search stops by ratings of its own
assert learned.num_epochs_ == learned.history_["epoch"][learned.history_["validation_loss"].idxmin()]

# %% a schedule falls to zero, a warm-up rises to the full rate
assert scheduled["linear"][1][0] == 0.01 and scheduled["linear"][1][-1] < 0.0001
assert np.argmax(scheduled["warm-up then linear"][1]) == round(0.1 * 5 * iterations_per_epoch(N, 1024))

# %% the test part judged the candidate that validation chose, once
assert chosen == pd.Series({name: run.last.validation_loss for name, run in runs.items()}).idxmin()
assert final < plain_rmse
