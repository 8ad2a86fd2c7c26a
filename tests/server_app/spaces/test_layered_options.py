from dataclasses import asdict, replace
from pathlib import Path

import pytest
import yaml

from common.architecture.kinds.layers import LogEnergy
from common.config import compose_config, options_of
from common.errors import ConfigError
from server_app.spaces.domains import Choices, Interval
from server_app.spaces.layered_options import LayeredOptions, Mutation

CONF = Path(__file__).parents[3] / "conf"


def test_the_yaml_file_shows_the_defaults():
    values = yaml.safe_load((CONF / "space" / "layered.yaml").read_text())
    assert values == {"name": "layered", **asdict(LayeredOptions())}


def test_overrides_on_the_command_line_reach_the_options():
    overrides = ["space.dropout={low: 0, high: 0.5}", "space.mutation.insert={dropout: {low: 0, high: 0.3}}"]
    config = compose_config(["space=layered", *overrides, "space.mutation.fields=[width]", "space.width=[8]"])
    options = options_of(config.space, LayeredOptions, "space")
    assert options.domains()["dropout"] == Interval(0.0, 0.5)
    assert options.domains()["width"] == Choices((8,))
    assert options.inserted_domains()["dropout"] == Interval(0.0, 0.3)
    assert options.inserted_domains()["width"] == Choices((8,))
    assert options.mutation.fields == ["width"]


def test_lists_of_lists_and_nothing_reach_the_options():
    config = compose_config(["space=layered", "space.kernels=[[1,3],[7,5,3]]", "space.squeeze_excite=[null,4]"])
    domains = options_of(config.space, LayeredOptions, "space").domains()
    assert domains["kernels"] == Choices(((1, 3), (3, 5, 7)))
    assert domains["squeeze_excite"] == Choices((None, 4))


# ---------------------------------------------------------------- by kind of data


def test_nobody_has_to_choose_for_the_kind_of_data():
    chosen = {kind: LayeredOptions().for_kind(kind) for kind in ("vector", "sequence", "image")}
    assert {kind: options.operations for kind, options in chosen.items()} == {
        "vector": ["linear"],
        "sequence": ["conv1d", "max_pool", "linear", "log_energy"],
        "image": ["conv2d", "max_pool", "linear"],
    }
    sequence, image = chosen["sequence"], chosen["image"]
    assert (sequence.kernel, sequence.stride) == ([3, 5, 7, 9, 11], [1, 2])
    assert (image.kernel, image.stride) == ([3, 5], [1, 2])
    assert (sequence.reduce, image.reduce) == (
        ["avg", "max", "avg+max", "log_std"],
        ["flatten", "avg", "max", "avg+max"],
    )
    assert (sequence.join, image.join, chosen["vector"].join) == (["none", "log_energy"], ["none"], ["none"])
    assert (sequence.begin, image.begin, chosen["vector"].begin) == ("conv", "conv", "any")
    assert (sequence.norm, image.norm) == (["group", "batch"],) * 2
    assert chosen["vector"].norm == ["none", "group", "batch"]
    for options in chosen.values():
        assert options.dropout == [0.0, 0.1, 0.3]
        assert None not in (options.operations, options.kernel, options.norm, options.reduce, options.begin)


@pytest.mark.parametrize("kind", ["vector", "sequence", "image"])
def test_where_operations_are_named_the_rest_is_as_before(kind):
    options = LayeredOptions(operations=["linear", "conv1d"]).for_kind(kind)
    assert options.operations == ["linear", "conv1d"]
    assert (options.kernel, options.norm, options.reduce) == ([3, 5], ["group", "none"], ["flatten", "avg"])
    assert (options.join, options.begin) == (["none"], "any")


def test_by_default_only_vectors_may_have_no_layer_before_the_last():
    assert [LayeredOptions().for_kind(kind).depths for kind in ("vector", "sequence", "image")] == [
        range(6),
        range(1, 6),
        range(1, 6),
    ]
    assert LayeredOptions(operations=["linear"]).for_kind("vector").depths == range(1, 6), "they are named"
    assert LayeredOptions(max_layers=0).for_kind("image").depths == range(1)
    assert LayeredOptions(min_layers=2).for_kind("vector").depths == range(2, 6)


