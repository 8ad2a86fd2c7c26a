import math

import pytest

from common.architecture.cost import Cost
from common.errors import ConfigError
from common.tasks import Classification, Regression
from server_app.objectives.base import Objective
from server_app.objectives.costs import Footprint
from server_app.objectives.pareto import Pareto

COST = Cost(parameters=1000, buffers=0, macs=4096, message_bytes=4000)
HEAD = Classification(3)


def pareto(terms=None, head=HEAD, measure=None, **options):
    return Pareto(head, Pareto.Options(terms=terms, **options), measure)


def test_by_default_it_is_the_metric_of_the_task_in_its_own_direction_and_few_macs():
    assert pareto().terms() == (Objective("accuracy", "max"), Objective("macs", "min"))
    assert pareto(head=Regression()).terms() == (Objective("mse", "min"), Objective("macs", "min"))
    assert pareto(head=HEAD.going_by("macro_f1")).terms()[0] == Objective("macro_f1", "max")


def test_trials_are_compared_in_all_terms_and_costs_by_their_logarithm():
    objectives = pareto({"macs": "min", "primary": "max", "loss": "min"})
    assert [term.name for term in objectives.dimensions()] == ["accuracy", "loss", "macs"], "what is scored comes first"
    metrics = {"accuracy": 0.75, "loss": 0.5}
    assert objectives.values(metrics, COST) == {"accuracy": 0.75, "loss": 0.5, "macs": 4096.0}
    assert objectives.ranking_value(metrics, COST) == 0.75
    assert objectives.further(metrics, COST) == (-0.5, -12.0)  # 4096 = 2**12
    assert objectives.further_on_node(metrics) == (-0.5, None)
    assert objectives.further_on_node({}) == (None, None)


def test_a_network_without_macs_has_a_logarithm_too():
    assert math.isfinite(pareto().further({"accuracy": 1.0}, Cost(0, 0, 0, 0))[0])


def test_the_spread_over_nodes_is_that_of_the_task_s_metric():
    head = HEAD.going_by("balanced_accuracy")
    terms = pareto({"primary_worst_decile": "max", "primary_std": "min"}, head).terms()
    assert terms == (Objective("balanced_accuracy_worst_decile", "max"), Objective("balanced_accuracy_std", "min"))


def test_of_a_spread_no_node_has_its_own_and_a_panel_of_such_nodes_ranks():
    objectives = pareto({"primary_worst_decile": "max", "macs": "min"})
    assert not objectives.ranks({"accuracy": 0.5})
    assert objectives.ranks({"accuracy": 0.5, "accuracy_worst_decile": 0.25})
    objectives.check_ranks([{"accuracy": 0.5}])
    with pytest.raises(ConfigError, match="No node of the panel"):
        objectives.check_ranks([{"loss": 0.5}])


@pytest.mark.parametrize(
    ("terms", "rule"),
    [
        ({"primary": "max"}, "must name 2 or more"),
        ({"primary": "max", "accuracy": "max"}, "each once"),
        ({"primary": "min", "macs": "min"}, "Of accuracy more is better"),
        ({"primary_std": "max", "macs": "min"}, "Of accuracy_std less is better"),
        ({"loss": "max", "macs": "min"}, "Of loss less is better"),
        ({"primary": "max", "mass": "min"}, r"can go by accuracy, .*got 'mass'"),
        ({"primary": "max", "latency_ms": "min"}, "device whose operations were timed"),
    ],
)
def test_terms_that_make_no_sense_are_refused(terms, rule):
    with pytest.raises(ConfigError, match=rule):
        pareto(terms)


@pytest.mark.parametrize("reference", [{"primary": 0.5}, {"macs": 1.0}, {"primary": math.nan, "macs": 1.0}])
def test_a_reference_has_a_number_for_each_term(reference):
    for terms in ({"primary": "max", "macs": "min"}, None):
        with pytest.raises(ConfigError, match=r"objective\.reference"):
            pareto(terms, reference=reference)


def test_a_reference_may_name_the_head_s_own_metric_either_way():
    for name in ("primary", "accuracy"):
        for terms in ({"primary": "max", "macs": "min"}, {"accuracy": "max", "macs": "min"}, None):
            pareto(terms, reference={name: 0.5, "macs": 1e6})


def test_what_a_trial_takes_on_a_device_is_measured_where_it_is_asked_for():
    found = Footprint(1000, 0, 4096, 4000, memory_mb=64.0, latency_ms=0.25)
    asked = []

    def measure(cost, spec, recipe):
        asked.append((spec, recipe))
        return found

    plain = pareto(measure=measure)
    assert plain.cost(COST, "spec", "recipe") is COST
    terms = {"primary": "max", "memory_mb": "min", "latency_ms": "min"}
    objectives = pareto(terms, measure=measure, latency="profile.json")
    assert objectives.further({"accuracy": 0.5}, objectives.cost(COST, "spec", "recipe")) == (-6.0, 2.0)
    limited = pareto(constraints={"memory_mb": {"max": 32.0}}, measure=measure)
    assert limited.violations(limited.cost(COST, "spec", "recipe")) == ["memory_mb must be 32 at most, and is 64"]
    assert asked == [("spec", "recipe")] * 2


def test_how_even_the_classes_are_decides_only_where_the_task_s_own_metric_is_asked_for():
    def metric(**options):
        return Pareto.metric(Pareto.Options(**options))

    assert metric() is None
    assert metric(terms={"primary_worst_decile": "max", "macs": "min"}) is None
    assert metric(terms={"parameters": "min", "macs": "min"}) is None
    assert metric(terms={"macs": "min", "macro_f1_worst_decile": "max"})(HEAD) == "macro_f1"
    assert metric(terms={"auroc": "max", "macs": "min"}, constraints={"primary": {"min": 0.5}}) is None
