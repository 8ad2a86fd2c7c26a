"""A mixed network trains round by round, loses options, and comes to plain ones. Without Flower."""

from __future__ import annotations

import json

import numpy as np
import pytest

from common.architecture.layout import layout, views_of
from common.errors import ConfigError, SearchError
from common.jobs import Result
from common.settings import TrainingSettings
from server_app.aggregation.fedavg import FedAvg
from server_app.blobs import Blobs
from server_app.budget import Shortage
from server_app.controllers.darts import Darts
from server_app.darts.weights import MixedWeights
from server_app.journal import Journal
from server_app.objectives.accuracy import Accuracy
from server_app.placement.shared import Shared
from server_app.scoring import Scoring
from server_app.stages.bilevel import Bilevel
from server_app.trials import TrialState
from tests.support.mixtures import IMAGES, cell_space

NODES = ["a", "b", "c"]
OPERATIONS = ["skip", "conv1", "conv3", "avg_pool3"]
SPACE = cell_space("nasbench201", nodes=2, operations=OPERATIONS)
EXAMPLES = {"a": 10, "b": 30, "c": 60}


def bilevel(blobs=None, space=SPACE, held_out=0.0, shortage=lambda *_: None, excess=lambda *_: "", **options):
    events = []
    chosen = {"rounds": 6, "warm_up": 1, "levels": 2, "max_skips": None, **options}
    stage = Bilevel(
        seed=1,
        deadline=10.0,
        options=Darts.Options(**chosen),
        space=space,
        spec=space.mixed(),
        recipe=TrainingSettings(),
        shortage=shortage,
        excess=excess,
        placement=Shared(1, 1, Shared.Options()),
        weights=MixedWeights(IMAGES, 1, FedAvg, blobs or Blobs(None)),
        objectives=Accuracy(space.task.head),
        scoring=Scoring(held_out=held_out),
        journal=Journal(None, events.append),
    )
    stage.begin(NODES)
    return stage, events


def prefer(spec, *names):
    """Return an architecture weight of 1 for the first of `names` that each place has, of 0 for all others."""
    alphas = np.zeros(spec.num_alphas, np.float32)
    for choice, span in zip(spec.choices, spec.spans, strict=True):
        best = next(name for name in names if name in choice.options)
        alphas[span.start + choice.options.index(best)] = 1.0
    return alphas


def towards(*names):
    """Let each node add 0.5 to its weights, and prefer the same."""
    return lambda job, _: {
        "weights": job.arrays["weights"] + np.float32(0.5),
        "alphas": job.arrays["alphas"] + (prefer(job.spec, *names) if job.work.bilevel.steps_alphas else 0),
    }


def exchange(stage, step=None, fails=(), nodes=NODES):
    """Exchange once: each node does a step, or fails; return the jobs by node."""
    step = step or towards("conv3", "conv1")
    stage.refill(nodes)
    sent = {} if stage.done else stage.dispatch(nodes, 0.0)
    for node, jobs in sent.items():
        for job in jobs:
            losses = {"loss": 1.0, "architecture_loss": 2.0}
            failed = node in fails
            result = Result(
                job.id,
                "failed" if failed else "done",
                "no",
                EXAMPLES[node],
                losses,
                0.1,
                {} if failed else step(job, node),
            )
            stage.take(node, job, result)
    stage.settle()
    return {node: job for node, (job,) in sent.items()}


def play(stage, step=None):
    sent = []
    while not stage.done:
        sent.append(exchange(stage, step))
    return [jobs for jobs in sent if jobs]


def kinds(events, kind):
    return [event for event in events if event["event"] == kind]


def test_rounds_go_on_over_levels_and_nothing_is_scored():
    stage, events = bilevel()
    rounds = play(stage)
    assert [sorted(jobs) for jobs in rounds] == [NODES] * 6
    works = [jobs["a"].work for jobs in rounds]
    assert [(work.kind, work.split, work.round, work.rounds) for work in works] == [
        ("bilevel", "train", number, 6) for number in range(1, 7)
    ]
    assert [work.bilevel.steps_alphas for work in works] == [False] + [True] * 5
    assert [jobs["a"].trial for jobs in rounds] == ["mixed-0000"] * 4 + ["mixed-0001"] * 2
    assert [(trial.rounds, trial.state) for trial in stage.trials] == [
        (4, TrialState.FINISHED),
        (6, TrialState.FINISHED),
    ]
    assert not any(trial.scores for trial in stage.trials)
    assert not kinds(events, "scored")


