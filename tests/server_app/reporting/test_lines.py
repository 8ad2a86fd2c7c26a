"""A line for each event that people need to see."""

from __future__ import annotations

import ast
import logging
from pathlib import Path

import pytest

import server_app
from common.groups import UNBOUNDED
from server_app.journal import Journal
from server_app.reporting.lines import line_of, log_event
from server_app.trials import TrialState

QUIET = {"adopted", "alphas", "node", "proxied", "round", "scored", "promoted", "unfinished"}
"""Events that no line is written for: there are too many of them, and others sum them up."""

SAMPLES = {
    "anew": {},
    "journal_lost": {"reason": "the disk is full"},
    "limits": {"node": "a", "limits": {"max_macs": 5000}},
    "speed": {"node": "a", "said": 40_000_000_000, "true": 4_100_000_000},
    "unfinished": {"node": "a", "trial": "trial-0001", "round": 1},
    "resuming": {"line": 7, "changes": []},
    "member_failed": {"trial": "trial-0001.2", "reason": "Round 2 failed, no answer"},
    "reopened": {"trial": "final-0000", "rounds": 1, "reason": "Round 2 failed, no answer"},
    "reverted": {"trial": "final-0000", "rounds": 7, "values": {"accuracy": 0.75}},
    "state_lost": {"reason": "the disk is full"},
    "tracker_lost": {"reason": "OSError: the server is gone"},
    "resumed": {"trials": 3, "missing": ["a"], "new": []},
    "unscaled": {"min_examples": 10},
    "weighted": {"weights": [0.5, 2.0, 1.0], "unknown": ["rash"], "num_nodes": 3},
    "unweighted": {"min_examples": 10},
    "uneven": {"largest": 1812, "smallest": 95, "num_nodes": 3, "metric": "balanced_accuracy"},
    "screened": {"score": "naswot", "candidates": [["a", 12.5], ["b", None]], "kept": ["a"], "values": [12.5]},
    "undecided": {"doubtful": ["trial-0003", "trial-0005", "trial-0007"], "rung": 1},
    "inherits": {"trial": "trial-0003", "parent": "trial-0001", "preserved": True},
    "warmed_up": {"rounds": 12, "of": 40},
    "unpaid": {
        "trial": "trial-0001",
        "rounds": 9,
        "currency": "bytes",
        "spent": 600.0,
        "reserved": 500.0,
        "limit": 1000.0,
    },
    "proxies": {"specs": 480, "wanted": 500, "nodes": ["a", "b"], "left_out": []},
    "proxied": {"trial": "proxy-0001", "state": "finished", "scores": {"macs": 7.0}},
    "imported": {
        "sources": [
            {"source": "runs/a", "of": 40, "imported": 28, "outside": 11, "scoreless": 1, "rung": 3, "why": "too wide"},
            {"source": "b.csv", "of": 1, "imported": 1, "outside": 0, "scoreless": 0, "rung": 0, "why": ""},
        ],
        "first": 3,
    },
    "unable": {"node": "a", "trial": "mixed-0000", "reason": "the node takes 9 parameters at most"},
    "shrunk": {"trial": "mixed-0001", "dropped": {"normal.0.from0": ["skip"], "normal.0.from1": ["conv1"]}},
    "shortened": {"rounds": 12, "of": 40},
    "alphas": {"trial": "mixed-0000", "round": 3, "probabilities": {"normal.0.from0": {"skip": 1.0}}},
    "discretized": {"rounds": 9, "collapsed": 9, "found": [{"architecture": "a"}, {"architecture": "b"}]},
    "scoreless": {"node": "a", "specs": 480, "reason": "no answer within 600 s"},
    "budget": {"trials": 14, "currency": "mac_examples", "spent": 600.0, "reserved": 500.0, "limit": 1000.0},
    "retried": {"trial": "trial-0001", "round": 1, "action": "train", "tries": 1},
    "personal": {"spec_id": "cc2b2e6d1f3c", "method": "mix", "epochs": 10},
    "personalized": {
        "num_nodes": 3,
        "kept": {"common": 1, "personal": 2, "local": 0},
        "gain": {"metric": "accuracy", "split": "test", "mean": 0.0625},
        "failure": "",
    },
}
"""Fields of the events that the runs here do not bring about."""


