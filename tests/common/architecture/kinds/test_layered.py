import pytest

from common.architecture.graph import INPUT
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import AvgPool, Conv1d, Conv2d, Linear, LogEnergy, MaxPool
from common.architecture.operations import Add, AverageTo, Concatenate, Convolution, Flatten, GlobalPool
from common.architecture.operations import Linear as LinearMap
from common.architecture.spec import ArchitectureSpec
from common.errors import SpecError
from common.tasks import Classification, Task

IMAGE = Task((3, 8, 8), Classification(10))
SEQUENCE = Task((9, 12), Classification(6))
VECTOR = Task((5,), Classification(2))
HEADER = {"version": 1, "kind": "layered"}


def spec_of(*layers, **more):
    return {**HEADER, "layers": list(layers), **more}


def nodes_of(spec, task):
    return {node.name: node for node in spec.lower(task).nodes}


def test_defaults():
    spec = ArchitectureSpec.from_dict(
        spec_of({"op": "conv1d", "width": 8}, {"op": "max_pool", "kernel": 3}, {"op": "avg_pool"})
    )
    conv = Conv1d(8, kernel=3, stride=1, activation="relu", norm="group", dropout=0.0, skip=None)
    assert spec == LayeredSpec((conv, MaxPool(3, 3), AvgPool(2, 2)), "flatten")


def test_describe():
    layers = (Conv2d(32, stride=2), Conv2d(8, kernel=5, skip=-1), MaxPool(2), AvgPool(3, 1), Linear(64, skip=1))
    line = "conv2d 32 k3 s2 → conv2d 8 k5 +input → max_pool 2 → avg_pool 3 s1 → linear 64 +1"
    assert LayeredSpec(layers).describe() == line
    assert LayeredSpec().describe() == "classifier only"


