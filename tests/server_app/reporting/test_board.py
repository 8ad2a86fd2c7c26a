"""What the events of a real run say so far."""

from __future__ import annotations

import pytest

from server_app.reporting.board import Board, Row
from server_app.reporting.lines import line_of


def board_of(events):
    board = Board()
    for event in events:
        board.update(event)
    return board


def test_the_board_counts_what_happened(eventful):
    board = board_of(eventful.events)
    assert (board.name, len(board.nodes)) == ("eventful", 3)
    assert (board.ended, board.total) == (4, 4)
    assert (board.models["final"], board.final_rounds) == (4, 1)
    assert [row.state for row in board.named("final").values()] == ["finished"] * 4
    assert board.rounds == sum(event["event"] == "round" for event in eventful.events)
    states = [row.state for name, row in board.trials.items() if name.startswith("trial")]
    # of 4 that entered, 2 go on, and one of the other two has failed
    assert sorted(states) == ["failed", "finished", "finished", "stopped"]
    best, winner = board.best, eventful.result["winner"]
    assert (best["trial"], best["score"], best["rung"]) == (f"trial-{winner['trial']:04d}", winner["score"], 2)
    row = board.trials[best["trial"]]
    assert (row.rung, row.rounds, row.state, row.values) == (2, 2, "finished", best["values"])
    assert (row.architecture, row.parameters) == (winner["architecture"], winner["parameters"])


def test_the_board_takes_in_all_but_what_changes_nothing_on_it(eventful):
    kinds = {event["event"] for event in eventful.events}
    assert {kind for kind in kinds if not hasattr(Board, f"_on_{kind}")} == {"promoted", "scaled", "end"}


def test_the_board_takes_in_the_stages_after_the_search(thorough):
    board = board_of(thorough.events)
    assert (board.stage, board.models, board.ended) == ("final", {"finalist": 4, "final": 7}, 3)
    assert [row.state for row in board.named("finalist").values()] == ["finished"] * 4
    assert [row.rounds for row in board.named("final").values()] == [1] * 7, "of those taken over too"
    assert board.rounds == sum(event["event"] == "round" for event in thorough.events)
    before = board_of([event for event in thorough.events if event["event"] in ("start", "search")])
    assert before.models == board.models, "as the run said at its start"


def test_while_nodes_make_models_of_their_own_no_time_is_told(thorough):
    board = board_of(
        [*thorough.events[:-1], {"event": "personal", "spec_id": "a", "method": "mix", "epochs": 2, "time": 9.0}]
    )
    assert board.status(9.5).startswith("nodes' own models, on 3 nodes; best so far")
    assert board.left(9.5) is None
    assert ", as nodes made models of their own; best" in board.before({"event": "resuming"})


def test_the_stage_before_the_search_has_rounds_and_a_name():
    board = Board()
    facts = {"time": 1.0, "trials": 4, "nodes": ["a"], "bilevel": {"rounds": 40, "parameters": 9, "places": 3}}
    board.update({"event": "search", **facts})
    spec = {"version": 1, "kind": "layered", "layers": []}
    for number, rounds in enumerate((3, 7)):
        name = f"mixed-{number:04d}"
        board.update({"event": "proposed", "trial": name, "spec": spec, "parameters": 9, "time": 2.0})
        board.update({"event": "round", "trial": name, "round": rounds})
    assert board.status(3.0) == "bilevel search, 7 of 40 rounds"
    assert board.before({"event": "resuming"}) == "---- gone on with after 7 of 40 rounds of the bilevel search ----"
    board.update({"event": "proposed", "trial": "trial-0000", "spec": spec, "parameters": 9, "time": 4.0})
    assert board.status(5.0).startswith("0 of 4 trials ended")
    assert board.search_began == 4.0


def test_a_final_model_that_is_tried_again_is_not_done(eventful):
    board = board_of(eventful.events)
    board.update({"event": "reopened", "trial": "final-0000", "rounds": 0, "reason": "silence"})
    assert [row.state for row in board.named("final").values()] == ["running", "finished", "finished", "finished"]