def test_architecture_weights_are_the_mean_over_nodes_by_examples():
    """Not those of one node: each prefers another operation, by its name."""
    own = {"a": "conv1", "b": "conv3", "c": "skip"}
    stage, _ = bilevel(warm_up=0, levels=1, rounds=2)
    exchange(stage, lambda job, node: towards(own[node])(job, node))
    (trial,) = stage.trials
    found = stage.weights.alphas(trial).reshape(-1, len(OPERATIONS))
    share = {name: EXAMPLES[node] / 100 for node, name in own.items()}
    np.testing.assert_allclose(found, [[share.get(name, 0.0) for name in OPERATIONS]] * 3, atol=1e-6)


def test_where_all_nodes_are_alike_the_mean_is_what_one_of_them_gives_bit_for_bit():
    given = {}

    def step(job, _):
        rng = np.random.default_rng(5)
        arrays = {name: rng.normal(size=array.size).astype(np.float32) for name, array in job.arrays.items()}
        given.update(arrays)
        return arrays

    stage, _ = bilevel(warm_up=0)
    exchange(stage, step)
    found = stage.weights.lend(stage.trials[0])
    assert found.keys() == given.keys()
    for name, array in found.items():
        np.testing.assert_array_equal(array, given[name])


def test_who_is_who_plays_no_part():
    """What nodes give is exchanged between them, examples included, and nothing changes, bit for bit."""
    found = []
    for order in (("a", "b", "c"), ("c", "a", "b")):
        who = dict(zip(NODES, order, strict=True))

        def step(job, node, who=who):
            rng = np.random.default_rng(ord(who[node]))
            noise = {name: rng.normal(size=array.size).astype(np.float32) for name, array in job.arrays.items()}
            return {name: array + noise[name] for name, array in job.arrays.items()}

        stage, _ = bilevel(warm_up=0)
        examples = dict(EXAMPLES)
        EXAMPLES.update({node: examples[who[node]] for node in NODES})
        try:
            exchange(stage, step)
        finally:
            EXAMPLES.update(examples)
        found.append(stage.weights.lend(stage.trials[0]))
    for name in ("weights", "alphas"):
        np.testing.assert_array_equal(found[0][name], found[1][name])


def test_from_level_to_level_options_go_and_messages_become_smaller():
    """All prefer convolutions of 3, and then skip connections; of what is equally likely the last goes first."""
    stage, events = bilevel(rounds=7, levels=3)

    def step(job, node):
        arrays = towards("conv3")(job, node)
        return {**arrays, "alphas": arrays["alphas"] + np.float32(0.5) * prefer(job.spec, "skip")}

    rounds = play(stage, step)
    sizes = [jobs["a"].arrays["weights"].size for jobs in rounds]
    assert sizes[:3] == sizes[:1] * 3
    assert sizes[3:5] == sizes[:1] * 2, "a pool has no weights, but an architecture weight"
    assert sizes[5:] == sizes[-1:] * 2
    assert sizes[-1] == sizes[0] - 3 * 2 * 2, "on 3 edges a convolution from 2 to 2 channels"
    sent = [trial.ledger.bytes_down for trial in stage.trials]
    levels = zip((3, 2, 2), (sizes[0], sizes[0], sizes[-1]), (4, 3, 2), strict=True)
    assert sent == [4 * len(NODES) * count * (size + 3 * options) for count, size, options in levels]
    assert [trial.ledger.bytes_up for trial in stage.trials] == sent
    (first, second) = kinds(events, "shrunk")
    places = [choice.place for choice in stage.spec.choices]
    assert first["dropped"] == {place: ["avg_pool3"] for place in places}
    assert second["dropped"] == {place: ["conv1"] for place in places}
    assert {choice.options for choice in stage.spec_of(2).choices} == {("skip", "conv3")}


