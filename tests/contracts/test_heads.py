"""What every head must do; a new one is tested as soon as it has a case here."""

import itertools
import json

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import ConfigError, DataError, ProtocolError, SpecError
from common.tasks import HEADS, Classification, Multilabel, Regression, head_from_dict


def classes(head, n, seed):
    return np.random.default_rng(seed).integers(0, head.output_width, n)


def numbers(head, n, seed):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, head.output_width)) * head.scale + head.mean).astype(np.float32)


def several(head, n, seed):
    return (np.random.default_rng(seed).random((n, head.output_width)) < 0.4).astype(np.int64)


# a head, a function that draws labels for it, and heads of its own family that nodes may have
CASES = {
    "classes": (Classification(3), classes, [Classification(2), Classification(3)]),
    "two": (Classification(2), classes, [Classification(2), Classification(2)]),
    "named": (
        Classification.of_names(("ant", "bee", "cat")),
        classes,
        [Classification.of_names(names) for names in (("bee",), ("cat", "ant"))],
    ),
    "several labels": (Multilabel(4), several, [Multilabel(4), Multilabel(4)]),
    "labels with names": (
        Multilabel(3, ("ant", "bee", "cat")),
        several,
        [Multilabel(3, ("cat", "ant", "bee")), Multilabel(3, ("bee", "ant", "cat"))],
    ),
    "numbers": (Regression((5.0,), (3.0,)), numbers, [Regression((4.0,), (0.0,)), Regression((7.0,), (2.5,))]),
    "several": (
        Regression((5.0, -1e3), (3.0, 1e2)),
        numbers,
        [Regression((1.0, 2.0), (1.0, 2.0)), Regression((3.0, 0.1), (4.0, 0.0))],
    ),
}


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


def perfect(head, y):
    """Return outputs that are right, and sure of it."""
    targets = head.targets(y)
    if head.kind == "multilabel":
        return 9 * (2 * targets - 1)
    return 9 * np.eye(head.output_width, dtype=np.float32)[targets] if targets.ndim == 1 else targets


def scores_of(head, draw, sizes=(5, 1, 30, 12), threshold=0.4):
    scores = {}
    for seed, n in enumerate(sizes):
        y = draw(head, n, seed)
        noise = np.random.default_rng(seed).normal(0, 2, (n, head.output_width)).astype(np.float32)
        scores[f"node-{seed}"] = (head.metrics(perfect(head, y) + noise, y, threshold), n)
    return scores


def test_it_has_a_word_for_what_a_model_tells_that_looks_at_nothing(case):
    head, _, _ = case
    assert head.constant == head.constant.strip().lower() != ""


def test_every_kind_has_a_case():
    assert {head.kind for head, _, _ in CASES.values()} == set(HEADS)


def test_it_comes_back_from_json_the_same(case):
    head, _, others = case
    for one in (head, *others):
        again = head_from_dict(json.loads(json.dumps(one.to_dict())))
        assert again == one
        assert hash(again) == hash(one)
        assert json.loads(json.dumps(one.to_dict())) == one.to_dict()
        assert json.loads(json.dumps(one.facts())) == one.facts()


def test_its_labels_are_checked(case):
    head, draw, _ = case
    y = draw(head, 9, 0)
    head.check_labels(y)
    assert head.relabel(y, head).tolist() == y.tolist()
    for wrong in (y.astype(np.complex64), y[..., None], -1 - np.abs(y) * 1e13):
        with pytest.raises(DataError):
            head.check_labels(wrong)


def test_a_node_with_no_labels_of_its_own_has_a_head_that_fits(case):
    head, draw, _ = case
    own = head.fitted(draw(head, 9, 0))
    assert own.family == head.family
    assert head.misfit(own) is None


def test_strata_are_one_whole_number_an_example_or_none(case):
    head, draw, _ = case
    strata = head.strata(draw(head, 9, 0))
    assert strata is None or (strata.shape, strata.dtype) == ((9,), np.int64)


def test_the_loss_is_one_number_that_can_be_lowered(case):
    head, draw, _ = case
    y = draw(head, 20, 0)
    targets = torch.from_numpy(head.targets(y))
    right = torch.from_numpy(perfect(head, y))
    outputs = (right + torch.from_numpy(np.random.default_rng(1).normal(0, 3, right.shape).astype(np.float32))).detach()
    outputs.requires_grad_()
    loss = head.loss()(outputs, targets)
    assert loss.shape == ()
    loss.backward()
    assert torch.isfinite(outputs.grad).all()
    better = outputs.detach() - 0.1 * len(y) * outputs.grad
    assert head.loss()(right, targets) < head.loss()(better, targets) < loss.detach()