LINEAR = {"op": "linear", "width": 4}
MALFORMED = [
    (HEADER, "needs layers"),
    ({**HEADER, "layers": {}}, "layers must be a list, got {}"),
    (spec_of(*[LINEAR] * 65), "64 layers at most, got 65"),
    (spec_of(reduce="sum"), "reduce must be one of flatten, avg, max, avg.max, log_std, got 'sum'"),
    (spec_of(reduce=["avg"]), "reduce must be one of"),
    (spec_of(LINEAR, "linear"), "Layer 1: a layer must be an object"),
    (spec_of({"width": 3}), "Layer 0: op must be one of linear, .*, got None"),
    (spec_of({"op": "perception"}), "Layer 0: op must be one of linear, .*, gru, got 'perception'"),
    (spec_of({"op": "attention"}), "Layer 0: attention needs width"),
    (spec_of({"op": []}), "Layer 0: op must be one of"),
    (spec_of(LINEAR, {"op": "linear"}), "Layer 1: linear needs width"),
    (spec_of({**LINEAR, "kernel": 3}), r"Layer 0: linear knows only width, .*, got \['kernel'\]"),
    (spec_of({"op": "max_pool", "width": 3}), "Layer 0: max_pool knows only kernel, stride"),
    (spec_of({**LINEAR, "width": True}), "Layer 0: linear width must be a whole number from 1 to 65536, got True"),
    (spec_of({**LINEAR, "width": 4.0}), "linear width must be a whole number"),
    (spec_of({**LINEAR, "width": "4"}), "linear width must be a whole number"),
    (spec_of({**LINEAR, "width": 0}), "linear width must be a whole number"),
    (spec_of({**LINEAR, "width": 65537}), "linear width must be a whole number"),
    (spec_of({**LINEAR, "width": None}), "linear width must be a whole number"),
    (spec_of({**LINEAR, "activation": "elu"}), "linear activation must be one of relu, .*, got 'elu'"),
    (spec_of({**LINEAR, "norm": "instance"}), "linear norm must be one of group, .*, layer, got 'instance'"),
    (spec_of({**LINEAR, "merge": "mean"}), "linear merge must be one of add, concat, got 'mean'"),
    (spec_of({**LINEAR, "dilation": 2}), "linear knows only width, .*, got .'dilation'"),
    (
        spec_of({"op": "conv1d", "width": 4, "dilation": 0}),
        "conv1d dilation must be a whole number from 1 to 255",
    ),
    (spec_of({"op": "conv1d", "width": 4, "squeeze_excite": 0}), "conv1d squeeze_excite must be a whole number from 1"),
    (spec_of({"op": "branches1d", "width": 4, "kernels": 3}), "branches1d kernels must be a list, got 3"),
    (spec_of({"op": "branches1d", "width": 4, "kernels": [3]}), "kernels must be two values or more, each once"),
    (spec_of({"op": "branches1d", "width": 4, "kernels": [3, 3]}), "kernels must be two values or more, each once"),
    (spec_of({"op": "branches1d", "width": 4, "kernels": [3, 4]}), "kernels must be an odd whole number"),
    (
        spec_of({"op": "attention", "width": 4, "heads": 0}),
        "attention heads must be a whole number from 1 to 64",
    ),
    (
        spec_of({"op": "attention", "width": 4, "patch": 65}),
        "attention patch must be a whole number from 1 to 64",
    ),
    (spec_of(normalise="batch"), "normalise must be one of none, example, got 'batch'"),
    (spec_of({**LINEAR, "dropout": 1}), r"linear dropout must be a number in \[0, 1\), got 1"),
    (spec_of({**LINEAR, "dropout": 0.99999}), "linear dropout must be a number"),
    (spec_of({**LINEAR, "dropout": -0.1}), "linear dropout must be a number"),
    (spec_of({**LINEAR, "dropout": False}), "linear dropout must be a number"),
    (spec_of({**LINEAR, "dropout": float("nan")}), "linear dropout must be a number"),
    (spec_of({**LINEAR, "dropout": float("inf")}), "linear dropout must be a number"),
    (spec_of({**LINEAR, "dropout": "0.1"}), "linear dropout must be a number"),
    (spec_of({**LINEAR, "skip": 0}), "Layer 0: linear skip must name an earlier layer, from -1 .* to -1, got 0"),
    (spec_of(LINEAR, {**LINEAR, "skip": 5}), "Layer 1: linear skip must name an earlier layer"),
    (spec_of({**LINEAR, "skip": -2}), "linear skip must be a whole number from -1"),
    (spec_of({**LINEAR, "skip": False}), "linear skip must be a whole number"),
    (spec_of({"op": "conv2d", "width": 4, "kernel": 4}), "conv2d kernel must be an odd whole number from 1 to 255"),
    (spec_of({"op": "conv2d", "width": 4, "kernel": 257}), "conv2d kernel must be an odd whole number"),
    (spec_of({"op": "conv1d", "width": 4, "stride": 0}), "conv1d stride must be a whole number"),
    (spec_of({"op": "max_pool", "kernel": 0}), "max_pool kernel must be a whole number"),
    (spec_of({"op": "avg_pool", "stride": -1}), "avg_pool stride must be a whole number"),
    (
        spec_of({"op": "log_energy", "bands": 0}),
        "Layer 0: log_energy bands must be a whole number from 1 to 256",
    ),
    (spec_of(join={"op": "log_energy", "bands": 2.5}), "join: log_energy bands must be a whole number"),
    (spec_of(join="log_energy"), "join: a layer must be an object"),
    (spec_of(join=LINEAR), "join must be a front end such as"),
]


@pytest.mark.parametrize(("values", "message"), MALFORMED)
def test_a_malformed_spec_gives_one_clear_error(values, message):
    with pytest.raises(SpecError, match=message) as caught:
        ArchitectureSpec.from_dict(values)
    assert str(caught.value).endswith(".")
    assert ".." not in str(caught.value)


FROZEN = {
    "b435d9157ae2": spec_of(),
    "4aa8fb490b1b": spec_of(reduce="avg"),
    "c6e8c0d3c030": spec_of({"op": "linear", "width": 64, "activation": "relu", "norm": "none", "dropout": 0.2}),
    "e1c6db0c377b": spec_of(
        {"op": "conv1d", "width": 32, "kernel": 5, "stride": 2},
        {"op": "max_pool", "kernel": 2},
        {"op": "linear", "width": 16, "skip": 0},
        reduce="avg",
    ),
    "15d66e5306f4": spec_of(
        {"op": "conv2d", "width": 8},
        {"op": "avg_pool", "kernel": 3, "stride": 1},
        {"op": "linear", "width": 16, "norm": "batch"},
        reduce="max",
    ),
}


@pytest.mark.parametrize("id_", FROZEN)
def test_specs_keep_the_ids_that_earlier_versions_gave_them(id_):
    spec = ArchitectureSpec.from_dict(FROZEN[id_])
    assert spec.id == id_
    assert spec.to_dict().keys() == {"version", "kind", "layers", "reduce"}


