"""Small searches in spaces of other networks than chains of layers, from the portfolio on."""

from __future__ import annotations

import pytest
import torch

from common.models.export import load_model

pytestmark = pytest.mark.simulation

SMALL = (
    "controller=evolution",
    "search.start=portfolio",
    "final.baseline=portfolio",
    "search.trials=3",
    "fidelity.max_rounds=1",
    "final.rounds=1",
    "final.finalists=1",
    "final.seeds=1",
    "federation.nodes=3",
    "controller.population_size=2",
    "controller.sample_size=2",
)


@pytest.mark.parametrize(
    ("kind", "options"),
    [("cell", ("space.cells=[3]", "space.channels=[4]")), ("mobile", ("space.last_width=[0]",))],
)
def test_a_search_ends_with_a_model_beside_the_first_of_the_portfolio(search, tmp_path, kind, options):
    run = search(tmp_path / "run", f"space={kind}", *SMALL, *options)
    assert run.process.returncode == 0, run.output
    assert [trial["spec"]["kind"] for trial in run.history] == [kind] * 3
    (begun,) = run.kinds("search")
    assert set(begun["left_out"]) == {"lenet", "vgg", "all_conv", "resnet", "strided", "augmented"}
    assert set(begun["left_out"].values()) == {f"The space holds {kind} specs, got 'layered'. Choose another space."}
    assert run.output.count("left out of the portfolio") == 1
    assert run.result["winner"]["spec"]["kind"] == kind
    assert (run.result["baseline"]["spec"]["kind"], run.result["baseline"]["origin"]) == ("layered", "portfolio")
    assert "first of the portfolio, of which the search tried nothing" in " ".join(run.output.split())
    assert torch.isfinite(load_model(run.folder / "best")(torch.zeros(2, 1, 8, 8))).all()
