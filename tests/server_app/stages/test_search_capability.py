"""A search on nodes that differ: what each is asked, how long all takes, and what trials are worth."""

import json
from dataclasses import replace
from itertools import pairwise

import pytest
from scipy.stats import spearmanr

from common.limits import Limits
from server_app.comparison import over_common_nodes
from server_app.fidelity.successive_halving import SuccessiveHalving
from server_app.placement.capability import Capability
from server_app.placement.shared import Shared
from server_app.suited import best_for, best_for_any
from server_app.trials import TrialState
from tests.support.clocked import Clocked, Machine

FAST = {"a": Machine(bias=0.05), "b": Machine(), "c": Machine(bias=-0.05)}
SLOW = Machine(speed=1e7, bias=-0.2)
SMALL = Machine(limits=Limits(max_macs=7 * 6))
"""Holds widths up to 6, of 7 MACs each: 4 features go in, 3 classes come out."""


def halving():
    return SuccessiveHalving(SuccessiveHalving.Options(max_rounds=9, min_steps=0, eta=3, bracket_size=9))


def finished(run):
    return [trial for trial in run.search.trials if trial.state in (TrialState.FINISHED, TrialState.STOPPED)]


def comparable(trials):
    """What trials are worth over the nodes that they have in common, by number."""
    found = over_common_nodes([trial.last.comparable for trial in trials])
    return {trial.number: value for trial, value in zip(trials, found, strict=True)}


def minutes(run):
    return run.now / 60


@pytest.mark.parametrize("fidelity", [None, halving])
def test_with_a_node_ten_times_slower_more_than_twice_as_many_trials_are_done_and_they_rank_alike(fidelity):
    nodes, kind = {**FAST, "slow": SLOW}, {} if fidelity is None else {"fidelity": fidelity}
    runs = {
        "capability": Clocked(nodes, Capability(1, 4), trials=27, **kind).run(),
        "shared": Clocked(nodes, Shared(1, 4), trials=27, **kind).run(),
        "without": Clocked(FAST, Shared(1, 4), trials=27, **kind).run(),
    }
    rates = {name: len(finished(run)) / minutes(run) for name, run in runs.items()}
    assert all(len(finished(run)) == 27 for run in runs.values())
    assert rates["capability"] > 2 * rates["shared"]
    values = {name: comparable([t for t in run.search.trials if t.rung >= 1]) for name, run in runs.items()}
    if fidelity is None:
        numbers = sorted(values["without"])
        scores = [[values[name][number] for number in numbers] for name in ("capability", "without")]
        assert spearmanr(*scores).statistic > 0.8


def test_scores_compare_although_the_slow_node_with_the_hard_data_gave_few():
    """Who was scored by it would lose 0.05 on the mean of four nodes, and its place with it."""
    run = Clocked({**FAST, "slow": SLOW}, Capability(1, 4), trials=24).run()
    scored = {trial.number for trial in run.search.trials if "slow" in trial.last.by_node}
    assert 0 < len(scored) <= 24 / 8 + 4  # before it has done a job its word is believed, here the truth
    found = comparable(run.search.trials)
    plain = {trial.number: trial.score for trial in run.search.trials}
    truth = {trial.number: trial.spec.layers[0].width for trial in run.search.trials}
    numbers = sorted(truth)
    assert spearmanr([found[n] for n in numbers], [truth[n] for n in numbers]).statistic > 0.98
    spread = [found[n] - (0.3 + truth[n] / 50) for n in numbers]
    naive = [plain[n] - (0.3 + truth[n] / 50) for n in numbers]
    assert max(spread) - min(spread) < (max(naive) - min(naive)) / 2


def test_the_slow_node_never_starves():
    run = Clocked({**FAST, "slow": SLOW}, Capability(1, 4), trials=32).run()
    trained, scored = (run.trials_of("slow", kind) for kind in ("train", "score"))
    # 32 trials of 4 rounds: in one of eight first rounds and one of eight in all, or more often before it was measured
    assert 32 * 4 / 8 - 4 <= len(trained) <= 32 * 4 / 8 + 8
    assert len(scored) >= 32 / 8
    numbers = sorted({int(name.partition("-")[2]) for name in trained})
    assert max(later - earlier for earlier, later in pairwise(numbers)) <= 8


def test_a_small_node_is_asked_what_it_can_hold_and_the_others_everything():
    run = Clocked({**FAST, "small": SMALL}, Capability(1, 4), trials=12).run()
    assert {run.search.trials[int(t[-4:])].spec.layers[0].width for t in run.trials_of("small", "train")} == set(
        range(1, 7)
    )
    assert len(run.trials_of("a", "train")) == 12 * 4
    assert all(trial.state is TrialState.FINISHED for trial in run.search.trials)
    assert not run.kinds("absent")


def test_each_node_has_a_best_trial_and_its_weights_are_kept():
    run = Clocked({**FAST, "small": SMALL}, Capability(1, 4), trials=12).run()
    search = run.search
    best = {name: best_for(search, search.ranking, name) for name in run.machines}
    assert {name: trial.spec.layers[0].width for name, trial in best.items()} == {"a": 12, "b": 12, "c": 12, "small": 6}
    assert best_for_any(search, run.machines) == {best["a"].number, best["small"].number}
    assert all(search.weights.weights(trial.number) is not None for trial in best.values())


