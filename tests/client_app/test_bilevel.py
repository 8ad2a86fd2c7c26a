"""A node steps weights and architecture weights, each on examples of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from client_app.bilevel import Bilevel, parts, shares_of, tells
from client_app.jobs import do_jobs
from client_app.node import Node
from client_app.training import train
from common.architecture.initial import initial_weights
from common.architecture.kinds.layers import Linear
from common.architecture.layout import layout, views_of
from common.data import Examples, Holder, load_node_data
from common.jobs import Job, Order, Result, Work
from common.models.builder import build, flat_state
from common.models.mixing import set_shares
from common.seeding import child_seed, generator
from common.settings import BilevelSettings, DatasetSettings, TrainingSettings
from common.tasks import Classification, Regression, Task
from common.wire.arrays import Packer
from common.wire.order import decode_order, encode_order
from common.wire.results import decode_results, encode_results
from tests.support.kinds import TASKS, space_of
from tests.support.mixed import mixed_layers
from tests.support.wire import DIGEST, over_the_wire

TASK = Task((4,), Classification(3))
SPEC = mixed_layers(
    [Linear(6, activation="tanh"), Linear(6, activation="relu"), Linear(6, activation="none")],
    [Linear(5, activation="tanh"), Linear(5, norm="none", dropout=0.25)],
)
WEIGHTS = initial_weights(SPEC.lower(TASK), generator(0))
ALPHAS = np.array([0.2, -0.1, 0.0, 0.3, -0.3], np.float32)
RECIPE = TrainingSettings("sgd", 0.1, batch_size=8)
STEPS = BilevelSettings(learning_rate=0.05)
DATA = DatasetSettings("local")
ORDERS = ("first", "second", "mixed")


def examples_of(number: int = 60, seed: int = 0) -> Examples:
    rng = generator(seed, "examples")
    y = np.arange(number) % 3
    return Examples((rng.normal(size=(number, 4)) + y[:, None]).astype(np.float32), y)


def node_with(folder, examples: Examples, name: str = "a") -> Node:
    np.savez(folder / f"{name}.npz", x=examples.x, y=examples.y)
    return Node(name, Holder(path=str(folder / f"{name}.npz")))


def result_of(
    node: Node, settings=STEPS, training=RECIPE, number=1, arrays=None, trial="mixed-0000", **changes
) -> Result:
    work = Work("bilevel", "train", number, training, 9, bilevel=settings)
    given = {"weights": WEIGHTS, "alphas": ALPHAS} if arrays is None else arrays
    order = Order(7, 60.0, TASK, replace(DATA, **changes), (Job("job", trial, SPEC, given, work),))
    (result,) = do_jobs(order, node)
    return result


@pytest.fixture
def node(tmp_path):
    return node_with(tmp_path, examples_of())


def same(a: Result, b: Result, *names: str) -> bool:
    return all(np.array_equal(a.arrays[name], b.arrays[name]) for name in names or ("weights", "alphas"))


# ------------------------------------------------------------ a job


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("mixing", ["softmax", "gumbel"])
def test_a_bilevel_job_returns_both_arrays_and_both_losses(node, order, mixing):
    result = result_of(node, replace(STEPS, order=order, mixing=mixing))
    assert (result.status, result.reason) == ("done", "")
    assert result.num_examples == len(load_node_data(DATA, node.holder, 7).train)
    assert {name: (array.dtype, array.shape) for name, array in result.arrays.items()} == {
        "weights": (np.float32, WEIGHTS.shape),
        "alphas": (np.float32, ALPHAS.shape),
    }
    assert set(result.metrics) == {"loss", "architecture_loss"}
    assert all(0 < value < 5 for value in result.metrics.values())
    assert (result.arrays["weights"] != WEIGHTS).any()
    assert (result.arrays["alphas"] != ALPHAS).all()


@pytest.mark.parametrize("settings", [STEPS, replace(STEPS, order="second", mixing="gumbel")])
def test_the_same_job_comes_to_the_same_and_another_round_or_trial_to_something_else(node, settings):
    first = result_of(node, settings)
    state = torch.get_rng_state()
    assert same(first, result_of(node, settings))
    assert torch.equal(state, torch.get_rng_state())
    for other in (result_of(node, settings, number=2), result_of(node, settings, trial="mixed-0001")):
        assert not same(first, other, "weights")
        assert not same(first, other, "alphas")


def test_received_arrays_are_left_alone(node):
    arrays = {"weights": WEIGHTS.copy(), "alphas": ALPHAS.copy()}
    result_of(node, arrays=arrays)
    assert np.array_equal(arrays["weights"], WEIGHTS)
    assert np.array_equal(arrays["alphas"], ALPHAS)


def test_what_diverges_fails_with_both_losses(node):
    result = result_of(node, training=replace(RECIPE, learning_rate=1e30))
    assert (result.status, dict(result.arrays)) == ("failed", {})
    assert "The bilevel search diverged (loss" in result.reason
    assert "training.learning_rate" in result.reason


def test_alphas_that_are_no_numbers_fail(node):
    result = result_of(node, arrays={"weights": WEIGHTS, "alphas": np.full_like(ALPHAS, np.nan)})
    assert result.status == "failed"
    assert "The alphas of a job must be finite" in result.reason


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("case", ["mixed, darts", "mixed, nasbench201", "mixed, mobile"])
def test_cells_and_blocks_are_searched_as_a_message_asks(tmp_path, case, order):
    task, spec = TASKS["sequence"], space_of(case, "sequence").sample(generator(3, case))
    rng = generator(0, "sequences")
    x, y = rng.normal(size=(30, *task.input_shape)).astype(np.float32), np.arange(30) % task.head.output_width
    np.savez(tmp_path / "a.npz", x=x, y=y)
    given = {"weights": initial_weights(spec.lower(task), rng), "alphas": np.zeros(spec.num_alphas, np.float32)}
    work = Work("bilevel", "train", 1, RECIPE, 9, bilevel=replace(STEPS, order=order, mixing="gumbel"))
    asked = Order(7, 60.0, task, DATA, (Job("job", "mixed-0000", spec, given, work),))
    received, refused = decode_order(over_the_wire(encode_order(DIGEST, asked, Packer("float32"))))
    assert refused == ()
    results = do_jobs(received, Node("a", Holder(path=str(tmp_path / "a.npz"))))
    (result,) = decode_results(over_the_wire(encode_results(DIGEST, results)))
    assert (result.status, result.reason) == ("done", "")
    for name, array in given.items():
        assert result.arrays[name].shape == array.shape
        assert np.isfinite(result.arrays[name]).all()
        assert (result.arrays[name] != array).any()


# ------------------------------------------------------------ the third split


def test_the_validation_split_is_never_stepped_on(tmp_path):
    examples = examples_of()
    node = node_with(tmp_path, examples)
    held = load_node_data(DATA, node.holder, 7).validation
    is_held = np.array([(row == held.x).all(1).any() for row in examples.x])
    assert is_held.sum() == len(held) > 5
    other = Examples(np.where(is_held[:, None], np.float32(1e3), examples.x), examples.y)
    for settings in (STEPS, replace(STEPS, order="second"), replace(STEPS, order="mixed")):
        assert same(result_of(node, settings), result_of(node_with(tmp_path, other, "a"), settings))
        node_with(tmp_path, examples, "a")


def test_weights_are_not_trained_on_what_is_the_architectures_own_nor_the_other_way_round():
    trained, own = parts(examples_of(), TASK.head, DATA, 0.5, 3)
    garbage = Examples(own.x + 50, (own.y + 1) % 3)

    def after(trained, own, **changes):
        search = bilevel(replace(STEPS, **changes), replace(RECIPE, batch_size=99))
        search.train(trained, own)
        return flat_state(search.model).numpy(), search.alphas.detach().numpy()

    # One step of each: that of the architecture comes first, so it cannot see what the weights' step does.
    (weights, alphas), (others, same_alphas) = after(trained, own), after(garbage, own)
    assert np.array_equal(alphas, same_alphas)
    assert not np.array_equal(weights, others)
    # Where no architecture weight moves, the weights cannot tell what it would have learnt from.
    still = {"learning_rate": 1e-30, "weight_decay": 0.0}
    (weights, _), (same_weights, _) = after(trained, own, **still), after(trained, garbage, **still)
    assert np.array_equal(weights, same_weights)


def test_the_parts_are_disjoint_and_all_and_by_class():
    examples = Examples(np.arange(60, dtype=np.float32)[:, None], np.repeat([0, 1, 2], [30, 20, 10]))
    trained, own = parts(examples, TASK.head, DATA, 0.4, 0)
    assert sorted([*trained.x[:, 0], *own.x[:, 0]]) == list(range(60))
    assert np.bincount(own.y).tolist() == [12, 8, 4]
    again = parts(examples, TASK.head, DATA, 0.4, 0)[1]
    assert np.array_equal(own.x, again.x)
    assert not np.array_equal(own.x, parts(examples, TASK.head, DATA, 0.4, 1)[1].x)


def test_windows_that_overlap_are_parted_as_validation_is():
    examples = Examples(np.arange(40, dtype=np.float32)[:, None], np.repeat([0, 1], 20))
    trained, own = parts(examples, Classification(2), replace(DATA, split="block", gap=2), 0.25, 0)
    assert own.x[:, 0].tolist() == [*range(15, 20), *range(35, 40)]
    # two are dropped beside each stretch, also of the class that follows
    assert trained.x[:, 0].tolist() == [*range(13), *range(22, 33)]


def test_labels_that_are_no_classes_are_parted_too():
    examples = Examples(np.zeros((9, 1), np.float32), np.zeros((9, 1), np.float32))
    head = Regression((0.0,), (1.0,))
    trained, own = parts(examples, head, DATA, 1 / 3, 0)
    assert (len(trained), len(own)) == (6, 3)
    assert tells(own, head)


@pytest.mark.parametrize(("number", "found"), [(1, (1, 0)), (2, (1, 1))])
def test_there_is_always_something_to_train_weights_on(number, found):
    examples = Examples(np.zeros((number, 1), np.float32), np.zeros(number, np.int64))
    assert tuple(map(len, parts(examples, TASK.head, DATA, 0.5, 0))) == found


def test_a_node_parts_its_examples_alike_in_each_round(tmp_path, monkeypatch):
    seeds = []

    def spied(examples, head, settings, fraction, seed):
        seeds.append(seed)
        return parts(examples, head, settings, fraction, seed)

    monkeypatch.setattr("client_app.bilevel.parts", spied)
    a, b = node_with(tmp_path, examples_of()), node_with(tmp_path, examples_of(), "b")
    for node, number, trial in ((a, 1, "mixed-0000"), (a, 5, "mixed-0002"), (b, 1, "mixed-0000")):
        result_of(node, number=number, trial=trial)
    assert seeds == [child_seed(7, "architecture", name) for name in "aab"]


# ------------------------------------------------------------ who may step architecture weights


def test_a_node_of_one_class_trains_weights_and_cannot_capture_the_architecture(tmp_path):
    examples = examples_of()
    result = result_of(node_with(tmp_path, Examples(examples.x, np.ones_like(examples.y))))
    assert (result.status, set(result.metrics)) == ("done", {"loss"})
    assert np.array_equal(result.arrays["alphas"], ALPHAS)
    assert (result.arrays["weights"] != WEIGHTS).any()


@pytest.mark.parametrize(("labels", "expected"), [([], False), ([1], False), ([2, 2], False), ([0, 2], True)])
def test_two_classes_tell_something(labels, expected):
    assert tells(Examples(np.zeros((len(labels), 4), np.float32), np.array(labels, np.int64)), TASK.head) is expected


def test_a_round_without_steps_of_the_architecture_is_plain_training_on_the_weights_part(node):
    result = result_of(node, replace(STEPS, steps_alphas=False))
    assert np.array_equal(result.arrays["alphas"], ALPHAS)
    assert set(result.metrics) == {"loss"}
    data = load_node_data(DATA, node.holder, 7)
    trained, _ = parts(data.train, TASK.head, DATA, 0.5, child_seed(7, "architecture", "a"))
    model = build(SPEC.lower(TASK), WEIGHTS)
    with torch.no_grad():
        set_shares(model, shares_of(torch.from_numpy(ALPHAS), SPEC, 1.0))
    loss = train(model, trained, TASK.head, RECIPE, child_seed(7, "bilevel", "mixed-0000", 1, "a"))
    assert np.array_equal(result.arrays["weights"], flat_state(model).numpy())
    assert result.metrics["loss"] == loss


# ------------------------------------------------------------ steps


def bilevel(settings=STEPS, training=RECIPE, seed=1) -> Bilevel:
    alphas = torch.from_numpy(ALPHAS.copy()).requires_grad_()
    return Bilevel(build(SPEC.lower(TASK), WEIGHTS), SPEC, alphas, TASK.head, training, settings, seed)


@pytest.mark.parametrize(("order", "expected"), [("first", 40 + 20), ("mixed", 40 + 2 * 20), ("second", 40 + 4 * 20)])
def test_an_epoch_takes_as_many_passes_as_its_docstring_says(order, expected):
    search = bilevel(replace(STEPS, order=order), replace(RECIPE, epochs=2, batch_size=4))
    passed = []
    search.model.register_forward_pre_hook(lambda _, inputs: passed.append(len(inputs[0])))
    search.train(examples_of(40), examples_of(20, 1))
    assert sum(passed) == 2 * expected


@pytest.mark.parametrize(("own", "first"), [(40, [0, 1]), (20, [1, 0, 1]), (80, [0, 0, 1])])
def test_steps_of_the_architecture_are_spread_among_those_of_the_weights(own, first):
    """Of mini-batches of 4: ten of the weights, and as many, half or twice as many of the architecture."""
    search = bilevel(training=replace(RECIPE, batch_size=4))
    seen = []
    own_examples = examples_of(own, 1)
    own_examples = Examples(own_examples.x + 100, own_examples.y)
    search.model.register_forward_pre_hook(lambda _, inputs: seen.append(int(inputs[0].mean() < 50)))
    search.train(examples_of(40), own_examples)
    assert seen[: len(first)] == first
    assert seen.count(0) == own // 4
    assert seen.count(1) == 10


def test_the_first_step_of_an_architecture_weight_is_its_whole_rate():
    """Adam's first step is the sign of the gradient; all weights of a place move, for they are compared."""
    search = bilevel(training=replace(RECIPE, batch_size=99))
    search.train(examples_of(), examples_of(30, 1))
    moved = search.alphas.detach().numpy() - ALPHAS
    assert np.abs(moved) == pytest.approx(np.full(5, STEPS.learning_rate), rel=1e-3)
    assert set(np.sign(moved[:3])) == set(np.sign(moved[3:])) == {-1.0, 1.0}


