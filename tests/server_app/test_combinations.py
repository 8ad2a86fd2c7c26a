"""Every pair of a controller and a choice of weights, and which of them do not go together."""

import itertools
from dataclasses import replace

import pytest

from common.config import compose_config
from common.errors import ConfigError
from common.groups import PersonalConfig
from server_app.build import check, without_foreign_options
from server_app.combinations import check_combination, names_parents
from server_app.controllers.base import Controller
from server_app.registry import choices, load_choice

APART = {("random", "inherit"), ("darts", "inherit"), ("optuna", "inherit"), ("reinforce", "inherit")}
PAIRS = list(itertools.product(choices("controller"), choices("weights")))


def config_of(*overrides):
    return without_foreign_options(compose_config(overrides))[0]


@pytest.mark.parametrize(("controller", "weights"), PAIRS)
def test_each_pair_is_allowed_or_refused(controller, weights):
    config = config_of(f"controller={controller}", f"weights={weights}")
    if controller == "darts" and weights == "supernet":
        with pytest.raises(
            ConfigError, match=r"controller=darts finds networks of which no trial .* 'weights=supernet'"
        ):
            check(config)
    elif (controller, weights) in APART:
        with pytest.raises(ConfigError, match=f"weights={weights} needs a controller .* got 'controller={controller}'"):
            check(config)
    else:
        check(config)


@pytest.mark.parametrize("fidelity", choices("fidelity"))
@pytest.mark.parametrize("space", [space for space in choices("space") if space not in ("tabular", "listed", "own")])
@pytest.mark.parametrize("weights", choices("weights"))
def test_weights_go_with_any_space_and_with_any_fidelity_but_where_nothing_trains_what_is_scored(
    space, fidelity, weights
):
    config = config_of(f"space={space}", f"fidelity={fidelity}", "controller=evolution", f"weights={weights}")
    if (fidelity, weights) in {("one_shot", "scratch"), ("one_shot", "inherit")}:
        with pytest.raises(ConfigError, match=r"fidelity=one_shot needs weights that trials share, for it trains none"):
            check(config)
    else:
        check(config)


@pytest.mark.parametrize("aggregation", choices("aggregation"))
@pytest.mark.parametrize("weights", choices("weights"))
def test_shared_weights_are_merged_by_fedavg_alone(weights, aggregation):
    config = config_of("controller=evolution", f"weights={weights}", f"aggregation={aggregation}")
    if weights == "supernet" and aggregation != "fedavg":
        with pytest.raises(ConfigError, match=f"weights=supernet needs aggregation=fedavg.*{aggregation}"):
            check(config)
    else:
        check(config)


@pytest.mark.parametrize("placement", choices("placement"))
@pytest.mark.parametrize("weights", choices("weights"))
def test_weights_go_with_any_placement(weights, placement):
    check(config_of("controller=evolution", f"weights={weights}", f"placement={placement}"))


def test_who_teaches_and_who_learns_must_be_on_one_node():
    options = ["weights=supernet", "weights.distillation=true"]
    check(config_of(*options))
    for placement in set(choices("placement")) - {"shared"}:  # a slow node has its turn in some paths of a round only
        told = f"needs a node that trains all paths of a round, got 'placement={placement}'"
        with pytest.raises(ConfigError, match=told):
            check(config_of(*options, f"placement={placement}"))


@pytest.mark.parametrize("placement", choices("placement"))
@pytest.mark.parametrize("fidelity", choices("fidelity"))
def test_a_placement_goes_with_any_fidelity_with_people_held_out_and_with_folds_unless_it_splits(placement, fidelity):
    weights = "supernet" if fidelity == "one_shot" else "scratch"
    options = [f"placement={placement}", f"fidelity={fidelity}", f"weights={weights}"]
    check(config_of(*options, "scoring.held_out=0.2"))
    folds = config_of(f"placement={placement}", "scoring.folds=3")
    if placement == "split":
        with pytest.raises(ConfigError, match="placement=split keeps nodes for one"):
            check(folds)
    else:
        check(folds)


@pytest.mark.parametrize("weights", choices("weights"))
def test_one_network_cannot_leave_folds_out(weights):
    config = config_of("controller=evolution", f"weights={weights}", "scoring.folds=3")
    if weights == "supernet":
        with pytest.raises(ConfigError, match=r"none of them can be left out in turn, got 'scoring.folds=3'"):
            check(config)
    else:
        check(config)


