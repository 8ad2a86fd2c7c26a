"""From a configuration to a strategy: what is chosen is built, and what cannot work is said early."""

from __future__ import annotations

import doctest
from dataclasses import replace

import numpy as np
import pytest

from common.architecture.cost import cost_of
from common.architecture.spec import ArchitectureSpec
from common.config import compose_config
from common.data import load_server_test
from common.errors import ConfigError, FlwrNasError, SpaceError
from common.jobs import NodeReport
from common.limits import Limits, needs_of
from common.models.builder import build
from common.models.evaluation import evaluate
from common.seeding import child_seed, generator
from common.settings import DatasetSettings
from common.tasks import Classification, Task
from server_app import build as wiring
from server_app.aggregation.krum import Krum
from server_app.blobs import Blobs
from server_app.build import build_search, build_space, build_strategy, check, most_of, rehearse
from server_app.build_closing import build_final
from server_app.candidates import candidates_of
from server_app.controllers.hill_climb import HillClimb
from server_app.fidelity.successive_halving import SuccessiveHalving
from server_app.journal import Journal
from server_app.placement.split import Split
from server_app.roster import Roster
from server_app.trials import Recipe, Trial

TASK = Task((4,), Classification(3))
CONV = {"version": 1, "kind": "layered", "layers": [{"op": "conv2d", "width": 4, "kernel": 3}]}
LINEAR = {"version": 1, "kind": "layered", "layers": [{"op": "linear", "width": 4}]}


def spec(values=LINEAR):
    return ArchitectureSpec.from_dict(values)


def test_the_example_of_the_docstring_works():
    assert doctest.testmod(wiring).failed == 0


def test_each_axis_is_what_the_configuration_says(configure):
    config = configure(
        controller={"name": "hill_climb", "mutation_probability": 0.25},
        fidelity={"name": "successive_halving", "max_rounds": 8, "eta": 2, "bracket_size": 4},
        placement={"name": "split"},
        aggregation={"name": "krum", "num_malicious_nodes": 0},
        scoring={"panel": 2, "min_nodes": 2},
        search={"trials": 3, "concurrency": 2},
        federation={"deadline": 12.5},
    )
    search = build_search(config, TASK, Journal(), Blobs(None))
    assert isinstance(search.controller, HillClimb)
    assert search.controller.options.mutation_probability == 0.25
    assert (search.controller.max_trials, search.concurrency, search.deadline) == (3, 2, 12.5)
    assert isinstance(search.fidelity, SuccessiveHalving)
    assert search.fidelity.rungs == [1, 2, 4, 8]
    assert isinstance(search.placement, Split)
    assert search.placement.slots == 2
    assert isinstance(search.weights.make_aggregation(), Krum)
    assert search.weights.make_aggregation() is not search.weights.make_aggregation()
    assert (search.scoring.split, search.scoring.panel, search.scoring.min_nodes) == ("validation", 2, 2)
    assert search.controller.space.space.task == TASK


def test_people_are_held_out_of_the_search_and_not_of_the_final_training(configure):
    config = configure(scoring={"held_out": 0.25, "min_nodes": 1})
    search = build_search(config, TASK, Journal(), Blobs(None))
    assert (search.scoring.held_out, search.scoring.min_nodes) == (0.25, 1)
    final = build_final(config, TASK, (spec(), Recipe()), [], Journal(), Blobs(None))
    final.begin("abcd")
    assert final.panel == tuple("abcd")
    assert not final.scoring.num_held_out(4)


def test_trials_of_the_search_train_several_times_and_those_of_the_final_training_once(configure):
    config = configure(scoring={"folds": 3})
    search = build_search(config, TASK, Journal(), Blobs(None))
    search.begin("abcd")
    assert [len(fold) for fold in search.folds] == [2, 1, 1]
    final = build_final(config, TASK, (spec(), Recipe()), [], Journal(), Blobs(None))
    final.begin("abcd")
    assert final.scoring.folds == 1