def test_weight_decay_draws_architecture_weights_to_0():
    search = bilevel(replace(STEPS, weight_decay=1e6), replace(RECIPE, batch_size=99))
    search.train(examples_of(), examples_of(30, 1))
    moved = search.alphas.detach().numpy() - ALPHAS
    assert np.sign(moved)[ALPHAS != 0].tolist() == (-np.sign(ALPHAS))[ALPHAS != 0].tolist()


@pytest.mark.parametrize("order", ORDERS)
def test_dropout_plays_no_part_in_the_architectures_gradient(order):
    search = bilevel(replace(STEPS, order=order))
    search.model.train()
    batches = [(torch.from_numpy(e.x), torch.from_numpy(e.y)) for e in (examples_of(), examples_of(30, 1))]
    gradients = [search._architecture_gradient(*batches)[0] for _ in range(2)]
    assert torch.equal(*gradients)
    assert all(module.training for module in search.model.modules())
    outputs = [search.model(batches[0][0]) for _ in range(2)]
    assert not torch.equal(*outputs), "it does elsewhere"


def test_the_option_that_helps_becomes_more_likely():
    """With a line that a tanh cannot be, and no norm, the linear option wins in the first place."""
    task = Task((1,), Regression((0.0,), (1.0,)))
    spec = mixed_layers([Linear(4, norm="none", activation="tanh"), Linear(4, norm="none", activation="none")])
    x = np.linspace(-6, 6, 64, dtype=np.float32)[:, None]
    alphas = torch.zeros(2, requires_grad=True)
    model = build(spec.lower(task), initial_weights(spec.lower(task), generator(0)))
    settings, training = BilevelSettings(learning_rate=0.05), TrainingSettings("adam", 0.02, epochs=60)
    Bilevel(model, spec, alphas, task.head, training, settings, 0).train(
        Examples(x[::2], x[::2]), Examples(x[1::2], x[1::2])
    )
    assert alphas[1] > alphas[0] + 0.5


