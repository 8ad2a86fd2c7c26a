"""Wiring of what follows the search: from a configuration and what was found to the stages after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from common.architecture.cost import cost_of
from common.config import Config
from common.seeding import child_seed
from common.settings import PersonalSettings
from common.tasks import Task
from server_app.blobs import Blobs
from server_app.budget import Spent
from server_app.build_allowance import allowance_of
from server_app.candidates import ONCE, candidates_of, finalists_of
from server_app.closing import Closing
from server_app.final_rounds import checkpoints, with_rounds
from server_app.front import of_front
from server_app.journal import Journal
from server_app.outcome import Outcome
from server_app.roster import Roster
from server_app.run_folder import PERSONAL
from server_app.scoring import Scoring, equally_of, scoring_of
from server_app.spaces.recipes import RecipeSpace
from server_app.stages.final import Final
from server_app.stages.finalists import Finalists
from server_app.stages.personal import Personal
from server_app.stages.search import Search
from server_app.testset import server_test
from server_app.trials import Identity, Recipe, Trial
from server_app.weights.scratch import Scratch
from server_app.wiring import chosen, maker, objectives_of, told_to_all


def closing_of(
    config: Config,
    journal: Journal,
    blobs: Blobs,
    elapsed: Callable[[], Mapping[str, float]] = dict,
    before: Callable[[], Spent] = Spent,
    folder: Path | None = None,
) -> Closing:
    """Return how the stages after the search are built.

    Parameters
    ----------
    config : Config
        What was chosen.
    journal, blobs, elapsed, before
        As in `build_search`.
    folder : Path, optional
        Of the run; None where it leaves none.
    """

    def rounds(outcome: Outcome, roster: Roster) -> int:
        placement, _ = chosen(config, "placement")
        return allowance_of(config, outcome.task, roster, elapsed, placement, before).final_rounds(outcome.search)

    def finalists(outcome: Outcome, roster: Roster) -> Finalists | None:
        stage = build_finalists(config, outcome.task, outcome.search, journal, blobs, roster)
        if stage is not None:
            stage.rounds = rounds(outcome, roster)
        return stage

    def final(outcome: Outcome, roster: Roster) -> Final:
        winner, earlier = outcome.winner, outcome.finalists
        assert winner is not None
        if outcome.search.held_out:
            earlier = None  # in the final training those who were held out train too
        ranking = outcome.search.ranking
        front = {outcome.search.name_of(trial): trial.identity for trial in of_front(outcome.search, config.final)[1:]}
        stage = build_final(config, outcome.task, winner.identity, ranking, journal, blobs, roster, earlier, front)
        known = outcome.finalists  # and stays, whoever joined since
        stage.rounds = rounds(outcome, roster) if known is None else known.rounds
        return stage

    return Closing(
        lambda task, roster: _rounds(config, task, roster),
        finalists,
        final,
        lambda outcome, roster: build_personal(config, outcome, journal, roster, folder),
    )


def build_finalists(
    config: Config, task: Task, search: Search, journal: Journal, blobs: Blobs, roster: Roster
) -> Finalists | None:
    """Build the training of the best again; None where there is nothing to choose.

    With several objectives the front says what is as good as what, and a mean score cannot choose.

    It has seeds of its own, and the panel of the search. Folds are the search's alone: they would make it so many times
    dearer.

    Parameters
    ----------
    config : Config
        What was chosen.
    task : Task
        That the handshake told.
    search : Search
        That is done.
    journal, blobs, roster
        As in `build_search`.
    """
    contenders = finalists_of(search.ranking, config.final)
    if len(contenders) < 2 or search.objectives.several:
        return None
    stage = Finalists(
        contenders=tuple(contenders),
        seeds=config.final.seeds,
        scoring=replace(scoring_of(config), folds=1),
        **_training(config, task, "finalists", journal, blobs, roster),
    )
    if not search.folds:
        stage.share_panel(search)
    return stage


def build_final(
    config: Config,
    task: Task,
    winner: Identity,
    ranking: Sequence[Trial],
    journal: Journal,
    blobs: Blobs,
    roster: Roster | None = None,
    earlier: Finalists | None = None,
    front: Mapping[str, Identity] = MappingProxyType({}),
) -> Final:
    """Build the final training: of all candidates, from scratch, with the same full budget, then the test.

    It has seeds of its own. What the winner is compared with may exceed the limits of a node, which then takes no part
    in its training.

    Parameters
    ----------
    config : Config
        What was chosen.
    task : Task
        That the handshake told.
    winner : Identity
        What was found.
    ranking : sequence of Trial
        Those of the search, best first.
    journal, blobs, roster
        As in `build_search`.
    earlier : Finalists, optional
        As of `Final`.
    front : mapping of str to Identity
        As of `candidates_of`.
    """
    roster = roster or Roster()
    return Final(
        candidates=candidates_of(config, task, winner, ranking, roster.most_examples, front),
        exported=tuple(front),
        seeds=config.final.seeds,
        once=ONCE,
        earlier=earlier,
        scoring=Scoring("test", min_nodes=config.scoring.min_nodes, equally=equally_of(config)),
        server_test=server_test(config, task),
        bootstrap=config.final.bootstrap,
        **_training(config, task, "final", journal, blobs, roster),
    )


def build_personal(
    config: Config, outcome: Outcome, journal: Journal, roster: Roster, folder: Path | None = None
) -> Personal | None:
    """Build what lets nodes make models of their own of the winner, as the final training left it.

    Parameters
    ----------
    config : Config
        What was chosen.
    outcome : Outcome
        Its final training is done.
    journal, roster
        As in `build_search`.
    folder : Path, optional
        Of the run, where what simulated nodes keep is written, if it is.

    Returns
    -------
    Personal, optional
        None where that was not chosen.
    """
    final = outcome.final
    if config.personal.method is None or final is None or (shown := final.shown()) is None:
        return None
    weights = final.weights_of(shown.number)
    assert weights is not None
    return Personal(
        trial=Trial(0, shown.spec, shown.recipe),
        arrays={"weights": weights},
        macs=cost_of(shown.spec.lower(outcome.task)).macs,
        rounds=final.rounds,
        settings=personal_settings(config, shown.recipe, final.rounds, folder),
        head=outcome.task.head,
        equally=equally_of(config),
        **told_to_all(config, outcome.task, journal, roster),
    )


def personal_settings(config: Config, recipe: Recipe, rounds: int, folder: Path | None = None) -> PersonalSettings:
    """Return what a node does to have a model of its own of what a recipe has trained; there is a method."""
    personal = config.personal
    assert personal.method is not None
    return PersonalSettings(
        method=personal.method,
        epochs=personal.epochs,
        learning_rate=personal.rate * recipe.learning_rate,
        checkpoints=checkpoints(rounds, config.final.checkpoints),
        folder=str((folder / PERSONAL).absolute()) if personal.keep and folder is not None else "",
    )


def _rounds(config: Config, task: Task, roster: Roster) -> int:
    recipe = RecipeSpace.of(config.training, task).default
    rounds = with_rounds(config.final, roster.steps_per_round(recipe)).rounds
    assert rounds is not None
    return rounds


def _training(config: Config, task: Task, stage: str, journal: Journal, blobs: Blobs, roster: Roster) -> dict[str, Any]:
    """Return what both stages have in common."""
    seed = child_seed(config.seed, stage)
    placement, placement_options = chosen(config, "placement")
    return {
        "seed": seed,
        "rounds": _rounds(config, task, roster),
        "checkpoints": config.final.checkpoints,
        "placement": placement(seed, 1, placement_options),
        "weights": Scratch(task, seed, maker(config, "aggregation"), blobs),
        "objectives": objectives_of(config, task),
        "cost": lambda spec: cost_of(spec.lower(task)),
        **told_to_all(config, task, journal, roster),
    }
