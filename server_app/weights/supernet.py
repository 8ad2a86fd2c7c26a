"""All trials share one network; what a trial is lent is cut out of it, and what it came to is merged.

Weight sharing as of G. Bender et al., "Understanding and Simplifying One-Shot Architecture Search", ICML 2018; in a
federation as of A. Khare et al., "SuperFedNAS", ECCV 2024. `server_app.supernet` says what is cut, and how it is
merged.

Only the part travels. Trials of one turn start from the same supernet, and are merged once all of them have ended: each
number becomes the mean over the trials that have it, weighted by their training examples; what nobody trained stays as
it is, bit for bit. A trial is scored by what the supernet is then, not by what it came to itself, so scores rank trials
among each other only, and a mean over a trial's own rounds (`training.average`) has no meaning here. Running statistics
of batch norm are those of many networks, so nodes count them anew before a score (`client_app.calibration`).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from common.architecture.cost import cost_of
from common.architecture.spec import ArchitectureSpec
from common.errors import ConfigError
from server_app.supernet.paths import LARGEST, SAMPLINGS
from server_app.supernet.shared import Part, Shared
from server_app.weights.base import WeightStore

if TYPE_CHECKING:
    from common.jobs import Arrays, Weights, WorkKind
    from server_app.aggregation.base import Aggregation
    from server_app.trials import Trial


class Supernet(WeightStore):
    """One network's weights, of which every trial has a part."""

    shares = True

    @dataclass(frozen=True)
    class Options:
        """Options of the warm-up that trains the supernet before the search.

        Parameters
        ----------
        rounds : int
            Of the warm-up; 0 for none, where trials train the supernet themselves.
        paths : int
            That train in a round, at least 2: one may be of those that the search begins with.
        sampling : {"uniform", "sandwich", "fair", "pareto"}
            Which; see `server_app.supernet.paths`.
        largest : float
            For how much more than its examples the largest path counts at first; it falls to 1 along half a cosine.
            After SuperFedNAS (section 3.3), where it is the share of the largest in the mean that decays.
        distillation : bool
            Whether all but the largest path of a round learn from its outputs as well.
        part : float
            Of a budget, what the warm-up may spend.
        """

        rounds: int = 40
        paths: int = 4
        sampling: str = "sandwich"
        largest: float = 1.0
        distillation: bool = False
        part: float = 0.5

        def __post_init__(self) -> None:
            for name, least in (("rounds", 0), ("paths", 2), ("largest", 1)):
                if (value := getattr(self, name)) < least:
                    raise ConfigError(f"weights.{name} must be {least} or more", value, fix="Leave it out")
            if self.sampling not in SAMPLINGS:
                raise ConfigError(f"weights.sampling must be one of {', '.join(SAMPLINGS)}", self.sampling)
            if self.distillation and self.sampling != "sandwich":
                raise ConfigError(
                    "weights.distillation needs the largest path in each round",
                    f"weights.sampling={self.sampling}",
                    fix="Set weights.sampling=sandwich",
                )
            if not 0 < self.part < 1:
                raise ConfigError("weights.part must be between 0 and 1", self.part, fix="Leave it out")

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._shared = Shared(self.seed)
        self._specs: dict[int, ArchitectureSpec] = {}
        self._lent: dict[int, Arrays] = {}
        self._rules: dict[int, Aggregation] = {}
        self._trained: dict[int, Part] = {}
        self._stored: tuple[int, Any] = (-1, None)

    def lend(self, trial: Trial, kind: WorkKind = "train") -> Arrays:  # noqa: ARG002 - both start from the same
        """Return the trial's part: the same until it trained, or its turn is over."""
        self._specs[trial.number] = trial.spec
        if trial.number in self._trained:  # what it came to counts before it goes on
            self._merge()
        if trial.number not in self._lent:
            self._lent[trial.number] = {"weights": self._shared.cut(trial.spec.lower(self.task))}
        return self._lent[trial.number]

    def open(self, trial: Trial) -> Aggregation:
        """Begin a round, of which nothing is remembered later."""
        rule = self._rules[trial.number] = self.make_aggregation()
        rule.begin(self.lend(trial)["weights"], cost_of(trial.spec.lower(self.task)).buffers)
        return rule

    def fold(self, trial: Trial) -> None:
        """Take the round's result; it is merged with those of the other trials of its turn."""
        rule = self._rules[trial.number]
        weights = rule.combined()
        counts = rule.examples * self._emphasis(trial)
        self._trained[trial.number] = Part(trial.spec.lower(self.task), weights, counts)
        del self._rules[trial.number], self._lent[trial.number]

    def close(self, turn: int) -> None:  # noqa: ARG002
        """Merge what was trained; what waits to be lent again is cut anew."""
        self._merge()

    def rest(self, trial: Trial) -> None:
        """Forget the trial's part; it is cut anew."""
        self._lent.pop(trial.number, None)

    def adopt(self, trial: Trial, weights: Weights) -> None:
        """Merge weights that were trained elsewhere, as those of one trial alone."""
        self._specs[trial.number] = trial.spec
        self._shared.merge([Part(trial.spec.lower(self.task), weights, 1)])
        self._lent.pop(trial.number, None)

    def retain(self, numbers: Collection[int]) -> None:
        """Forget which parts the other trials had; the supernet keeps what they trained."""
        for table in (self._specs, self._lent, self._rules):
            for number in table.keys() - set(numbers):
                del table[number]

    def weights(self, number: int) -> Weights | None:
        """Return the part of a trial as the supernet is now."""
        spec = self._specs.get(number)
        if spec is None:
            return None
        self._merge()
        return self._shared.cut(spec.lower(self.task))

    def network(self) -> Mapping[str, Weights]:
        """Return the supernet's tensors."""
        self._merge()
        return self._shared.tensors

    def state_dict(self) -> dict[str, Any]:
        """Return the supernet, which parts the trials have, and what they were lent, if they train or wait with it."""
        self._merge()
        if self._stored[0] != self._shared.changes:  # the warm-up and the search both store the one that they share
            self._stored = self._shared.changes, self.blobs.put_state(self._shared.state_dict())
        return {
            "shared": self._stored[1],
            "specs": [[number, spec.to_dict()] for number, spec in sorted(self._specs.items())],
            "lent": [[number, self.blobs.put_state(dict(arrays))] for number, arrays in sorted(self._lent.items())],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        self._shared.load_state_dict(self.blobs.get_state(state["shared"]))
        self._specs = {number: ArchitectureSpec.from_dict(spec) for number, spec in state["specs"]}
        self._lent = {number: self.blobs.get_state(arrays) for number, arrays in state["lent"]}
        self._rules, self._trained = {}, {}

    def _emphasis(self, trial: Trial) -> float:
        if trial.origin != LARGEST:
            return 1.0
        decay = (1 + math.cos(math.pi * trial.rounds / self.options.rounds)) / 2
        return float(1 + (self.options.largest - 1) * decay)

    def _merge(self) -> None:
        self._shared.merge([part for _, part in sorted(self._trained.items())])
        self._trained = {}
