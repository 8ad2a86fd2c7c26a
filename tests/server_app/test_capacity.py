"""What a node can hold, with mini-batches of what it has."""

from __future__ import annotations

import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.jobs import NodeReport
from common.limits import Limits, needs_of
from common.tasks import Classification, Task
from server_app.capacity import excess_of_node
from server_app.roster import Roster
from server_app.trials import Recipe, Trial

TASK = Task((100,), Classification(3))
SPEC = LayeredSpec((Linear(1000),))


@pytest.mark.parametrize(
    ("batch_size", "held", "fits"), [(32, 50_000, True), (50_000, 32, True), (50_000, 50_000, False)]
)
def test_a_mini_batch_is_never_larger_than_what_a_node_has(batch_size, held, fits):
    few, all_of_it = (needs_of(SPEC, TASK, Recipe(batch_size=size)).memory_mb for size in (32, 50_000))
    assert few < all_of_it
    roster = Roster()
    limits = Limits(max_memory_mb=few)
    roster.admit(1, NodeReport("a", [100], TASK.head, held, 2, 1, 512, "cpu", limits=limits, num_test=3))
    reason = excess_of_node(roster, TASK)("a", Trial(0, SPEC, Recipe(batch_size=batch_size)))
    assert (reason == "") is fits