@pytest.mark.parametrize("axis", ["space", "fidelity", "objective", "placement", "aggregation", "training"])
def test_a_bilevel_search_goes_with_any_choice_but_these(axis):
    apart = {
        "space": {
            "listed": "needs a space with a network",
            "own": "needs a space with a network",
            "tabular": "needs a",
        },
        "fidelity": {"one_shot": "needs weights that trials share"},
        "objective": {"pareto": "leads to no front"},
        "aggregation": {name: "averages architecture weights" for name in choices("aggregation") if name != "fedavg"},
    }
    for name in choices(axis) if axis != "training" else ("adam", "searched", "sgd"):
        options = ["space=examples/residual" if name == "own" else f"{axis}={name}"]
        config = config_of("controller=darts", *options)
        if name in apart.get(axis, {}):
            with pytest.raises(ConfigError, match=apart[axis][name]):
                check(config)
        else:
            check(config)


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("scoring.folds=3", r"none of them can be left out in turn, got 'scoring.folds=3'"),
        ("fidelity.proxy.score=naswot", r"no candidates among which a score could pick, got 'fidelity.proxy.score="),
        ("search.priors={width: 32}", r"asks nothing that search.priors could answer"),
        ("controller.partial_channels=4", r"go by the operations of a cell, got 'space=layered'"),
    ],
)
def test_what_a_bilevel_search_has_no_use_for_is_refused(option, told):
    with pytest.raises(ConfigError, match=told):
        check(config_of("controller=darts", option))


def test_partial_channels_are_those_of_cells():
    check(config_of("controller=darts", "controller.partial_channels=4", "space=cell"))


def refusal_of(config):
    try:
        check(config)
    except ConfigError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("axis", ["controller", "fidelity", "weights", "objective", "placement", "aggregation"])
def test_models_of_the_nodes_own_go_with_all_that_goes_without(axis):
    """They follow the final training, which is the same whatever was searched."""
    for name in choices(axis):
        config = config_of(f"{axis}={name}")
        own = [replace(config, personal=PersonalConfig(method)) for method in ("head", "all", "mix")]
        assert {refusal_of(one) for one in own} == {refusal_of(config)}


@pytest.mark.parametrize("option", ["scoring.folds=3", "scoring.held_out=0.2", "dataset=diabetes", "control=random"])
def test_and_with_whoever_scores_whatever_is_told(option):
    check(config_of(option, "personal.method=mix"))


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("personal.method=feet", r"personal\.method must be 'head', 'all' or 'mix'"),
        ("personal.epochs=0", r"personal\.epochs must be 1 or more"),
        ("personal.rate=0", r"personal\.rate must be above 0"),
    ],
)
def test_how_nodes_make_them_is_checked(option, told):
    with pytest.raises(ConfigError, match=told):
        config_of(option)


def test_a_controller_names_parents_where_it_says_so():
    assert {name for name in choices("controller") if names_parents(load_choice("controller", name))} == {
        "evolution",
        "hill_climb",
        "nsga2",
        "predictor",
        "progressive",
    }
    assert not names_parents(Controller)


@pytest.mark.parametrize("objective", choices("objective"))
@pytest.mark.parametrize("front", ["all", "3", "knee"])
def test_which_of_a_front_are_trained_is_asked_of_a_search_that_has_one(objective, front):
    config = config_of(f"objective={objective}", f"final.front={front}")
    if objective == "pareto" or front == "knee":
        check_combination(config)
    else:
        with pytest.raises(
            ConfigError, match=rf"only searches with several objectives have a front, got 'objective={objective}'"
        ):
            check_combination(config)


def test_a_supernet_that_nobody_trains_scores_nothing():
    one_shot = ["weights=supernet", "fidelity=one_shot", "weights.rounds=0"]
    with pytest.raises(ConfigError, match=r"fidelity=one_shot scores what the warm-up trained, got 'weights.rounds=0'"):
        check(config_of(*one_shot))
    check(config_of(*one_shot[:2]))
    check(config_of("weights=supernet", "weights.rounds=0"))
