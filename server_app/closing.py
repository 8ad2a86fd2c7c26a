"""What follows the search: finalists, final training, models of the nodes' own, each built once it is known of what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from server_app.journal import Journal
from server_app.outcome import Outcome
from server_app.roster import Roster
from server_app.stages.base import Stage
from server_app.stages.final import Final
from server_app.stages.finalists import Finalists
from server_app.stages.personal import Personal
from server_app.trials import Identity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.tasks import Task


@dataclass(frozen=True)
class Closing:
    """How the stages after the search are built.

    All follows from the configuration and from what was found, so a run that goes on builds the same.

    Parameters
    ----------
    rounds : callable
        Returns from the task and the nodes how many rounds a model trains in either, unless a budget makes them fewer.
    finalists : callable
        Builds the finalists' stage from what was found so far, and the nodes; returns None where there is nothing to
        choose.
    final : callable
        Builds the final training likewise, once the winner is known.
    personal : callable
        Builds likewise, once the winner is trained, the stage in which nodes make models of their own of it; returns
        None where they make none.
    """

    rounds: Callable[[Task, Roster], int]
    finalists: Callable[[Outcome, Roster], Finalists | None]
    final: Callable[[Outcome, Roster], Final]
    personal: Callable[[Outcome, Roster], Personal | None] = lambda outcome, roster: None  # noqa: ARG005

    def stages(self, outcome: Outcome, roster: Roster, journal: Journal) -> Iterator[Stage]:
        """Yield what is to be done after the search, each stage after the one before is done.

        Raises
        ------
        SearchError
            All finalists failed, or the winner did in the final training.
        """
        if outcome.final is None:
            yield from self._finalists(outcome, roster, journal)
            outcome.final = self.final(outcome, roster)
            _tell_final(outcome.final, journal)
        yield outcome.final
        outcome.final.check_trained()
        if outcome.personal is None and (stage := self.personal(outcome, roster)) is not None:
            outcome.personal = stage
            journal.write("personal", **stage.facts())
        if outcome.personal is not None:
            yield outcome.personal

    def restore(self, outcome: Outcome, state: Mapping[str, Any], roster: Roster) -> None:
        """Build the stages that had begun when `state` was saved, and let them take it back."""
        finalists, final, personal = state["finalists"], state["final"], state.get("personal")
        if finalists is not None and (stage := self.finalists(outcome, roster)) is not None:
            stage.load_state_dict(finalists)
            outcome.finalists = stage
        if final is not None and outcome.winner is not None:
            outcome.final = self.final(outcome, roster)
            outcome.final.load_state_dict(final)
        if personal is not None and (own := self.personal(outcome, roster)) is not None:
            own.load_state_dict(personal)
            outcome.personal = own

    def _finalists(self, outcome: Outcome, roster: Roster, journal: Journal) -> Iterator[Stage]:
        if outcome.finalists is None:
            outcome.finalists = self.finalists(outcome, roster)
            if outcome.finalists is None:
                return
            _tell_finalists(outcome.finalists, outcome, journal)
        yield outcome.finalists
        _tell_choice(outcome.finalists, outcome, journal)


def _tell_finalists(stage: Finalists, outcome: Outcome, journal: Journal) -> None:
    names = [_name(identity, outcome) for identity in stage.contenders]
    journal.write("finalists", finalists=names, seeds=stage.seeds, trials=len(stage.plan), rounds=stage.rounds)


def _tell_choice(stage: Finalists, outcome: Outcome, journal: Journal) -> None:
    choice, objective = stage.found(), stage.objectives.terms()[0]
    journal.write(
        "chosen",
        trial=_name(stage.contenders[choice.chosen], outcome),
        why=choice.why,
        finalist=choice.chosen,
        objective=objective.name,
        means=[None if mean is None else objective.oriented(mean) for mean in choice.means],
        best=objective.oriented(max(mean for mean in choice.means if mean is not None)),
        error=choice.error,
    )


def _name(identity: Identity, outcome: Outcome) -> str:
    """Return the name of the search's best trial of an identity."""
    return outcome.search.name_of(next(trial for trial in outcome.search.ranking if trial.identity == identity))


def _tell_final(stage: Final, journal: Journal) -> None:
    roles = {role: spec.id for role, (spec, _) in stage.candidates.items()}
    journal.write(
        "final", winner=roles["winner"], trials=len(stage.plan), seeds=stage.seeds, rounds=stage.rounds, roles=roles
    )