def test_what_stays_goes_on_where_it_was():
    """Each tensor, and each architecture weight, of an option that stays."""
    stage, _ = bilevel(rounds=4, warm_up=0)

    def step(job, _):
        rng = np.random.default_rng(job.work.round)
        return {name: rng.normal(size=array.size).astype(np.float32) for name, array in job.arrays.items()}

    exchange(stage, step)
    exchange(stage, step)
    before = dict(stage.weights.lend(stage.trials[0]))
    stage.refill(NODES)
    after = stage.weights.lend(stage.trials[1])
    old, new = stage.spec_of(0), stage.spec_of(1)
    known = views_of(before["weights"], layout(old.lower(IMAGES)))
    for name, tensor in views_of(after["weights"], layout(new.lower(IMAGES))).items():
        np.testing.assert_array_equal(tensor, known[name])
    for place, (was, now) in enumerate(zip(old.choices, new.choices, strict=True)):
        values = dict(zip(was.options, before["alphas"][old.spans[place]], strict=True))
        assert len(now.options) == 3
        assert after["alphas"][new.spans[place]].tolist() == [values[option] for option in now.options]
        assert min(values, key=values.get) not in now.options


def test_it_comes_to_the_strongest_network_and_the_second_best():
    stage, events = bilevel()
    play(stage)
    best, second = stage.found
    assert {name for node in best.normal for _, name in node} == {"conv3"}
    names = [name for node in second.normal for _, name in node]
    assert sorted(names) == ["conv3", "conv3", "skip"], "the one change that costs least, of equal ones the first"
    (told,) = kinds(events, "discretized")
    assert [one["spec_id"] for one in told["found"]] == [best.id, second.id]
    assert (told["rounds"], told["collapsed"]) == (6, None)


def test_each_round_that_steps_the_architecture_tells_how_likely_options_are():
    stage, events = bilevel(temperature=2.0, last_temperature=0.5)
    play(stage)
    told = kinds(events, "alphas")
    assert [event["round"] for event in told] == [2, 3, 4, 5, 6]
    assert [event["temperature"] for event in told] == pytest.approx([2, 2**0.5, 1, 0.5**0.5, 0.5])
    assert {event["architecture_loss"] for event in told} == {2.0}
    place = stage.spec.choices[0].place
    raised = np.exp(1 / 2)  # one step of 1 over a temperature of 2
    expected = {name: round(float((raised if name == "conv3" else 1) / (3 + raised)), 4) for name in OPERATIONS}
    assert told[0]["probabilities"][place] == expected
    assert [sorted(event["probabilities"][place]) for event in told[3:]] == [["conv1", "conv3", "skip"]] * 2


def test_it_ends_before_it_collapses_with_what_it_was_before():
    """Convolutions gain 1 in each of rounds 2 and 3, and skip connections 1.5 in each from the fourth on: 3 > 2."""
    stage, events = bilevel(rounds=20, max_skips=2)

    def step(job, node):
        arrays = towards("conv3")(job, node)
        skips = job.arrays["alphas"] + np.float32(1.5) * prefer(job.spec, "skip")
        return {**arrays, "alphas": skips} if job.work.round > 3 else arrays

    play(stage, step)
    assert stage.collapsed == 5
    assert stage.trials[-1].rounds == 5
    assert {name for node in stage.found[0].normal for _, name in node} == {"conv3"}
    assert [event["collapsed"] for event in kinds(events, "discretized")] == [5]


def test_one_that_has_collapsed_from_the_first_comes_to_the_strongest_that_has_not():
    stage, _ = bilevel(max_skips=1)
    play(stage, towards("skip"))
    assert stage.collapsed == 2
    for spec in stage.found:
        assert sum(name == "skip" for node in spec.normal for _, name in node) <= 1


def test_collapse_is_nobody_s_business_where_it_is_turned_off():
    stage, _ = bilevel(max_skips=None)
    play(stage, towards("skip"))
    assert stage.collapsed is None
    assert stage.trials[-1].rounds == 6
    assert {name for node in stage.found[0].normal for _, name in node} == {"skip"}


def test_who_is_held_out_trains_no_network():
    stage, _ = bilevel(held_out=0.34)
    (held_out,) = stage.held_out
    assert sorted(exchange(stage)) == [node for node in NODES if node != held_out]


def test_a_node_that_cannot_hold_the_network_is_told_of_once_and_trains_what_has_shrunk():
    size = {}

    def excess(node, trial):
        size[trial.number] = sum(len(choice.options) for choice in trial.spec.choices)
        return (
            "the node takes 9 options at most, and this spec needs 12" if node == "b" and size[trial.number] > 9 else ""
        )

    stage, events = bilevel(excess=excess)
    rounds = play(stage)
    assert [sorted(jobs) for jobs in rounds] == [["a", "c"]] * 4 + [NODES] * 2
    assert [(event["node"], event["trial"]) for event in kinds(events, "unable")] == [("b", "mixed-0000")]
    assert not kinds(events, "absent")