def test_a_node_that_lies_about_its_speed_is_measured_by_one_job_and_told_of_after_three():
    liar = Machine(speed=1e7, word=int(4e8), bias=-0.2)
    run = Clocked({**FAST, "liar": liar}, Capability(1, 4), trials=24).run()
    (event,) = run.kinds("speed")
    assert (event["node"], event["said"]) == ("liar", int(4e8))
    assert event["true"] == pytest.approx(4e7, rel=0.01)
    first = next(index for index, (_, node, _) in enumerate(run.asked) if node == "liar")
    answered = run.asked[first][0] + run.seconds("liar", run.asked[first][2])
    later = [job for at, node, job in run.asked if node == "liar" and at > answered and job.work.kind == "train"]
    others = [job for at, node, job in run.asked if node == "a" and at > answered and job.work.kind == "train"]
    assert len(later) <= len(others) / 8 + 4
    assert run.roster.speeds.of("liar") == pytest.approx(1e7)


def test_a_node_whose_messages_take_long_is_slow_however_short_its_jobs_are():
    """As on a weak device, where starting Python and importing torch take longer than training a small network."""
    nodes = {name: replace(machine, start=3.0) for name, machine in FAST.items()} | {"slow": Machine(start=30.0)}
    run = Clocked(nodes, Capability(1, 4), trials=24).run()
    assert max(run.seconds(name, job) for _, name, job in run.asked) < 1.0
    assert len(run.trials_of("slow", "train")) <= 24 * 4 / 8 + 8
    assert len(run.trials_of("a", "train")) == 24 * 4
    assert run.now < Clocked(nodes, Shared(1, 4), trials=24).run().now / 2


def test_without_a_clock_nodes_are_equally_fast_and_none_is_told_of():
    nodes = {**FAST, "slow": SLOW, "small": SMALL}
    run = Clocked(nodes, Capability(1, 4), basis="equal", deadline=1e-9).run()
    assert len(run.trials_of("slow", "train")) == len(run.trials_of("a", "train")) == 12 * 4
    assert run.kinds("speed") == []
    assert run.roster.speeds.measured == {}


def test_by_their_word_slow_nodes_are_told_apart_and_no_job_changes_that():
    liar = Machine(speed=1e7, word=int(4e8))
    run = Clocked({**FAST, "slow": SLOW, "liar": liar}, Capability(1, 4), basis="word").run()
    assert len(run.trials_of("liar", "train")) == 12 * 4
    assert len(run.trials_of("slow", "train")) <= 12 * 4 / 8 + 2
    assert run.roster.speeds.measured == {}


def test_who_cannot_finish_in_time_is_not_asked():
    """Width 12 takes the slow node ten times what it takes the others."""
    nodes = {**FAST, "slow": SLOW}
    probe = Clocked(nodes, Capability(1, 4), trials=1).run()
    longest = max(probe.seconds("slow", job) for _, _, job in probe.asked if job.work.kind == "train")
    run = Clocked(nodes, Capability(1, 4), deadline=longest).run()  # twice that would be in time
    assert run.trials_of("slow", "train") == []
    assert len(run.trials_of("a", "train")) == 12 * 4
    assert run.trials_of("slow", "score"), "a score is shorter"
    best = best_for(run.search, run.search.ranking, "slow")
    assert best is None


def test_folds_leave_each_node_out_in_turn_however_fast_it_is():
    run = Clocked({**FAST, "slow": SLOW}, Capability(1, 2), trials=8, slots=2, folds=2).run()
    assert all(trial.state is TrialState.FINISHED for trial in run.search.trials)
    assert 0 < len(run.trials_of("slow", "train")) < len(run.trials_of("a", "train")) / 3


def test_what_is_saved_in_the_middle_goes_on_as_if_never_interrupted():
    """By their word, as in a deployment with order=rounds: that is what they said first, and not what they say now."""
    nodes = {**FAST, "slow": SLOW, "small": SMALL}

    def make():
        return Clocked(nodes, Capability(1, 4), trials=16, basis="word", fidelity=halving)

    whole = make().run()
    half = make().run(until=whole.now / 2)
    state = json.loads(json.dumps([half.search.state_dict(), half.roster.speeds.state_dict()]))
    now = {name: Machine(machine.speed, 4, machine.limits, machine.bias) for name, machine in nodes.items()}
    resumed = Clocked(now, Capability(1, 4), trials=16, basis="word", fidelity=halving, blobs=half.blobs)
    resumed.search.load_state_dict(state[0])
    resumed.roster.speeds.load_state_dict(state[1])
    resumed.machines, resumed.now = nodes, half.now
    resumed.run()
    assert {t.number: t.last.by_node.keys() for t in resumed.search.trials} == {
        t.number: t.last.by_node.keys() for t in whole.search.trials
    }
    assert [t.number for t in resumed.search.ranking] == [t.number for t in whole.search.ranking]