def test_targets_are_smoothed_or_that_is_refused_before_torch_is_needed(case):
    head, draw, _ = case
    head.check_smoothing(0.0)
    if not head.smooths:
        for ask in (head.check_smoothing, head.loss):
            with pytest.raises(
                ConfigError, match=r"training\.label_smoothing.*got 0\.1\. Set training\.label_smoothing=0"
            ):
                ask(0.1)
        return
    head.check_smoothing(0.1)
    y = draw(head, 20, 0)
    right, targets = torch.from_numpy(perfect(head, y)), torch.from_numpy(head.targets(y))
    assert head.loss(0.1)(right, targets) > head.loss()(right, targets)  # being sure has its price


def test_a_mean_over_equal_batches_is_that_of_all(case):
    head, draw, _ = case
    y = draw(head, 20, 0)
    targets, outputs = torch.from_numpy(head.targets(y)), torch.ones(20, head.output_width)
    halves = [head.loss()(outputs[part], targets[part]).item() for part in (slice(0, 10), slice(10, 20))]
    assert sum(halves) / 2 == pytest.approx(head.loss()(outputs, targets).item(), rel=1e-5)


def test_the_best_outputs_score_best(case):
    head, draw, _ = case
    y = draw(head, 40, 0)
    metric, better = head.primary
    noise = np.random.default_rng(2).normal(0, 9, (40, head.output_width)).astype(np.float32)
    best, worse = (head.metrics(outputs, y)[metric] for outputs in (perfect(head, y), perfect(head, y) + noise))
    assert (best > worse) is (better == "max")
    assert all(isinstance(value, float) for value in head.metrics(perfect(head, y), y).values())


def test_every_score_has_what_decides_a_tie_and_it_is_another_metric(case):
    head, draw, _ = case
    name, better = head.tie
    assert name != head.primary[0]
    assert better in ("max", "min")
    assert all(name in metrics for metrics, _ in scores_of(head, draw).values())


def test_it_can_be_told_to_go_by_each_metric_that_leads_its_report(case):
    head, draw, _ = case
    for metric in (head.primary[0], "balanced_accuracy", "loss", "brier", "average_precision", "mae", "r2", "nothing"):
        other = head.going_by(metric)
        assert other.primary[0] in (metric, head.primary[0])
        assert other.rows[0].metric == other.primary[0] != other.tie[0]
        assert {row.metric for row in other.rows} <= set(other.summarise(scores_of(other, draw)))
        assert head_from_dict(json.loads(json.dumps(other.to_dict()))) == other
        assert other.misfit(head) is None


def test_it_counts_each_of_its_classes_or_nothing(case):
    head, draw, _ = case
    y = draw(head, 40, 0)
    counts = head.counts(y, 1)
    assert counts == json.loads(json.dumps(counts))
    assert len(counts) == (head.output_width if head.balances else 0)
    assert sum(counts) == (40 if head.kind == "classification" else y.sum() if head.kind == "multilabel" else 0)
    assert sum(counts) <= 40 * head.most_each
    assert len(head.names) in (0, len(counts))
    assert head.counts(y, 41) == [0] * len(counts) == head.counts(y[:0], 1)


def test_nodes_count_by_the_classes_that_were_agreed_on(case):
    head, draw, others = case
    agreed = type(head).agree([(one, 10) for one in (head, *others)])
    for own in others:
        places = agreed.places(own)
        assert len(places) == len(own.counts(draw(own, 9, 0)[:0], 1)) == len(set(places.tolist()))
        if own.names:
            assert [agreed.names[place] for place in places] == list(own.names)
        y = draw(own, 9, 1)
        if own.kind == "classification":  # one that knows a single name has that alone
            y = y % len(places)
        totals = np.zeros(max(len(places), agreed.output_width))
        totals[places] = own.counts(y, 1)
        assert totals[: agreed.output_width].tolist() == (agreed.counts(agreed.relabel(y, own), 1) or [0] * len(totals))