def test_that_folds_do_not_go_with_split_cohorts_is_known_before_a_node_is_asked(configure):
    with pytest.raises(ConfigError, match="placement=split"):
        check(configure(scoring={"folds": 3}, placement={"name": "split"}))


def test_the_first_rung_has_so_many_steps_of_the_average_node(configure):
    """9 and 1 examples in batches of 4 are 3 and 1 steps, twice each: 4 in the mean, and 10 of them are 3 rounds."""
    fidelity = {"name": "successive_halving", "max_rounds": 9, "min_steps": 10}
    config = configure(fidelity=fidelity, training={"batch_size": [4, 1], "epochs": 2})
    roster = Roster()
    for number, name in enumerate(("a", "b")):
        roster.admit(number, NodeReport(name, [4], TASK.head, 9 - 8 * number, 5, 1, 512, "cpu"))
    search = build_search(config, TASK, Journal(), Blobs(None), roster)
    assert (search.fidelity.steps_per_round, search.fidelity.rungs) == (4.0, [3, 9])
    assert build_search(config, TASK, Journal(), Blobs(None)).fidelity.rungs == [1, 3, 9]


@pytest.mark.parametrize("placement", ["shared", "capability"])
def test_a_constraint_on_what_a_device_takes_holds_with_every_placement(configure, placement):
    """No network trains in a thousandth of a MiB."""
    objective = {"name": "accuracy", "constraints": {"memory_mb": {"max": 0.001}}}
    config = configure(objective=objective, placement={"name": placement})
    with pytest.raises(SpaceError, match=r"memory_mb must be 0\.001 at most"):
        build_search(config, TASK, Journal(), Blobs(None))


def test_given_specs_come_first(configure):
    specs = [LINEAR, {**LINEAR, "layers": []}]
    config = configure(space={"name": "listed", "specs": specs}, search={"start": specs[1:]})
    controller = build_search(config, TASK, Journal(), Blobs(None)).controller
    (first,) = controller.propose(1)
    assert (first.spec, first.origin) == (spec(specs[1]), "given")


def test_recipes_are_searched_where_training_has_choices(configure):
    training = {"learning_rate": [0.1, 0.2], "augmentation": None}
    given = {"spec": LINEAR, "recipe": {"learning_rate": 0.3}}
    config = configure(
        training=training, space={"name": "listed", "specs": [LINEAR]}, search={"start": [given], "trials": 9}
    )
    controller = build_search(config, TASK, Journal(), Blobs(None)).controller
    first, *others = controller.propose(9)
    assert (first.recipe.learning_rate, first.recipe.augmentation, first.origin) == (0.3, (), "given")
    tried = sorted((proposal.recipe.learning_rate, proposal.recipe.augmentation) for proposal in others)
    assert tried == [(0.1, ()), (0.1, ("jitter",)), (0.2, ()), (0.2, ("jitter",))]
    assert controller.done


@pytest.mark.parametrize("given", [[], [4096]], ids=["offered", "given"])
def test_what_is_proposed_fits_the_nodes_with_the_largest_recipe(configure, given):
    """The wide one fits with 1 example in a batch, not with the 4096 that are offered, or a given trial has."""
    wide = {**LINEAR, "layers": [{"op": "linear", "width": 2000}]}
    start = [{"spec": LINEAR, "recipe": {"batch_size": size}} for size in given]
    limit = needs_of(spec(wide), TASK, Recipe(batch_size=1)).memory_mb
    assert needs_of(spec(), TASK, Recipe(batch_size=4096)).memory_mb <= limit
    config = configure(
        training={"batch_size": [1] if given else [1, 4096]},
        space={"name": "listed", "specs": [LINEAR, wide]},
        search={"start": start, "trials": 9},
    )
    limits = {"a": Limits(max_memory_mb=limit)}
    controller = build_search(config, TASK, Journal(), Blobs(None), limits=limits).controller
    assert {proposal.spec for proposal in controller.propose(9)} == {spec()}


