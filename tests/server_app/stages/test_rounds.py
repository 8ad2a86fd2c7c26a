"""What a job says of its trial, and which weights come with it (Flower's grid, real ClientApps)."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from common.wire.order import decode_order

HALVING = {"name": "successive_halving", "max_rounds": 4, "min_steps": 0, "eta": 2, "bracket_size": 2}
"""Of two trials one goes on, to 2 rounds and then to 4."""


@pytest.fixture
def jobs_of(grid, configure, play):
    """Runs a search with a recipe; returns the jobs that were sent, by trial, and the run."""

    def run(**recipe):
        grid.people("abc")
        config = configure(
            fidelity=HALVING, search={"trials": 2, "concurrency": 2}, final={"rounds": 3}, training=recipe
        )
        played = play(grid, config)
        assert played.error is None
        jobs = defaultdict(dict)
        for message in grid.sent:
            if "order" in message.content:
                for job in decode_order(message.content)[0].jobs:
                    jobs[job.trial][job.work.kind, job.work.round] = job
        return jobs, played

    return run


def weights(job):
    return job.arrays["weights"].astype(np.float64)


def test_a_job_says_how_many_rounds_its_trial_has_if_it_goes_all_the_way(jobs_of):
    jobs, _ = jobs_of(schedule="cosine")
    for trial, sent in jobs.items():
        rounds = 3 if trial.startswith("final") else 4
        assert {job.work.rounds for job in sent.values()} == {rounds}
        assert {job.work.kind for job in sent.values()} == {"train", "score"}
    assert max(number for _, number in jobs["final-0000"]) == 3


def test_a_score_is_of_the_mean_over_the_last_rounds(jobs_of):
    jobs, played = jobs_of(average=2)
    winner = f"trial-{played.search.ranking[0].number:04d}"
    sent = jobs[winner]
    # what a round came to is what the next one starts from
    after = {number - 1: weights(job) for (kind, number), job in sent.items() if kind == "train"}
    assert sorted(after) == [0, 1, 2, 3]
    np.testing.assert_array_equal(weights(sent["score", 1]), after[1])
    np.testing.assert_allclose(weights(sent["score", 2]), (after[1] + after[2]) / 2, rtol=1e-6, atol=1e-7)
    assert (weights(sent["score", 2]) != after[2]).any()
    # the last mean is of rounds 3 and 4, and it is what the search keeps
    np.testing.assert_array_equal(weights(sent["score", 4]), played.search.weights.weights(int(winner[-4:])))
    # what is tested is what is exported
    np.testing.assert_array_equal(weights(jobs["final-0000"]["score", 3]), played.weights)


def test_without_a_mean_a_score_is_of_what_training_goes_on_from(jobs_of):
    jobs, played = jobs_of()
    sent = jobs[f"trial-{played.search.ranking[0].number:04d}"]
    np.testing.assert_array_equal(weights(sent["score", 2]), weights(sent["train", 3]))
