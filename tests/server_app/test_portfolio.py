"""The portfolios that come with the package, and how an entry is made to fit."""

import pytest

from common.architecture.cost import cost_of
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Conv1d, Conv2d, Linear, LogEnergy, MaxPool
from common.architecture.spec import ArchitectureSpec
from common.config import compose_config, read_portfolio
from common.recipes import check_recipe
from common.settings import TrainingSettings
from common.tasks import Classification, Regression, Task
from server_app.portfolio import coarser, forms_of, narrower, portfolio_of, smaller, strided
from server_app.registry import load_choice
from server_app.spaces.layered import LayeredSpace
from server_app.spaces.layered_options import LayeredOptions
from server_app.spaces.listed import ListedSpace
from server_app.spaces.recipes import RecipeSpace
from server_app.spaces.stems import GREATEST

ORDINARY = {"vector": (13,), "sequence": (9, 128), "image": (1, 28, 28)}
SHAPES = [(1,), (500,), (1, 16), (12, 1000), (3, 5000), (1, 3, 3), (1, 1, 7), (1, 8, 8), (3, 64, 64)]
SEARCHED = compose_config(["training=searched"]).training


def task_of(shape, classes=10):
    return Task(shape, Classification(classes))


def offered(task, **options):
    return portfolio_of(task, LayeredSpace(task, LayeredOptions(**options)), RecipeSpace.of(SEARCHED, task))


@pytest.mark.parametrize("kind", ORDINARY)
def test_the_default_space_and_recipes_offer_six_to_eight_entries_as_they_are_written(kind):
    task = task_of(ORDINARY[kind])
    found, written = offered(task), read_portfolio(kind)
    assert 6 <= len(found.entries) <= 8
    assert not found.left_out
    assert list(found.entries) == list(written)
    default = RecipeSpace.of(SEARCHED, task).default
    for name, (spec, recipe) in found.entries.items():
        assert spec == ArchitectureSpec.from_dict(written[name]["spec"])
        assert recipe == TrainingSettings.from_json({**default.to_json(), **written[name].get("recipe", {})})
    assert len(set(found.entries.values())) == len(found.entries)


@pytest.mark.parametrize("kind", ORDINARY)
def test_the_first_entry_has_the_default_recipe(kind):
    task = task_of(ORDINARY[kind])
    _, recipe = next(iter(offered(task).entries.values()))
    assert recipe == RecipeSpace.of(SEARCHED, task).default


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_entries_adapt_to_inputs_of_every_size(shape):
    task = task_of(shape)
    found = offered(task)
    assert len(found.entries) >= 4
    space = LayeredSpace(task)
    for spec, recipe in found.entries.values():
        space.check(spec)
        check_recipe(recipe, task)


def test_entries_keep_the_limits_of_nodes():
    task = task_of((1, 28, 28))
    space = LayeredSpace(task)
    space.excess = lambda spec: "too large" if cost_of(spec.lower(task)).parameters > 70_000 else ""
    found = portfolio_of(task, space, RecipeSpace.of(SEARCHED, task))
    assert len(found.entries) == 6
    assert all(cost_of(spec.lower(task)).parameters <= 70_000 for spec, _ in found.entries.values())


def test_what_the_space_does_not_hold_is_left_out_and_says_why():
    found = offered(task_of((9, 128)), operations=["conv1d", "max_pool"], norm=["group"], dropout=[0.0, 0.1])
    assert list(found.left_out) == ["energies", "energies_mlp"]
    assert found.left_out["energies"].startswith("Layer 0: the space offers conv1d, max_pool, got 'log_energy'")
    layers = [layer for spec, _ in found.entries.values() for layer in spec.layers if isinstance(layer, Conv1d)]
    assert {layer.norm for layer in layers} == {"group"}  # of batch, which is not offered
    assert {layer.dropout for layer in layers} == {0.0, 0.1}  # of 0.3
    assert {layer.kernel for layer in layers} == {3, 5}  # of 7 and 11
    task = task_of((13,))
    only = LayeredSpec((Linear(7),))
    nothing = portfolio_of(
        task, ListedSpace(task, ListedSpace.Options([only.to_dict()])), RecipeSpace.of(SEARCHED, task)
    )
    assert not nothing.entries
    assert len(nothing.left_out) == 7


