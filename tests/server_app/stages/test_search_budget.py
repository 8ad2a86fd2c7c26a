"""A search that ends in time for its final training (Flower's grid, real ClientApps)."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from common.errors import ConfigError
from server_app.blobs import Blobs
from server_app.budget import Spent
from server_app.build import build_strategy
from server_app.controllers.base import Controller
from server_app.exchange import StopRequested
from server_app.journal import Journal

HALVING = {
    "name": "successive_halving",
    "max_rounds": 4,
    "min_rounds": 1,
    "eta": 2,
    "bracket_size": 4,
    "doubt": 0.0,
    "min_steps": 0,
}
WIDTHS = tuple(range(2, 14))
FINAL = {"finalists": 1, "seeds": 1, "rounds": 3}
CURRENCIES = ("mac_examples", "bytes")


def listed(widths):
    layers = [
        {"op": "linear", "width": width, "activation": "relu", "norm": "none", "dropout": 0.0} for width in widths
    ]
    return {"name": "listed", "specs": [{"version": 1, "kind": "layered", "layers": [layer]} for layer in layers]}


@pytest.fixture
def with_budget(configure, base_config):
    """A function to a configuration of twelve trials by successive halving, one run of each model in the final."""

    def make(limits, widths=WIDTHS, fidelity=HALVING, places=3, final=FINAL):
        budget = replace(base_config.search.budget, **limits)
        search = {"trials": len(widths), "concurrency": places, "budget": budget}
        return configure(space=listed(widths), fidelity=fidelity, search=search, final=final)

    return make


@pytest.fixture
def run(make_grid, play, with_budget):
    def run(limits, **changes):
        grid = make_grid()
        grid.people("abc")
        return play(grid, with_budget(limits, **changes))

    return run


def spent(played):
    outcome = played.strategy.outcome
    return Spent.of([*outcome.search.trials, *(outcome.final.trials if outcome.final else [])])


@pytest.fixture(scope="module")
def whole(make_grid, configure):
    """What a search without a limit costs, in each currency."""
    grid = make_grid()
    grid.people("abc")
    search = {"trials": len(WIDTHS), "concurrency": 3}
    strategy = build_strategy(configure(space=listed(WIDTHS), fidelity=HALVING, search=search, final=FINAL))
    strategy.start(grid=grid)
    return Spent.of([*strategy.outcome.search.trials, *strategy.outcome.final.trials])


@pytest.mark.parametrize("currency", CURRENCIES)
@pytest.mark.parametrize("part", [0.3, 0.5, 0.8, 0.95])
def test_a_budget_is_kept_the_final_training_included(run, whole, currency, part):
    limit = part * getattr(whole, currency)
    played = run({currency: limit})
    assert played.error is None
    assert getattr(spent(played), currency) <= limit
    assert len(played.kinds("final")) == 1
    assert all(trial.state.ended for trial in played.search.trials)
    for told in played.kinds("budget"):
        assert told["trials"] == len(played.search.trials) < len(WIDTHS)
        assert told["spent"] + told["reserved"] > told["limit"] == limit
        assert played.search.controller.in_flight == 0
    assert len(played.kinds("budget")) == 1 or played.kinds("unpaid")


@pytest.mark.parametrize("currency", CURRENCIES)
def test_a_larger_budget_is_used(run, whole, currency):
    """No proposal is dearer than the whole by more than its share, so most of it is spent."""
    costs = [getattr(spent(run({currency: part * getattr(whole, currency)})), currency) for part in (0.4, 0.9)]
    assert costs[0] < costs[1]
    assert costs[1] > 0.6 * getattr(whole, currency)


def test_a_budget_that_suffices_changes_nothing(run, whole):
    free, limited = run({}), run({"mac_examples": 2 * whole.mac_examples, "bytes": 2 * whole.bytes})
    assert limited.history == free.history
    assert spent(limited).mac_examples == spent(free).mac_examples == whole.mac_examples
    assert not limited.kinds("budget")


def test_the_cost_of_one_trial_and_its_final_training_is_foreseen_exactly(run):
    """What the error names as the least pays for the narrowest trial, and nothing less does."""
    full = {"name": "full", "max_rounds": 2}
    played = run({"mac_examples": 1}, widths=(3,), fidelity=full)
    assert isinstance(played.error, ConfigError)
    least = int(str(played.error).split("which cost ")[1].split(" ")[0].replace(",", ""))
    assert "search.budget.mac_examples must pay" in str(played.error)
    assert "final.seeds" in str(played.error)
    assert isinstance(run({"mac_examples": least - 1}, widths=(3,), fidelity=full).error, ConfigError)
    paid = run({"mac_examples": least}, widths=(3,), fidelity=full)
    assert paid.error is None
    assert spent(paid).mac_examples == least


def test_what_is_too_dear_is_taken_back_and_something_cheaper_tried(run):
    """A layer of 2000 costs 667 times one of 3, so that it alone exceeds what three narrow trials cost."""
    narrow = spent(run({}, widths=(3, 4, 5))).mac_examples
    played = run({"mac_examples": 2 * narrow}, widths=(2000, 3, 4, 5))
    assert played.error is None
    assert sorted(trial.spec.layers[0].width for trial in played.search.trials) == [3, 4, 5]
    assert spent(played).mac_examples <= 2 * narrow


def test_a_promotion_that_cannot_be_paid_ends_its_trial(run):
    """One of twelve goes on, and one more out of doubt, whom nobody has foreseen: the budget lacks 1 for it."""
    halving = {**HALVING, "max_rounds": 12, "eta": 12, "bracket_size": 12, "doubt": 1e9}
    both = run({}, fidelity=halving)
    limit = spent(both).mac_examples - 1
    played = run({"mac_examples": limit}, fidelity=halving)
    assert played.error is None
    best, other = (event["trial"] for event in both.kinds("promoted"))
    assert [event["trial"] for event in played.kinds("promoted")] == [best]
    assert [event["trial"] for event in played.kinds("unpaid")] == [other]
    assert other in {event["trial"] for event in played.kinds("stopped")}
    assert spent(played).mac_examples <= limit


def test_a_search_that_can_pay_for_first_rungs_only_does_not_begin(run, whole):
    """Rungs at 1 and 40 rounds: who starts must be able to go on."""
    halving = {**HALVING, "max_rounds": 40, "eta": 40, "bracket_size": 40}
    played = run({"mac_examples": whole.mac_examples // 4}, fidelity=halving)
    assert isinstance(played.error, ConfigError)
    assert "fidelity.max_rounds" in str(played.error)


@pytest.mark.parametrize("after", [1, 4, 7])
def test_killed_and_resumed_it_equals_one_that_was_never_interrupted(make_grid, with_budget, whole, after):
    config = with_budget({"mac_examples": 0.5 * whole.mac_examples, "bytes": 0.6 * whole.bytes})

    def strategy(blobs, events, states, state=None, stop=lambda: None):
        return build_strategy(
            config, Journal(None, events.append), stop, blobs=blobs, save=lambda of: states.append(of()), state=state
        )

    def grid():
        made = make_grid()
        made.people("abc")
        return made

    never, states = [], []
    first = strategy(Blobs(None), never, states)
    first.start(grid=grid())
    blobs, events, states = Blobs(None), [], []
    broken = strategy(blobs, events, states, stop=lambda: "enough" if len(states) == after else None)
    with pytest.raises(StopRequested):
        broken.start(grid=grid())
    again = strategy(blobs, events, [], json.loads(json.dumps(states[-1])))
    again.start(grid=grid())
    for one in ("search", "final"):
        trials = [getattr(made.outcome, one).trials for made in (first, again)]
        assert [trial.to_json() for trial in trials[0]] == [trial.to_json() for trial in trials[1]]


@pytest.mark.parametrize("currency", ["node_seconds", "seconds"])
def test_measured_currencies_end_a_search_too(run, currency):
    """A thousandth of a second is spent by the first exchange; what is under way then still ends."""
    played = run({currency: 0.001}, widths=tuple(range(2, 40)))
    if currency == "node_seconds":
        assert played.error is None
        assert 0 < len(played.search.trials) < 38
        assert played.kinds("budget")[0]["currency"] == currency
    else:
        assert isinstance(played.error, ConfigError)  # start-up alone took longer


def test_a_trial_under_way_is_reserved_for(run, whole):
    """With as many places as trials all would start at once, while nothing is spent yet."""
    full = {"name": "full", "max_rounds": 2}
    limit = spent(run({}, fidelity=full)).mac_examples // 2
    played = run({"mac_examples": limit}, fidelity=full, places=len(WIDTHS))
    kinds = [event["event"] for event in played.events if event["event"] in ("proposed", "round")]
    assert kinds.index("round") < len(WIDTHS)
    assert spent(played).mac_examples <= limit


def test_what_those_under_way_turn_out_not_to_need_pays_for_others(run):
    """Before any has a score the widest may win, whose final training is the dearest; after that it is known who did.

    The budget pays for 2 rounds of the widest, for 40 of it in the final, and for 3 in a hundred more. A narrow one
    costs a hundredth to a seventh of that.
    """
    full, final = {"name": "full", "max_rounds": 2}, {**FINAL, "rounds": 40}
    played = run({"mac_examples": 1}, widths=(200,), fidelity=full, final=final)
    least = int(str(played.error).split("which cost ")[1].split(" ")[0].replace(",", ""))
    played = run({"mac_examples": 1.03 * least}, widths=(200, *range(2, 30)), fidelity=full, final=final, places=40)
    assert played.error is None
    (told,) = played.kinds("budget") or [None]
    assert told is None or told["spent"] == Spent.of(played.search.trials).mac_examples
    assert spent(played).mac_examples <= 1.03 * least


def test_of_a_small_budget_the_search_and_what_follows_have_half_each(run):
    """Nobody says how long the final training is: 50 rounds, where they are paid; the search has twelve trials."""
    full, final = {"name": "full", "max_rounds": 10}, {**FINAL, "rounds": None, "min_steps": 10_000}
    whole = run({}, fidelity=full, final=final)
    (most,) = {event["rounds"] for event in whole.kinds("final")}
    limit = spent(whole).mac_examples // 2
    played = run({"mac_examples": limit}, fidelity=full, final=final)
    (rounds,) = {event["rounds"] for event in played.kinds("final")}
    assert 25 <= rounds < most
    search = Spent.of(played.search.trials).mac_examples
    assert 0.3 * limit < search < 0.6 * limit
    assert limit - 2 * search / len(played.search.trials) < spent(played).mac_examples <= limit


def test_what_cannot_be_paid_is_asked_for_again_only_once_more_is_known(run, whole, monkeypatch):
    """Between two scores nothing can have become cheaper, and a proposal may take its time."""
    asked = []
    put_off = Controller.put_off

    def noted(controller, proposal):
        rungs = sorted((number, seen.rung) for number, seen in controller.under_way.items())
        asked.append((len(controller.history), str(rungs), proposal.spec.id))
        put_off(controller, proposal)

    monkeypatch.setattr(Controller, "put_off", noted)
    run({"mac_examples": 0.6 * whole.mac_examples})
    assert asked
    assert len(asked) == len(set(asked))
