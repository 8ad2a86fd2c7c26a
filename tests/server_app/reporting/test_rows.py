"""Which lines a report has."""

from __future__ import annotations

import pytest

from common.metrics import over_nodes
from common.tasks import Classification, Regression
from server_app.reporting.rows import rows_to_show

HEAD = Classification(3)


def shown(*tests, head=HEAD):
    return [row.metric for row in rows_to_show(head, tests)]


def test_only_what_was_measured_has_a_line():
    assert shown({"accuracy": 0.5, "nodes": 1.0}) == ["accuracy"]
    assert shown({"accuracy": 0.5}, {"loss": 1.0}) == ["accuracy", "loss"]
    assert shown({}, {}) == shown() == []


@pytest.mark.parametrize(
    ("head", "metric"), [(HEAD, "accuracy"), (HEAD.going_by("macro_f1"), "macro_f1"), (Regression(), "mse")]
)
def test_how_far_apart_nodes_are_is_left_out_where_one_was_tested(head, metric):
    """With the tables of tests as they are made."""
    one, two = (over_nodes({name: ({metric: 0.5}, 4) for name in names}, head.primary) for names in ("a", "ab"))
    spread = [metric, f"{metric}_std", f"{metric}_worst_decile"]
    assert shown(two, head=head) == shown(one, two, head=head) == shown({}, two, head=head) == spread
    assert shown(one, head=head) == shown(one, one, head=head) == shown({}, one, head=head) == [metric]


def test_auroc_has_a_line_where_there_is_one_and_says_over_how_many_nodes():
    lack, have = {"accuracy": 0.5}, {"accuracy": 0.5, "auroc": 0.75}
    assert "auroc" not in shown(HEAD.summarise({"a": (lack, 4), "b": (lack, 4)}))
    some = HEAD.summarise({"a": (have, 4), "b": (lack, 4)})
    assert shown(some)[-2:] == ["auroc", "auroc_nodes"]
    assert [row.title for row in rows_to_show(HEAD, [some])][-2:] == ["AUROC", "AUROC: nodes or people with one"]
    assert shown(HEAD.summarise({"a": (have, 4), "b": (have, 4)}))[-1] == "auroc"
