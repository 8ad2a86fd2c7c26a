"""What people read of a search whose best trial breaks a hard constraint; all else is as ever."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from server_app.reporting.lines import line_of
from server_app.reporting.progress import Progress
from server_app.reporting.table import render
from server_app.run import run

WORDS = "breaks a hard constraint"


@pytest.fixture(scope="module", params=[0.0, 100.0], ids=["broken", "kept"])
def told(request, make_grid, configure, tmp_path_factory):
    """Whether the constraint can be kept (a loss of 0 cannot), the journal and the result of a run with it."""
    grid, folder = make_grid(), tmp_path_factory.mktemp("constrained")
    grid.people("abc")
    config = configure(
        objective={"name": "primary", "constraints": {"loss": {"max": request.param}}},
        run={"dir": str(folder), "name": "constrained"},
    )
    run(grid, {"config": config.to_json()})
    events = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    return request.param > 0, events, json.loads((folder / "result.json").read_text())


def printed(what):
    console = Console(record=True, width=200, file=io.StringIO())
    console.print(what)
    return console.export_text()


def test_the_journal_and_its_lines_say_so_of_the_best(told):
    kept, events, result = told
    best = [event for event in events if event["event"] == "best"]
    assert {event["feasible"] for event in best} == {kept} == {result["winner"]["feasible"]}
    lines = [line_of(event) for event in best]
    assert all(line.endswith(f" at rung 1{'' if kept else f', but {WORDS}'}") for line in lines)
    others = [line_of(event) or "" for event in events if event["event"] != "best"]
    assert not any(WORDS in line for line in others)


def test_the_screen_says_so_beside_the_best(told):
    kept, events, _ = told
    progress = Progress(Console(file=io.StringIO()))
    for event in events:
        progress.update(event)
    (line,) = [line for line in printed(progress._render()).splitlines() if line.startswith("best so far")]
    assert (f"({WORDS})" in line) is not kept
    assert printed(progress._render()).count(WORDS) == (0 if kept else 1)


def test_the_table_says_so_below_what_was_found(told):
    kept, _, result = told
    loss = result["winner"]["validation"]["loss"]
    which = f"loss must be 0 at most, and is {loss:g}"
    assert result["winner"]["broken"] == ([] if kept else [which])
    assert printed(render(result)).count(f"What was found {WORDS} ({which}).") == (0 if kept else 1)


def test_what_an_earlier_version_wrote_says_nothing_of_it(told):
    kept, events, result = told
    best = next(event for event in events if event["event"] == "best")
    assert WORDS not in line_of({name: value for name, value in best.items() if name != "feasible"})
    if not kept:
        winner = {name: value for name, value in result["winner"].items() if name != "broken"}
        assert f"What was found {WORDS} (objective.constraints)." in printed(render({**result, "winner": winner}))
    winner = {name: value for name, value in result["winner"].items() if name != "feasible"}
    assert WORDS not in printed(render({**result, "winner": winner}))
