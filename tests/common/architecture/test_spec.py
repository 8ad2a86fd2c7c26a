import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.architecture.operations import AvgPool, Conv1d, Conv2d, Linear, MaxPool
from common.architecture.spec import MAX_TEXT, ArchitectureSpec
from common.errors import SpecError

SEEDS = st.integers(0, 2**32 - 1)
HEADER = {"version": 1, "kind": "layered"}


def spec_of(*layers, **more):
    return {**HEADER, "layers": list(layers), **more}


@given(seed=SEEDS)
@settings(max_examples=100, deadline=None)
def test_json_goes_there_and_back_in_its_one_form(random_case, seed):
    spec, _ = random_case(seed)
    text = spec.to_json()
    again = ArchitectureSpec.from_json(text)
    assert again == spec
    assert again.id == spec.id
    assert hash(again) == hash(spec)
    assert again.to_json() == text
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    assert {"version": 1, "kind": "layered"}.items() <= json.loads(text).items()
    assert ArchitectureSpec.from_dict(spec.to_dict()) == spec


def test_order_of_keys_spaces_and_number_types_make_no_difference():
    long = ArchitectureSpec.from_json(
        '{ "layers": [ {"width": 8, "dropout": 0, "op": "linear", "norm": "group"} ], "kind": "layered", "version": 1 }'
    )
    assert long == ArchitectureSpec((Linear(8),))
    assert long.to_json() == ArchitectureSpec((Linear(8, dropout=-0.0),)).to_json()
    assert Linear(8, dropout=0.123449) == Linear(8, dropout=0.1234)


def test_the_id_is_short_and_tells_specs_apart():
    ids = {
        ArchitectureSpec((Linear(width, dropout=dropout),), reduce).id
        for width in range(1, 20)
        for dropout in (0, 0.1, 0.1001)
        for reduce in ("flatten", "avg")
    }
    assert len(ids) == 19 * 3 * 2
    assert all(len(name) == 12 and set(name) <= set("0123456789abcdef") for name in ids)


def test_the_id_never_changes():
    """Histories of earlier runs name specs by it."""
    assert ArchitectureSpec((Linear(64), MaxPool(2))).id == "77b64cef71e6"
    assert ArchitectureSpec().id == "b435d9157ae2"


def test_defaults():
    spec = ArchitectureSpec.from_dict(
        spec_of({"op": "conv1d", "width": 8}, {"op": "max_pool", "kernel": 3}, {"op": "avg_pool"})
    )
    conv = Conv1d(8, kernel=3, stride=1, activation="relu", norm="group", dropout=0.0, skip=None)
    assert spec == ArchitectureSpec((conv, MaxPool(3, 3), AvgPool(2, 2)), "flatten")


def test_describe():
    layers = (Conv2d(32, stride=2), Conv2d(8, kernel=5, skip=-1), MaxPool(2), AvgPool(3, 1), Linear(64, skip=1))
    line = "conv2d 32 k3 s2 → conv2d 8 k5 +input → max_pool 2 → avg_pool 3 s1 → linear 64 +1"
    assert ArchitectureSpec(layers).describe() == line
    assert ArchitectureSpec().describe() == "classifier only"


LINEAR = {"op": "linear", "width": 4}
MALFORMED = [
    (None, "A spec must be an object"),
    ([], "A spec must be an object"),
    ({"kind": "layered", "layers": []}, "version must be 1, got None"),
    (spec_of(version=2), "version must be 1, got 2"),
    (spec_of(version=True), "version must be 1, got True"),
    (spec_of(version=1.0), "version must be 1, got 1.0"),
    (spec_of(kind="cell"), "kind must be 'layered', got 'cell'"),
    (spec_of(name="x"), r"knows only version, kind, layers and reduce, got \['name'\]"),
    (HEADER, "needs layers"),
    ({**HEADER, "layers": {}}, "layers must be a list, got {}"),
    (spec_of(*[LINEAR] * 65), "64 layers at most, got 65"),
    (spec_of(reduce="sum"), "reduce must be one of flatten, avg, max, got 'sum'"),
    (spec_of(reduce=["avg"]), "reduce must be one of"),
    (spec_of(LINEAR, "linear"), "Layer 1: a layer must be an object"),
    (spec_of({"width": 3}), "Layer 0: op must be one of linear, .*, got None"),
    (spec_of({"op": "attention"}), "Layer 0: op must be one of linear, .*, got 'attention'"),
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
    (spec_of({**LINEAR, "norm": "layer"}), "linear norm must be one of group, batch, none, got 'layer'"),
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
]


@pytest.mark.parametrize(("values", "message"), MALFORMED)
def test_a_malformed_spec_gives_one_clear_error(values, message):
    with pytest.raises(SpecError, match=message) as caught:
        ArchitectureSpec.from_dict(values)
    assert str(caught.value).endswith(".")
    assert ".." not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be valid JSON"),
        ("{", "must be valid JSON"),
        ("[" * 60000, "must be valid JSON"),
        ('{"version":1,"version":1,"kind":"layered","layers":[]}', "a key occurs twice"),
        ('{"version":1,"kind":"layered","layers":[{"op":"linear","width":4,"width":5}]}', "a key occurs twice"),
        ('{"version":1,"kind":"layered","layers":[{"op":"linear","width":4,"dropout":NaN}]}', "NaN is no number"),
        ('{"version":1,"kind":"layered","layers":[{"op":"linear","width":Infinity}]}', "Infinity is no number"),
        ('{"version":1,"kind":"layered","layers":[{"op":"linear","width":1e999}]}', "width must be a whole number"),
        ("1" * 5000, "must be valid JSON"),
        (b"{}", "must be JSON text"),
        (None, "must be JSON text"),
    ],
)
def test_malformed_text(text, message):
    with pytest.raises(SpecError, match=message):
        ArchitectureSpec.from_json(text)


def test_a_long_text_is_refused_and_one_at_the_limit_is_not():
    text = ArchitectureSpec().to_json()
    assert ArchitectureSpec.from_json(text.ljust(MAX_TEXT)) == ArchitectureSpec()
    with pytest.raises(SpecError, match=f"{MAX_TEXT} characters at most, got {MAX_TEXT + 1}"):
        ArchitectureSpec.from_json(text.ljust(MAX_TEXT + 1))


def test_the_longest_legal_spec_fits_the_text():
    layer = Conv1d(65536, kernel=255, stride=255, activation="silu", norm="batch", dropout=0.1234, skip=-1)
    spec = ArchitectureSpec((layer,) * 64)
    assert ArchitectureSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize("layers", [None, "linear", [{"op": "linear"}], 3])
def test_layers_must_be_layers(layers):
    with pytest.raises(SpecError, match="layers must be a sequence of layers"):
        ArchitectureSpec(layers)