def test_with_capability_what_is_proposed_fits_most_nodes_that_train_and_as_many_as_a_score_takes(configure):
    wide = {**LINEAR, "layers": [{"op": "linear", "width": 2000}]}
    most, few = Limits(), Limits(max_parameters=needs_of(spec(), TASK, Recipe()).parameters)

    def proposed(limits, **changes):
        changes = {"placement": {"name": "capability"}, **changes}
        config = configure(space={"name": "listed", "specs": [LINEAR, wide]}, search={"trials": 2}, **changes)
        search = build_search(config, TASK, Journal(), Blobs(None), limits=limits)
        return {proposal.spec for proposal in search.controller.propose(2)}

    nodes = dict(zip("abcd", (most, most, most, few), strict=True))
    assert proposed(nodes) == {spec(), spec(wide)}
    assert proposed(nodes, placement={"name": "shared"}) == {spec()}
    assert proposed(nodes | {"c": few}) == {spec()}  # 2 of 4 are not more than half
    assert proposed(nodes, scoring={"min_nodes": 4}) == {spec()}
    assert proposed(nodes, aggregation={"name": "krum", "num_malicious_nodes": 1}) == {spec()}  # it takes more than 3
    assert most_of(configure(), (), 1) == []
    (_, trainers), (panel, scores) = most_of(configure(scoring={"held_out": 0.5}), "abcd", 1)
    assert (trainers, len(panel), scores) == (2, 2, 2)


def test_the_space_is_that_of_the_task(configure):
    config = configure(space={"name": "layered", "max_layers": 2, "width": [8], "operations": ["linear", "conv2d"]})
    space = build_space(config, TASK)
    drawn = {layer.op for seed in range(20) for layer in space.sample(generator(seed, "test")).layers}
    assert drawn == {"linear"}


def test_the_final_training_is_of_all_candidates_with_seeds_of_its_own(configure):
    config = configure(final={"rounds": 6}, seed=3)
    ranking = [Trial(7, spec(), Recipe(learning_rate=0.5)), Trial(2, spec({**LINEAR, "layers": []}))]
    final = build_final(config, TASK, ranking[0].identity, ranking, Journal(), Blobs(None))
    assert final.candidates == candidates_of(config, TASK, ranking[0].identity, ranking, 0)
    assert final.identities[0] == ranking[0].identity
    assert (final.rounds, final.label, final.scoring.split) == (6, "final", "test")
    assert final.seed == child_seed(3, "final") != 3


# ---------------------------------------------------------------- a test set of the server's


@pytest.fixture
def tested(tmp_path):
    """A file with 30 examples to train on and 12 to test on, of three people who hold 2, 4 and 6 of them."""
    rng = generator(0, "tested")
    y = np.arange(42) % 3
    x = rng.normal(0, 0.5, (42, 4)).astype(np.float32)
    people = np.array([0] * 30 + [1] * 2 + [2] * 4 + [3] * 6)
    path = tmp_path / "tested.npz"
    np.savez(path, x=x, y=y, client=people, split=(np.arange(42) >= 30).astype(np.uint8))
    return DatasetSettings(name="local", path=str(path))


