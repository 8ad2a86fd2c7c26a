"""Every pair of a controller and a choice of weights, and which of them do not go together."""

import itertools

import pytest

from common.config import compose_config
from common.errors import ConfigError
from server_app.build import check, without_foreign_options
from server_app.combinations import names_parents
from server_app.controllers.base import Controller
from server_app.registry import choices, load_choice

APART = {("random", "inherit")}
PAIRS = list(itertools.product(choices("controller"), choices("weights")))


@pytest.mark.parametrize(("controller", "weights"), PAIRS)
def test_each_pair_is_allowed_or_refused(controller, weights):
    config, _ = without_foreign_options(compose_config([f"controller={controller}", f"weights={weights}"]))
    if (controller, weights) in APART:
        with pytest.raises(ConfigError, match=f"weights={weights} needs a controller .* got 'controller={controller}'"):
            check(config)
    else:
        check(config)


@pytest.mark.parametrize("fidelity", choices("fidelity"))
@pytest.mark.parametrize("space", [space for space in choices("space") if space not in ("tabular", "listed", "own")])
def test_weights_are_inherited_in_any_space_with_any_fidelity(space, fidelity):
    choices_made = [f"space={space}", f"fidelity={fidelity}", "controller=evolution", "weights=inherit"]
    check(without_foreign_options(compose_config(choices_made))[0])


def test_a_controller_names_parents_where_it_says_so():
    assert {name for name in choices("controller") if names_parents(load_choice("controller", name))} == {
        "evolution",
        "hill_climb",
    }
    assert not names_parents(Controller)