def test_who_names_a_setting_gets_it_in_every_entry():
    task = task_of((1, 28, 28))
    values = compose_config(["training=searched", "training.learning_rate=0.02", "training.schedule=constant"]).training
    recipes = [
        recipe for _, recipe in portfolio_of(task, LayeredSpace(task), RecipeSpace.of(values, task)).entries.values()
    ]
    assert {recipe.learning_rate for recipe in recipes} == {0.02}
    assert {recipe.schedule for recipe in recipes} == {"constant"}
    assert {recipe.average for recipe in recipes} == {0, 3}


def test_a_regression_smooths_no_labels():
    task = Task((13,), Regression((0.0,), (1.0,)))
    assert {recipe.label_smoothing for _, recipe in offered(task).entries.values()} == {0.0}


# ---------------------------------------------------------------- one edit at a time


def test_what_an_input_is_too_small_for_goes():
    # 5 steps: the stride leaves ceil(5 / 2) = 3, the pooling would leave 1 and goes, the next stride would leave 2
    spec = LayeredSpec((Conv1d(8, stride=2), MaxPool(2), Conv1d(8, stride=2), Conv1d(8, stride=2)), "avg", LogEnergy(8))
    assert smaller(spec, task_of((1, 5))) == LayeredSpec((Conv1d(8, stride=2), Conv1d(8, stride=2), Conv1d(8)), "avg")
    assert smaller(spec, task_of((1, 64))) == spec


def test_skips_still_start_where_they_did_when_pooling_before_them_goes():
    spec = LayeredSpec((Conv1d(8), MaxPool(2), Conv1d(8), Conv1d(8, skip=2)), "avg")
    assert smaller(spec, task_of((1, 3))).layers == (Conv1d(8), Conv1d(8), Conv1d(8, skip=1))


def test_one_pixel_is_no_reason_to_refuse():
    spec = LayeredSpec((Conv2d(8, stride=2), MaxPool(2), Linear(4)))
    assert smaller(spec, task_of((1, 1, 7))).layers == (Conv2d(8, stride=2), Linear(4))


def test_large_inputs_are_passed_through_with_strides_from_the_front_until_it_is_enough():
    spec = LayeredSpec((Conv1d(8), Conv1d(8), Conv1d(8), Linear(4)))
    least = GREATEST["sequence"]
    strides = [
        [layer.stride for layer in coarser(spec, task_of((1, steps))).layers[:3]]
        for steps in (least, 4 * least, 99 * least)
    ]
    assert strides == [[1, 1, 1], [2, 2, 1], [2, 2, 2]]


def test_widths_are_halved():
    spec = LayeredSpec((Conv2d(9), MaxPool(2), Linear(1)))
    assert narrower(spec, 2).layers == (Conv2d(4), MaxPool(2), Linear(1))


def test_the_first_convolutions_get_strides():
    spec = LayeredSpec((Conv2d(8, stride=2), Conv2d(8), MaxPool(2), Conv2d(8), Linear(4)))
    assert strided(spec, 0) == spec
    assert [layer.stride for layer in strided(spec, 1).layers if isinstance(layer, Conv2d)] == [2, 2, 1]
    assert strided(spec, 2) == strided(spec, 9)


def told(forms):
    """The width of each form, and the strides of its layers."""
    return [(form.layers[0].width, *(layer.stride for layer in form.layers)) for form in dict.fromkeys(forms)]