def test_the_round_of_a_member_is_one_of_its_trial():
    board = Board(trials={"trial-0003": Row("a network"), "trial-0004": Row("another")})
    for trial, number in (("trial-0003.0", 1), ("trial-0003.1", 1), ("trial-0003.0", 2)):
        board.update({"event": "round", "trial": trial, "round": number})
    assert [row.rounds for row in board.trials.values()] == [2, 0]
    assert board.rounds == 3
    board.update({"event": "member_failed", "trial": "trial-0003.1", "reason": "it diverged"})
    assert board.trials["trial-0003"].state == "running"
    assert board.notes == ["trial-0003.1 failed, its trial goes on with the other members: it diverged"]


def test_only_the_last_troubles_stay_on_the_screen(eventful):
    board = board_of(eventful.events)
    wrong = [e for e in eventful.events if e["event"] in ("node_refused", "refused", "absent", "journal_lost")]
    assert board.notes == [line_of(event) for event in wrong[-3:]]


def test_a_node_that_comes_back_is_counted_once():
    board = board_of([{"event": "node", "node": name} for name in "abca"])
    assert len(board.nodes) == 3


def test_a_final_model_is_never_the_best_of_the_search(eventful):
    assert board_of(eventful.events).best["trial"] == f"trial-{eventful.result['winner']['trial']:04d}"


def test_an_event_of_a_later_version_is_passed_over():
    board = board_of([{"event": "earthquake", "time": 1.0}])
    assert board == Board()


SEARCH = [
    {"event": "start", "time": 0.0, "name": "mine", "models": {"final": 2}},
    {"event": "search", "time": 20.0, "trials": 4, "nodes": ["a"], "final_rounds": 10},
]


def life(trial, time, rounds):
    """Return the events of a trial's rounds."""
    return [{"event": "round", "time": time, "trial": trial, "round": number} for number in rounds]


def searching(*events, trials=4):
    board = board_of(SEARCH)
    board.trials |= {f"trial-{number:04d}": Row("", 5) for number in range(trials)}
    for event in events:
        board.update(event)
    return board


def end(number, event="finished", time=60.0):
    return {"event": event, "time": time, "trial": f"trial-{number:04d}", "reason": "", "values": {}}


def test_nothing_tells_the_time_left_before_a_trial_has_ended():
    assert board_of(SEARCH).left(50.0) is None
    assert searching(*life("trial-0000", 30.0, [1, 2])).left(50.0) is None


def test_the_time_left_is_that_of_the_search_and_of_the_final_training():
    """After 60 s and 6 rounds 1.5 of 4 trials are done: 2.5 x 40 s, and 2 models x 10 rounds x 10 s."""
    board = searching(*life("trial-0000", 70.0, [1, 2, 3, 4]), *life("trial-0001", 75.0, [1, 2]), end(0))
    assert board.left(80.0) == pytest.approx(2.5 * 40 + 2 * 10 * 10)


def test_before_a_trial_has_ended_the_rungs_say_how_far_those_under_way_are():
    """After 60 s each of 4 trials has 2 of 8 rounds: 3 x 60 s, and 2 models x 10 rounds x 7.5 s."""
    board = searching(
        {**SEARCH[1], "rungs": [2, 8]}, *(one for n in range(4) for one in life(f"trial-000{n}", 70.0, [1, 2]))
    )
    assert board.left(80.0) == pytest.approx(3 * 60 + 2 * 10 * 7.5)


def board_to_close(taken_over=1, **told):
    """Return a board of a run with 2 seeds whose search took 100 s for 10 rounds, and is over."""
    models = {"finalist": 6, "final": 7}  # of these 2 winners, 2 baselines, 2 linear models and the constant one
    start = {**SEARCH[0], "models": models, "seeds": 2, "taken_over": taken_over}
    board = board_of([start, {**SEARCH[1], **told}])
    board.trials |= {f"trial-{number:04d}": Row("", 5) for number in range(4)}
    for event in (*life("trial-0000", 90.0, range(1, 11)), *map(end, range(4))):
        board.update(event)
    return board


@pytest.mark.parametrize(("told", "models"), [({}, 2), ({"held_out": 1}, 4), ({"folds": 3}, 2)])
def test_models_that_do_not_train_again_or_take_next_to_nothing_take_no_time(told, models):
    """The winner trains again where nodes were held out from its training as a finalist."""
    assert board_to_close(**told).left(120.0) == pytest.approx(10.0 * 10 * (6 + models))


