import numpy as np
import pytest

from server_app.surrogates.inputs import Inputs
from server_app.trials import Recipe
from tests.support.spaces import with_one_recipe, with_recipes
from tests.support.tables import tabular_space


def test_rows_are_what_the_space_encodes_and_logarithms_of_costs():
    """The n-th key of the table has 10 + n parameters and 100 n MACs."""
    space = with_one_recipe(tabular_space())
    tried = [(space.space.specs[key], Recipe()) for key in ("0000", "0001")]
    encodings = np.stack([space.encode(one) for one in tried])
    assert Inputs(space, costs=False).rows(tried).tolist() == encodings.tolist()
    costs = np.log([[1 + 10, 1 + 0], [1 + 11, 1 + 100]])
    assert Inputs(space, costs=True).rows(tried) == pytest.approx(np.concatenate([encodings, costs], axis=1))


def test_recipes_are_part_of_it():
    space = with_recipes(tabular_space())
    spec = space.space.specs["0000"]
    tried = [(spec, Recipe(learning_rate=0.001)), (spec, Recipe(learning_rate=0.003))]
    rows = Inputs(space, costs=True).rows(tried)
    assert np.count_nonzero(rows[0] != rows[1]) == 1


def test_in_their_units_an_encoding_varies_by_1_and_each_cost_by_015():
    space = with_one_recipe(tabular_space())
    inputs = Inputs(space, costs=True)
    rows = inputs.rows([(spec, Recipe()) for spec in space.space.specs.values()])
    variances = (rows * inputs.units(rows)).var(axis=0)
    assert variances[:-2].sum() == pytest.approx(1)
    assert variances[-2:] == pytest.approx([0.15, 0.15])


@pytest.mark.parametrize("costs", [False, True])
def test_what_never_varies_does_no_harm(costs):
    """Also where its deviation is none by rounding: six times the same logarithm has a mean that is another number."""
    space = with_one_recipe(tabular_space())
    inputs = Inputs(space, costs)
    rows = np.concatenate([inputs.rows([(space.space.specs["0000"], Recipe())] * 6), np.full((6, 2), np.log(26.0))], 1)
    units = inputs.units(rows)
    assert np.all(units <= 1)