def written_kinds():
    """Return the kinds of events that the sources write to a journal."""
    kinds = set()
    for path in Path(server_app.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "write":
                receiver, argument = ast.unparse(node.func.value), node.args[0]
                journal = "journal" in receiver or (path.name == "journal.py" and receiver == "self")
                if journal and isinstance(argument, ast.Constant):
                    kinds.add(argument.value)
                elif journal:
                    assert ast.unparse(argument) == "str(state)"
                    kinds |= {str(state) for state in TrialState if state.ended}
    return kinds


@pytest.mark.parametrize(
    ("candidates", "values", "said"),
    [
        ([["a", 1.0], ["b", 2.5]], [2.5], "Of 2 candidates the best is tried, by naswot (2.5000)"),
        ([["a", 1.0], ["b", 2.5], ["c", 2.0]], [2.5, 2.0], "the best 2 are tried, by naswot (2.5000 and 2.0000)"),
        ([["a", None], ["b", 2.5], ["c", None]], [2.5, None], "the best 2 are tried, by naswot (2.5000 and no score)"),
        ([["a", None], ["b", None]], [None], "the first is tried: no node gave a score (naswot)"),
    ],
)
def test_who_of_the_candidates_is_tried(candidates, values, said):
    line = line_of({"event": "screened", "score": "naswot", "candidates": candidates, "values": values, "kept": values})
    assert line.endswith(said)


def test_what_a_bilevel_search_lost_and_came_to():
    assert line_of({"event": "shrunk", **SAMPLES["shrunk"]}) == (
        "mixed-0001 goes on without 2 options at 2 places: skip (1), conv1 (1)"
    )
    told = SAMPLES["discretized"]
    ended = "The bilevel search ends after 9 rounds"
    assert line_of({"event": "discretized", **told}) == (
        f"{ended}, for in round 9 skip connections took over. It comes to a; beside it: b"
    )
    alone = {**told, "collapsed": None, "found": told["found"][:1]}
    assert line_of({"event": "discretized", **alone}) == f"{ended}. It comes to a"


def test_what_nodes_keep_and_gain():
    told = {"event": "personalized", **SAMPLES["personalized"]}
    assert line_of(told) == "Of 3 nodes keep: common 1, personal 2, local 0; mean gain in accuracy 0.0625 (test)"
    assert line_of({**told, "gain": None}) == "Of 3 nodes keep: common 1, personal 2, local 0"
    assert line_of({**told, "failure": "none of 3 nodes gave a usable result"}) == (
        "No node has a model of its own: none of 3 nodes gave a usable result"
    )


def test_what_is_not_judged_ends_without_a_word():
    ended = {"event": "finished", "values": {"accuracy": 0.5}}
    assert line_of({**ended, "trial": "trial-0001"}) == "trial-0001 finished: accuracy 0.5000"
    assert line_of({**ended, "trial": "path-0001"}) is None
    assert line_of({**ended, "trial": "mixed-0001"}) is None
    begun = {"event": "proposed", "origin": "shrunk", "parameters": 9, "macs": 7}
    assert line_of({**begun, "trial": "mixed-0001"}) == "mixed-0001 proposed (shrunk), 9 parameters, 7 MACs"
    assert line_of({**begun, "trial": "path-0001"}) is None


def test_every_event_has_a_line_or_is_known_to_be_quiet():
    kinds = written_kinds()
    assert {"start", "end", "journal_lost", "failed"} | QUIET <= kinds

    class Anything(dict):
        def __missing__(self, key):
            known = {
                **{key: {} for key in ("limits", "values", "dropped")},
                **{key: [] for key in ("missing", "new", "unknown")},
                **{key: [1.0] for key in ("finalists", "means", "weights")},
                "found": [{"architecture": "text"}],
                "sources": SAMPLES["imported"]["sources"],
            }
            if key in known:
                return known[key]
            numbers = (
                "parameters",
                "macs",
                "trials",
                "rounds",
                "rung",
                "score",
                "num_nodes",
                "largest",
                "smallest",
                "finalist",
                "best",
                "error",
                "specs",
                "wanted",
                "of",
                "said",
                "true",
                "first",
                "epochs",
            )
            if key in ("spent", "limit"):
                return 1.0
            return 0 if key in numbers else "text"

    silent = {kind for kind in kinds if line_of(Anything(event=kind)) is None}
    assert silent == QUIET


def test_the_lines_read_what_the_events_hold(eventful, thorough, hopeless):
    events = (
        eventful.events + thorough.events + hopeless + [{"event": kind, **fields} for kind, fields in SAMPLES.items()]
    )
    assert {event["event"] for event in events} == written_kinds()
    for event in events:
        line = line_of(event)
        assert (line is None) == (event["event"] in QUIET)
        assert line is None or "\n" not in line


def test_a_run_reads_as_a_story(eventful):
    lines = [line for line in map(line_of, eventful.events) if line is not None]
    assert lines[0].startswith("Run eventful, seed 0, folder ")
    assert "4 trials on 3 nodes, scored after 1 and 2 rounds" in lines
    # widths 3, 5, 8 and 13 on 4 features and 3 classes: w(4 + 3) + w + 3 numbers
    proposed = [line for line in lines if line.startswith("trial-") and "proposed (sample)" in line]
    sizes = {f"{width * 8 + 3:,} parameters, {width * 7:,} MACs" for width in (3, 5, 8, 13)}
    assert {line.split("(sample), ")[1] for line in proposed} == sizes
    assert any(line.startswith("trial-0002 failed: Round 1 failed, none of 3 nodes gave a usable") for line in lines)
    assert not any(".." in line.replace("...", "") for line in lines)
    assert "c is left out of round 1 of trial-0000: the reply lacks a result" in lines
    assert any(line.startswith("c is left out of round 1 of trial-0001: ") and "unplugged" in line for line in lines)
    assert lines[-1] == "The run finished."


def test_the_finalists_are_named_and_why_one_of_them_is_chosen(thorough):
    lines = [line for line in map(line_of, thorough.events) if line is not None]
    (again,) = [line for line in lines if "train again" in line]
    names = [f"trial-{each['trial']:04d}" for each in thorough.result["finalists"]]
    assert (
        again
        == f"{names[0]} and {names[1]} train again, from scratch for 1 round with 2 seeds, and one of them is chosen"
    )
    (chosen,) = [each for each in thorough.result["finalists"] if each["chosen"]]
    told = f"trial-{chosen['trial']:04d} is chosen: {chosen['why']} (mean accuracy {chosen['mean']:.4f}"
    assert any(line.startswith(told) for line in lines)
    event = {"event": "chosen", "trial": "trial-0003", "why": "fewest MACs within one standard error", "finalist": 1}
    event |= {"objective": "loss", "means": [0.5, 0.52, None], "best": 0.5, "error": 0.03}
    assert line_of(event) == (
        "trial-0003 is chosen: fewest MACs within one standard error "
        "(mean loss 0.5200, where the best has 0.5000 and the standard error is 0.0300)"
    )


def test_scores_without_training_are_told_in_one_line():
    event = {"event": "proxies", **SAMPLES["proxies"]}
    assert line_of(event) == (
        "480 specs are scored without training on 2 nodes; the space holds no more than these of the 500 wanted"
    )
    assert line_of({**event, "specs": 1, "wanted": 1}) == "1 spec is scored without training on 2 nodes"


def test_what_a_search_knows_before_it_begins_is_told_in_one_line():
    event = {"event": "imported", **SAMPLES["imported"]}
    runs = "28 trials of runs/a (11 of 40 are outside this space, 1 of 40 has no score by its objective)"
    csv = "1 trial of b.csv (ranked below every trial here)"
    assert line_of(event) == f"The search begins with what is known of {runs} and {csv}; the best 3 are tried first"
    assert line_of({**event, "first": 1}).endswith("every trial here); the best is tried first")
    assert line_of({**event, "first": 0}).endswith(csv)


def test_a_run_that_fails_says_why_in_its_last_line(hopeless):
    assert line_of(hopeless[-1]).startswith("The run failed. The search needs 1 node within 0.01 s, but 0 were there")


def test_a_trial_that_stays_the_best_is_announced_with_its_new_score(eventful):
    best = [event for event in eventful.events if event["event"] == "best" and event["trial"].startswith("trial")]
    scored = {(e["trial"], e["rung"]): e["score"] for e in eventful.events if e["event"] == "scored"}
    winner = eventful.result["winner"]
    ranks = [(event["rung"], event["score"]) for event in best]
    assert ranks == sorted(set(ranks))
    assert best[-1]["rung"] == 2
    assert best[-1]["score"] == winner["score"] == scored[f"trial-{winner['trial']:04d}", 2]


def test_what_goes_wrong_is_a_warning(eventful, caplog):
    flower = logging.getLogger("flwr")
    flower.addHandler(caplog.handler)
    try:
        for event in eventful.events:
            caplog.clear()
            log_event(event)
            bad = event["event"] in {"node_refused", "failed", "refused", "absent", "retried"}
            wanted = [] if event["event"] in QUIET else [logging.WARNING if bad else logging.INFO]
            assert {record.levelno for record in caplog.records} == set(wanted)
    finally:
        flower.removeHandler(caplog.handler)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({}, "no score"),
        ({"accuracy": 0.5}, "accuracy 0.5000"),
        ({"mse": 3050.25, "macs": 1200.0}, "mse 3050.2, macs 1,200"),
        (
            {"loss": 0.5, "macs": 0.0, "parameters": 18.0, "memory_mb": 2.5},
            "loss 0.5000, macs 0, parameters 18, memory_mb 2.5000",
        ),
    ],
)
def test_what_a_trial_was_worth_is_told_in_the_units_of_its_objectives(values, text):
    line = line_of({"event": "finished", "trial": "trial-0001", "score": -1.0, "values": values})
    assert line == f"trial-0001 finished: {text}"


