from __future__ import annotations

import math

import pytest

from common.architecture.cost import cost_of
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Conv2d, Linear
from common.architecture.memory import peak_memory
from common.errors import ConfigError, SpecError
from common.limits import Limits, Needs, needs_of, tightest
from common.settings import TrainingSettings
from common.tasks import Classification, Task

TASK, TRAINING = Task((100,), Classification(10)), TrainingSettings()
SPEC = LayeredSpec((Linear(700, norm="none"),))
NEEDS = Needs(1000, 2000, 3)


def test_needs_are_cost_and_memory():
    cost = cost_of(SPEC.lower(TASK))
    needs = needs_of(SPEC, TASK, TRAINING)
    assert (needs.parameters, needs.macs) == (cost.parameters, cost.macs)
    exact = peak_memory(SPEC.lower(TASK), TRAINING) / 2**20
    assert needs.memory_mb - 1 < exact <= needs.memory_mb
    with pytest.raises(SpecError, match="Layer 0"):
        needs_of(LayeredSpec((Conv2d(4),)), TASK, TRAINING)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(), ""),
        (Limits(1000, 2000, 3), ""),
        (Limits(max_parameters=999), "takes 999 parameters at most (max-params), and this spec needs 1,000"),
        (Limits(max_macs=1999), "takes 1,999 MACs an example at most (max-macs), and this spec needs 2,000"),
        (Limits(1000, 2000, 2), "takes 2 MiB of memory at most (max-memory-mb), and this spec needs 3"),
        (Limits(0, 0, 0), "parameters"),
    ],
)
def test_what_exceeds_a_limit_is_said(limits: Limits, reason: str):
    assert reason in limits.exceeded(NEEDS)
    assert bool(reason) == bool(limits.exceeded(NEEDS))


@pytest.mark.parametrize(
    ("limits", "share"),
    [
        (Limits(), 0.0),
        (Limits(1000, 2000, 3), 1.0),
        (Limits(max_parameters=2000), 0.5),
        (Limits(max_macs=500), 4.0),
        (Limits(2000, 500, 30), 4.0),
        (Limits(max_macs=0), math.inf),
    ],
)
def test_strain_is_the_greatest_share_of_a_limit(limits: Limits, share: float):
    assert limits.strain(NEEDS) == share
    assert (limits.strain(NEEDS) > 1) == bool(limits.exceeded(NEEDS))


def test_the_tightest_limits_are_those_that_all_keep():
    assert tightest([Limits(5, None, 7), Limits(3, None, None), Limits(9, None, 8)]) == Limits(3, None, 7)
    assert tightest([]) == Limits()


def test_limits_are_json_there_and_back():
    for limits in (Limits(), Limits(1, 2, 3), Limits(max_macs=0)):
        assert Limits.from_dict(limits.to_dict()) == limits
    assert Limits(max_macs=5).to_dict() == {"max_macs": 5}


@pytest.mark.parametrize("values", [{"max_macs": -1}, {"max_macs": "5"}, {"max_macs": True}, {"max_depth": 5}])
def test_what_is_no_limit_is_refused(values: dict[str, object]):
    with pytest.raises(ConfigError, match="Limits are whole numbers"):
        Limits.from_dict(values)
