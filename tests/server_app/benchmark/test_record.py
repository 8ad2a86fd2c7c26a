"""What a benchmark leaves behind."""

import json

import numpy as np
import pytest

from server_app.benchmark.record import FILE, KINDS, write


def test_it_says_what_was_searched(found):
    # 10 to 50 parameters are the keys from 0000 to 1111, the best of which is 0222, worth 50 + 2 * (3 + 2 + 1)
    best = {"key": "0222", "worth": 62.0}
    assert found["table"] == {
        "file": "small.json",
        "entries": 81,
        "allowed": 41,
        "seeds": 2,
        "epochs": None,
        "best": best,
    }
    assert (found["budget"], found["seeds"], found["checkpoints"]) == (30, 6, [25, 30])


def test_contenders_have_their_options(found):
    assert [contender["name"] for contender in found["contenders"]] == ["random", "evolution", "hill_climb"]
    assert found["contenders"][1]["controller"]["population_size"] == 5
    assert found["contenders"][0]["fidelity"] == {"name": "full", "max_rounds": 1}


@pytest.mark.parametrize("kind", KINDS)
def test_summaries_are_those_of_the_runs(found, kind):
    first = np.array([run[kind] for run in found["contenders"][0]["runs"]])
    for contender in found["contenders"]:
        regrets = np.array([run[kind] for run in contender["runs"]])
        assert regrets.shape == (6, 30)
        assert (regrets >= 0).all()
        for point in (25, 30):
            told = contender["regret"][kind][str(point)]
            assert told["mean"] == pytest.approx(regrets[:, point - 1].mean())
            assert told["median"] == pytest.approx(np.median(regrets[:, point - 1]))
            assert ("p" in told) == (contender["name"] != "random")
            if "p" in told:
                assert told["difference"] == pytest.approx((regrets - first)[:, point - 1].mean())


def test_the_best_seen_is_never_worse_than_the_incumbent_and_never_gets_worse(found):
    for contender in found["contenders"]:
        for run in contender["runs"]:
            assert (np.array(run["best_seen"]) <= np.array(run["incumbent"])).all()
            assert (np.diff(run["best_seen"]) <= 0).all()


def test_it_is_json(found, tmp_path):
    assert json.loads(write(tmp_path, found).read_text()) == found
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
