import json

import numpy as np
import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.errors import ConfigError
from server_app.controllers.progressive import Progressive, size
from server_app.spaces.table import parse_table
from server_app.spaces.tabular import TabularSpace
from tests.support.spaces import with_one_recipe
from tests.support.tables import tabular_space
from tests.support.trials import trial_of


@pytest.fixture
def table():
    """81 keys; the n-th has 100 n MACs, and a higher digit is worth more."""
    return with_one_recipe(tabular_space())


def make(space, trials=40, seed=0, **options):
    return Progressive(space, seed, trials, Progressive.Options(**options))


def run(controller, worth):
    proposals = []
    while found := controller.propose(1):
        proposals += found
        controller.observe(trial_of(found[0], worth(found[0].spec)), final=True)
    return proposals


def test_a_network_is_as_large_as_it_has_operations_that_work(space):
    """Each linear layer multiplies, its norm and its activation do not, and the head does."""
    spec = LayeredSpec((Linear(16, activation="relu", norm="group"), Linear(32, activation="gelu", norm="none")))
    assert size(space.space, spec) == 3


def test_an_entry_of_a_table_is_as_large_as_it_has_macs(table):
    assert size(table.space, table.space.specs["0012"]) == 500


def test_levels_open_one_after_the_other_and_then_all_sizes(table):
    """Four levels and a last part with 8 of 40 trials each; levels end at quartiles of 81 sizes from 0 to 8000."""
    controller = make(table)
    sizes = [size(table.space, proposal.spec) for proposal in run(controller, lambda spec: -int(spec.key, 3))]
    bounds = controller.state_dict()["extra"]["bounds"]
    assert bounds == pytest.approx([2000, 4000, 6000], abs=4 * 8000 * (0.25 / 200) ** 0.5)
    ends = [-np.inf, *bounds, np.inf]
    for level in range(4):
        assert all(ends[level] < one <= ends[level + 1] for one in sizes[8 * level : 8 * level + 8])
    assert min(sizes[32:]) < bounds[0], "small ones are better here, and at the end they may be had again"


def test_it_grows_what_was_good(table):
    """The best is the largest, one of 81."""
    proposals = run(make(table, 30, levels=3), lambda spec: table.space.entry(spec).mean)
    assert max(int(proposal.spec.key, 3) for proposal in proposals) == 80
    assert "mutation" in {proposal.origin for proposal in proposals}


def test_where_all_are_of_one_size_there_is_one_level():
    """A table that tells no costs has no sizes."""
    entries = {f"{a}{b}": {"test_acc": [float(a + b)]} for a in range(5) for b in range(5)}
    flat = make(with_one_recipe(TabularSpace(parse_table(json.dumps(entries)))), 20)
    run(flat, lambda spec: float(spec.key[0]))
    assert flat.state_dict()["extra"]["bounds"] == []


def test_where_levels_end_is_part_of_the_state(table):
    controller = make(table)
    for proposal in controller.propose(3):
        controller.observe(trial_of(proposal, 0.5), final=True)
    restored = make(table, seed=1)
    restored.load_state_dict(json.loads(json.dumps(controller.state_dict())))
    assert restored.state_dict() == controller.state_dict()
    assert restored.state_dict()["extra"]["bounds"]


@pytest.mark.parametrize(("options", "named"), [({"levels": 0}, "levels"), ({"pool": 0}, "pool")])
def test_options_are_checked(options, named):
    with pytest.raises(ConfigError, match=named):
        Progressive.Options(**options)