def test_where_no_node_can_hold_the_network_the_sizes_and_the_ways_out_are_told():
    with pytest.raises(ConfigError, match=r"3 of 3 cannot \(of node 'a': 9 MiB .*controller.partial_channels=4"):
        bilevel(excess=lambda *_: "9 MiB at most, and this spec needs 12")


def test_a_round_that_fails_ends_the_run():
    stage, _ = bilevel()
    exchange(stage)
    with pytest.raises(
        SearchError, match=r"failed after 1 round \(Round 2 failed, none of 3 nodes gave a usable result"
    ):
        exchange(stage, fails=NODES)


def test_one_node_that_fails_leaves_the_others():
    stage, _ = bilevel(warm_up=0)
    exchange(stage, fails={"c"})
    found = stage.weights.alphas(stage.trials[0]).reshape(-1, len(OPERATIONS))
    assert found[:, OPERATIONS.index("conv3")].tolist() == [1.0] * 3


@pytest.mark.parametrize(
    "damaged",
    [
        lambda arrays: {"weights": arrays["weights"]},
        lambda arrays: {"weights": np.append(arrays["weights"], arrays["alphas"])},
        lambda arrays: {"weights": arrays["alphas"], "alphas": arrays["weights"]},
        lambda arrays: {**arrays, "more": arrays["alphas"]},
    ],
)
def test_a_result_with_other_arrays_is_refused(damaged):
    stage, events = bilevel()
    exchange(stage, lambda job, node: damaged(job.arrays) if node == "a" else towards("conv3")(job, node))
    assert [event["node"] for event in kinds(events, "refused")] == ["a"]
    assert stage.trained == 1


def test_what_the_budget_does_not_pay_for_ends_it_with_what_there_is():
    least, asked = Shortage("mac_examples", 1, 1, 1), []

    def shortage(stage, trial, rounds):
        asked.append((stage.trained, trial.number, rounds))
        return least if stage.trained == 3 else None

    stage, events = bilevel(shortage=shortage)
    play(stage)
    assert asked == [(0, 0, 2), (1, 0, 1), (2, 0, 1), (3, 0, 1)], (
        "until the architecture is stepped once, then one by one"
    )
    assert stage.trials[-1].rounds == 3
    assert [(event["rounds"], event["of"]) for event in kinds(events, "shortened")] == [(3, 6)]
    assert stage.found


def test_a_budget_that_does_not_pay_until_the_architecture_is_stepped_is_refused():
    stage, _ = bilevel(shortage=lambda *_: Shortage("mac_examples", 0, 1500, 1000))
    with pytest.raises(ConfigError, match=r"until it steps the architecture.*1,500 here, got 1000"):
        stage.refill(NODES)


def test_where_nothing_is_legal_the_run_ends_with_the_reason():
    space = cell_space("nasbench201", nodes=2, operations=OPERATIONS)
    space.excess = lambda spec: "too large"  # noqa: ARG005
    stage, _ = bilevel(space=space)
    with pytest.raises(SearchError, match="None of the strongest networks that it came to is legal"):
        play(stage)


@pytest.mark.parametrize("stop", range(7))
def test_saved_and_restored_in_the_middle_equals_never_interrupted(stop, tmp_path):
    """Before each round, the first of a level and the one after the last included."""

    def step(job, node):
        rng = np.random.default_rng([job.work.round, ord(node)])
        return {
            name: array + rng.normal(size=array.size).astype(np.float32) for name, array in sorted(job.arrays.items())
        }

    whole, events = bilevel()
    play(whole, step)
    first, before = bilevel(blobs=Blobs(tmp_path))
    for _ in range(stop):
        exchange(first, step)
    state = json.dumps(first.state_dict())
    second, after = bilevel(blobs=Blobs(tmp_path))
    second.load_state_dict(json.loads(state))
    assert json.dumps(second.state_dict()) == state
    play(second, step)
    assert second.found == whole.found
    assert second.history == whole.history
    told = [[event["probabilities"] for event in kinds(each, "alphas")] for each in (events, before, after)]
    assert told[1] + told[2] == told[0]