def test_the_servers_test_set_is_scored_by_person(configure, tested):
    final = build_final(configure(dataset=tested), TASK, (spec(), Recipe()), [], Journal(), Blobs(None))
    weights = generator(1, "weights").normal(0, 1, cost_of(spec().lower(TASK)).message_bytes // 4).astype(np.float32)
    metrics = final.server_test(Trial(0, spec()), weights, 0.5)[0]
    everything = load_server_test(tested, 0).examples
    model = build(spec().lower(TASK), weights)
    cuts = [everything.take(np.arange(start, stop)) for start, stop in ((0, 2), (2, 6), (6, 12))]
    accuracies = [evaluate(model, cut, TASK.head)["accuracy"] for cut in cuts]
    assert metrics["accuracy"] == pytest.approx(evaluate(model, everything, TASK.head)["accuracy"])
    assert metrics["accuracy_std"] == pytest.approx(np.std(accuracies))
    assert (metrics["nodes"], metrics["examples"]) == (3, 12)


def test_without_the_people_the_test_set_is_one_person(configure, tested, tmp_path):
    with np.load(tested.path) as file:
        np.savez(tmp_path / "plain.npz", x=file["x"], y=file["y"], split=file["split"])
    dataset = replace(tested, path=str(tmp_path / "plain.npz"))
    final = build_final(configure(dataset=dataset), TASK, (spec(), Recipe()), [], Journal(), Blobs(None))
    weights = np.zeros(cost_of(spec().lower(TASK)).message_bytes // 4, np.float32)
    # all logits are 0: the first class is predicted, which a third of the examples have
    metrics = final.server_test(Trial(0, spec()), weights, 0.5)[0]
    assert metrics["accuracy"] == pytest.approx(1 / 3)
    assert (metrics["nodes"], metrics["accuracy_std"], metrics["loss"]) == (1, 0, pytest.approx(np.log(3)))


@pytest.mark.parametrize("draws", [0, 40])
def test_the_server_tells_standard_errors_of_few_people_where_intervals_are_wanted(configure, tested, draws):
    config = configure(dataset=tested, final={"bootstrap": draws})
    final = build_final(config, TASK, (spec(), Recipe()), [], Journal(), Blobs(None))
    weights = generator(1, "weights").normal(0, 1, cost_of(spec().lower(TASK)).message_bytes // 4).astype(np.float32)
    table, by_person = final.server_test(Trial(0, spec()), weights, 0.5)
    assert {"accuracy_error" in metrics for metrics, _ in by_person.values()} == {draws > 0}
    assert "accuracy_error" not in table
    assert final.bootstrap == draws


def test_without_a_test_set_the_nodes_test(configure):
    assert build_final(configure(), TASK, (spec(), Recipe()), [], Journal(), Blobs(None)).server_test is None


def test_the_servers_test_ends_a_search_without_another_exchange(grid, configure, play, tested):
    for index in range(3):
        grid.join(partition_id=index, num_partitions=3)
    played = play(grid, configure(dataset=tested))
    outcome = played.strategy.outcome
    # 2 rounds and a score; 1 round of the final training
    assert outcome.counts.exchanges == 3 + 1
    model = build(outcome.final.trials[0].spec.lower(outcome.task), played.weights)
    expected = evaluate(model, load_server_test(tested, 0).examples, outcome.task.head)["accuracy"]
    assert outcome.final.trials[0].metrics["accuracy"] == pytest.approx(expected)


# ---------------------------------------------------------------- what cannot work


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"controller": {"name": "psychic"}}, r"psychic"),
        ({"controller": {"name": "random", "wings": 2}}, r"controller.*wings"),
        ({"fidelity": {"name": "full", "max_rounds": 0}}, r"fidelity\.max_rounds must be 1 or more, got 0"),
        ({"placement": {"name": "shared", "nodes_per_round": "all"}}, r"placement\.nodes_per_round.*'all'"),
        ({"aggregation": {"name": "krum", "num_malicious_nodes": -1}}, r"num_malicious_nodes.*-1"),
        ({"objective": {"name": "accuracy", "weight": 2}}, r"objective.*weight"),
        ({"training": {"learning_rate": [0.1, "fast"]}}, r"training\.learning_rate must be a valid number, got 'fast'"),
        ({"final": {"baseline": {"layers": 3}}}, r"final\.baseline must be an architecture spec"),
        ({"search": {"start": [LINEAR, {"op": "linear"}]}}, r"search\.start\[1\] must be an architecture spec"),
    ],
)
def test_what_is_wrong_for_sure_is_said_before_a_node_is_asked(configure, changes, words):
    with pytest.raises(ConfigError, match=words) as raised:
        build_strategy(configure(**changes))
    assert "\n" not in str(raised.value)


