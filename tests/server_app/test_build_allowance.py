"""What a search may spend, of a configuration."""

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.jobs import NodeReport
from common.tasks import Classification, Task
from server_app.build_allowance import allowance_of, examples_of
from server_app.placement.shared import Shared
from server_app.roster import Roster
from server_app.trials import Recipe

SPEC = LayeredSpec((Linear(width=2, norm="none"),))


def test_a_node_that_was_not_asked_yet_may_have_as_many_examples_as_any():
    roster = Roster()
    for name, train in (("a", 10), ("b", 30)):
        roster.reports[name] = NodeReport(name, [4], Classification(3), train, 5, 1, 1000, "cpu")
    held = examples_of(roster)
    assert [held(name, "train") for name in ("a", "b", "new")] == [10, 30, 30]
    assert held("new", "validation") == 5
    assert examples_of(Roster())("new", "train") == 0


def test_of_a_configuration_it_is_what_was_chosen(configure):
    task = Task((4,), Classification(3))
    config = configure(scoring={"folds": 2}, placement={"name": "shared", "nodes_per_round": 3})
    made = allowance_of(config, task, Roster(), dict, Shared).to_come
    # a classifier of 3 on 4 features, which is the baseline of these tests too
    assert (made.linear.macs, made.baseline.macs, made.constant.macs) == (12, 12, 0)
    assert (made.folds, made.placement.most(10), made.placement.slots, made.final_placement.slots) == (2, 3, 3, 1)
    assert made.load((SPEC, Recipe())).bytes == 4 * (4 * 2 + 2 + 2 * 3 + 3)
