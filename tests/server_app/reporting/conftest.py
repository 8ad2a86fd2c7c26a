"""The journal and the result of a real run in which all kinds of things happen."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from flwr.app import Message

from client_app.app import app
from common.errors import FlwrNasError
from server_app.run import run


def _diverging(message, context):
    """Fail the third trial."""
    content = app(message, context).content
    table = content.config_records.get("results")
    jobs = [] if table is None else [job.partition("/")[0] for job in table["job"]]
    if "trial-0002" in jobs:
        index = jobs.index("trial-0002")
        table["status"] = ["failed" if at == index else status for at, status in enumerate(table["status"])]
        table["reason"] = ["Training diverged" if at == index else "" for at in range(len(jobs))]
    return Message(content, reply_to=message)


def _clumsy(message, context):
    """Answer a trial that nobody asked for in the first exchange, and raise in the second."""
    reply = _diverging(message, context)
    if message.metadata.group_id == "1":
        table = reply.content["results"]
        table["job"] = ["trial-0099/train-train-1", *table["job"][1:]]
    if message.metadata.group_id == "2":
        raise RuntimeError("the sensor is unplugged")
    return reply


def _foreign(message, context):
    reply = app(message, context)
    reply.content["header"]["digest"] = "0" * 64
    return reply


@pytest.fixture(scope="session")
def eventful(make_grid, configure, tmp_path_factory):
    """A run of four trials by successive halving: one fails, one stops, two finish; nodes misbehave."""
    grid, folder = make_grid(), tmp_path_factory.mktemp("eventful")
    for name, answer in (("a", _diverging), ("b", _diverging), ("c", _clumsy), ("d", _foreign)):
        grid.person(name, answer)
    layers = [{"op": "linear", "width": width, "norm": "none"} for width in (3, 5, 8, 13)]
    config = configure(
        space={"name": "listed", "specs": [{"version": 1, "kind": "layered", "layers": [layer]} for layer in layers]},
        search={"trials": 4, "concurrency": 4},
        fidelity={
            "name": "successive_halving",
            "max_rounds": 2,
            "min_steps": 0,
            "eta": 2,
            "bracket_size": 4,
            "doubt": 0.0,
        },
        aggregation={"name": "fedavg"},
        federation={"nodes": 4},
        run={"dir": str(folder), "name": "eventful"},
    )
    run(grid, {"config": config.to_json()})
    events = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    result = json.loads((folder / "result.json").read_text())
    return SimpleNamespace(events=events, result=result, folder=folder)


@pytest.fixture(scope="session")
def thorough(make_grid, configure, tmp_path_factory):
    """A run whose two best train again with two seeds, and whose final training has as many."""
    grid, folder = make_grid(), tmp_path_factory.mktemp("thorough")
    grid.people("abc")
    config = configure(final={"finalists": 2, "seeds": 2}, run={"dir": str(folder), "name": "thorough"})
    run(grid, {"config": config.to_json()})
    events = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    result = json.loads((folder / "result.json").read_text())
    return SimpleNamespace(events=events, result=result, folder=folder)


@pytest.fixture(scope="session")
def hopeless(make_grid, configure, tmp_path_factory):
    """The journal of a run without nodes."""
    folder = tmp_path_factory.mktemp("hopeless")
    config = configure(federation={"patience": 0.01}, run={"dir": str(folder), "name": "hopeless"})
    with pytest.raises(FlwrNasError):
        run(make_grid(), {"config": config.to_json()})
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
