import json
import sys
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.architecture.graph import HEAD, INPUT, GraphBuilder
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Conv1d, Linear, MaxPool
from common.architecture.operations import Linear as LinearMap
from common.architecture.spec import MAX_TEXT, ArchitectureSpec
from common.errors import SpecError
from common.tasks import Classification, Task

SEEDS = st.integers(0, 2**32 - 1)
HEADER = {"version": 1, "kind": "layered"}


def spec_of(*layers, **more):
    return {**HEADER, "layers": list(layers), **more}


@given(seed=SEEDS)
@settings(max_examples=100)
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
    assert long == LayeredSpec((Linear(8),))
    assert long.to_json() == LayeredSpec((Linear(8, dropout=-0.0),)).to_json()
    assert Linear(8, dropout=0.123449) == Linear(8, dropout=0.1234)


def test_the_id_is_short_and_tells_specs_apart():
    ids = {
        LayeredSpec((Linear(width, dropout=dropout),), reduce).id
        for width in range(1, 20)
        for dropout in (0, 0.1, 0.1001)
        for reduce in ("flatten", "avg")
    }
    assert len(ids) == 19 * 3 * 2
    assert all(len(name) == 12 and set(name) <= set("0123456789abcdef") for name in ids)


def test_the_id_never_changes():
    """Histories of earlier runs name specs by it."""
    assert LayeredSpec((Linear(64), MaxPool(2))).id == "77b64cef71e6"
    assert LayeredSpec().id == "b435d9157ae2"


MALFORMED = [
    (None, "A spec must be an object"),
    ([], "A spec must be an object"),
    ({"version": 1, "layers": []}, "kind must be one of layered, cell, mobile, constant, tabular, mixed, got None"),
    (spec_of(kind="os"), "kind must be one of layered, cell, mobile, constant, tabular, mixed, got 'os'"),
    (spec_of(kind="layers"), "kind must be one of layered, cell, mobile, constant, tabular, mixed, got 'layers'"),
    (spec_of(kind=["layered"]), "kind must be one of layered, cell, mobile, constant, tabular, mixed, got"),
    ({"kind": "layered", "layers": []}, "version must be 1, got None"),
    (spec_of(version=2), "version must be 1, got 2"),
    (spec_of(version=True), "version must be 1, got True"),
    (spec_of(version=1.0), "version must be 1, got 1.0"),
    (spec_of(name="x"), r"knows only version, kind, layers, reduce, join and normalise, got \['name'\]"),
    (spec_of(id="b435d9157ae2"), r"knows only .*, got \['id'\]"),
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
        (
            f'{{"version":1,"kind":"layered","layers":[{{"op":"linear","width":4,"dropout":1{"0" * 400}}}]}}',
            r"in \[0, 1\)",
        ),
        (b"{}", "must be JSON text"),
        (None, "must be JSON text"),
    ],
)
def test_malformed_text(text, message):
    with pytest.raises(SpecError, match=message):
        ArchitectureSpec.from_json(text)


@pytest.mark.parametrize("value", ['"layers":[],"reduce":{}', '"layers":[{{"op":"conv1d","width":4,"dropout":{}}}]'])
def test_values_nested_as_deeply_as_json_may_be_give_an_error_too(value):
    """The parser takes some that Python then refuses to write into the error."""
    for depth in range(sys.getrecursionlimit() - 200, sys.getrecursionlimit()):
        text = value.format("[" * depth + "]" * depth)
        with pytest.raises(SpecError):
            ArchitectureSpec.from_json(f'{{"version":1,"kind":"layered",{text}}}')


def test_a_long_text_is_refused_and_one_at_the_limit_is_not():
    text = LayeredSpec().to_json()
    assert ArchitectureSpec.from_json(text.ljust(MAX_TEXT)) == LayeredSpec()
    with pytest.raises(SpecError, match=f"{MAX_TEXT} characters at most, got {MAX_TEXT + 1}"):
        ArchitectureSpec.from_json(text.ljust(MAX_TEXT + 1))


def test_the_longest_legal_spec_fits_the_text():
    layer = Conv1d(65536, kernel=255, stride=255, activation="silu", norm="batch", dropout=0.1234, skip=-1)
    spec = LayeredSpec((layer,) * 64)
    assert ArchitectureSpec.from_json(spec.to_json()) == spec


@dataclass(frozen=True)
class Wide(LayeredSpec):
    """A kind with a mistake: its head gives one number too many, or it reads another input."""

    shape: tuple[int, ...] = (4,)
    more: int = 0

    def _lower(self, task):
        network = GraphBuilder(self.shape)
        network.add(HEAD, LinearMap(task.head.output_width + self.more), INPUT)
        return network.graph()


def test_a_graph_of_another_task_is_refused():
    task = Task((4,), Classification(3))
    assert Wide().lower(task).nodes[-1].output_shape == (3,)
    with pytest.raises(SpecError, match=r"from \(4,\) to \(3,\), got \(\(4,\), \(4,\)\)"):
        Wide(more=1).lower(task)
    with pytest.raises(SpecError, match=r"from \(4,\) to \(3,\), got \(\(5,\), \(3,\)\)"):
        Wide(shape=(5,)).lower(task)
