"""What follows a search is wired as the configuration says."""

from __future__ import annotations

import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.jobs import NodeReport
from common.seeding import child_seed
from common.tasks import Classification, Task
from server_app.blobs import Blobs
from server_app.build import build_search
from server_app.build_closing import build_final, build_finalists, closing_of
from server_app.candidates import ONCE, models_to_train
from server_app.journal import Journal
from server_app.outcome import Counts, Outcome
from server_app.roster import Roster
from server_app.trials import Recipe, Trial
from tests.support.trials import scored

TASK = Task((4,), Classification(3))
SPECS = [LayeredSpec((Linear(width=width, norm="none"),)) for width in (3, 5, 8)]
NODES = [f"node-{index}" for index in range(10)]


def search_of(config, specs, **scoring):
    search = build_search(config, TASK, Journal(), Blobs(None))
    search.begin(NODES)
    search.trials = [scored(Trial(number, spec), 0.5 - number / 10) for number, spec in enumerate(specs)]
    return search


def finalists_of(config, search):
    return build_finalists(config, TASK, search, Journal(), Blobs(None), Roster())


def test_the_finalists_are_the_best_of_the_search_with_its_panel_and_seeds_of_their_own(configure):
    config = configure(seed=3, final={"finalists": 2, "seeds": 4, "rounds": 6}, scoring={"held_out": 0.3})
    search = search_of(config, SPECS)
    stage = finalists_of(config, search)
    assert stage.contenders == ((SPECS[0], Recipe()), (SPECS[1], Recipe()))
    assert (stage.seeds, stage.rounds, stage.label) == (4, 6, "finalist")
    assert stage.panel == search.panel
    stage.begin(NODES[:-1])
    assert stage.panel == search.panel, "it is not drawn again, whoever is there"
    assert stage.seed == child_seed(3, "finalists")


def test_finalists_know_no_folds_so_all_nodes_train_them_and_score_on_validation(configure):
    config = configure(final={"finalists": 2}, scoring={"folds": 5})
    search = search_of(config, SPECS)
    stage = finalists_of(config, search)
    stage.begin(NODES)
    assert len(search.folds) == 5
    assert (stage.scoring.folds, stage._assigner.folds, stage._assigner.split) == (1, (), "validation")
    assert stage.panel == search.panel == tuple(NODES)


@pytest.mark.parametrize(("finalists", "specs"), [(1, SPECS), (3, SPECS[:1]), (3, SPECS[:1] * 3)])
def test_where_there_is_nothing_to_choose_there_is_no_such_stage(configure, finalists, specs):
    config = configure(final={"finalists": finalists})
    assert finalists_of(config, search_of(config, specs)) is None


@pytest.mark.parametrize("held_out", [0.0, 0.3])
def test_what_the_finalists_trained_is_taken_over_unless_people_were_held_out(configure, held_out):
    config = configure(final={"finalists": 2}, scoring={"held_out": held_out})
    search = search_of(config, SPECS)
    outcome = Outcome(TASK, {}, search, Counts())
    closing = closing_of(config, Journal(), Blobs(None))
    outcome.finalists = closing.finalists(outcome, Roster())
    final = closing.final(outcome, Roster())
    assert final.earlier is (None if held_out else outcome.finalists)
    assert final.candidates["winner"] == (SPECS[0], Recipe())


def test_each_candidate_has_its_seeds(configure):
    config = configure(final={"finalists": 3, "seeds": 5})
    final = build_final(config, TASK, (SPECS[0], Recipe()), [], Journal(), Blobs(None))
    assert (final.seeds, final.once) == (5, ONCE)
    # the baseline is the classifier alone, as the linear model is, but for its recipe
    assert len(final.plan) == 3 * 5 + 1
    assert models_to_train(config.final) == {"finalist": 3 * 5, "final": len(final.plan)}
    assert models_to_train(configure().final) == {"finalist": 0, "final": 4}


def roster_of(examples):
    """Nodes that have so many examples to train on."""
    roster = Roster()
    for number, count in enumerate(examples):
        roster.admit(number, NodeReport(f"node-{number}", [4], TASK.head, count, 5, 1, 512, "cpu"))
    return roster


STEPS = {"final": {"rounds": None, "min_steps": 60, "finalists": 2}, "training": {"batch_size": 4, "epochs": 1}}
"""Nodes of 9 and 1 examples take 3 and 1 steps a round, 2 in the mean: 30 rounds."""


def test_without_rounds_the_final_training_has_its_steps(configure):
    closing, roster = closing_of(configure(**STEPS), Journal(), Blobs(None)), roster_of([9, 1])
    outcome = Outcome(TASK, {}, search_of(configure(**STEPS), SPECS), Counts())
    assert closing.rounds(TASK, roster) == closing.finalists(outcome, roster).rounds == 30
    assert closing.final(outcome, roster).rounds == 30


def test_who_joins_later_changes_no_rounds(configure):
    closing = closing_of(configure(**STEPS), Journal(), Blobs(None))
    outcome = Outcome(TASK, {}, search_of(configure(**STEPS), SPECS), Counts())
    outcome.finalists = closing.finalists(outcome, roster_of([9, 1]))
    saved, more = outcome.finalists.state_dict(), roster_of([9, 1, 40])
    assert closing.final(outcome, more).rounds == 30
    outcome.finalists = closing.finalists(outcome, more)
    assert outcome.finalists.rounds == 25  # 3, 1 and 10 steps are 14 / 3 in the mean, and 25 rounds are the least
    outcome.finalists.load_state_dict(saved)
    assert outcome.finalists.rounds == closing.final(outcome, more).rounds == 30
