"""One line for each event, for people who read a log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from logging import INFO, WARNING
from typing import Any

from flwr.common.logger import log

from common.groups import UNBOUNDED
from server_app.changes import changed_nodes
from server_app.reporting.best import INFEASIBLE, figure, why_lower, worth, worth_at_rung
from server_app.reporting.words import counted, listed, shortened


def _limits(limits: dict[str, int]) -> str:
    return ", ".join(f"{name.replace('_', '-')} {limit:,}" for name, limit in limits.items()) or "none"


_LINES: dict[str, Callable[[dict[str, Any]], str]] = {
    "resuming": lambda e: " ".join([f"The run goes on after line {e['line']} of its journal.", *e["changes"]]),
    "resumed": lambda e: (
        f"It has {counted(e['trials'], 'trial')} so far. {changed_nodes(e['missing'], e['new']) or ''}".rstrip()
    ),
    "state_lost": lambda e: f"The state cannot be saved: {e['reason']}",
    "tracker_lost": lambda e: f"The run goes on without its tracker: {e['reason']}",
    "start": lambda e: f"Run {e['name']}, seed {e['seed']}, folder {e['folder']}{_budget(e)}",
    "anew": lambda _: "Nothing of this run had been saved yet, so it begins anew.",
    "node_refused": lambda e: f"Node {e['node']} is left out: {e['reason']}",
    "search": lambda e: (
        f"{_trials(e['trials'])} on {counted(len(e['nodes']), 'node')}{_held_out(e)}{_unscored(e)}{_rungs(e)}"
        f"{_warm_up(e)}{_bilevel(e)}{_left_out(e)}"
    ),
    "imported": lambda e: (
        f"The search begins with what is known of {listed([_source(one) for one in e['sources']])}"
        + (f"; the best {e['first']} are tried first" if e["first"] > 1 else "")
        + ("; the best is tried first" if e["first"] == 1 else "")
    ),
    "proxies": lambda e: (
        f"{counted(e['specs'], 'spec')} {'is' if e['specs'] == 1 else 'are'} scored without training on "
        f"{counted(len(e['nodes']), 'node')}"
        + (f"; the space holds no more than these of the {e['wanted']:,} wanted" if e["specs"] < e["wanted"] else "")
    ),
    "scoreless": lambda e: f"{e['node']} gives no scores of {counted(e['specs'], 'spec')}: {e['reason']}",
    "scaled": lambda e: (
        f"Inputs are scaled by their mean and deviation over {counted(e['num_nodes'], 'node')}"
        + (f", and {counted(e['by_median'], 'column')} by median and quartiles" if "by_median" in e else "")
        + (f"; nothing is known of {', '.join(e['untold'])}, which count for nothing" if e.get("untold") else "")
    ),
    "unscaled": lambda e: (
        f"Inputs are not scaled: no node has the {e['min_examples']} training examples that it takes to say what they "
        "are like (preprocessing.min_examples); preprocessing.scope=node needs none"
    ),
    "uneven": lambda e: (
        f"Classes are uneven (about {e['largest']:,} and {e['smallest']:,} training examples of the largest and the "
        f"smallest): trials are ranked by {e['metric'].replace('_', ' ')}"
    ),
    "weighted": lambda e: (
        f"Classes weigh {min(e['weights']):.2g} to {max(e['weights']):.2g} in training with class_weights=balanced"
        + (f"; {listed(_some(e['unknown']))} 1, for no node told how many there are" if e["unknown"] else "")
    ),
    "unweighted": lambda e: (
        f"Classes are not weighted: of none did {e['min_examples']} training examples come together on a node "
        "(preprocessing.min_examples)"
    ),
    "limits": lambda e: f"{e['node']} has other limits now: {_limits(e['limits'])}",
    "speed": lambda e: (
        f"{e['node']} said that it does {shortened(e['said']).strip()} MACs a second, and by its jobs it would have to "
        f"say {shortened(e['true']).strip()}: what it can do in time is told from its jobs"
    ),
    "proposed": lambda e: (
        f"{e['trial']} proposed ({e['origin']}), {counted(e['parameters'], 'parameter')}, {e['macs']:,} MACs"
    ),
    "inherits": lambda e: (
        f"{e['trial']} starts from the weights of {e['parent']}"
        + (", and computes the same" if e["preserved"] else ", where the two have them in common")
    ),
    "best": lambda e: (
        f"{e['trial']} is the best so far: {worth_at_rung(e)}"
        + ("" if e.get("feasible", True) else f", but {INFEASIBLE}")
        + (f" ({why})" if (why := why_lower(e)) else "")
    ),
    "undecided": lambda e: (
        f"{listed(e['doubtful'])} cannot be told apart at rung {e['rung']}, so "
        f"{'both' if len(e['doubtful']) == 2 else 'all of them'} train on"
    ),
    "screened": lambda e: f"Of {counted(len(e['candidates']), 'candidate')} {_picked(e)}",
    "warmed_up": lambda e: (
        f"The warm-up ends after {e['rounds']} of {counted(e['of'], 'round')}: the budget pays for no more"
    ),
    "unable": lambda e: f"{e['node']} does not train {e['trial']}: {e['reason']}",
    "shrunk": lambda e: f"{e['trial']} goes on without {_shrunk(e)}",
    "shortened": lambda e: (
        f"The bilevel search ends after {e['rounds']} of {counted(e['of'], 'round')}: the budget pays for no more"
    ),
    "discretized": lambda e: _discretized(e),  # noqa: PLW0108 - it is defined below
    "unpaid": lambda e: f"{e['trial']} does not train on: the budget does not pay for {e['rounds']} rounds of it",
    "budget": lambda e: (
        f"The budget is spent (search.budget.{e['currency']}): {counted(e['trials'], 'trial')}; "
        f"what is left is for these and for the final training{_mostly_final(e)}"
    ),
    "finished": lambda e: f"{e['trial']} finished: {worth(e['values'])}",
    "stopped": lambda e: f"{e['trial']} stopped at rung {e['rung']}: {worth(e['values'])}",
    "failed": lambda e: f"{e['trial']} failed: {e['reason']}",
    "member_failed": lambda e: f"{e['trial']} failed, its trial goes on with the other members: {e['reason']}",
    "refused": lambda e: f"A reply of {e.get('node', 'a node')} is refused: {e['reason']}",
    "absent": lambda e: f"{e['node']} is left out of round {e['round']} of {e['trial']}: {e['reason']}",
    "retried": lambda e: f"Round {e['round']} of {e['trial']} is tried again: too few nodes answered ({e['action']})",
    "reopened": lambda e: f"{e['trial']} goes on after {counted(e['rounds'], 'round')}; it had failed: {e['reason']}",
    "journal_lost": lambda e: f"The journal cannot be written: {e['reason']}",
    "finalists": lambda e: (
        f"{listed(e['finalists'])} train again, from scratch{_how_long(e)}, and one of them is chosen"
    ),
    "reverted": lambda e: (
        f"{e['trial']} goes back to what it was after {counted(e['rounds'], 'round')}: {worth(e['values'])}"
    ),
    "chosen": lambda e: f"{e['trial']} is chosen: {_why(e)}",
    "final": lambda e: (
        f"Final training of {e['winner']}{_how_long(e)}, compared with: {', '.join(list(e['roles'])[1:])}"
    ),
    "personal": lambda e: (
        f"Each node makes a model of its own of {e['spec_id']} ({e['method']}, {counted(e['epochs'], 'epoch')}), "
        "compares it on its own examples, and keeps the best"
    ),
    "personalized": lambda e: _personalized(e),  # noqa: PLW0108 - it is defined below
    "end": lambda e: f"The run {e['status']}. {e['message']}".rstrip(),
}

_QUIET = {"path": ("proposed", "finished"), "mixed": ("finished",)}
"""By label, what is not said of trials that are not judged; of paths there are many."""
_WARNINGS = {
    "node_refused",
    "failed",
    "member_failed",
    "refused",
    "absent",
    "scoreless",
    "speed",
    "unable",
    "retried",
    "journal_lost",
    "state_lost",
    "tracker_lost",
    "unscaled",
    "unweighted",
}


def _some(names: list[str]) -> list[str]:
    """Return the first of many names."""
    return names if len(names) <= 5 else [*names[:5], f"{len(names) - 5} more"]


def _trials(number: int) -> str:
    return counted(number, "trial") if number < UNBOUNDED else "As many trials as the budget pays for"


def _held_out(event: dict[str, Any]) -> str:
    """Return how many of the nodes never train, or that each is held out in its turn."""
    if folds := event.get("folds"):
        return f" in {counted(folds, 'fold')}, each of which scores what trained without it"
    number = event.get("held_out", 0)
    return f", {number:,} of which {'is' if number == 1 else 'are'} held out to score" if number else ""


def _unscored(event: dict[str, Any]) -> str:
    """Return how many of the nodes have too few examples to score anything."""
    number = event.get("unscored", 0)
    return f", {number:,} of which {'has' if number == 1 else 'have'} too few examples to score" if number else ""


def _rungs(event: dict[str, Any]) -> str:
    """Return after how many rounds trials are scored."""
    *before, last = event.get("rungs") or [0]
    return f", scored after {listed([*map(str, before), counted(last, 'round')])}" if last else ""


def _warm_up(event: dict[str, Any]) -> str:
    """Return what trains before the first trial."""
    rounds, paths = event.get("warm_up", (0, 0))
    return f", after a warm-up of {counted(rounds, 'round')} of {counted(paths, 'path')}" if rounds else ""


def _bilevel(event: dict[str, Any]) -> str:
    """Return what finds the trials before the first one."""
    if (told := event.get("bilevel")) is None:
        return ""
    size = f"{counted(told['parameters'], 'parameter')} and {counted(told['places'], 'place')} with options"
    return f", after a bilevel search of {counted(told['rounds'], 'round')} with a network of {size}"


def _shrunk(event: dict[str, Any]) -> str:
    """Return how much a network of options has lost, and by which of them."""
    gone = Counter(name for names in event["dropped"].values() for name in names)
    names = ", ".join(f"{name} ({number})" for name, number in gone.most_common(3))
    more = ", ..." if len(gone) > 3 else ""
    return f"{counted(gone.total(), 'option')} at {counted(len(event['dropped']), 'place')}: {names}{more}"


def _discretized(event: dict[str, Any]) -> str:
    """Return what a bilevel search came to, and why it ended."""
    why = "" if event["collapsed"] is None else f", for in round {event['collapsed']} skip connections took over"
    best, *others = [one["architecture"] for one in event["found"]]
    beside = f"; beside it: {'; '.join(others)}" if others else ""
    return f"The bilevel search ends after {counted(event['rounds'], 'round')}{why}. It comes to {best}{beside}"


def _personalized(event: dict[str, Any]) -> str:
    """Return what the nodes keep, and what they gain."""
    if event["failure"]:
        return f"No node has a model of its own: {event['failure']}"
    kept = ", ".join(f"{way} {number:,}" for way, number in event["kept"].items())
    gain = event["gain"]
    told = f"; mean gain in {gain['metric']} {figure(gain['mean'])} ({gain['split']})" if gain else ""
    return f"Of {counted(event['num_nodes'], 'node')} keep: {kept}{told}"


def _budget(event: dict[str, Any]) -> str:
    """Return what all may cost."""
    limits = [f"{name} {shortened(limit).rstrip()}" for name, limit in event.get("budget", {}).items()]
    return f", within {listed(limits)}" if limits else ""


def _mostly_final(event: dict[str, Any]) -> str:
    """Return how a search could try more, where most of a budget is left for what follows it."""
    part = 1 - event["spent"] / event["limit"]
    shorter = "with a lower final.rounds, final.finalists or final.seeds the search would try more"
    return f", {part:.0%} of the budget: {shorter}" if part > 0.5 else ""


def _left_out(event: dict[str, Any]) -> str:
    """Return which entries of the portfolio are not tried."""
    names = ", ".join(event.get("left_out") or {})
    return f"; left out of the portfolio, for reasons that journal.jsonl tells: {names}" if names else ""


def _source(source: dict[str, Any]) -> str:
    """Return how much of a run or a file is known now, and what is not."""
    outside, scoreless, of = source["outside"], source["scoreless"], f"of {source['of']:,}"
    parts = [f"{outside:,} {of} {'is' if outside == 1 else 'are'} outside this space"] if outside else []
    parts += (
        [f"{scoreless:,} {of} {'has' if scoreless == 1 else 'have'} no score by its objective"] if scoreless else []
    )
    parts += [] if source["rung"] else ["ranked below every trial here"]
    beside = f" ({', '.join(parts)})" if parts else ""
    return f"{counted(source['imported'], 'trial')} of {source['source']}{beside}"


def _picked(event: dict[str, Any]) -> str:
    """Return which of the candidates are tried."""
    number = len(event["kept"])
    first = "the first is" if number == 1 else f"the first {number} are"
    best = "the best is" if number == 1 else f"the best {number} are"
    if any(value is not None for value in event["values"]):  # the best are kept
        return f"{best} tried, by {event['score']} ({listed([_score_of(value) for value in event['values']])})"
    return f"{first} tried: no node gave a score ({event['score']})"


def _score_of(value: float | None) -> str:
    return "no score" if value is None else figure(value)


def _how_long(event: dict[str, Any]) -> str:
    """Return for how many rounds a stage trains each model, and with how many seeds, where that is more than one."""
    rounds = f" for {counted(event['rounds'], 'round')}" if "rounds" in event else ""
    return rounds + (f" with {event['seeds']} seeds" if event.get("seeds", 1) > 1 else "")


def _why(event: dict[str, Any]) -> str:
    """Return by what a finalist was chosen, in words."""
    ours, best = figure(event["means"][event["finalist"]]), figure(event["best"])
    beside = f", where the best has {best} and the standard error is {figure(event['error'])}" if ours != best else ""
    return f"{event['why']} (mean {event['objective']} {ours}{beside})"


def line_of(event: dict[str, Any]) -> str | None:
    """Return an event in one line; None where people need not see it."""
    line = _LINES.get(event["event"])
    trial = str(event.get("trial", ""))
    quiet = event["event"] in _QUIET.get(trial.partition("-")[0], ())
    return None if line is None or quiet else line(event)


def log_event(event: dict[str, Any]) -> None:
    """Log one event of the journal, if people need to see it."""
    line = line_of(event)
    if line is not None:
        log(WARNING if event["event"] in _WARNINGS else INFO, "%s", line)
