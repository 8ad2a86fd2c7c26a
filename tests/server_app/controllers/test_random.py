import statistics

from server_app.controllers.random import Random


def test_draws_are_independent_of_what_was_observed(space, search):
    # The target has 5 layers, and a draw has a layer at its place with probability 1, 1, 1, 2/3 and 1/3, so 0.8 on
    # average; the layer's 4 fields are right with probability 1/4, 1/2, 1/2 and 1/3, so 19/48 on average.
    scores = [trial.score for seed in range(4) for trial in search(Random(space, seed, 200))]
    error = statistics.stdev(scores) / len(scores) ** 0.5
    assert abs(statistics.mean(scores) - 0.8 * 19 / 48) < 4 * error
    assert error < 0.01


def test_every_proposal_is_a_sample(space, search):
    assert {(trial.origin, trial.parent) for trial in search(Random(space, 0, 20))} == {("sample", None)}