LATER = {
    "merge": {"op": "linear", "width": 8, "skip": -1, "merge": "concat"},
    "layer norm": {"op": "linear", "width": 8, "norm": "layer"},
    "dilation": {"op": "conv1d", "width": 8, "dilation": 2},
    "squeeze": {"op": "conv2d", "width": 8, "squeeze_excite": 4},
    "separable": {"op": "separable_conv2d", "width": 8},
    "branches": {"op": "branches1d", "width": 8, "kernels": [5, 3]},
    "attention": {"op": "attention", "width": 8},
    "gru": {"op": "gru", "width": 8},
}
LATER_IDS = {
    "merge": "013411e8ce61",
    "layer norm": "09167c0b6159",
    "dilation": "61747f76176f",
    "squeeze": "fd49c41c9adc",
    "separable": "af475619bf72",
    "branches": "2adbdde1999f",
    "attention": "ad46c476d4f0",
    "gru": "ed27c76e871e",
}


@pytest.mark.parametrize("name", LATER)
def test_later_layers_keep_their_ids_too(name):
    spec = ArchitectureSpec.from_dict(spec_of(LATER[name]))
    assert spec.id == LATER_IDS[name]
    assert ArchitectureSpec.from_json(spec.to_json()) == spec
    assert ArchitectureSpec.from_dict(spec.to_dict()) == spec


def test_later_fields_are_in_the_json_where_they_say_something():
    plain = {"width", "activation", "norm", "dropout", "skip", "kernel", "stride", "op"}
    assert Conv1d(8).to_dict().keys() == plain
    assert Conv1d(8, dilation=2, squeeze_excite=4, skip=-1, merge="concat").to_dict().items() >= {
        ("dilation", 2),
        ("squeeze_excite", 4),
        ("merge", "concat"),
    }
    spec = LayeredSpec((Linear(4),), normalise="example")
    assert spec.to_dict()["normalise"] == "example"
    assert ArchitectureSpec.from_json(spec.to_json()) == spec
    assert "normalise" not in LayeredSpec().to_dict()
    assert spec.describe() == "example norm → linear 4"


def test_what_joins_is_part_of_the_json():
    spec = LayeredSpec((Conv1d(8), Linear(4)), "avg", LogEnergy(4))
    assert spec.to_dict()["join"] == {"op": "log_energy", "bands": 4}
    assert ArchitectureSpec.from_json(spec.to_json()) == spec
    assert spec.describe() == "conv1d 8 k3 → linear 4, joined by log_energy 4"
    assert len({spec.id, LayeredSpec(spec.layers, "avg").id, LayeredSpec(spec.layers, "avg", LogEnergy(8)).id}) == 3
    assert ArchitectureSpec.from_dict(spec_of(join=None)) == LayeredSpec()


def test_a_front_end_leaves_nothing_to_reduce():
    fronted = LayeredSpec((LogEnergy(4), Linear(4)), "max")
    assert fronted == LayeredSpec((LogEnergy(4), Linear(4)))
    assert fronted.id == LayeredSpec((LogEnergy(4), Linear(4))).id
    assert fronted.describe() == "log_energy 4 → linear 4"


@pytest.mark.parametrize("layers", [None, "linear", [{"op": "linear"}], 3])
def test_layers_must_be_layers(layers):
    with pytest.raises(SpecError, match="layers must be a sequence of layers"):
        LayeredSpec(layers)


# ---------------------------------------------------------------- lowering


def test_no_layers_are_the_heads_linear_map():
    nodes = nodes_of(LayeredSpec(), VECTOR)
    assert list(nodes) == ["classifier"]
    assert nodes["classifier"].operation == LinearMap(2)
    assert list(nodes_of(LayeredSpec(), IMAGE)) == ["classifier_reduce", "classifier"]


def test_a_layer_is_operation_norm_activation_dropout():
    spec = LayeredSpec((Conv1d(32, activation="silu", dropout=0.25, stride=2),), "avg")
    graph = spec.lower(SEQUENCE)
    assert [(node.name, node.operation.op, node.output_shape) for node in graph.nodes] == [
        ("layer0", "convolution", (32, 6)),
        ("layer0_norm", "group_norm", (32, 6)),
        ("layer0_activation", "activation", (32, 6)),
        ("layer0_dropout", "dropout", (32, 6)),
        ("classifier_reduce", "global_pool", (32,)),
        ("classifier", "linear", (6,)),
    ]
    assert graph.is_chain
    assert graph.nodes[1].operation.groups == 8  # of 32 x 6 / 8 = 24 values
    assert graph.nodes[3].operation.p == 0.25


def test_what_does_nothing_is_left_out():
    spec = LayeredSpec((Linear(8, activation="none", norm="none", dropout=0.0),))
    assert list(nodes_of(spec, VECTOR)) == ["layer0", "classifier"]


