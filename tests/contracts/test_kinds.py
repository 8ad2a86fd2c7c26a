"""What every kind of spec must hold: run for each kind that a spec may have."""

import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch

from common.architecture.activations import live_bytes, saved_bytes
from common.architecture.cost import cost_of
from common.architecture.graph import HEAD, Graph
from common.architecture.initial import initial_weights
from common.architecture.latency import FORWARD, OPTIMIZER, STEP, loads
from common.architecture.layout import layout, state_size
from common.architecture.memory import peak_memory
from common.architecture.spec import KINDS, MAX_TEXT, ArchitectureSpec
from common.errors import SpecError
from common.models.builder import build, flat_state
from common.models.profiling import cases
from common.seeding import generator
from common.settings import TrainingSettings
from tests.support.activations import peak_in_scoring, saved_by_autograd
from tests.support.flops import counted_macs
from tests.support.kinds import CASES, NO_NETWORKS, TASKS, kind_of, space_of

DRAWS = 12


@pytest.fixture(params=CASES, ids=" on ".join)
def case(request):
    return request.param


@pytest.fixture
def kind(case):
    return kind_of(case[0])


@pytest.fixture
def task(case):
    return TASKS[case[1]]


@pytest.fixture
def specs(case, kind, task):
    """Specs that fit the task."""
    space = space_of(*case)
    rng = generator(0, "kinds", kind, *task.input_shape)
    return [space.sample(rng) for _ in range(DRAWS)]


@pytest.fixture
def networks(kind, specs):
    """Specs that can be built."""
    if kind in NO_NETWORKS:
        pytest.skip(f"a {kind} spec is no network")
    return specs


def test_each_kind_is_tested():
    assert {kind_of(case) for case, _ in CASES} == KINDS.keys()


def test_samples_are_of_their_kind(kind, specs):
    assert {spec.kind for spec in specs} == {kind}
    assert {type(spec).__name__ for spec in specs} == {KINDS[kind]}
    assert len(set(specs)) > DRAWS // 2 or not fields(specs[0])


def test_json_goes_there_and_back_in_its_one_form(specs):
    for spec in specs:
        text = spec.to_json()
        again = ArchitectureSpec.from_json(text)
        assert again == spec
        assert (again.id, hash(again), again.to_json()) == (spec.id, hash(spec), text)
        assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
        assert ArchitectureSpec.from_dict(spec.to_dict()) == spec
        assert {"kind": spec.kind, "version": spec.version}.items() <= spec.to_dict().items()
        assert len(text) <= MAX_TEXT


def test_an_id_tells_specs_apart_and_equal_ones_share_it(specs):
    assert len({spec.id for spec in specs}) == len({spec.to_json() for spec in specs}) == len(set(specs))
    assert all(len(spec.id) == 12 for spec in specs)


def test_people_can_read_it(specs):
    assert all(spec.describe() and "\n" not in spec.describe() for spec in specs)


@pytest.mark.parametrize("damage", ["version", "unknown", "type", "kind"])
def test_what_is_odd_is_refused(specs, damage):
    values = specs[0].to_dict()
    field = next((name for name in values if name not in ("version", "kind")), "version")
    changes = {"version": {"version": 0}, "unknown": {"odd": 1}, "type": {field: 3.5}, "kind": {"kind": "other"}}
    with pytest.raises(SpecError):
        ArchitectureSpec.from_dict(values | changes[damage])


def test_a_kind_without_networks_says_so_for_every_task(kind, specs, task):
    if kind in NO_NETWORKS:
        with pytest.raises(SpecError, match="none can be built"):
            specs[0].lower(task)


def test_lowers_to_a_graph_of_the_task(networks, task):
    for spec in networks:
        graph = spec.lower(task)
        assert Graph(graph.input_shape, graph.nodes) == graph  # which checks itself
        assert graph.input_shape == task.input_shape
        assert graph.nodes[-1].name == HEAD
        assert graph.nodes[-1].output_shape == (task.head.output_width,)
        assert spec.lower(task) is graph


