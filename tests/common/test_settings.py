"""Settings that travel to the nodes: checked where they are made, the same after the journey."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import ConfigError
from common.settings import BilevelSettings, DatasetSettings, PersonalSettings, TrainingSettings

FRACTION = st.floats(0, 1, exclude_max=True)
DATASETS = st.builds(
    DatasetSettings,
    name=st.text(min_size=1, max_size=5),
    path=st.none() | st.text(max_size=5),
    partition=st.sampled_from(["iid", "dirichlet", "natural"]),
    alpha=st.floats(1e-6, 1e6),
    validation_fraction=FRACTION,
    test_fraction=FRACTION,
    split=st.sampled_from(["random", "block"]),
    gap=st.integers(0, 9),
    people=st.booleans(),
    options=st.dictionaries(st.text(max_size=3), st.integers() | st.none(), max_size=2),
)
TRAININGS = st.builds(
    TrainingSettings,
    optimizer=st.sampled_from(["adam", "sgd"]),
    learning_rate=st.floats(1e-9, 10),
    batch_size=st.integers(1, 512),
    epochs=st.integers(1, 9),
    momentum=st.floats(0, 1),
    weight_decay=st.floats(0, 1),
    proximal_mu=st.floats(0, 1),
    label_smoothing=FRACTION,
    schedule=st.sampled_from(["constant", "cosine"]),
    augmentation=st.lists(st.sampled_from(["jitter", "scale", "shift", "flip"]), unique=True).map(tuple),
    average=st.integers(0, 9),
    class_weights=st.sampled_from(["none", "balanced"]),
)
BILEVELS = st.builds(
    BilevelSettings,
    order=st.sampled_from(["first", "second", "mixed"]),
    mixing=st.sampled_from(["softmax", "gumbel"]),
    temperature=st.floats(1e-3, 10),
    learning_rate=st.floats(1e-9, 10),
    weight_decay=st.floats(0, 1),
    fraction=st.floats(0, 1, exclude_min=True, exclude_max=True),
    steps_alphas=st.booleans(),
    blend=st.floats(1e-3, 10),
)


PERSONALS = st.builds(
    PersonalSettings,
    method=st.sampled_from(["head", "all", "mix"]),
    epochs=st.integers(1, 9),
    learning_rate=st.floats(1e-9, 10),
    checkpoints=st.lists(st.integers(1, 50), max_size=4).map(tuple),
    folder=st.text(max_size=5),
)


@given(st.one_of(DATASETS, TRAININGS, BILEVELS, PERSONALS))
@settings(max_examples=25)
def test_json_there_and_back_changes_nothing(ours):
    text = json.dumps(ours.to_json(), allow_nan=False)
    again = type(ours).from_json(json.loads(text))
    assert again == ours
    assert json.loads(text) == ours.to_json()
    if isinstance(ours, TrainingSettings):  # part of what a trial is a trial of
        assert hash(again) == hash(ours)


@pytest.mark.parametrize("kind", [DatasetSettings, TrainingSettings, BilevelSettings, PersonalSettings])
def test_what_is_left_out_takes_its_default(kind):
    assert kind.from_json({}) == kind()


@pytest.mark.parametrize("kind", [DatasetSettings, TrainingSettings, BilevelSettings, PersonalSettings])
def test_what_is_unknown_is_named_and_so_is_the_way_out(kind):
    with pytest.raises(ConfigError, match=r"knows only \[.*\], got \['wings'\]\. Run the same version"):
        kind.from_json({"wings": 2})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("alpha", 0),
        ("alpha", -0.5),
        ("alpha", math.nan),
        ("validation_fraction", -0.1),
        ("validation_fraction", 1),
        ("validation_fraction", math.nan),
        ("test_fraction", 1.5),
        ("gap", -1),
    ],
)
def test_a_wrong_dataset_setting_is_named_with_its_value(name, value):
    with pytest.raises(ConfigError, match=rf"^dataset\.{name} must .*, got {value}\. "):
        DatasetSettings(**{name: value})


@pytest.mark.parametrize("name", ["learning_rate", "batch_size", "epochs"])
@pytest.mark.parametrize("value", [0, -1, math.nan])
def test_a_training_setting_that_must_be_positive_is(name, value):
    with pytest.raises(ConfigError, match=rf"^training\.{name} must be above 0, got {value}\. "):
        TrainingSettings(**{name: value})


@pytest.mark.parametrize("name", ["momentum", "weight_decay", "proximal_mu", "average"])
@pytest.mark.parametrize("value", [-0.1, math.nan])
def test_a_training_setting_that_may_be_off_is_not_below_0(name, value):
    with pytest.raises(ConfigError, match=rf"^training\.{name} must be 0 or more, got {value}\. 0 turns it off\.$"):
        TrainingSettings(**{name: value})
    assert getattr(TrainingSettings(**{name: 0.0}), name) == 0


@pytest.mark.parametrize("value", [-0.1, 1, math.nan])
def test_a_part_of_a_target_is_below_the_whole(value):
    with pytest.raises(ConfigError, match=rf"^training\.label_smoothing must lie in \[0, 1\), got {value}\. "):
        TrainingSettings(label_smoothing=value)


@pytest.mark.parametrize("names", [("wings",), ("jitter", "wings"), ("jitter", "jitter")])
def test_an_augmentation_that_is_unknown_or_named_twice_is_said(names):
    with pytest.raises(
        ConfigError, match=r"training\.augmentation is .* among jitter, scale, rotate, shift, flip, crop"
    ):
        TrainingSettings(augmentation=names)


@pytest.mark.parametrize("name", ["epochs", "learning_rate"])
@pytest.mark.parametrize("value", [0, -0.5, math.nan])
def test_a_personal_setting_that_must_be_positive_is(name, value):
    with pytest.raises(ConfigError, match=rf"^personal\.{name} must be above 0, got {value}\. "):
        PersonalSettings(**{name: value})


@pytest.mark.parametrize("name", ["temperature", "learning_rate", "fraction", "blend"])
@pytest.mark.parametrize("value", [0, -0.5, math.nan])
def test_a_bilevel_setting_that_must_be_positive_is(name, value):
    with pytest.raises(ConfigError, match=f"bilevel.{name} must be above 0"):
        BilevelSettings(**{name: value})


def test_the_architecture_has_a_part_of_the_examples_and_its_weights_may_decay():
    with pytest.raises(ConfigError, match=r"bilevel.fraction must lie in \[0, 1\)"):
        BilevelSettings(fraction=1)
    with pytest.raises(ConfigError, match=r"bilevel.weight_decay must be 0 or more"):
        BilevelSettings(weight_decay=-1)
    assert BilevelSettings(weight_decay=0).weight_decay == 0


def test_all_that_is_new_is_off_by_default():
    plain = TrainingSettings()
    assert (plain.label_smoothing, plain.schedule, plain.augmentation, plain.average) == (0, "constant", (), 0)
    assert plain.class_weights == "none"
    assert plain.in_round(3, 2) is plain


def test_a_cosine_is_half_way_down_in_the_middle_of_the_rounds():
    recipe = TrainingSettings(learning_rate=0.8, schedule="cosine")
    # the factors are (1 + cos 0) / 2, (1 + cos 45) / 2, (1 + cos 90) / 2 and (1 + cos 135) / 2
    half = math.sqrt(2) / 2
    expected = [0.8, 0.4 * (1 + half), 0.4, 0.4 * (1 - half)]
    assert [recipe.in_round(number, 4).learning_rate for number in (1, 2, 3, 4)] == pytest.approx(expected)
    assert recipe.in_round(1, 1) == recipe


@pytest.mark.parametrize(("number", "rounds"), [(0, 4), (5, 4), (1, 0), (-1, 4)])
def test_a_schedule_has_a_rate_for_its_own_rounds_only(number, rounds):
    with pytest.raises(ConfigError, match=rf"needs a round from 1 to {rounds}, got {number}\."):
        TrainingSettings(schedule="cosine").in_round(number, rounds)


def test_the_limits_themselves():
    assert DatasetSettings(validation_fraction=0, test_fraction=0, gap=0).test_fraction == 0
    assert TrainingSettings(batch_size=1, epochs=1).epochs == 1


def test_two_settings_do_not_share_their_options():
    first = DatasetSettings()
    first.options["features"] = 3
    assert DatasetSettings().options == {}


@pytest.mark.parametrize(
    ("kind", "values", "rule"),
    [
        (TrainingSettings, {"epochs": 1.5}, "training.epochs must be of type int"),
        (TrainingSettings, {"epochs": True}, "training.epochs must be of type int"),
        (TrainingSettings, {"optimizer": "lion"}, "training.optimizer must be one of adam, sgd, got 'lion'"),
        (TrainingSettings, {"learning_rate": "fast"}, "training.learning_rate must be of type float"),
        (TrainingSettings, {"schedule": "step"}, "training.schedule must be one of constant, cosine, got 'step'"),
        (TrainingSettings, {"augmentation": "jitter"}, "training.augmentation must be a list of type str"),
        (TrainingSettings, {"augmentation": ["jitter", 1]}, "training.augmentation must be a list of type str"),
        (TrainingSettings, {"average": 1.5}, "training.average must be of type int"),
        (DatasetSettings, {"name": 5}, "dataset.name must be of type str"),
        (DatasetSettings, {"path": 5}, r"dataset.path must be of type str \| None"),
        (DatasetSettings, {"split": ["random"]}, "dataset.split must be one of random, block"),
        (DatasetSettings, {"options": []}, "dataset.options must be of type dict"),
    ],
)
def test_what_came_over_the_wire_must_be_of_the_fields_type(kind, values, rule):
    with pytest.raises(ConfigError, match=rule):
        kind.from_json(values)


def test_a_whole_number_is_a_float_and_none_is_no_path():
    assert TrainingSettings.from_json({"learning_rate": 1}).learning_rate == 1
    assert DatasetSettings.from_json({"path": None}).path is None
