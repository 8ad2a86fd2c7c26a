"""What work to come is going to cost: exactly in MACs x examples and bytes, and from those by the clock.

Where it is not known who does the work, the dearest reading counts: the nodes that have most examples train, the
dearest of the trials that may become finalists do, and one of them is the winner. What nodes are asked again because
others were silent is not foreseen, nor who joins later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

from common.architecture.cost import cost_of
from common.precision import number_bytes
from server_app.budget import Spent, personal_passes
from server_app.final_rounds import checkpoints

if TYPE_CHECKING:
    from common.groups import FinalConfig
    from common.precision import Precision
    from common.settings import PersonalSettings
    from common.tasks import Task
    from server_app.trials import Identity, Trial


@dataclass(frozen=True)
class Bill:
    """What work costs.

    Parameters
    ----------
    mac_examples, bytes : int
        As of `server_app.budget`.
    phases : int
        Rounds and scores, each of one trial.
    """

    mac_examples: int = 0
    bytes: int = 0
    phases: int = 0

    def __add__(self, other: Bill) -> Bill:
        return Bill(*(one + more for one, more in zip(astuple(self), astuple(other), strict=True)))

    def __mul__(self, times: int) -> Bill:
        return Bill(*(one * times for one in astuple(self)))


@dataclass(frozen=True)
class Load:
    """What of a trial its cost depends on.

    Parameters
    ----------
    macs : int
        Of one example forward.
    bytes : int
        Of its weights as they travel one way.
    epochs : int
        Of a round.
    """

    macs: int
    bytes: int
    epochs: int

    @classmethod
    def of(cls, identity: Identity, task: Task, precision: Precision) -> Load:
        """Return that of a spec with its recipe."""
        spec, recipe = identity
        cost = cost_of(spec.lower(task))
        return cls(cost.macs, (cost.parameters + cost.buffers) * number_bytes(precision), recipe.epochs)


@dataclass(frozen=True)
class Workers:
    """Who does the work.

    Parameters
    ----------
    train, score : tuple of int
        Examples of each node that trains in a round, and of each that scores afterwards; of what is scored on the
        server there are none.
    test : tuple of int
        Of each that tests.
    """

    train: tuple[int, ...]
    score: tuple[int, ...]
    test: tuple[int, ...] = ()


def training_cost(load: Load, workers: Workers, rounds: int) -> Bill:
    """Return the cost of so many rounds of one trial; weights travel both ways."""
    macs, number = load.macs * load.epochs * sum(workers.train), len(workers.train)
    return Bill(macs, 2 * load.bytes * number, 1) * rounds


def score_cost(load: Load, workers: Workers) -> Bill:
    """Return the cost of one score of one trial; weights travel to the nodes only."""
    return _looked_at(load, workers.score)


def test_cost(load: Load, workers: Workers) -> Bill:
    """Return the cost of the test of one trial, as of `score_cost`."""
    return _looked_at(load, workers.test)


def _looked_at(load: Load, examples: tuple[int, ...]) -> Bill:
    return Bill(load.macs * sum(examples), load.bytes * len(examples), 1)


def personal_cost(load: Load, settings: PersonalSettings, held: Iterable[tuple[int, int, int]], rounds: int) -> Bill:
    """Return what it costs that nodes make models of their own; weights travel to the nodes only.

    Parameters
    ----------
    load : Load
        Of the winner.
    settings : PersonalSettings
        What a node does.
    held : iterable of tuple
        Of each node its training, validation and test examples.
    rounds : int
        Of the final training.
    """
    passes = [personal_passes(settings, load.epochs, rounds, *examples) for examples in held]
    return Bill(load.macs * sum(passes), load.bytes * len(passes), 1)


def dearest(bills: Iterable[Bill], most: int) -> Bill:
    """Return what the dearest of these cost together, `most` of them at most, in each currency on its own."""
    columns = zip(*(astuple(bill) for bill in bills), strict=True)
    return Bill(*(sum(sorted(column, reverse=True)[:most]) for column in columns))


def final_cost(
    final: FinalConfig,
    finalists: Sequence[Load],
    baselines: Sequence[Load],
    linear: Load,
    constant: Load,
    selection: Workers,
    others: Workers,
    *,
    held_out: bool,
    winners: int = 1,
    personal: Callable[[Load], Bill] = lambda load: Bill(),  # noqa: ARG005
) -> Bill:
    """Return what follows a search: the finalists, each with every seed, then the winner and what it is compared with.

    With one finalist there is nothing to select, and its runs are the winner's. Where nobody was held out the winner's
    runs are those by which it was selected, and are tested only. The constant model has no luck, and one seed. All are
    scored at each checkpoint, where there are several.

    Parameters
    ----------
    final : FinalConfig
        Rounds, which are known by now, finalists, seeds.
    finalists : sequence of Load
        The trials that may be among them, perhaps more than there will be; at least one.
    baselines : sequence of Load
        What the baseline may be; none where there is no baseline, or it is a finalist.
    linear, constant : Load
        What else the winner is compared with.
    selection : Workers
        Who trains the finalists, and who scores them.
    others : Workers
        Who trains the winner and what it is compared with, who scores them meanwhile, and who tests them.
    held_out : bool
        Whether nodes that select do not train then.
    winners : int
        How many of the finalists are trained to the end and tested, at most: the winner, and the baseline where it is
        one of them; with several objectives, of the front.
    personal : callable
        Returns what it costs that nodes make models of their own of a winner; by default they make none.
    """
    assert final.rounds is not None
    rounds, selected = final.rounds, final.finalists > 1
    scores = len(checkpoints(rounds, final.checkpoints))

    def trained(load: Load, workers: Workers, scores: int = scores) -> Bill:
        return training_cost(load, workers, rounds) + score_cost(load, workers) * scores

    def run(load: Load, several: bool = False) -> Bill:
        """Return the cost of a run which, where it has one checkpoint, is scored only as one of several of the best."""
        scored = scores if final.checkpoints > 1 or several else 0
        return trained(load, others, scored) + test_cost(load, others)

    total = dearest(map(run, baselines), 1)
    total += run(linear)
    if selected:
        total += dearest((trained(load, selection) for load in finalists), final.finalists)
    trained_before = selected and not held_out
    chosen = [test_cost(load, others) if trained_before else run(load, final.seeds > 1) for load in finalists]
    return (total + dearest(chosen, winners)) * final.seeds + run(constant) + dearest(map(personal, finalists), 1)


def may_be_best(ranking: Sequence[Trial], most: int) -> list[Trial]:
    """Return the trials that may be among the best so many in the end.

    Those are all that go on, since they may rise, and may fail; and of those that have ended the best, each identity
    once, should all that go on come to nothing.

    Parameters
    ----------
    ranking : sequence of Trial
        Best first.
    most : int
        How many are the best.
    """
    found: dict[Identity, Trial] = {}
    ended = 0
    for trial in ranking:
        if trial.state.ended and not (trial.ranks and ended < most):
            continue
        ended += trial.state.ended and trial.identity not in found
        found.setdefault(trial.identity, trial)
    return list(found.values())


def priced(bill: Bill, search: Spent, phases: int) -> Spent:
    """Return what work costs in all currencies, by what a search has cost so far.

    A MAC x example takes as many node-seconds as so far. By the clock a phase takes as long as one did so far, with as
    many trials at the same time, or a MAC x example does, whichever is more. Before anything was measured nothing is
    known of either, and 0 is returned.

    Parameters
    ----------
    bill : Bill
        Of the work.
    search : Spent
        By the search; its seconds are those of the search alone.
    phases : int
        That it had.
    """
    ratio = bill.mac_examples / search.mac_examples if search.mac_examples else 0.0
    longer = max(ratio, bill.phases / phases if phases else 0.0)
    return Spent(bill.mac_examples, ratio * search.node_seconds, bill.bytes, longer * search.seconds)
