"""Models of the nodes' own: after the final training each node makes one of the winner, compares, and keeps the best.

One message goes to each node, with the winner's weights, and metrics come back. Nobody is ranked, and the winner stays
what it is. Who cannot hold it, or is silent, has no model of its own; where all are silent they are asked again, as in
other stages.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from common.jobs import Result, Work
from common.personal import Verdict
from server_app.budget import personal_passes
from server_app.no_weights import NoWeights
from server_app.personal import PersonalPhase, counts_of_kept, gain_of_kept, tables
from server_app.stages.base import Active, Stage
from server_app.stages.rounds import TRIES
from server_app.trials import Trial, TrialState

if TYPE_CHECKING:
    from common.jobs import Arrays, Job, WorkKind
    from common.settings import PersonalSettings
    from common.tasks import Head
    from server_app.weights.base import WeightStore


@dataclass(kw_only=True)
class Personal(Stage):
    """The winner, of which each node makes a model of its own.

    Parameters
    ----------
    trial : Trial
        The winner: its spec and recipe. What this stage costs is in its ledger.
    arrays : Arrays
        What it was trained to: the common weights.
    macs : int
        Of one example forward.
    rounds : int
        Of the final training, for which a node trains it from scratch as well, on its own examples alone.
    settings : PersonalSettings
        What a node does.
    head : Head
        Of the task.
    equally : bool
        Whether each node weighs alike in what is told of all; else by its examples.
    weights : WeightStore
        None by default: nothing comes back that would have to be kept.
    others
        As in `Stage`.

    Attributes
    ----------
    nodes : tuple of str
        Who was there when it began, sorted.
    verdicts : dict of str to Verdict
        By node, what it found.
    notes : dict of str to str
        By node that found something, what it lacks.
    left_out : dict of str to str
        By node that found nothing, the reason.
    failure : str
        Why nobody found anything.
    """

    name: ClassVar[str] = "personal"
    label: ClassVar[str] = "personal"

    trial: Trial
    arrays: Arrays
    macs: int
    rounds: int
    settings: PersonalSettings
    head: Head
    equally: bool = False
    weights: WeightStore = field(default_factory=NoWeights)
    nodes: tuple[str, ...] = field(default=(), init=False)
    verdicts: dict[str, Verdict] = field(default_factory=dict, init=False)
    notes: dict[str, str] = field(default_factory=dict, init=False)
    left_out: dict[str, str] = field(default_factory=dict, init=False)
    failure: str = field(default="", init=False)
    _asked_once: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._active = {0: self._under(self.trial)}

    # ------------------------------------------------------------ what the strategy asks

    @property
    def done(self) -> bool:
        """Whether all nodes that could have found what they keep."""
        return not self._active

    def begin(self, nodes: Sequence[str], admitted: Sequence[str] | None = None) -> None:  # noqa: ARG002
        """Take all that are there, also those that have not been asked what they hold; who joins later has no model."""
        if not self._asked_once:
            self.nodes = tuple(sorted(nodes))

    def refill(self, nodes: Sequence[str], unavailable: Collection[str] = ()) -> None:
        """Ask all nodes, once one of them is free."""
        free = set(nodes) - set(unavailable)
        self._leave_out_absent(free)
        active = self._active.get(0)
        if active is None or active.phase is not None:
            return
        able = [node for node in self.nodes if not self.excess(node, self.trial)]
        self.blocked = "" if free.intersection(able) or not able else "A model of a node's own needs 1 free node"
        if self.blocked:
            return
        recipe = self.trial.recipe
        work = Work("personal", "train", self.rounds, recipe, self.rounds, personal=self.settings)
        active.turn, self._asked_once = 1, True
        active.phase = PersonalPhase(work, self.nodes, active.turn, self.head, self.held)
        self._leave_out_absent(free)

    def settle(self) -> bool:
        """Close it once nobody owes anything, or ask again where all were silent."""
        active = self._active.get(0)
        if active is None or active.phase is None or not active.phase.complete:
            return False
        phase, active.phase = active.phase, None
        assert isinstance(phase, PersonalPhase)
        active.tries += phase.asked
        if phase.short and phase.undecided and phase.asked and active.tries < TRIES:
            self.retries += 1
            self.journal.write(
                "retried", trial=active.name, round=phase.work.round, action=phase.work.kind, tries=active.tries
            )
        else:
            self._close(phase)
        return True

    def figures(self) -> dict[str, int | list[float]]:
        """Return how many nodes have found what they keep."""
        return {"nodes": len(self.nodes), "personal": len(self.verdicts)}

    def state_dict(self) -> dict[str, Any]:
        """Return all state as JSON; what is under way is asked again."""
        return {
            "trial": self.trial.state_dict(),
            "rounds": self.rounds,
            "nodes": list(self.nodes),
            "verdicts": {name: verdict.to_json() for name, verdict in self.verdicts.items()},
            "notes": dict(self.notes),
            "left_out": dict(self.left_out),
            "failure": self.failure,
            "tries": self._active[0].tries if self._active else 0,
            "retries": self.retries,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        self.trial, self.rounds, self.nodes = Trial.from_state(state["trial"]), state["rounds"], tuple(state["nodes"])
        self._asked_once = bool(self.nodes)
        self.verdicts = {name: Verdict(**row) for name, row in state["verdicts"].items()}
        self.notes, self.left_out = dict(state["notes"]), dict(state["left_out"])
        self.failure, self.retries = state["failure"], state["retries"]
        self._active = {} if self.trial.state.ended else {0: self._under(self.trial, state["tries"])}

    # ------------------------------------------------------------ what was found

    def facts(self) -> dict[str, Any]:
        """Return what the journal says as it begins."""
        settings = self.settings
        return {
            "trial": self._name(0),
            "spec_id": self.trial.spec.id,
            "method": settings.method,
            "epochs": settings.epochs,
            "learning_rate": settings.learning_rate,
            "rounds": self.rounds,
        }

    def summary(self) -> dict[str, Any]:
        """Return what it came to: how many nodes keep what, and what they gain, by their tests if there are any."""
        found = self.verdicts
        gain = self._gain("test") or self._gain("validation")
        return {
            "num_nodes": len(found),
            "num_left_out": len(self.left_out),
            "kept": counts_of_kept(found.values()),
            "gain": gain,
        }

    def table(self, split: str) -> dict[str, dict[str, float]]:
        """Return `server_app.personal.tables` of a split."""
        return tables(self.verdicts, split, self.head, equally=self.equally)

    # ------------------------------------------------------------ within

    def _gain(self, split: str) -> dict[str, Any] | None:
        return gain_of_kept(self.verdicts, split, self.head, equally=self.equally)

    def _under(self, trial: Trial, tries: int = 0) -> Active:
        return Active(trial, self._name(0), self.rounds, self.macs, slot=0, tries=tries)

    def _lend(self, trial: Trial, kind: WorkKind) -> Arrays:  # noqa: ARG002 - there is one
        return self.arrays

    def _mac_examples(self, active: Active, node: str, job: Job, result: Result) -> int:
        held = [self.held(node, "validation"), self.held(node, "test")]
        validation, test = (int(number) if math.isfinite(number) else 0 for number in held)
        train, epochs = result.num_examples, job.work.training.epochs
        return active.macs * personal_passes(self.settings, epochs, self.rounds, train, validation, test)

    def _close(self, phase: PersonalPhase) -> None:
        self.verdicts = {name: phase.verdicts[name] for name in sorted(phase.verdicts)}
        self.notes = {name: phase.notes[name] for name in sorted(phase.notes)}
        self.left_out = {name: phase.left_out[name] for name in sorted(phase.left_out)}
        self.failure = "" if self.verdicts else phase.why_nobody()
        self.trial.state = TrialState.FINISHED if self.verdicts else TrialState.FAILED
        self.trial.failure = self.failure
        self._active = {}
        self.journal.write("personalized", trial=self._name(0), **self.summary(), failure=self.failure)