@pytest.mark.parametrize(("reduce", "features"), [("flatten", 6 * 4 * 4), ("avg", 6), ("max", 6)])
def test_spatial_features_are_reduced_before_the_first_linear_layer_only(reduce, features):
    layers = (Conv2d(6, norm="none"), MaxPool(2), Linear(4, norm="none"), Linear(3, norm="none"))
    nodes = nodes_of(LayeredSpec(layers, reduce), IMAGE)
    assert [name for name in nodes if name.endswith("_reduce")] == ["layer2_reduce"]
    assert nodes["layer2_reduce"].output_shape == (features,)
    assert nodes["layer2_reduce"].operation == (Flatten() if reduce == "flatten" else GlobalPool(reduce))


def test_mean_and_maximum_lie_side_by_side():
    graph = LayeredSpec((Conv2d(6, activation="none", norm="none"),), "avg+max").lower(IMAGE)
    assert [(node.name, node.operation, node.inputs, node.output_shape) for node in graph.nodes[1:]] == [
        ("classifier_reduce_avg", GlobalPool("avg"), (0,), (6,)),
        ("classifier_reduce_max", GlobalPool("max"), (0,), (6,)),
        ("classifier_reduce", Concatenate(), (1, 2), (12,)),
        ("classifier", LinearMap(10), (3,), (10,)),
    ]


def test_what_joins_does_so_once_before_the_first_linear_layer():
    layers = (Conv1d(7, activation="none", norm="none"), Linear(5, norm="none"), Linear(3, norm="none"))
    graph = LayeredSpec(layers, "max", LogEnergy(4)).lower(SEQUENCE)
    names = [node.name for node in graph.nodes]
    read = {node.name: [names[index] if index != INPUT else "input" for index in node.inputs] for node in graph.nodes}
    assert [name for name in names if "join" in name] == ["join", "join_norm", "layer1_join"]
    assert read["join"] == ["input"]
    assert read["layer1_join"] == ["layer1_reduce", "join_norm"]
    assert read["layer1"] == ["layer1_join"]
    assert graph.nodes[names.index("layer1_join")].output_shape == (7 + 9 * (2 + 4),)
    assert "classifier_join" in nodes_of(LayeredSpec((), "avg", LogEnergy(4)), SEQUENCE)


@pytest.mark.parametrize("task", [VECTOR, IMAGE])
def test_nothing_joins_where_there_is_no_sequence(task):
    with pytest.raises(SpecError, match=r"^join: log_energy works on a sequence, got"):
        LayeredSpec((Linear(4),), "flatten", LogEnergy(2)).lower(task)


def test_a_front_end_stands_before_linear_layers():
    graph = LayeredSpec((LogEnergy(4), Linear(5, norm="none"))).lower(SEQUENCE)
    assert [node.name for node in graph.nodes] == ["layer0", "layer0_norm", "layer1", "layer1_activation", "classifier"]
    assert graph.is_chain


@pytest.mark.parametrize(
    ("layers", "pool", "projection"),
    [
        ((Linear(5, skip=-1),), None, None),
        ((Linear(6, skip=-1),), None, LinearMap(6, bias=False)),
        ((Conv1d(9, skip=-1),), None, None),
        ((Conv1d(9, stride=4, skip=-1),), AverageTo((3,)), None),
        ((Conv1d(6, stride=4, skip=-1),), AverageTo((3,)), Convolution(6, kernel=1, bias=False)),
        ((Linear(6, skip=-1),), GlobalPool("avg"), LinearMap(6, bias=False)),
        ((Linear(9, skip=-1),), GlobalPool("avg"), None),
        ((Conv2d(6, stride=2, skip=-1),), AverageTo((4, 4)), Convolution(6, kernel=1, bias=False)),
        ((Conv2d(6, skip=-1),), None, Convolution(6, kernel=1, bias=False)),
    ],
)
def test_a_skip_connection_adapts_extents_then_channels(layers, pool, projection):
    spatial = pool is not None or layers[0].op != "linear"
    task = {"conv1d": SEQUENCE, "conv2d": IMAGE, "linear": SEQUENCE if spatial else VECTOR}[layers[0].op]
    nodes = nodes_of(LayeredSpec(layers), task)
    found = [getattr(nodes.get(name), "operation", None) for name in ("layer0_skip_pool", "layer0_skip")]
    assert found == [pool, projection]
    assert nodes["layer0_add"].operation == Add()


