"""A search that begins with what is known: on Flower's grid, with real ClientApps."""

from __future__ import annotations

import csv
import json
from contextlib import suppress

import pytest

from common.config import compose_config
from common.errors import ConfigError
from common.seeding import generator
from common.tasks import Classification, Task
from server_app.blobs import Blobs
from server_app.build import build_search, build_strategy, rehearse
from server_app.journal import Journal
from tests.server_app.imports.conftest import linear

CHANGES = {
    "controller": {"name": "evolution", "population_size": 2, "sample_size": 2},
    "space": {
        "name": "layered",
        "max_layers": 2,
        "width": [3, 5, 8],
        "operations": ["linear"],
        "norm": ["none"],
        "dropout": 0.0,
    },
    "federation": {"nodes": 3},
}
WORTH = {(3,): 0.1, (5,): 0.2, (8, 8): 0.99, (16,): 1.0}
"""By widths, of which the space does not have 16; without rounds, so that each trial here ranks above them."""


def quoted(spec):
    return '"' + spec.to_json().replace('"', '""') + '"'


class Killed(BaseException):
    """As SIGKILL: nobody handles it."""


@pytest.fixture
def table(tmp_path):
    rows = [f"{quoted(linear(*widths))},{worth}" for widths, worth in WORTH.items()]
    path = tmp_path / "scores.csv"
    path.write_text("\n".join(["spec,score", *rows]))
    return path


@pytest.fixture
def go(make_grid, tmp_path):
    """Search, or go on from a state, until an event is written; return the strategy, its events, and the last state."""

    def go(config, kill_at=None, state=None):
        events, saved = [], [state]

        def listen(event):
            events.append(event)
            if kill_at is not None and event["event"] == kill_at and event["trial"] == "trial-0002":
                raise Killed

        def save(state_of):
            saved[0] = json.loads(json.dumps(state_of()))

        grid = make_grid()
        grid.people("abc")
        blobs = Blobs(tmp_path / "weights")
        strategy = build_strategy(config, Journal(None, listen), blobs=blobs, save=save, state=state)
        with suppress(Killed):
            strategy.start(grid=grid)
        return strategy, events, saved[0]

    return go


def tried(strategy):
    return [(trial.spec, trial.origin, trial.parent, trial.score) for trial in strategy.outcome.search.trials]


def test_the_best_are_tried_first_and_the_winner_is_one_of_this_search(configure, go, table):
    config = configure(**CHANGES, search={"trials": 4, "concurrency": 1, "imports": [str(table)], "imports_first": 1})
    strategy, events, _ = go(config)
    search = strategy.outcome.search
    (told,) = [event for event in events if event["event"] == "imported"]
    assert (told["first"], told["sources"][0]["imported"], told["sources"][0]["outside"]) == (1, 3, 1)
    assert (search.trials[0].spec, search.trials[0].origin) == (linear(8, 8), "imported")
    assert [trial.origin for trial in search.trials[1:]] == ["mutation"] * 3, "what is known is the first population"
    assert [trial.number for trial in search.trials] == [0, 1, 2, 3]
    assert search.winner in search.trials
    assert search.winner.score < 1
    assert [seen.score for seen in search.controller.prior] == [0.1, 0.2, 0.99]
    names = [event["event"] for event in events]
    assert names.index("imported") < names.index("search")


def test_it_goes_on_without_what_it_imported(configure, go, table):
    config = configure(**CHANGES, search={"trials": 4, "concurrency": 1, "imports": [str(table)], "imports_first": 1})
    whole, events, _ = go(config)
    _, _, state = go(config, "round")
    table.unlink()
    again, later, _ = go(config, state=state)
    assert tried(again) == tried(whole)
    assert not [event for event in later if event["event"] == "imported"]
    assert [event for event in events if event["event"] == "imported"]


def test_what_the_portfolio_has_too_stays_its(configure, table):
    """The baseline is the best of the portfolio, also where another search had tried that."""
    task = Task((4,), Classification(3))
    search = {"trials": 9, "start": "portfolio"}
    space = {"name": "layered", "max_layers": 3, "operations": ["linear"]}
    plain = build_search(configure(space=space, search=search), task, Journal(), Blobs(None)).controller.start
    spec, recipe = plain[0].tried
    rows = [f"{quoted(spec)},0.9,{recipe.learning_rate}", f"{quoted(linear(16))},0.5,"]
    table.write_text("\n".join(["spec,score,learning_rate", *rows]))
    config = configure(space=space, search={**search, "imports": [str(table)]})
    start = build_search(config, task, Journal(), Blobs(None)).controller.start
    origins = {one.tried: one.origin for one in start}
    assert origins[spec, recipe] == "portfolio"
    assert len({one.tried for one in start}) == len(start) >= len(plain)


def test_what_the_portfolio_has_too_is_tried_first_all_the_same(configure, table):
    """Of the portfolio the last is worth most, the first less than one of elsewhere, and two are tried first."""
    task = Task((4,), Classification(3))
    search = {"trials": 9, "start": "portfolio"}
    space = {"name": "layered", "max_layers": 3, "operations": ["linear"]}
    controller = build_search(configure(space=space, search=search), task, Journal(), Blobs(None)).controller
    plain, other = controller.start, controller.space.sample(generator(1))
    worth = [(plain[-1].tried, 0.9), (other, 0.8), (plain[0].tried, 0.7)]
    with table.open("w", newline="") as stream:
        names = sorted(plain[0].tried[1].to_json())
        rows = csv.writer(stream)
        rows.writerow(["spec", "score", *names])
        for (spec, recipe), score in worth:
            rows.writerow([spec.to_json(), score, *(json.dumps(recipe.to_json()[name]) for name in names)])
    config = configure(space=space, search={**search, "imports": [str(table)], "imports_first": 2})
    start = build_search(config, task, Journal(), Blobs(None)).controller.start
    assert [(one.tried, one.origin) for one in start[:2]] == [(plain[-1].tried, "portfolio"), (other, "imported")]
    assert [one.tried for one in start[2:]] == [one.tried for one in plain[:-1]]


def test_it_is_looked_at_before_anything_starts_and_not_again_by_a_run_that_goes_on(table):
    digits = ["search.trials=2", f"search.imports=[{table}]"]
    table.write_text("spec,score\ngone.json,1\n")
    with pytest.raises(ConfigError, match=r"scores\.csv, line 2, column spec"):
        rehearse(compose_config(digits))
    goes_on = compose_config([*digits, "run.resume=true", f"run.dir={table.parent}"])
    rehearse(goes_on)