def test_what_is_given_is_kept():
    given = LayeredOptions(kernel=[7], norm=["none"], dropout=0.2, reduce=["flatten"], join=["log_energy"], begin="any")
    operations = ["conv1d", "max_pool", "linear", "log_energy"]
    assert given.for_kind("sequence") == replace(given, min_layers=1, operations=operations)


def test_what_a_mutation_inserts_lies_within_what_the_kind_of_data_has():
    options = LayeredOptions(mutation=Mutation(insert={"kernel": [11]}))
    assert options.for_kind("sequence").inserted_domains()["kernel"] == Choices((11,))
    with pytest.raises(ConfigError, match=r"space.mutation.insert.kernel must lie within space.kernel \(3, 5\)"):
        options.for_kind("image")


def test_each_number_of_bands_may_join():
    options = LayeredOptions(bands=[4, 8], join=["log_energy", "none"])
    assert options.domains()["join"] == Choices((LogEnergy(4), LogEnergy(8), None))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_layers": -1}, "min_layers and max_layers must rise within 0 to 64, got .-1, 5."),
        ({"min_layers": 6}, "must rise within"),
        ({"max_layers": 65}, "must rise within"),
        ({"max_layers": 2.5}, "must be whole numbers"),
        ({"operations": []}, "space.operations must be a list of choices"),
        ({"operations": ["conv3d"]}, "space.operations must be one of linear, .*, got 'conv3d'"),
        ({"width": [0]}, "space.width must be a whole number from 1 to 65536, got 0"),
        ({"kernel": [3, 4]}, "space.kernel must be an odd whole number from 1 to 255, got 4"),
        ({"stride": []}, "space.stride must be a list of choices"),
        ({"activation": ["relu", "relu"]}, "space.activation must not repeat a choice"),
        ({"norm": ["instance"]}, "space.norm must be one of group, batch, none, layer, got 'instance'"),
        ({"merge": ["mean"]}, "space.merge must be one of add, concat, got 'mean'"),
        ({"dilation": [0]}, "space.dilation must be a whole number from 1 to 255, got 0"),
        ({"squeeze_excite": [0]}, "space.squeeze_excite must be a whole number from 1 to 65536, got 0"),
        ({"kernels": [3, 5]}, "space.kernels must be a list, got 3"),
        ({"kernels": [[3, 5], [5, 3]]}, "space.kernels must not repeat a choice"),
        ({"heads": [0]}, "space.heads must be a whole number from 1 to 64, got 0"),
        ({"patch": [0]}, "space.patch must be a whole number from 1 to 64, got 0"),
        ({"normalise": ["batch"]}, "space.normalise must be one of none, example, got 'batch'"),
        ({"mutation": Mutation(insert={"normalise": ["none"]})}, "space.mutation.insert knows only"),
        ({"dropout": [1.0]}, "space.dropout must be a number in .0, 1., got 1.0"),
        ({"width": {"low": 1, "high": 9}}, "space.width must be a list of choices, got"),
        ({"skip": 1.5}, "space.skip must be a probability, got 1.5"),
        ({"pool_kernel": [0]}, "space.pool_kernel must be a whole number"),
        ({"reduce": ["sum"]}, "space.reduce must be one of flatten, avg, max, avg.max, log_std, got 'sum'"),
        ({"join": []}, "space.join must be a list of choices"),
        ({"join": ["linear"]}, "space.join must be one of none, log_energy, got 'linear'"),
        ({"bands": [0]}, "space.bands must be a whole number from 1 to 256, got 0"),
        ({"begin": "linear"}, "space.begin must be one of conv, any, got 'linear'"),
        ({"max_macs": 0}, "space.max_macs must be 1 or more, got 0"),
        ({"mutation": Mutation(fields=["depth"])}, "space.mutation.fields must be one of .*, got 'depth'"),
        ({"mutation": Mutation(insert={"depth": [1]})}, "space.mutation.insert knows only .*, got 'depth'"),
        ({"mutation": Mutation(insert={"reduce": ["avg"]})}, "space.mutation.insert knows only"),
        ({"mutation": Mutation(insert={"join": ["none"]})}, "space.mutation.insert knows only"),
        ({"mutation": Mutation(insert={"width": [17]})}, r"insert.width must lie within space.width \(8, 16"),
        ({"mutation": Mutation(insert={"width": []})}, "space.mutation.insert.width must be a list of choices"),
    ],
)
def test_a_wrong_option_gives_one_clear_error(options, message):
    with pytest.raises(ConfigError, match=message):
        LayeredOptions(**options)
