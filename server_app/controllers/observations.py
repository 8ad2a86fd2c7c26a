"""What passes between a controller's idea and its bookkeeping: suggestions, and what became of them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from common.architecture.spec import ArchitectureSpec
from common.errors import ConfigError
from server_app.comparison import ByNode, by_node_from_json
from server_app.ranking import Entry, entries, leaders, order
from server_app.trials import Identity, Recipe, Trial, TrialState


@dataclass(frozen=True)
class Suggestion:
    """A subclass's idea.

    Parameters
    ----------
    tried : Identity
        A spec, and the recipe by which to train it.
    origin, parent
        As in `Proposal`.
    repeats : int, optional
        The trial that it repeats on purpose; nothing is tried twice by chance.
    """

    tried: Identity
    origin: str
    parent: int | None = None
    repeats: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        spec, recipe = self.tried
        return {
            "tried": [spec.to_dict(), recipe.to_json()],
            "origin": self.origin,
            "parent": self.parent,
            "repeats": self.repeats,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Suggestion:
        """Build from what `to_json` wrote."""
        spec, recipe = values["tried"]
        return cls(**{**values, "tried": (ArchitectureSpec.from_dict(spec), Recipe.from_json(recipe))})


@dataclass(frozen=True)
class Observation:
    """What a controller remembers of a trial.

    Parameters
    ----------
    number : int
        The trial; below 0 of what another search observed.
    spec, recipe : ArchitectureSpec, Recipe
        What was tried.
    rung : int
        The last rung completed.
    score : float, optional
        More is better; None for a failed trial. Comparable within a rung, so it may move while trials are observed
        that other nodes scored.
    by_node : mapping
        The scores of the nodes behind it, and their examples.
    tie : float, optional
        What decides between equal scores; more is better. Comparable as the score is; None where nobody reported it.
    ties : mapping
        As `by_node`, of what decides.
    further : tuple of float
        As `score`, in the other objectives in which trials are compared; none where there is one objective.
    further_by_node : tuple of mappings
        As `by_node`, of each of these.
    violation : float
        By how much hard constraints are broken.
    unheard : bool
        The trial failed because nodes were silent; it may be proposed again.
    feasible : bool
        Whether it keeps all hard constraints.
    final : bool
        Whether the trial has ended; else it completed a rung and may train on.
    """

    number: int
    spec: ArchitectureSpec
    recipe: Recipe
    rung: int
    score: float | None
    by_node: ByNode = field(default_factory=dict)
    unheard: bool = False
    feasible: bool = True
    final: bool = True
    tie: float | None = None
    ties: ByNode = field(default_factory=dict)
    further: tuple[float, ...] = ()
    further_by_node: tuple[ByNode, ...] = ()
    violation: float = 0.0

    @property
    def identity(self) -> Identity:
        """What was tried."""
        return self.spec, self.recipe

    @property
    def broken(self) -> tuple[bool, float]:
        """As of `Entry`."""
        return not self.feasible, self.violation

    @property
    def entry(self) -> Entry:
        """What it is among others of its rung; it has a score."""
        assert self.score is not None
        tie = -math.inf if self.tie is None else self.tie
        return Entry(self.number, (self.score, *self.further), tie, self.broken)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values of all but what was tried, which the controller knows by the number."""
        return {item.name: getattr(self, item.name) for item in fields(self) if item.name not in ("spec", "recipe")}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], tried: Identity) -> Observation:
        """Build from what `to_json` wrote."""
        spec, recipe = tried
        read = {
            "by_node": by_node_from_json(values["by_node"]),
            "ties": by_node_from_json(values["ties"]),
            "further": tuple(values["further"]),
            "further_by_node": tuple(map(by_node_from_json, values["further_by_node"])),
        }
        return cls(spec=spec, recipe=recipe, **{**values, **read})


def observed(trial: Trial, *, final: bool) -> Observation:
    """Return what is remembered of a trial.

    Parameters
    ----------
    trial : Trial
        That has completed a rung, or has ended.
    final : bool
        Whether it has ended.

    Raises
    ------
    ConfigError
        It has no score, though it goes on, or one that is not finite.
    """
    score = None if trial.state is TrialState.FAILED else trial.last
    if score is None:
        if not final:
            raise ConfigError("A trial that completed a rung has a score", trial.number, fix="Report a bug")
        return Observation(
            trial.number, trial.spec, trial.recipe, trial.rung, None, unheard=trial.unheard, feasible=False
        )
    if score.value is None or not math.isfinite(score.value):
        raise ConfigError("A score is finite; a trial without one fails", score.value, fix="Report a bug")
    return Observation(
        trial.number,
        trial.spec,
        trial.recipe,
        trial.rung,
        score.value,
        score.comparable,
        trial.unheard,
        score.feasible,
        final,
        score.tie,
        score.ties,
        score.further,
        score.terms[1:],
        score.violation,
    )


def compared_again(seen: Sequence[Observation]) -> list[Observation]:
    """Return observations of one rung, which have scores, with these as they compare over the nodes in common."""
    terms = [(one.by_node, *one.further_by_node) for one in seen]
    found = entries(range(len(seen)), terms, [one.ties for one in seen], [one.broken for one in seen])
    return [_moved(one, entry) for one, entry in zip(seen, found, strict=True)]


def _moved(seen: Observation, entry: Entry) -> Observation:
    (score, *further), tie = entry.point, entry.tie if seen.ties else None
    if (score, tuple(further), tie) == (seen.score, seen.further, seen.tie):
        return seen  # as most are
    return replace(seen, score=score, further=tuple(further), tie=tie)


def trials_among(known: Iterable[Observation]) -> list[int]:
    """Return the numbers of those that are trials of this search."""
    return [seen.number for seen in known if seen.number >= 0]


def best_first(scored: Collection[Observation]) -> list[Observation]:
    """Sort observations that have a score: by rung, since scores of different rungs do not compare, then as `order`."""
    by_number, found = {seen.number: seen for seen in scored}, list[Observation]()
    for rung in sorted({seen.rung for seen in scored}, reverse=True):
        same = [seen.entry for seen in by_number.values() if seen.rung == rung]
        found += [by_number[entry.number] for entry in order(same)]
    return found


def best_of(scored: Collection[Observation]) -> Observation:
    """Return the best of observations that have a score; of several that nobody is better than, the knee."""
    rung = max(seen.rung for seen in scored)
    by_number = {seen.number: seen for seen in scored if seen.rung == rung}
    return by_number[leaders([seen.entry for seen in by_number.values()])[0].number]