def test_lowers_alike_in_another_process(networks, task):
    """A graph is never sent, so both sides must write the same one."""
    code = (
        "import sys\n"
        "from common.architecture.spec import ArchitectureSpec\n"
        "from common.tasks import Task\n"
        "import json\n"
        "task, *texts = json.load(sys.stdin)\n"
        "for text in texts: print(ArchitectureSpec.from_json(text).lower(Task.from_dict(task)))\n"
        "assert 'torch' not in sys.modules and 'flwr' not in sys.modules"
    )
    sent = json.dumps([task.to_dict(), *(spec.to_json() for spec in networks)])
    root = Path(__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", code], input=sent, cwd=root, capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == [str(spec.lower(task)) for spec in networks]


def test_layout_and_costs_are_those_of_torch(networks, task):
    for spec in networks:
        graph = spec.lower(task)
        module = build(graph, initial_weights(graph, generator(0))).eval()
        tensors = [*module.named_parameters(), *module.named_buffers()]
        infos = layout(graph)
        assert [(info.name, info.shape) for info in infos] == [(name, tuple(tensor.shape)) for name, tensor in tensors]
        cost = cost_of(graph)
        assert cost.parameters == sum(tensor.numel() for tensor in module.parameters())
        assert cost.buffers == sum(tensor.numel() for tensor in module.buffers())
        assert cost.message_bytes == 4 * state_size(infos)
        assert cost.macs == counted_macs(module, torch.zeros(1, *task.input_shape))


def test_every_weight_learns(networks, task):
    for spec in networks:
        graph = spec.lower(task)
        weights = initial_weights(graph, generator(1))
        module = build(graph, weights)
        x = torch.from_numpy(generator(2).standard_normal((6, *task.input_shape)).astype(np.float32))
        outputs = module(x)
        assert outputs.shape == (6, task.head.output_width)
        (outputs - 1).square().sum().backward()
        for name, parameter in module.named_parameters():
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.sub_(0.1 * parameter.grad)
        assert not np.array_equal(flat_state(module).numpy(), weights)


@pytest.mark.parametrize("batch", [2, 9, 32])
def test_saved_activations_are_within_a_tenth_of_what_autograd_saves(networks, task, batch):
    rng = generator(3)
    x = torch.from_numpy(rng.standard_normal((batch, *task.input_shape)).astype(np.float32))
    y = torch.from_numpy(rng.integers(0, task.head.output_width, batch))
    for spec in networks:
        graph = spec.lower(task)
        real = saved_by_autograd(build(graph), task.head.loss(), x, y)
        assert saved_bytes(graph, batch) == pytest.approx(real, rel=0.1), spec.describe()


@pytest.mark.parametrize("batch", [32, 100])
def test_live_activations_are_within_a_tenth_of_what_scoring_allocates(networks, task, batch):
    x = torch.zeros(batch, *task.input_shape)
    for spec in networks:
        graph = spec.lower(task)
        real, estimate = peak_in_scoring(build(graph), x), live_bytes(graph, batch)
        assert 0.9 * real <= estimate + 256, spec.describe()  # a few strides and counts
        # Layer norm may find channels side by side, and then makes no copy.
        again = any(node.operation.op == "layer_norm" for node in graph.nodes)
        assert estimate <= (1.4 if again else 1.1) * real, spec.describe()


def test_a_profile_covers_each_operation(networks, task):
    families = {FORWARD, STEP, OPTIMIZER, *cases()}
    for spec in networks:
        assert {load.family for load, _ in loads(spec.lower(task), 4, training=True)} <= families


def test_memory_holds_at_least_the_weights_and_grows_with_the_batch(networks, task):
    for spec in networks:
        graph = spec.lower(task)
        small, large = (peak_memory(graph, TrainingSettings(batch_size=size)) for size in (2000, 4000))
        saved = saved_bytes(graph, 2000)
        assert small >= 4 * 6 * state_size(layout(graph)) + saved
        assert large - small >= saved_bytes(graph, 4000) - saved
