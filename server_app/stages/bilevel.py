"""The bilevel search: nodes step the weights of a mixed network, and how much of each option it has, in turn.

One mixed network trains at a time, round by round, and is never scored: how it does says nothing of what it comes to.
From level to level it loses options (`server_app.darts.shrinking`) and keeps what it has learnt of the others. It is
done after the last round, as soon as it has collapsed (`server_app.darts.collapse`), or where the budget pays for no
more; then what it comes to is plain networks, which a controller proposes as trials like any others.

Validation examples play no part: architecture weights learn from training examples that a node keeps for them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from common.architecture.kinds.mixed import MixedSpec
from common.architecture.spec import ArchitectureSpec
from common.errors import ConfigError, SearchError
from common.jobs import Work
from server_app.controllers.darts import Darts
from server_app.darts.collapse import has_collapsed
from server_app.darts.discretization import found_in, strongest
from server_app.darts.mixture import Mixture, Told
from server_app.darts.phase import BilevelPhase
from server_app.darts.schedule import Schedule
from server_app.darts.shrinking import dropped, kept
from server_app.reporting.words import counted
from server_app.stages.base import Active
from server_app.stages.rounds import Rounds
from server_app.trials import Trial, TrialState

if TYPE_CHECKING:
    from common.architecture.cost import Cost
    from common.jobs import Split
    from common.settings import BilevelSettings
    from server_app.budget import Shortage
    from server_app.controllers.base import Controller
    from server_app.darts.weights import MixedWeights
    from server_app.phases import TrainPhase
    from server_app.spaces.base import SearchSpace
    from server_app.trials import Recipe


@dataclass(kw_only=True)
class Bilevel(Rounds):
    """Rounds of one mixed network after the other.

    Parameters
    ----------
    options : Darts.Options
        Of the search.
    space : SearchSpace
        What the plain networks are to be of.
    spec : MixedSpec
        The first network.
    recipe : Recipe
        How weights are stepped; a schedule of the learning rate goes by all rounds.
    shortage : callable
        From the stage, its trial, and how many rounds are to come: what its share of a budget lacks for these; None
        where they are paid.
    others
        As in `Rounds`.

    Attributes
    ----------
    found : list of ArchitectureSpec
        What it came to, the best first; empty until it is done.
    history : list of Told
        By round, how likely options were.
    collapsed : int, optional
        The round with which it had collapsed.
    """

    name: ClassVar[str] = "bilevel"
    label: ClassVar[str] = "mixed"

    weights: MixedWeights
    options: Darts.Options
    space: SearchSpace
    spec: MixedSpec
    recipe: Recipe
    shortage: Callable[[Bilevel, Trial, int], Shortage | None] = lambda *_: None
    found: list[ArchitectureSpec] = field(default_factory=list, init=False)
    history: list[Told] = field(default_factory=list, init=False)
    collapsed: int | None = field(default=None, init=False)
    _loss: float | None = field(default=None, init=False)
    _schedule: Schedule = field(init=False)
    _unable: dict[str, int] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._schedule = Schedule(self.options)

    @property
    def all_rounds(self) -> int:
        """Rounds of all levels together."""
        return self.options.rounds

    @property
    def trained(self) -> int:
        """Rounds that have ended."""
        return self.trials[-1].rounds if self.trials else 0

    @property
    def done(self) -> bool:
        """Whether it is known what the search came to."""
        return bool(self.found)

    @property
    def held_out(self) -> tuple[str, ...]:
        """The nodes that never train, sorted."""
        return self._assigner.held_out

    @property
    def dearest(self) -> BilevelSettings:
        """What a node is told of a round that steps the architecture."""
        return self._schedule.settings(self.options.rounds)

    def spec_of(self, number: int) -> MixedSpec:
        """Return the network of a level."""
        return _mixed(self.trials[number])

    def last(self, place: int = -1) -> Mixture:
        """Return what the network came to in one of the rounds that stepped its architecture weights."""
        told = self.history[place]
        return Mixture(self.spec_of(told.trial), told.probabilities)

    def mixture(self) -> Mixture:
        """Return the network as it is now, or as it would begin."""
        if not self.trials:
            alphas = self.weights.alphas(self._first())
            return Mixture.of(self.spec, alphas, self._schedule.temperature(1))
        trial = self.trials[-1]
        return Mixture.of(_mixed(trial), self.weights.alphas(trial), self._schedule.temperature(max(1, trial.rounds)))

    def would_find(self) -> list[ArchitectureSpec]:
        """Return the plain networks that it would come to if it ended now."""
        return found_in(self.mixture(), self.space, self.options.discretized, self.options.max_skips)

    def hand_over(self, controller: Controller) -> None:
        """Let the controller propose what was found."""
        assert isinstance(controller, Darts)
        controller.find(self.found)

    # ------------------------------------------------------------ what the strategy asks

    def begin(self, nodes: Sequence[str], admitted: Sequence[str] | None = None) -> None:
        """Draw the panel that scores the search: who is held out of that does not train here either; see `Stage.begin`.

        Raises
        ------
        ConfigError
            Too few nodes can hold the network.
        """
        self._assigner.begin(nodes, nodes if admitted is None else admitted, 1, self.weights.minimum)
        trial = self.trials[-1] if self.trials else self._first()
        reasons = {node: self.excess(node, trial) for node in sorted(set(nodes) - set(self.held_out))}
        unable = {node: reason for node, reason in reasons.items() if reason}
        if unable and len(reasons) - len(unable) < max(1, self.weights.minimum):
            node, reason = next(iter(unable.items()))
            raise ConfigError(
                f"A bilevel search needs nodes that can hold the network of all options, but {len(unable)} of "
                f"{len(reasons)} cannot (of node {node!r}: {reason})",
                fix="Offer fewer operations, cells or channels, raise the limits of nodes, or, with space=cell, set "
                "controller.partial_channels=4",
            )

    def refill(self, nodes: Sequence[str], unavailable: Collection[str] = ()) -> None:
        """Begin the next level, or the next round, with the nodes that can hold the network.

        Raises
        ------
        ConfigError
            The budget does not pay for a first round and for what follows.
        SearchError
            The network failed.
        """
        free = set(nodes) - set(unavailable)
        self._leave_out_absent(free)
        if not self._active and not self.done:
            self._begin_level()
        for active in list(self._active.values()):  # the one that there is
            able = self._able(nodes, active.trial)
            if active.phase is not None or active.tries or self._is_paid(active):
                self._start_phases(able, free.intersection(able))
        self._check()

    def settle(self) -> bool:
        """Close what is complete, see `Stage.settle`; raises `SearchError` where the network failed."""
        settled = super().settle()
        self._check()
        return settled

    def state_dict(self) -> dict[str, Any]:
        """Return all state as JSON, but for what is under way; it is asked again."""
        return {
            **super().state_dict(),
            "found": [spec.to_dict() for spec in self.found],
            "history": [[told.round, told.trial, told.probabilities] for told in self.history],
            "collapsed": self.collapsed,
            "unable": dict(self._unable),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        super().load_state_dict(state)
        self.found = [ArchitectureSpec.from_dict(spec) for spec in state["found"]]
        self.history = [Told(number, trial, tuple(map(tuple, rows))) for number, trial, rows in state["history"]]
        self.collapsed, self._unable = state["collapsed"], dict(state["unable"])

    # ------------------------------------------------------------ starting

    def _first(self) -> Trial:
        return Trial(0, self.spec, self.recipe, "mixed")

    def _begin_level(self) -> None:
        """Begin the first level, or that which follows the one that has ended."""
        trial = self._first() if not self.trials else self._shrunk(self.trials[-1])
        active = self._enter(trial, self._schedule.level_end(trial.rounds))
        active.slot = 0

    def _shrunk(self, before: Trial) -> Trial:
        """Return the network of the next level, which begins as the one before it ended."""
        mixture = self.mixture()
        stays = kept(mixture, self.options.shrink)
        trial = Trial(
            before.number + 1, mixture.spec.keeping(stays), self.recipe, "shrunk", before.number, rounds=before.rounds
        )
        self.weights.hand_over(before, trial)
        self.weights.retain([trial.number])
        self.journal.write("shrunk", trial=self._name(trial.number), dropped=dropped(mixture, stays))
        return trial

    def _able(self, nodes: Sequence[str], trial: Trial) -> list[str]:
        """Return the nodes that can hold the network; who cannot is told of once for each level."""
        able = []
        for node in nodes:
            reason = self.excess(node, trial)
            if not reason:
                able.append(node)
            elif node not in self.held_out and self._unable.get(node) != trial.number:
                self._unable[node] = trial.number
                self.journal.write("unable", node=node, trial=self._name(trial.number), reason=reason)
        return able

    def _training(self, trial: Trial, number: int, nodes: Sequence[str], turn: int) -> TrainPhase:
        work = Work("bilevel", "train", number, trial.recipe, self.all_rounds, bilevel=self._schedule.settings(number))
        return BilevelPhase(work, nodes, turn, self.weights.open(trial), self.weights.lend(trial))

    def _is_paid(self, active: Active) -> bool:
        """Tell whether the budget pays for the next round, or for all until the architecture is stepped once.

        Where it does not, the search ends with what there is; raises `ConfigError` where there is nothing.
        """
        to_come = max(1, self._schedule.first - active.trial.rounds)
        shortage = self.shortage(self, active.trial, to_come)
        if shortage is None:
            return True
        if not self.history:
            raise ConfigError(
                f"search.budget.{shortage.currency} must pay for the bilevel search until it steps the architecture "
                f"(controller.part alone), and for what follows, together "
                f"{shortage.spent + shortage.reserved:,.0f} here",
                shortage.limit,
                fix="Raise it, or lower controller.warm_up, final.rounds, final.finalists or final.seeds",
            )
        self.journal.write("shortened", rounds=self.trained, of=self.options.rounds)
        self._conclude(active, self.mixture())
        return False

    # ------------------------------------------------------------ what follows

    def _trained(self, active: Active) -> None:
        """Take note of what a round came to, and end the level or all of it."""
        trial = active.trial
        mixture = self.mixture()
        if trial.rounds >= self._schedule.first:
            self.history.append(Told(trial.rounds, trial.number, mixture.probabilities))
            self._tell(trial, mixture)
            if has_collapsed(mixture.spec, next(strongest(mixture)), self.options.max_skips):
                self.collapsed = trial.rounds
                self._conclude(active, self._before_collapse(mixture))
                return
        if trial.rounds >= self.options.rounds:
            self._conclude(active, mixture)
        elif trial.rounds == active.target:
            stays = kept(mixture, self.options.shrink)
            if dropped(mixture, stays):
                self._end(active, TrialState.FINISHED)
            else:
                active.target = self._schedule.level_end(trial.rounds)

    def _before_collapse(self, mixture: Mixture) -> Mixture:
        """Return the network of the round before; as it is, where the first that steps the architecture collapses."""
        return mixture if len(self.history) < 2 else self.last(-2)

    def _conclude(self, active: Active, mixture: Mixture) -> None:
        """End with the plain networks that `mixture` comes to."""
        found = found_in(mixture, self.space, self.options.discretized, self.options.max_skips)
        if not found:
            raise SearchError(
                "None of the strongest networks that it came to is legal",
                fix="Loosen the space's constraints, or raise controller.max_skips",
            )
        self._end(active, TrialState.FINISHED)
        self.found = found
        self.weights.retain(())
        self.journal.write(
            "discretized",
            rounds=self.trained,
            collapsed=self.collapsed,
            found=[{"spec_id": spec.id, "architecture": spec.describe()} for spec in self.found],
        )

    def _close_training(self, active: Active, phase: TrainPhase) -> None:
        assert isinstance(phase, BilevelPhase)
        self._loss = phase.architecture_loss
        super()._close_training(active, phase)

    def _tell(self, trial: Trial, mixture: Mixture) -> None:
        self.journal.write(
            "alphas",
            trial=self._name(trial.number),
            round=trial.rounds,
            temperature=self._schedule.temperature(trial.rounds),
            architecture_loss=self._loss,
            probabilities=mixture.to_dict(),
        )

    def _check(self) -> None:
        """Raise where the network failed: nothing follows from it."""
        last = self.trials[-1] if self.trials else None
        if last is not None and last.state is TrialState.FAILED:
            raise SearchError(
                f"The bilevel search failed after {counted(last.rounds, 'round')} ({last.failure.rstrip('.')})",
                fix="See journal.jsonl",
            )

    def _ended(self, trial: Trial) -> None:
        self.weights.retain([trial.number])

    def _cost(self, trial: Trial) -> Cost:
        return self.space.cost(trial.spec)

    def _scored(self, active: Active, split: Split) -> None:
        raise NotImplementedError("A mixed network is not scored")


def _mixed(trial: Trial) -> MixedSpec:
    assert isinstance(trial.spec, MixedSpec)
    return trial.spec