def test_classes_are_balanced_or_that_is_refused_before_torch_is_needed(case):
    head, draw, _ = case
    head.check_balanced(balanced=False)
    if not head.balances:
        assert head.balanced_by([2.0]) == head
        for ask in (head.check_balanced, lambda balanced: head.loss(balanced=balanced)):
            with pytest.raises(ConfigError, match=r"training\.class_weights is for classes.*class_weights=none"):
                ask(True)
        return
    head.check_balanced(balanced=True)
    weights = [1.0 + place for place in range(head.output_width)]
    heavy = head.balanced_by(weights)
    assert head_from_dict(json.loads(json.dumps(heavy.to_dict()))) == heavy != head
    y = draw(head, 20, 0)
    targets, outputs = torch.from_numpy(head.targets(y)), torch.ones(20, head.output_width)
    plain = head.loss()(outputs, targets)
    assert heavy.loss()(outputs, targets) == plain == head.loss(balanced=True)(outputs, targets)
    assert heavy.loss(balanced=True)(outputs, targets) > plain
    ones = head.balanced_by([1.0] * head.output_width)
    for smoothing in (0.0, 0.1):
        same = ones.loss(smoothing, balanced=True)(outputs, targets)
        assert same.item() == pytest.approx(head.loss(smoothing)(outputs, targets).item(), rel=1e-6)
    halves = [heavy.loss(balanced=True)(outputs[part], targets[part]).item() for part in (slice(0, 10), slice(10, 20))]
    assert sum(halves) / 2 == pytest.approx(heavy.loss(balanced=True)(outputs, targets).item(), rel=1e-5)
    for wrong in (weights[:-1], [0.0] * len(weights), [float("nan")] * len(weights), ["1"] * len(weights), 3):
        with pytest.raises(SpecError):
            head_from_dict({**head.to_dict(), "class_weights": wrong})


def test_every_score_passes_its_own_check(case):
    head, draw, _ = case
    for metrics, n in scores_of(head, draw).values():
        head.check_metrics(metrics, n)
        for name in head.ranges:
            with pytest.raises(ProtocolError):
                head.check_metrics({key: value for key, value in metrics.items() if key != name}, n)
            for wrong in (float("nan"), -1.0):
                with pytest.raises(ProtocolError):
                    head.check_metrics(metrics | {name: wrong}, n)
        for name, (low, _) in head.may_have.items():
            with pytest.raises(ProtocolError, match=name):
                head.check_metrics(metrics | {name: low - 1}, n)
        with pytest.raises(ProtocolError):
            head.check_metrics(metrics, 0)


@given(
    n=st.integers(1, 9),
    seed=st.integers(0, 2**32),
    size=st.sampled_from([0.0, 1e-3, 1.0, 50.0, 1e6]),
    kinds=st.integers(1, 3),
    threshold=st.none() | st.floats(0, 1),
)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_model_answers_its_score_makes_sense_and_no_order_matters(case, n, seed, size, kinds, threshold):
    """One example, one class, equal answers, huge ones: `kinds` is how many different examples there are."""
    head, draw, _ = case
    rng = np.random.default_rng(seed)
    some = rng.integers(min(kinds, n), size=n)
    y, outputs = draw(head, n, seed)[some], (size * rng.normal(size=(n, head.output_width)))[some].astype(np.float32)
    metrics = head.metrics(outputs, y, threshold)
    head.check_metrics(metrics, n)
    assert set(metrics) <= {*head.ranges, *head.may_have} | {name for name in metrics if name.startswith("offset_")}
    order = rng.permutation(n)
    assert head.metrics(outputs[order], y[order], threshold) == pytest.approx(metrics, rel=1e-6, abs=1e-6)
    table = head.summarise({"alone": (metrics, n)})
    assert {name: table[name] for name in table.keys() & metrics.keys()} == pytest.approx(
        {name: metrics[name] for name in table.keys() & metrics.keys()}, rel=1e-6, abs=1e-6
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_model_that_diverged_has_no_score(case, bad):
    head, draw, _ = case
    y = draw(head, 4, 0)
    outputs = perfect(head, y)
    outputs[2, 0] = bad
    with pytest.raises(DataError, match="finite"):
        head.metrics(outputs, y)
    with pytest.raises(DataError, match="n above 0"):
        head.metrics(outputs[:0], y[:0])


def test_the_table_has_every_row_and_no_order(case):
    head, draw, _ = case
    scores = scores_of(head, draw)
    table = head.summarise(scores)
    assert {row.metric for row in head.rows} <= set(table)
    assert head.rows[0].metric == head.primary[0]
    assert (table["nodes"], table["examples"]) == (4, 5 + 1 + 30 + 12)
    for order in itertools.permutations(scores):
        assert head.summarise({name: scores[name] for name in order}) == table
    for row in head.rows:
        assert row.form.format(table[row.metric])


def test_nodes_agree_whatever_their_order(case):
    head, _, others = case
    held = list(zip([head, *others], (7, 10, 2), strict=True))
    agreed = {type(head).agree(order) for order in map(list, itertools.permutations(held))}
    assert len(agreed) == 1
    (one,) = agreed
    assert one.family == head.family
    for own, _ in held:
        assert one.misfit(own) is None


def test_another_kind_does_not_fit(case):
    head, draw, _ = case
    other = next(one for one, _, _ in CASES.values() if one.kind != head.kind)
    assert isinstance(head.misfit(other), ProtocolError)
    assert head.family != other.family
    with pytest.raises(DataError, match="needs data for it"):
        head.relabel(draw(head, 3, 0), other)