def test_a_baseline_that_is_a_finalist_takes_no_time_either():
    assert board_to_close(taken_over=2).left(120.0) == pytest.approx(10.0 * 10 * 6)


def test_where_an_earlier_version_began_the_run_the_search_alone_is_known():
    board = searching(*life("trial-0000", 70.0, [1, 2, 3]), end(0))
    board.final_rounds = 0
    assert board.left(80.0) == pytest.approx(3 * 60)


def final(*events):
    """Return a board whose search took 100 s for 10 rounds; then the final training began with one model only."""
    board = searching(*life("trial-0000", 90.0, range(1, 11)), *map(end, range(4)))
    for event in ({"event": "final", "time": 120.0, "winner": "x", "trials": 1}, *events):
        board.update(event)
    return board


def test_the_final_training_is_first_taken_to_be_as_fast_as_the_search():
    """10 rounds of 10 s, of which 30 s are over."""
    assert final().left(120.0) == pytest.approx(100.0)
    assert final().left(150.0) == pytest.approx(70.0)
    assert final().left(500.0) == 0.0


def test_and_then_as_fast_as_its_own_rounds():
    """4 of 10 rounds took 20 s."""
    board = final()
    board.trials["final-0000"] = Row("", 5)
    for event in life("final-0000", 140.0, [1, 2, 3, 4]):
        board.update(event)
    assert board.left(140.0) == pytest.approx(6 * 5.0)
    board.update({"event": "failed", "time": 140.0, "trial": "final-0000", "reason": ""})
    assert board.left(140.0) == 0.0


def test_while_the_finalists_train_the_final_training_is_counted_too():
    """The search took 10 s a round. 3 finalists x 10 rounds, and then 2 models x 10."""
    finalists = {"event": "finalists", "time": 120.0, "finalists": ["x"], "seeds": 3, "trials": 3}
    board = searching(*life("trial-0000", 90.0, range(1, 11)), *map(end, range(4)), finalists)
    assert board.left(120.0) == pytest.approx(10.0 * (3 * 10 + 2 * 10))
    assert board.status(120.0).startswith("finalists' training, 10 of 10 rounds; ")
    board.trials |= {f"finalist-000{number}": Row("", 5) for number in range(3)}
    for event in life("finalist-0000", 140.0, [1, 2, 3, 4]):
        board.update(event)
    # 4 rounds took 20 s
    assert board.left(140.0) == pytest.approx(5.0 * (6 + 10 + 10 + 2 * 10))


def test_one_line_says_how_far_a_run_is():
    best = {"event": "best", "time": 70.0, "trial": "trial-0000", "score": 0.5, "values": {"accuracy": 0.5}, "rung": 2}
    board = searching(*life("trial-0000", 70.0, [1, 2, 3]), best, end(0))
    # 30 s a trial, 10 s a round
    assert board.status(50.0) == (
        "1 of 4 trials ended, 3 under way; best so far trial-0000: accuracy 0.5000 at rung 2; about 4:50 min left"
    )
    assert final().status(120.0) == "final training, 10 of 10 rounds; about 1:40 min left"
    board = final()
    board.trials |= {"final-0000": Row("", 5, rounds=3), "final-0001": Row("", 5, rounds=4)}
    assert board.status(120.0).startswith("final training, 3 of 10 rounds; ")


def test_the_best_that_failed_is_none():
    best = {"event": "best", "time": 70.0, "trial": "trial-0000", "score": 0.5, "values": {"accuracy": 0.5}, "rung": 2}
    assert searching(best, end(1, "failed")).best == best
    assert searching(best, end(0)).best == best
    assert searching(best, end(0, "failed")).best is None


def test_what_a_budget_pays_for_is_known_once_it_is_spent(eventful):
    events = [{**event, "budget": {"bytes": 100}} if event["event"] == "start" else event for event in eventful.events]
    first = next(n for n, event in enumerate(events) if event["event"] in ("failed", "stopped", "finished"))
    board = board_of(events[: first + 1])
    assert board.left(1.0) is None
    assert board.status(1.0).startswith("1 trial ended, ")
    board.update({"event": "budget", "trials": 3})
    assert board.left(1.0) is not None
    assert "1 of 3 trials ended" in board.status(1.0)