def test_a_run_that_goes_on_says_which_nodes_are_others():
    line = line_of({"event": "resumed", "trials": 3, "missing": ["a", "b"], "new": ["c"]})
    assert line.startswith("It has 3 trials so far. The nodes of the run have changed (missing: a, b, of which each")
    assert "; new: c, which train" in line
    same = line_of({"event": "resumed", "trials": 3, "missing": [], "new": []})
    assert same == "It has 3 trials so far."


def test_a_search_says_how_many_are_held_out():
    event = {"event": "search", "trials": 27, "nodes": ["a"] * 21, "held_out": 4, "left_out": {}}
    assert line_of(event) == "27 trials on 21 nodes, 4 of which are held out to score"
    assert line_of({**event, "held_out": 1}) == "27 trials on 21 nodes, 1 of which is held out to score"
    few = line_of({**event, "held_out": 0, "unscored": 2})
    assert few == "27 trials on 21 nodes, 2 of which have too few examples to score"
    left_out = line_of({**event, "left_out": {"deep": "too large"}})
    assert left_out.startswith("27 trials on 21 nodes, 4 of which are held out to score; left out of the portfolio")


def test_a_search_with_folds_says_so():
    event = {"event": "search", "trials": 27, "nodes": ["a"] * 21, "held_out": 0, "folds": 5, "rungs": [2]}
    assert line_of(event) == (
        "27 trials on 21 nodes in 5 folds, each of which scores what trained without it, scored after 2 rounds"
    )
    line = line_of({"event": "member_failed", **SAMPLES["member_failed"]})
    assert line == "trial-0001.2 failed, its trial goes on with the other members: Round 2 failed, no answer"