@pytest.mark.parametrize("order", ORDERS)
def test_nodes_with_the_same_examples_average_to_what_one_does_with_all(order):
    """Whole batches, plain steps: the mean over identical nodes is one node's result, and that on pooled examples."""
    trained, own, recipe = examples_of(), examples_of(30, 1), replace(RECIPE, batch_size=999)
    settings = replace(STEPS, order=order)

    def after(trained, own, seed):
        search = bilevel(settings, recipe, seed)
        for module in search._dropouts:
            module.p = module._threshold = 0  # whose masks would differ
        search.train(trained, own)
        return flat_state(search.model).numpy(), search.alphas.detach().numpy()

    nodes = [after(trained, own, seed) for seed in (1, 2, 3)]
    pooled = after(*(Examples(np.tile(e.x, (3, 1)), np.tile(e.y, 3)) for e in (trained, own)), 4)
    for index in range(2):
        mean = np.mean([found[index] for found in nodes], axis=0)
        np.testing.assert_allclose(mean, pooled[index], atol=2e-5)
        np.testing.assert_allclose(mean, nodes[0][index], atol=2e-5)


def test_an_architecture_without_weights_of_its_own_is_trained_alone():
    spec = SPEC.keeping({choice.place: [0] for choice in SPEC.choices})
    graph = spec.lower(TASK)
    model, alphas = build(graph), torch.zeros(0, requires_grad=True)
    losses = Bilevel(model, spec, alphas, TASK.head, RECIPE, STEPS, 0).train(examples_of(), examples_of(30, 1))
    assert set(losses) == {"loss"}


