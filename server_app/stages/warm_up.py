"""The warm-up: paths through a supernet train, round by round, before the search scores any.

Each round has paths of its own, which start from the same supernet and are merged into it. A path trains in one round
and is never scored; nothing is kept of it but what the supernet has of it, and what it has cost.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from common.errors import ConfigError, SearchError
from server_app.stages.base import Active
from server_app.stages.rounds import Rounds
from server_app.supernet.paths import LARGEST
from server_app.trials import Trial, TrialState

if TYPE_CHECKING:
    from common.architecture.cost import Cost
    from common.jobs import Split
    from server_app.budget import Shortage
    from server_app.supernet.paths import Paths
    from server_app.trials import Recipe


@dataclass(kw_only=True)
class WarmUp(Rounds):
    """Rounds of paths.

    Parameters
    ----------
    rounds : int
        How many.
    paths : Paths
        Which paths train in each.
    distils : bool
        Whether all but the largest path of a round learn from its outputs as well.
    recipe : Recipe
        How they train; a schedule of the learning rate goes by the rounds of the warm-up.
    shortage : callable
        From the warm-up and the trials of a round to come: what its share of a budget lacks for that; None where it is
        paid.
    others
        As in `Rounds`.
    """

    name: ClassVar[str] = "warm_up"
    label: ClassVar[str] = "path"

    rounds: int
    paths: Paths
    recipe: Recipe
    distils: bool = False
    shortage: Callable[[WarmUp, Sequence[Trial]], Shortage | None] = lambda *_: None
    begun: int = field(default=0, init=False)
    _spent: bool = field(default=False, init=False)

    @property
    def all_rounds(self) -> int:
        """Rounds of the warm-up."""
        return self.rounds

    @property
    def done(self) -> bool:
        """Whether the last round has ended, or what is left of the budget is for the search."""
        return not self._active and (self._spent or self.begun >= self.rounds)

    @property
    def held_out(self) -> tuple[str, ...]:
        """The nodes that never train, sorted."""
        return self._assigner.held_out

    def begin(self, nodes: Sequence[str], admitted: Sequence[str] | None = None) -> None:
        """Draw the panel that scores the search: who is held out of that trains here neither; see `Stage.begin`."""
        panel_from = nodes if admitted is None else admitted
        self._assigner.begin(nodes, panel_from, self.paths.count, self.weights.minimum)

    def refill(self, nodes: Sequence[str], unavailable: Collection[str] = ()) -> None:
        """Start the paths of the next round once those of the one before have ended.

        Raises
        ------
        ConfigError
            The budget does not pay for a first round and for what follows.
        """
        free = set(nodes) - set(unavailable)
        self._leave_out_absent(free)
        if not self._active and not self.done:
            self._begin_round()
        self._start_phases(nodes, free)

    def settle(self) -> bool:
        """Close what is complete, see `Stage.settle`; raises `SearchError` where all paths of a round failed."""
        settled = super().settle()
        if not self._active:
            self._check_round()
        return settled

    def state_dict(self) -> dict[str, Any]:
        """Return all state as JSON, but for what is under way; it is asked again."""
        return {**super().state_dict(), "begun": self.begun, "spent": self._spent}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        super().load_state_dict(state)
        self.begun, self._spent = state["begun"], state["spent"]

    def _begin_round(self) -> None:
        drawn = self.paths.of_round(self.begun + 1, [trial.spec for trial in self.trials])
        first = len(self.trials)
        trials = [
            Trial(first + place, spec, self.recipe, origin, rounds=self.begun)
            for place, (spec, origin) in enumerate(drawn)
        ]
        if (shortage := self.shortage(self, trials)) is not None:
            if not self.begun:
                raise ConfigError(
                    f"search.budget.{shortage.currency} must pay for a round of the warm-up (weights.part alone), "
                    f"and for what follows, together {shortage.spent + shortage.reserved:,.0f} here",
                    shortage.limit,
                    fix="Raise it, or lower weights.paths, final.rounds, final.finalists or final.seeds",
                )
            self._spent = True
            self.journal.write("warmed_up", rounds=self.begun, of=self.rounds)
            return
        self.begun += 1
        for slot, trial in enumerate(trials):
            active = self._enter(trial, self.begun)
            active.slot = slot
        for active in self._active.values():
            active.macs = self._macs(active.trial)

    def _check_round(self) -> None:
        """Raise where nothing came of the round before, which says that nothing will."""
        last = self.trials[-self.paths.count :]
        if last and all(trial.state is TrialState.FAILED for trial in last):
            raise SearchError(
                f"All paths of round {self.begun} of the warm-up failed ({last[0].failure.rstrip('.')})",
                fix="See journal.jsonl",
            )

    def _largest(self, trial: Trial) -> Trial | None:
        """Return the path from whose outputs another one of its round learns; None where it learns from none."""
        if not self.distils or trial.origin == LARGEST:
            return None
        round_of = slice(self.paths.count * (trial.number // self.paths.count), None)
        return next((path for path in self.trials[round_of][: self.paths.count] if path.origin == LARGEST), None)

    def _teacher(self, trial: Trial) -> str:
        teacher = self._largest(trial)
        return "" if teacher is None else self._name(teacher.number)

    def _macs(self, trial: Trial) -> int:
        """Return the MACs of one example in training: of the path, and of whom it learns from."""
        teacher = self._largest(trial)
        return self._cost(trial).macs + (0 if teacher is None else self._cost(teacher).macs)

    def _active_of(self, row: dict[str, Any]) -> Active:
        active = super()._active_of(row)
        active.macs = self._macs(active.trial)
        return active

    def _cost(self, trial: Trial) -> Cost:
        return self.paths.space.cost(trial.spec)

    def _trained(self, active: Active) -> None:
        self._end(active, TrialState.FINISHED)

    def _scored(self, active: Active, split: Split) -> None:
        raise NotImplementedError("A path is not scored")

    def _ended(self, trial: Trial) -> None:  # noqa: ARG002
        self.weights.retain(self._active)
