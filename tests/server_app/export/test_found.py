"""Which model of a run is exported, and what people are told where there is none."""

import json

import numpy as np
import pytest
import torch

from common import __version__
from common.errors import ConfigError, StorageError
from common.models.export import load_model
from server_app.export.found import find


def changed(folder, **values):
    path = folder / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_the_winner_with_what_its_run_says(run):
    model, told = find(run)
    assert (model.name, told.entry["trial"], told.config["seed"]) == ("winner of digits", 5, 3)
    x = model.drawn(3)
    wanted = load_model(run / "best")(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(model.outputs_of(x), wanted, rtol=0, atol=0)


def test_a_member_of_the_front(run):
    model, told = find(run, 7)
    assert (model.name, told.entry["trial"]) == ("trial 7 of digits", 7)
    assert not model.weights.any()
    assert find(run, 5)[0].weights.any()


def test_a_model_that_was_copied_out_of_its_run(run):
    model, told = find(run / "best")
    assert (model.name, dict(told.result), told.metadata["seed"]) == ("best", {}, 3)


def test_a_member_that_is_none_or_was_not_trained(run, copied):
    for number in (8, 9):
        with pytest.raises(ConfigError, match="trained to the end are 5, 7"):
            find(run, number)
    changed(copied, front=[])
    with pytest.raises(ConfigError, match="a search for one objective has none"):
        find(copied, 7)
    with pytest.raises(ConfigError, match="--member names one of a run's front"):
        find(run / "best", 7)


def test_no_run(tmp_path):
    with pytest.raises(StorageError, match=r"A run that has finished has its result\.json"):
        find(tmp_path)


def test_a_run_that_found_nothing(copied):
    changed(copied, winner=None, status="failed")
    with pytest.raises(StorageError, match=r"this one, which has failed, left none.*--resume"):
        find(copied)


@pytest.mark.parametrize("damage", [{"spec": {"version": 0, "kind": "layered"}}, {"spec": {"kind": "unheard"}}])
def test_a_run_of_another_version(copied, damage):
    path = copied / "best" / "spec.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | damage))
    changed(copied, versions={"flwr-nas": "0.0.1"})
    with pytest.raises(StorageError, match=rf"must be those of flwr-nas {__version__}.*flwr-nas 0\.0\.1 wrote them"):
        find(copied)


def test_a_result_of_another_version(copied):
    (copied / "result.json").write_text(json.dumps({"best": {}}))
    with pytest.raises(StorageError, match="another version of flwr-nas wrote them"):
        find(copied)