def test_a_baseline_that_does_not_fit_the_data_is_said_before_the_search(grid, configure, play):
    grid.people("abc")
    played = play(grid, configure(final={"baseline": CONV}))
    assert isinstance(played.error, ConfigError)
    assert str(played.error).startswith(
        "final.baseline must fit examples of shape (4,) (Layer 0: conv2d works on an image"
    )
    assert "got 'conv2d 4" in str(played.error)
    assert not played.kinds("proposed")


def test_a_recipe_that_asks_for_what_the_data_do_not_have_is_said_before_the_search(grid, configure, play):
    grid.people("abc")
    played = play(grid, configure(training={"augmentation": ["shift"]}))
    assert isinstance(played.error, ConfigError)
    assert str(played.error).startswith("training.augmentation of examples that are vectors is among jitter, got")
    assert not played.kinds("proposed")


def test_a_given_spec_that_is_not_in_the_space_is_said_before_the_search(configure):
    with pytest.raises(FlwrNasError, match="none of them"):
        build_search(configure(search={"start": [LINEAR]}), TASK, Journal(), Blobs(None))


@pytest.mark.parametrize("name", ["digits", "tutorial"])
def test_what_works_survives_its_rehearsal(name):
    config = compose_config([f"experiment={name}"])
    check(config)
    rehearse(config)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["dataset=local", "dataset.path=/nowhere.npz"], r"/nowhere\.npz: The file must exist"),
        (["aggregation=krum", "federation.nodes=4"], r"aggregation needs 5 nodes .*, got 4"),
        (["placement=split", "federation.nodes=4"], r"needs a node for each of 9 concurrent trials, got 4"),
        (["space.max_parameters=3"], r"The space allows 3 parameters at most"),
        (["training.augmentation=[flip,rotate]"], r"images is among flip, crop, got \['rotate'\]"),
        (["dataset=diabetes", "training.label_smoothing=0.1"], r"label_smoothing is for classes, and a regression has"),
        (["dataset=diabetes", "training.label_smoothing=[0,0.1]"], r"label_smoothing is for classes, and a regression"),
        (["training.augmentation=[[],[flip],[rotate]]"], r"images is among flip, crop, got \['rotate'\]"),
        (["training.epochs=1.5"], r"training\.epochs must be a valid integer, .*got 1\.5"),
        (["training.learning_rate=abc"], r"training\.learning_rate must be a valid number, got 'abc'"),
        (["+training.lr=1"], r"training\.lr=1 is no option; training has optimizer, learning_rate, "),
        (
            ["final.baseline={version: 1, kind: layered, layers: [{op: conv1d, width: 4, kernel: 3}]}"],
            r"final\.baseline must fit examples of shape \(1, 8, 8\)",
        ),
        (["scoring.held_out=0.2", "federation.nodes=1"], r"a node that scores and one that trains, got 1"),
        (["scoring.folds=5", "federation.nodes=4"], r"scoring\.folds=5 takes a node for each fold, got 4"),
        (["scoring.folds=5", "placement=split"], r"placement=split keeps nodes for one trial each"),
        (["scoring.folds=2", "aggregation=krum", "federation.nodes=8"], r"got 4, with 4 nodes held out"),
        (["scoring.held_out=0.2", "placement=split", "federation.nodes=10"], r"got 8, with 2 nodes held out"),
    ],
)
def test_a_rehearsal_says_what_the_simulation_would_fail_with(overrides, words):
    with pytest.raises(FlwrNasError, match=words):
        rehearse(compose_config(overrides))


def test_a_deployment_has_nothing_to_rehearse():
    with pytest.raises(FlwrNasError):
        rehearse(compose_config(["federation=simulation", "dataset=local"]))  # which lacks its path
    rehearse(compose_config(["federation=deployment", "dataset=local"]))
