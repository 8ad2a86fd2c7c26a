from dataclasses import asdict
from pathlib import Path

import pytest
import yaml

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
        ({"norm": ["layer"]}, "space.norm must be one of group, batch, none, got 'layer'"),
        ({"dropout": [1.0]}, "space.dropout must be a number in .0, 1., got 1.0"),
        ({"width": {"low": 1, "high": 9}}, "space.width must be a list of choices, got"),
        ({"skip": 1.5}, "space.skip must be a probability, got 1.5"),
        ({"pool_kernel": [0]}, "space.pool_kernel must be a whole number"),
        ({"reduce": ["sum"]}, "space.reduce must be one of flatten, avg, max, got 'sum'"),
        ({"max_macs": 0}, "space.max_macs must be 1 or more, got 0"),
        ({"mutation": Mutation(fields=["depth"])}, "space.mutation.fields must be one of .*, got 'depth'"),
        ({"mutation": Mutation(insert={"depth": [1]})}, "space.mutation.insert knows only .*, got 'depth'"),
        ({"mutation": Mutation(insert={"reduce": ["avg"]})}, "space.mutation.insert knows only"),
        ({"mutation": Mutation(insert={"width": [17]})}, r"insert.width must lie within space.width \(16, 32"),
        ({"mutation": Mutation(insert={"width": []})}, "space.mutation.insert.width must be a list of choices"),
    ],
)
def test_a_wrong_option_gives_one_clear_error(options, message):
    with pytest.raises(ConfigError, match=message):
        LayeredOptions(**options)