def test_forms_are_as_written_then_narrower_and_coarser_then_shallower():
    forms = told(forms_of(LayeredSpec((Conv2d(16), Conv2d(16)), "avg"), task_of((1, 8, 8))))
    whole, one = (16, 1, 1), [(8, 1, 1), (16, 2, 1)]
    assert forms[:6] == [whole, *one, (4, 1, 1), (8, 2, 1), (16, 2, 2)]  # none, one, and two halvings or strides
    assert forms[11:15] == [(2, 2, 2), (16, 1), (8, 1), (16, 2)]


def test_what_is_flattened_loses_a_layer_as_soon_as_half_of_its_channels_and_in_the_end_its_places():
    forms = list(forms_of(LayeredSpec((Conv2d(16), Conv2d(16))), task_of((1, 8, 8))))
    flat = [form for form in forms if form.reduce == "flatten"]
    assert told(flat)[:4] == [(16, 1, 1), (16, 1), (8, 1, 1), (16, 2, 1)]
    assert set(told(flat)[4:9]) == {(8, 1), (16, 2), (4, 1, 1), (8, 2, 1), (16, 2, 2)}
    assert {form.reduce for form in forms[len(flat) :]} == {"avg+max"}
    assert told(forms[len(flat) :])[:3] == [(16, 1, 1), (8, 1, 1), (16, 2, 1)]


def test_vectors_have_no_places():
    dense = dict.fromkeys(forms_of(LayeredSpec((Linear(8),), "avg"), task_of((3,))))
    assert [form.layers[0].width for form in dense] == [8, 4, 2, 1]


def test_no_form_is_coarser_than_its_input_has_places():
    spec = LayeredSpec((Conv2d(16), Conv2d(16), Conv2d(16)))
    for form in forms_of(spec, task_of((1, 4, 4))):
        assert sum(layer.stride == 2 for layer in form.layers) <= 1  # 4 pixels are 2, and no fewer


def test_under_a_limit_entries_keep_their_layers_as_long_as_they_can():
    """A hundredth of what they cost as they are written leaves their depth to all that are not flattened."""
    task = task_of((1, 28, 28))
    found, written = offered(task, max_macs=300_000), read_portfolio("image")
    assert found.entries.keys() == written.keys()
    depths = {name: len(spec.layers) for name, (spec, _) in found.entries.items() if spec.reduce != "flatten"}
    assert depths == {name: len(written[name]["spec"]["layers"]) for name in depths}
    assert depths.keys() == written.keys() - {"lenet", "strided"}
    assert all(cost_of(spec.lower(task)).macs <= 300_000 for spec, _ in found.entries.values())


def test_entries_keep_the_tightest_limits_by_fewer_layers():
    """With 8 channels at least, a convolution of 5 x 5 and the head are 25 x 8 + 8 + 2 x 8 + 17 x 10 parameters."""
    task = task_of((1, 8, 8))
    space = LayeredSpace(task)
    space.excess = lambda spec: "too large" if cost_of(spec.lower(task)).parameters > 394 else ""
    found = portfolio_of(task, space, RecipeSpace.of(SEARCHED, task))
    assert len(found.entries) == 6


@pytest.mark.parametrize("shape", [(1, 4, 4000), (1, 2, 28), (3, 300, 2)])
def test_narrow_images_are_built_too(shape):
    assert len(offered(task_of(shape)).entries) == 6


@pytest.mark.parametrize("name", ["cell", "mobile"])
@pytest.mark.parametrize("kind", ["sequence", "image"])
def test_a_space_of_another_kind_leaves_all_out_with_the_reason(name, kind):
    task = task_of(ORDINARY[kind])
    found = portfolio_of(task, load_choice("space", name)(task), RecipeSpace.of(SEARCHED, task))
    assert not found.entries
    assert found.left_out.keys() == read_portfolio(kind).keys()
    assert set(found.left_out.values()) == {f"The space holds {name} specs, got 'layered'. Choose another space."}
