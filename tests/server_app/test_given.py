"""Specs that people give: what is none, or does not fit, is said with the place where it stands."""

from __future__ import annotations

import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.errors import ConfigError
from common.tasks import Classification, Task
from server_app.given import baseline_for, given_spec, given_specs

TASK = Task((4,), Classification(3))
SPEC = LayeredSpec((Linear(4),))
CONV = {"version": 1, "kind": "layered", "layers": [{"op": "conv2d", "width": 4, "kernel": 3}]}


def test_what_is_a_spec_is_returned():
    assert given_spec(SPEC.to_dict(), "baseline") == SPEC
    assert given_specs([SPEC.to_dict()] * 2) == [SPEC] * 2
    assert baseline_for(SPEC.to_dict(), TASK) == SPEC


@pytest.mark.parametrize("wrong", [None, 3, {}, {"op": "linear"}, {**SPEC.to_dict(), "version": 9}])
def test_what_is_none_is_said_with_its_place(wrong):
    with pytest.raises(ConfigError, match=r"^search\.start\[1\] must be an architecture spec \(.*\)\. Mend it\.$"):
        given_specs([SPEC.to_dict(), wrong])
    with pytest.raises(ConfigError, match=r"^baseline must be an architecture spec"):
        baseline_for(wrong, TASK)


def test_a_baseline_fits_the_examples():
    with pytest.raises(ConfigError, match=r"^baseline must fit examples of shape \(4,\) .*, got 'conv2d 4"):
        baseline_for(CONV, TASK)
