"""What models are worth beside each other, in sentences, each where it holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from common.groups import IMPORTED, PORTFOLIO
from common.tasks import Head
from server_app.gains import Gain
from server_app.reporting.words import counted

Entries = Mapping[str, Mapping[str, Any]]
"""By role what result.json tells of it."""


def same(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> bool:
    """Return whether two entries of a result are of one architecture that trains with one recipe."""
    return one is not None and other is not None and all(one.get(key) == other.get(key) for key in ("id", "recipe"))


def judgement(there: Entries, head: Head) -> Iterator[str]:
    """Yield what the winner is worth beside the others.

    Parameters
    ----------
    there : mapping
        By role; the winner is there.
    head : Head
        Of the task.
    """
    winner, baseline = there["winner"], there.get("baseline")
    if same(winner, baseline):
        began = winner.get("origin") in (PORTFOLIO, IMPORTED, "given")
        than = "what it began with: the winner is its" if began else "its baseline: the winner is that"
        yield f"The search found nothing better than {than} baseline, and the gain is zero."
    elif baseline:
        yield f"The baseline is the {_where_from(baseline)}: {baseline['architecture']} ({baseline['id']})."
        yield from over_baseline(winner, baseline, head)
    is_linear = "linear" in there and winner["id"] == there["linear"]["id"]
    if is_linear:
        yield "The winner is a linear model itself: no network was needed."
    for role, what in (("linear", "a linear model"), ("constant", f"predicting the {head.constant}")):
        gain = _gain(winner, role)
        if gain is not None and not gain.clear and not (is_linear and role == "linear"):
            yield f"{_no_better('winner', what, gain, head)}."
    yield from _one_class("winner", winner)
    yield from _failures(there)


def over_baseline(winner: Mapping[str, Any], baseline: Mapping[str, Any], head: Head) -> Iterator[str]:
    """Yield the gain over a baseline that learnt something, and what it cost."""
    chance, gain = _gain(baseline, "constant"), _gain(winner, "baseline")
    if chance is not None and not chance.clear:
        told = _no_better("baseline", f"chance (predicting the {head.constant})", chance, head)
        yield f"{told}, so a gain over it says nothing."
        yield from _one_class("baseline", baseline)
    elif gain is not None:
        yield f"{gain_in_words(gain, head)}."
        if gain.high is not None and gain.high < 0:
            yield "The winner is worse than the baseline on the test, whatever its scores on validation were."
        if not gain.clear and (gain.low is None or gain.within_noise) and winner["macs"] < baseline["macs"]:
            share = winner["macs"] / baseline["macs"]
            yield f"The winner is no better than the baseline{_by_chance(gain)}, with {share:.0%} of its MACs."


def gain_in_words(gain: Gain, head: Head) -> str:
    """Return a gain with how far it may be off; "a gain of 5" would not say which way, where less is better."""
    metric, better = head.primary
    form = next(row.form for row in head.rows if row.metric == metric)
    if better == "max":
        return f"Gain in {metric} {form.format(gain.mean)}{_interval(gain, form)}"
    won = gain.mean >= 0
    way = "lower" if won else "higher"
    interval = _interval(gain if won else _mirrored(gain), form)
    return f"{metric} {way} by {form.format(abs(gain.mean))}{interval or (', a gain' if won else ', a loss')}"


def _interval(gain: Gain, form: str) -> str:
    if gain.low is None or gain.high is None:
        return ""
    over = counted(gain.number, *(("seed",) if gain.over == "seeds" else ("node or person", "nodes or people")))
    noise = ": within noise" if gain.within_noise else ""
    return f" (95 % interval {form.format(gain.low)} to {form.format(gain.high)} over {over}){noise}"


def _mirrored(gain: Gain) -> Gain:
    low, high = (None if end is None else -end for end in (gain.high, gain.low))
    return Gain(-gain.mean, low, high, gain.over, gain.number, gain.values)


def _no_better(role: str, what: str, gain: Gain, head: Head) -> str:
    """Return that a model is no better than another, or that nobody can tell, which is not the same."""
    if gain.within_noise and gain.mean > 0:
        words = gain_in_words(gain, head)
        return f"Whether the {role} is better than {what} cannot be told: {words[0].lower()}{words[1:]}"
    return f"The {role} is no better than {what}"


def _by_chance(gain: Gain) -> str:
    return " (within noise)" if gain.within_noise and gain.mean > 0 else ""


def _gain(entry: Mapping[str, Any], other: str) -> Gain | None:
    values = entry.get("gain_over", {}).get(other)
    return None if values is None else Gain.from_json(values)


def _one_class(role: str, entry: Mapping[str, Any]) -> Iterator[str]:
    runs, tested = entry.get("one_class", 0), sum(map(bool, entry.get("tests", ())))
    if runs:
        yield f"The {role} predicts one class only{f', in {runs} of {tested} runs' if runs < tested else ''}."


def _failures(there: Entries) -> Iterator[str]:
    for role, entry in there.items():
        tests = entry.get("tests", ())
        failed = sum(not test for test in tests)
        if failed and failed < len(tests):
            yield f"Of {len(tests)} runs of the {role} {failed} failed: {entry['failure'].rstrip('.')}."


def _where_from(baseline: Mapping[str, Any]) -> str:
    if baseline.get("origin") != PORTFOLIO:
        return "one given"
    tried = baseline.get("trial") is not None
    return "best of the portfolio" if tried else "first of the portfolio, of which the search tried nothing"
