"""Members of a trial: its trainings, each of which leaves another fold of the nodes out, and the weights of each.

What a member comes to must owe nothing to its fold, whatever trials share. So each has a store of its own, and shares
weights at most with the same member of another trial.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from server_app.trials import Trial
from server_app.weights.base import WeightStore

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from common.jobs import Arrays, Weights, WorkKind
    from server_app.aggregation.base import Aggregation
    from server_app.weights.base import Heritage


@dataclass
class Member(Trial):
    """One of several trainings of a trial.

    All members share the number of their trial, and so the initial weights, and its ledger; rounds, state and failure
    are each one's own.

    Parameters
    ----------
    fold : int
        Which fold of the nodes never trains it, and scores it, from 0.
    others
        As in `Trial`.
    """

    fold: int = 0

    @classmethod
    def without(cls, fold: int, trial: Trial) -> Member:
        """Return the member of `trial` that trains without a fold."""
        return cls(trial.number, trial.spec, trial.recipe, parent=trial.parent, ledger=trial.ledger, fold=fold)


class MemberWeights(WeightStore):
    """A store for each member.

    Parameters
    ----------
    store : WeightStore
        That of the first member, still empty; the others are made like it.
    folds : int
        Members that a trial has.
    """

    def __init__(self, store: WeightStore, folds: int) -> None:
        super().__init__(store.task, store.seed, store.make_aggregation, store.blobs, store.options)
        self.inherits, self.shares = store.inherits, store.shares
        self._stores = [store, *(store.another() for _ in range(folds - 1))]

    def lend(self, trial: Trial, kind: WorkKind = "train") -> Arrays:
        """Return what a member's next job starts from; see `WeightStore.lend`."""
        return self._of(trial).lend(trial, kind)

    def open(self, trial: Trial) -> Aggregation:
        """Begin a round of a member."""
        return self._of(trial).open(trial)

    def fold(self, trial: Trial) -> None:
        """Take the result of a member's round."""
        self._of(trial).fold(trial)

    def close(self, turn: int) -> None:
        """Merge what members without the same fold share."""
        for store in self._stores:
            store.close(turn)

    def rest(self, trial: Trial) -> None:
        """Let all members of a trial wait."""
        for store in self._stores:
            store.rest(trial)

    def adopt(self, trial: Trial, weights: Weights) -> None:
        """Give every member of a trial the weights that were trained elsewhere."""
        for store in self._stores:
            store.adopt(trial, weights)

    def retain(self, numbers: Collection[int]) -> None:
        """Forget all trials but these."""
        for store in self._stores:
            store.retain(numbers)

    def heritage(self, trial: Trial) -> Heritage | None:
        """Return what a member took over, from the member of its parent that left out the same fold."""
        return self._of(trial).heritage(trial)

    def weights(self, number: int) -> Weights | None:
        """Return the weights of a trial's first member: each is as good a sample of what it comes to."""
        return self._stores[0].weights(number)

    def network(self) -> Mapping[str, Weights] | None:
        """Return what the first members share."""
        return self._stores[0].network()

    def state_dict(self) -> dict[str, Any]:
        """Return the state of each store."""
        return {"members": [store.state_dict() for store in self._stores]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        for store, own in zip(self._stores, state["members"], strict=True):
            store.load_state_dict(own)

    def _of(self, trial: Trial) -> WeightStore:
        assert isinstance(trial, Member)
        return self._stores[trial.fold]