def test_one_is_no_plural():
    assert line_of({"event": "search", "trials": 1, "nodes": ["a"]}) == "1 trial on 1 node"
    assert line_of({"event": "search", "trials": 1, "nodes": ["a"], "rungs": [1]}) == (
        "1 trial on 1 node, scored after 1 round"
    )
    assert line_of({"event": "resumed", "trials": 1, "missing": [], "new": []}) == "It has 1 trial so far."


def test_a_run_that_goes_on_says_from_where_and_what_has_changed():
    event = {"event": "resuming", "line": 7, "changes": ["The code has changed.", "So has a node."]}
    assert line_of(event) == "The run goes on after line 7 of its journal. The code has changed. So has a node."


def test_rungs_are_told_and_what_cannot_be_told_apart():
    line = line_of({"event": "search", "trials": 9, "nodes": ["a", "b"], "rungs": [1, 3, 9]})
    assert line == "9 trials on 2 nodes, scored after 1, 3 and 9 rounds"
    line = line_of({"event": "undecided", **SAMPLES["undecided"]})
    assert line == ("trial-0003, trial-0005 and trial-0007 cannot be told apart at rung 1, so all of them train on")


def test_two_that_cannot_be_told_apart_are_both():
    line = line_of({"event": "undecided", "doubtful": ["trial-0003", "trial-0005"], "rung": 2})
    assert line == "trial-0003 and trial-0005 cannot be told apart at rung 2, so both train on"


