"""How fast a machine is, is no matter of tests: they look at what is measured, and that it makes a profile."""

import pytest
import torch

from common.architecture.latency import FORWARD, OPTIMIZER, STEP, Profile, latency
from common.models.profiling import cases, profile, seconds
from tests.support.graphs import chain

CPU = torch.device("cpu")


def test_each_case_fits_and_is_of_its_family():
    for family, timed in cases().items():
        assert len(timed) >= 3, family
        for operation, shapes in timed:
            assert operation.family(*shapes) == family
            assert operation.output_shape(*shapes)


def test_a_short_profile_tells_a_latency():
    given, state = torch.get_num_threads(), torch.get_rng_state()
    found = profile(CPU, [2], ["linear", "flatten", "global_pool_avg"])
    assert torch.get_num_threads() == given
    assert torch.equal(torch.get_rng_state(), state)
    assert list(found.tables) == [1, 2]
    for table in found.tables.values():
        assert table.scoring.keys() == {"linear", "flatten", "global_pool_avg", FORWARD}
        assert table.training.keys() == {"linear", "flatten", "global_pool_avg", STEP, OPTIMIZER}
        assert all(min(c.call, c.mac, c.byte) >= 0 < max(c.call, c.mac, c.byte) for c in table.training.values())
    assert Profile.from_json(found.to_json()) == found
    graph = chain((3, 8))
    score, step = (latency(graph, found, 16, training=training) for training in (False, True))
    assert 0 < score < step


def test_the_first_time_does_not_count_and_then_there_are_three_at_least():
    calls = []
    assert seconds(lambda: calls.append(0), CPU, budget=0.0) > 0
    assert len(calls) == 1 + 3


@pytest.mark.parametrize("threads", [[], [1]])
def test_one_thread_is_measured_in_any_case(threads):
    assert list(profile(CPU, threads, ["flatten"]).tables) == [1]
