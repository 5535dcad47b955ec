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
    train(CollaborativeFilter.for_ratings(ratings, parts.train, 8), parts.train, parts.validation, Config(num_epochs=2))
)
assert by_hand.epochs["validation_loss"].tolist() == play.history.epochs["validation_loss"].tolist()

# %% an impossible learning rate is said, and the next move recovers
play.set_up(data="diabetes", optimizer="SGD", learning_rate=10, batch_size=32)
assert "Diverged" in play.text and play.runs.iloc[-1]["outcome"] == "diverged"
play.set_up(num_epochs=1)
assert play.text.startswith("Ended after 98 updates")

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