def test_a_skip_connection_starts_where_it_says():
    layers = (Conv2d(7, norm="none"), Linear(7, skip=0), Linear(7, skip=1), Linear(7, skip=-1))
    graph = LayeredSpec(layers).lower(IMAGE)
    names = [node.name for node in graph.nodes]
    read = {node.name: [names[index] if index != INPUT else "input" for index in node.inputs] for node in graph.nodes}
    assert read["layer1_skip_pool"] == ["layer0_activation"]
    assert read["layer1_add"] == ["layer1_activation", "layer1_skip_pool"]
    assert read["layer2_add"] == ["layer2_activation", "layer1_add"]
    assert read["layer3_skip_pool"] == ["input"]
    assert read["classifier"] == ["layer3_add"]


ILLEGAL = [
    (VECTOR, (Conv1d(4),), "Layer 0: conv1d works on a sequence, got .5,"),
    (VECTOR, (Linear(4), Conv2d(4)), "Layer 1: conv2d works on an image, got .4,"),
    (VECTOR, (MaxPool(2),), "Layer 0: max_pool works on a sequence or an image"),
    (SEQUENCE, (Conv2d(4),), "Layer 0: conv2d works on an image, got .9, 12."),
    (IMAGE, (Conv1d(4),), "Layer 0: conv1d works on a sequence, got .3, 8, 8."),
    (IMAGE, (Linear(4), Conv2d(4)), "Layer 1: conv2d works on an image"),
    (IMAGE, (Linear(4), MaxPool(2)), "Layer 1: max_pool works on"),
    (SEQUENCE, (MaxPool(4), MaxPool(4)), "Layer 1: max_pool kernel must fit into its input of shape .9, 3., got 4"),
    (SEQUENCE, (LogEnergy(4), Conv1d(4)), "Layer 1: conv1d works on a sequence, got .54,"),
    (SEQUENCE, (LogEnergy(7),), "Layer 0: log_energy of 12 steps has 6 bands at most, one a frequency, got 7"),
    (IMAGE, (LogEnergy(4),), "Layer 0: log_energy works on a sequence"),
    (VECTOR, (Linear(1),), "Layer 0: group norm needs 2 values or more"),
    (SEQUENCE, (Conv1d(1, stride=12),), "Layer 0: group norm needs 2 values or more"),
]


@pytest.mark.parametrize(("task", "layers", "message"), ILLEGAL)
def test_what_does_not_fit_gives_one_clear_error(task, layers, message):
    with pytest.raises(SpecError, match=message):
        LayeredSpec(layers).lower(task)


def test_the_same_graph_is_given_again():
    spec = LayeredSpec((Linear(8),))
    assert spec.lower(VECTOR) is LayeredSpec((Linear(8),)).lower(VECTOR)
    assert spec.lower(VECTOR) != spec.lower(Task((6,), Classification(2)))


@pytest.mark.parametrize(
    ("task", "layers", "pool", "width"),
    [
        (VECTOR, (Linear(6, skip=-1, merge="concat"),), None, 6 + 5),
        (SEQUENCE, (Conv1d(6, skip=-1, merge="concat"),), None, 6 + 9),
        (SEQUENCE, (Conv1d(6, stride=4, skip=-1, merge="concat"),), AverageTo((3,)), 6 + 9),
        (SEQUENCE, (Linear(6, skip=-1, merge="concat"),), GlobalPool("avg"), 6 + 9),
        (IMAGE, (Conv2d(6, stride=2, skip=-1, merge="concat"),), AverageTo((4, 4)), 6 + 3),
    ],
)
def test_a_dense_connection_puts_features_side_by_side(task, layers, pool, width):
    nodes = nodes_of(LayeredSpec(layers, "avg"), task)
    assert getattr(nodes.get("layer0_skip_pool"), "operation", None) == pool
    assert nodes["layer0_concat"].operation == Concatenate()
    assert nodes["layer0_concat"].output_shape[0] == width
    assert "layer0_skip" not in nodes


def test_the_input_is_normalised_for_all_but_what_joins():
    layers = (Conv1d(9, norm="none", activation="none", skip=-1),)
    graph = LayeredSpec(layers, "avg", LogEnergy(4), "example").lower(SEQUENCE)
    names = [node.name for node in graph.nodes]
    read = {node.name: [names[index] if index != INPUT else "input" for index in node.inputs] for node in graph.nodes}
    assert read["normalise"] == read["join"] == ["input"]
    assert read["layer0"] == ["normalise"]
    assert read["layer0_add"] == ["layer0", "normalise"]
    with pytest.raises(SpecError, match="normalise: example_norm works on a sequence or an image"):
        LayeredSpec(normalise="example").lower(VECTOR)