# ------------------------------------------------------------ shares


def test_shares_are_the_softmax_of_each_place_over_the_temperature():
    shares = shares_of(torch.from_numpy(ALPHAS), SPEC, 0.5)
    assert list(shares) == ["layer0", "layer1"]
    raised = np.exp(ALPHAS / 0.5)
    expected = [*(raised[:3] / raised[:3].sum()), *(raised[3:] / raised[3:].sum())]
    assert [float(share) for of_place in shares.values() for share in of_place] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("temperature", "most"), [(1e-3, 1.0), (1e3, 1 / 3)])
def test_a_low_temperature_chooses_and_a_high_one_does_not(temperature, most):
    shares = shares_of(torch.from_numpy(ALPHAS), SPEC, temperature)["layer0"]
    assert max(map(float, shares)) == pytest.approx(most, abs=1e-3)


def test_with_gumbels_noise_each_option_is_the_strongest_as_often_as_its_softmax_says():
    rng, alphas = generator(0, "gumbel"), torch.from_numpy(ALPHAS)
    draws = 4000
    first = np.zeros(3)
    for _ in range(draws):
        noise = torch.from_numpy(rng.gumbel(size=5).astype(np.float32))
        first[int(np.argmax([float(share) for share in shares_of(alphas, SPEC, 0.3, noise)["layer0"]]))] += 1
    expected = np.exp(ALPHAS[:3]) / np.exp(ALPHAS[:3]).sum()
    assert first / draws == pytest.approx(expected, abs=0.03)


def test_noise_is_drawn_for_each_step_and_is_the_same_within_it():
    search = bilevel(replace(STEPS, mixing="gumbel", order="mixed"), replace(RECIPE, batch_size=999))
    seen = []
    search.model.register_forward_pre_hook(lambda *_: seen.append(tuple(share.item() for share in mixes[0].shares)))
    mixes = [module for module in search.model.modules() if type(module).__name__ == "Mix"]
    search.train(examples_of(), examples_of(30, 1))
    assert len(seen) == 3, "two passes for the architecture, one for the weights"
    assert seen[0] == seen[1] != seen[2]
    other = bilevel(STEPS)
    assert other._draw() is None


def test_weights_of_fewer_options_are_found_by_their_names():
    fewer = SPEC.keeping({"layer0": [0, 2]})
    wide, narrow = layout(SPEC.lower(TASK)), layout(fewer.lower(TASK))
    assert {tensor.name for tensor in narrow} < {tensor.name for tensor in wide}
    views = views_of(WEIGHTS, wide)
    assert all(views[tensor.name].shape == tensor.shape for tensor in narrow)