def test_a_journal_logs_as_it_writes(caplog):
    flower = logging.getLogger("flwr")
    flower.addHandler(caplog.handler)
    try:
        Journal(None, log_event).write("failed", trial="trial-0003", reason="The loss is 100 % nonsense.")
    finally:
        flower.removeHandler(caplog.handler)
    assert "trial-0003 failed: The loss is 100 % nonsense." in caplog.text


def test_a_budget_is_told_at_the_start_and_when_it_is_spent():
    start = {"event": "start", "name": "digits", "seed": 3, "folder": "runs/x"}
    assert line_of({**start, "budget": {}}) == "Run digits, seed 3, folder runs/x"
    limits = {"mac_examples": 2.5e12, "seconds": 600.0}
    assert line_of({**start, "budget": limits}).endswith("runs/x, within mac_examples 2.5 T and seconds 600")
    assert line_of({"event": "budget", **SAMPLES["budget"]}) == (
        "The budget is spent (search.budget.mac_examples): 14 trials; "
        "what is left is for these and for the final training"
    )
    mostly_final = line_of({"event": "budget", **SAMPLES["budget"], "spent": 300.0})
    assert "for the final training, 70% of the budget: with a lower final.rounds" in mostly_final
    assert line_of({"event": "unpaid", **SAMPLES["unpaid"]}).startswith("trial-0001 does not train on")


def test_where_a_budget_alone_ends_a_search_no_number_of_trials_is_told():
    event = {"event": "search", "nodes": ["a", "b"], "rungs": [2]}
    assert line_of({**event, "trials": 20}) == "20 trials on 2 nodes, scored after 2 rounds"
    assert line_of({**event, "trials": UNBOUNDED}).startswith("As many trials as the budget pays for on 2 nodes")


def test_a_node_that_lied_about_its_speed_is_told_of():
    assert line_of({"event": "speed", **SAMPLES["speed"]}) == (
        "a said that it does 40.0 G MACs a second, and by its jobs it would have to say 4.1 G: what it can do in "
        "time is told from its jobs"
    )
