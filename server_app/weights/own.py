"""Weights of each trial's own: nothing is shared between trials."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from common.architecture.cost import cost_of
from server_app.weights.averages import Averages
from server_app.weights.base import WeightStore, joined, parted

if TYPE_CHECKING:
    from common.jobs import Arrays, Weights, WorkKind
    from server_app.aggregation.base import Aggregation
    from server_app.trials import Trial


class OwnWeights(WeightStore):
    """Base of the choices that differ only in what a trial starts from."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._arrays: dict[int, Arrays] = {}
        self._keys: dict[int, Any] = {}
        self._rules: dict[int, Aggregation] = {}
        self._rule_states: dict[int, Any] = {}
        self._averages = Averages(self.blobs)

    @abstractmethod
    def initial(self, trial: Trial) -> Arrays:
        """Return what `trial` starts from: arrays of the caller's own, the same whenever the run is repeated."""

    def lend(self, trial: Trial, kind: WorkKind = "train") -> Arrays:
        """Return the trial's weights, or what it starts from; see `WeightStore.lend`."""
        number = trial.number
        if number not in self._arrays:
            self._arrays[number] = self._stored(number) if number in self._keys else self.initial(trial)
        last = self._arrays[number]
        return self._averages.mean(number, last) if kind == "score" else last

    def open(self, trial: Trial) -> Aggregation:
        """Begin a round with the trial's rule, which remembers its earlier ones."""
        rule = self._rule(trial.number)
        rule.begin(joined(self.lend(trial)), cost_of(trial.spec.lower(self.task)).buffers)
        return rule

    def fold(self, trial: Trial) -> None:
        """Take the round's result."""
        before = self.lend(trial)
        self._arrays[trial.number] = parted(self._rules[trial.number].combined(), before)
        self._averages.fold(trial, before, self._keys.pop(trial.number, None))
        self._rule_states.pop(trial.number, None)

    def rest(self, trial: Trial) -> None:
        """Store what the trial has, and keep the keys."""
        self._store(trial.number)
        self._averages.rest(trial.number)
        self._arrays.pop(trial.number, None)
        self._rules.pop(trial.number, None)

    def adopt(self, trial: Trial, weights: Weights) -> None:
        """Take weights that were trained elsewhere, in place of all that there was."""
        for table in (self._keys, self._rules, self._rule_states):
            table.pop(trial.number, None)
        self._averages.forget(trial.number)
        self._arrays[trial.number] = {"weights": weights}

    def retain(self, numbers: Collection[int]) -> None:
        """Forget all but these."""
        wanted = set(numbers)
        for table in (self._arrays, self._keys, self._rules, self._rule_states):
            for number in table.keys() - wanted:
                del table[number]
        self._averages.retain(wanted)

    def weights(self, number: int) -> Weights | None:
        """Return the array ``weights`` of a trial, as it is scored."""
        last = self._arrays.get(number) or (self._stored(number) if number in self._keys else None)
        return None if last is None else self._averages.mean(number, last)["weights"]

    def state_dict(self) -> dict[str, Any]:
        """Return the keys of the trials' arrays and of what their rules remember."""
        for number in self._arrays:
            self._store(number)
        return {
            "arrays": [[number, keys] for number, keys in sorted(self._keys.items())],
            "rules": [[number, state] for number, state in sorted(self._rule_states.items())],
            "earlier": self._averages.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the keys back; arrays are read when they are wanted."""
        self._arrays, self._rules = {}, {}
        self._keys = dict(state["arrays"])
        self._rule_states = dict(state["rules"])
        self._averages.load_state_dict(state["earlier"])

    def _stored(self, number: int) -> Arrays:
        arrays: Arrays = self.blobs.get_state(self._keys[number])
        return arrays

    def _store(self, number: int) -> None:
        if number not in self._keys and number in self._arrays:
            self._keys[number] = self.blobs.put_state(dict(self._arrays[number]))
        if number not in self._rule_states and number in self._rules:
            self._rule_states[number] = self.blobs.put_state(self._rules[number].state_dict())

    def _rule(self, number: int) -> Aggregation:
        if number not in self._rules:
            self._rules[number] = self.make_aggregation()
            if number in self._rule_states:
                self._rules[number].load_state_dict(self.blobs.get_state(self._rule_states[number]))
        return self._rules[number]
