"""The table of the final training, from a result that is written by hand."""

from common.tasks import Classification
from server_app.report.models import models_of

HEAD = Classification(3)


def entry(accuracy, interval=None):
    tests = [{"accuracy": accuracy, "loss": 1.0, "nodes": 12}]
    told = {} if interval is None else {"interval": dict(zip(("low", "high", "over", "number"), interval, strict=True))}
    facts = {"id": "abc", "architecture": "linear 3", "parameters": 1234, "macs": 5, "bytes_sent": 2000}
    return {"tests": tests, **facts, **told}


def rows_of(result):
    return {title: cells for title, *cells in models_of(result, HEAD)["rows"]}


def test_an_interval_follows_the_score_and_says_over_what():
    result = {"winner": entry(0.75, (0.7, 0.8125, "nodes", 12)), "baseline": entry(0.5)}
    rows = rows_of(result)
    assert list(rows)[:2] == ["test accuracy", "95 % interval"]
    assert rows["test accuracy"] == ["0.7500", "0.5000"]
    assert rows["95 % interval"] == ["0.700 to 0.812", "-"]
    over = "95 % intervals are by bootstrap over 12 nodes or people of the test."
    assert over in models_of(result, HEAD)["sentences"]


def test_without_intervals_there_is_no_such_line():
    result = {"winner": entry(0.75), "baseline": entry(0.5)}
    assert "95 % interval" not in rows_of(result)
    assert not any("bootstrap" in sentence for sentence in models_of(result, HEAD)["sentences"])


def test_what_the_models_cost():
    rows = rows_of({"winner": entry(0.75), "baseline": entry(0.5)})
    assert (rows["parameters"], rows["MACs"]) == (["1,234"] * 2, ["5"] * 2)
    assert rows["bytes sent, final training"] == ["2.0 kB", "2.0 kB"]


def test_nothing_was_found():
    assert models_of({}, HEAD)["sentences"] == ["Nothing was found yet."]
    assert models_of({}, None)["rows"] == []
