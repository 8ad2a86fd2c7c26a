"""What a person gets for a mistake: one message, no traceback, exit status 1, nothing left running."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["controller=psychic"], ["psychic", "evolution", "random"]),
        (["controller.population=3"], ["controller.population"]),
        (["search.trials=many"], ["search.trials", "many"]),
        (["dataset=local", "dataset.path=/nowhere/data.npz"], ["/nowhere/data.npz"]),
        (["dataset=local"], ["dataset.path"]),
        (["dataset.partition=natural"], ["natural"]),
        (["space.max_parameters=1"], ["legal", "constraints"]),
        (["final.baseline={version: 1, kind: layered, layers: [{op: warp, width: 3}]}"], ["final.baseline", "warp"]),
        (["federation.nodes=5000"], ["5000"]),
        (["placement=split", "search.concurrency=9"], ["split", "9"]),
        (["aggregation=krum"], ["nodes"]),
    ],
)
def test_a_mistake_is_said_before_flower_starts_where_it_can_be(search, tmp_path, overrides, words):
    run = search(tmp_path / "run", *overrides, timeout=90)
    assert run.process.returncode == 1, run.output
    assert "Traceback" not in run.output
    assert all(word in run.output for word in words), run.output
