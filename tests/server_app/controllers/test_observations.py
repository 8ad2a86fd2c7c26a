"""What is remembered of trials, and how that moves."""

import math

import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.errors import ConfigError
from server_app.controllers.observations import Observation, compared_again, observed
from server_app.trials import Recipe, TrialState
from tests.support.trials import trial

SPEC = LayeredSpec()


def seen(number, score, **by_node):
    return Observation(number, SPEC, Recipe(), 1, score, {name: (value, 1) for name, value in by_node.items()})


def test_a_failed_trial_has_no_score_whatever_it_scored_before():
    failed = observed(trial(3, SPEC, 0.75, 2, state=TrialState.FAILED, unheard=True), final=True)
    assert (failed.number, failed.rung, failed.score, failed.unheard, failed.feasible) == (3, 2, None, True, False)
    assert (failed.by_node, failed.ties, failed.final) == ({}, {}, True)


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_a_trial_that_goes_on_has_a_finite_score(value):
    with pytest.raises(ConfigError, match="score"):
        observed(trial(0, SPEC) if value is None else trial(0, SPEC, value), final=False)


def test_what_the_same_nodes_scored_stays_as_it_is():
    given = [seen(0, 0.5, a=1.0, b=0.0), seen(1, 0.75, a=1.0, b=0.5)]
    assert all(after is before for after, before in zip(compared_again(given), given, strict=True))


def test_what_other_nodes_scored_moves():
    """On the one node that both have the first is better, though its mean is not."""
    first, second = compared_again([seen(0, 0.5, a=1.0, b=0.0), seen(1, 0.75, a=0.75)])
    assert first.score > second.score
    assert (first.number, second.number) == (0, 1)
