"""Zero-cost scores: many specs scored by all nodes without training, in one message for each node.

All specs begin at the same time, so what waits for a node goes out together; what is found is the mean over nodes of
each spec's scores. Where all are silent they are asked again, as in other stages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from common.errors import ConfigError
from common.jobs import Job, Work
from common.models.proxies import graph_scores
from server_app.no_weights import NoWeights
from server_app.proxies import ProxyPhase, averaged, counts
from server_app.proxy_ranking import ProxyScores
from server_app.stages.base import Active, Stage
from server_app.stages.rounds import TRIES
from server_app.trials import Trial, TrialState

if TYPE_CHECKING:
    from common.architecture.graph import Graph
    from common.architecture.spec import ArchitectureSpec
    from common.metrics import Measured
    from server_app.trials import Recipe
    from server_app.weights.base import WeightStore

_REASONS = 3
"""Reasons that are told of one spec."""


@dataclass(kw_only=True)
class Proxies(Stage):
    """Specs that nodes score without training.

    Parameters
    ----------
    specs : sequence of ArchitectureSpec
        Different ones.
    recipe : Recipe
        Of which the size of a mini-batch counts, and what it takes to hold.
    lower : callable
        Returns the graph of a spec.
    min_examples : int
        A node scores on a mini-batch of so many examples at least; who has fewer is not asked.
    weights : WeightStore
        None by default: the nodes draw them.
    others
        As in `Stage`.

    Attributes
    ----------
    trials : list of Trial
        One a spec, in their order: what it has cost, and whether it has scores.
    nodes : tuple of str
        Who is asked, sorted.
    """

    name: ClassVar[str] = "proxies"
    label: ClassVar[str] = "proxy"

    specs: Sequence[ArchitectureSpec]
    recipe: Recipe
    lower: Callable[[ArchitectureSpec], Graph]
    min_examples: int
    weights: WeightStore = field(default_factory=NoWeights)
    trials: list[Trial] = field(default_factory=list, init=False)
    nodes: tuple[str, ...] = field(default=(), init=False)
    _by_node: dict[int, dict[str, Measured]] = field(default_factory=dict, init=False)
    _reasons: dict[int, tuple[str, ...]] = field(default_factory=dict, init=False)
    _scoreless: Counter[tuple[str, str]] = field(default_factory=Counter, init=False)
    _turn: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.recipe.batch_size < self.min_examples:
            raise ConfigError(
                f"A mini-batch that is scored by proxies needs {self.min_examples} examples "
                "(preprocessing.min_examples)",
                self.recipe.batch_size,
                fix="Raise training.batch_size",
            )
        self.trials = [Trial(number, spec, self.recipe, "sample") for number, spec in enumerate(self.specs)]
        self._macs = [int(graph_scores(self.lower(spec))["macs"]) for spec in self.specs]
        self._active = {trial.number: self._active_of(trial) for trial in self.trials}

    # ------------------------------------------------------------ what the strategy asks

    @property
    def done(self) -> bool:
        """Whether every spec was scored, or nobody could."""
        return not self._active

    def begin(self, nodes: Sequence[str], admitted: Sequence[str] | None = None) -> None:
        """Take those that have enough examples; raise `ConfigError` where there are none."""
        names = nodes if admitted is None else admitted
        self.nodes = tuple(sorted(name for name in names if self.held(name, "train") >= self.min_examples))
        if not self.nodes:
            raise ConfigError(
                f"Specs are scored by nodes with {self.min_examples} training examples at least "
                "(preprocessing.min_examples)",
                len(names),
                fix="Start nodes with more examples",
            )

    def refill(self, nodes: Sequence[str], unavailable: Collection[str] = ()) -> None:
        """Begin all that is not under way, on the nodes that are there."""
        free = set(nodes) - set(unavailable)
        self._leave_out_absent(free)
        there = [node for node in self.nodes if node in free]
        self.blocked = "" if there else "A score needs 1 free node"
        waiting = [active for active in self._active.values() if active.phase is None]
        if not there or not waiting:
            return
        self._turn += 1
        work = Work("proxy", "train", 0, self.recipe)
        for active in waiting:
            active.phase = ProxyPhase(work, there, self._turn, self.min_examples, active.scores)
            active.turn = self._turn
        self._leave_out_absent(free)

    def settle(self) -> bool:
        """Close each spec to which nobody owes a score any more."""
        self._tell_scoreless()
        complete = [a for a in self._active.values() if a.phase is not None and a.phase.complete]
        for active in complete:
            phase, active.phase = active.phase, None
            assert isinstance(phase, ProxyPhase)
            active.tries += phase.asked
            if phase.short and phase.undecided and phase.asked and active.tries < TRIES:
                self.retries += 1
            else:
                self._close(active, phase)
        return bool(complete)

    def figures(self) -> dict[str, int | list[float]]:
        """Return how many specs there are, and how many were scored."""
        return {"specs": len(self.specs), "scored": len(self._by_node)}

    def state_dict(self) -> dict[str, Any]:
        """Return the scores of all specs that have ended, by number."""
        ended = [trial for trial in self.trials if trial.state.ended]
        return {
            "nodes": list(self.nodes),
            "trials": [trial.state_dict() for trial in ended],
            "by_node": {
                str(number): {name: list(pair) for name, pair in scores.items()}
                for number, scores in self._by_node.items()
            },
            "reasons": {str(number): list(reasons) for number, reasons in self._reasons.items()},
            "turn": self._turn,
            "retries": self.retries,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take them back, and ask for the others."""
        self.nodes, self._turn, self.retries = tuple(state["nodes"]), state["turn"], state["retries"]
        for row in state["trials"]:
            self.trials[row["number"]] = Trial.from_state(row)
        self._by_node = {
            int(number): {name: (scores, examples) for name, (scores, examples) in by_node.items()}
            for number, by_node in state["by_node"].items()
        }
        self._reasons = {int(number): tuple(reasons) for number, reasons in state["reasons"].items()}
        self._active = {t.number: self._active_of(t) for t in self.trials if not t.state.ended}

    # ------------------------------------------------------------ what was found

    def found(self) -> list[ProxyScores]:
        """Return the scores of all specs, in their order; a spec that nobody scored has those of its graph alone."""
        return [self._scores_of(trial) for trial in self.trials]

    def _scores_of(self, trial: Trial) -> ProxyScores:
        by_node = self._by_node.get(trial.number, {})
        scores = graph_scores(self.lower(trial.spec)) | averaged(by_node)
        return ProxyScores(trial.spec, scores, counts(by_node), self._reasons.get(trial.number, ()))

    # ------------------------------------------------------------ within

    def _active_of(self, trial: Trial) -> Active:
        return Active(trial, self._name(trial.number), 0, self._macs[trial.number])

    def _asked(self, node: str, job: Job) -> Active | None:
        """Return the spec for which `node` owes this job: by its number, for there are as many as jobs."""
        number = job.trial.rpartition("-")[2]
        active = self._active.get(int(number)) if number.isdecimal() else None
        if active is None or active.phase is None or active.name != job.trial:
            return None
        return active if node in active.phase.sent else None

    def _absent(self, active: Active, node: str, reason: str, *, undecided: bool = False) -> None:
        assert active.phase is not None
        active.phase.leave_out(node, reason, undecided=undecided)
        self._scoreless[node, reason] += 1

    def _refused(self, node: str, job: Job, reason: str) -> None:  # noqa: ARG002 - many have one reason
        self._scoreless[node, reason] += 1

    def _tell_scoreless(self) -> None:
        """Tell of nodes that gave no scores: of hundreds of specs with one reason in one line."""
        for (node, reason), number in sorted(self._scoreless.items()):
            self.journal.write("scoreless", node=node, specs=number, reason=reason)
        self._scoreless.clear()

    def _close(self, active: Active, phase: ProxyPhase) -> None:
        """Keep what the nodes gave, and why others gave nothing."""
        trial, reasons = active.trial, tuple(sorted(set(phase.left_out.values())))[:_REASONS]
        del self._active[trial.number]
        if reasons:
            self._reasons[trial.number] = reasons
        if phase.short:
            trial.state, trial.failure = TrialState.FAILED, phase.why_nobody()
        else:
            trial.state, self._by_node[trial.number] = TrialState.FINISHED, phase.scores
        found = self._scores_of(trial)
        self.journal.write("proxied", trial=active.name, state=str(trial.state), **found.to_json())
