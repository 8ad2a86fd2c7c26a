"""The final training under everything that a federation does to it, in any order, and killed at any exchange.

The rules, and what must hold, are those of `FederationMachine`, which drives a search; here it drives a `Final`.
"""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant

from common.architecture.cost import cost_of
from server_app.aggregation.fedavg import FedAvg
from server_app.blobs import Blobs
from server_app.journal import Journal
from server_app.objectives.accuracy import Accuracy
from server_app.placement.shared import Shared
from server_app.scoring import Scoring
from server_app.stages.final import Final
from server_app.trials import Recipe, TrialState
from server_app.weights.scratch import Scratch
from tests.server_app.stages.test_search_machine import DEADLINE, SPECS, TASK, FederationMachine, done, wrong

ROUNDS = 2


def make_final(blobs, sampled, journal, server_test=None, seeds=1, **options):
    """Make a final training of two candidates, as the winner and the baseline are."""
    return Final(
        seed=1,
        deadline=DEADLINE,
        candidates={role: (spec, Recipe()) for role, spec in zip(("winner", "baseline"), SPECS, strict=False)},
        rounds=ROUNDS,
        seeds=seeds,
        cost=lambda spec: cost_of(spec.lower(TASK)),
        placement=Shared(1, 1, Shared.Options(sampled)),
        weights=Scratch(TASK, 1, FedAvg, blobs),
        objectives=Accuracy(TASK.head),
        scoring=Scoring("test"),
        server_test=server_test,
        journal=journal,
        **options,
    )


class FinalMachine(FederationMachine):
    def make(self):
        *_, sampled, _ = self.choices
        return make_final(self.blobs, sampled, Journal(None, self.events.append), excess=self.excess)

    @invariant()
    def what_was_found_can_be_told(self):
        for trial in self.search.trials:
            assert (self.search.weights_of(trial.number) is not None) == (trial.rounds == ROUNDS)

    @invariant()
    def no_place_leaks(self):
        assert sorted(active.slot for active in self.search._active.values()) == sorted(self.search._active)
        assert len(self.search.trials) in (0, 2)

    def weights_have_grown(self):
        assert len(self.search.trials) == 2
        for trial in self.search.trials:
            if trial.state is TrialState.FINISHED:
                grown = self.search.weights_of(trial.number) - self.search.weights.initial(trial)["weights"]
                np.testing.assert_allclose(grown, ROUNDS, atol=1e-5)


TestFinal = FinalMachine.TestCase
TestFinal.settings = settings(max_examples=100, stateful_step_count=30)


def score_here(trial, weights, threshold):
    """Test on the server, which holds data of its own."""
    return {"accuracy": trial.spec.layers[0].width / 100, "loss": float(np.abs(weights).mean())}, {}


def play(sampled, odd, here, seeds, kills):
    """Train to the end on five nodes; some give nonsense, and the run is killed in some exchanges."""
    nodes, blobs, events, saved = [f"node-{index}" for index in range(5)], Blobs(None), [], (0, None)
    server_test = score_here if here else None

    def fresh():
        del events[saved[0] :]
        final = make_final(blobs, sampled, Journal(None, events.append), server_test, seeds)
        if saved[1] is not None:
            final.load_state_dict(json.loads(saved[1]))
        final.begin(nodes)
        return final

    final, exchange = fresh(), 0
    saved = len(events), json.dumps(final.state_dict())
    while not final.done:
        final.refill(nodes)
        orders = final.dispatch(nodes, 0.0)
        killed = exchange in kills
        for node, jobs in orders.items():
            for job in jobs[: 1 if killed else None]:
                final.take(node, job, (wrong if (node, job.work.round) in odd else done)(job, node))
        exchange += 1
        if killed:
            final = fresh()
        elif final.settle():
            saved = len(events), json.dumps(final.state_dict())
    told = [{key: value for key, value in event.items() if key not in ("time", "n")} for event in events]
    return told, [trial.to_json() for trial in final.trials], [final.weights_of(number) for number in range(2 * seeds)]


@settings(max_examples=60)
@given(
    sampled=st.none() | st.integers(1, 3),
    odd=st.sets(st.tuples(st.sampled_from(["node-0", "node-1", "node-2"]), st.integers(1, ROUNDS)), max_size=3),
    here=st.booleans(),
    seeds=st.integers(1, 2),
    kills=st.sets(st.integers(0, 8), min_size=1),
)
def test_killed_at_any_exchange_it_ends_as_if_never_interrupted(sampled, odd, here, seeds, kills):
    whole, run = play(sampled, odd, here, seeds, set()), play(sampled, odd, here, seeds, kills)
    assert run[:2] == whole[:2]
    for ours, theirs in zip(run[2], whole[2], strict=True):
        assert (ours is None) == (theirs is None)
        assert ours is None or np.array_equal(ours, theirs)
