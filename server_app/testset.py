"""The test set that the server holds, where the data come with one; opened once, at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from common.data import load_server_test
from common.seeding import child_seed
from server_app.score_interval import MANY
from server_app.scores import table_of
from server_app.scoring import equally_of

if TYPE_CHECKING:
    from common.config import Config
    from common.jobs import Weights
    from common.metrics import Measured
    from common.tasks import Task
    from server_app.stages.final import ServerTest
    from server_app.trials import Trial


def server_test(config: Config, task: Task) -> ServerTest | None:
    """Return what tests on the server's test set, by person where the people are known; None where there is none."""
    test, head = load_server_test(config.dataset, config.seed, task.head), task.head
    if test is None:
        return None

    def score(trial: Trial, weights: Weights, threshold: float) -> tuple[dict[str, float], Mapping[str, Measured]]:
        # torch takes seconds to import and a search needs it nowhere else on the server
        from common.models.builder import build
        from common.models.evaluation import evaluate

        group = np.zeros(len(test.examples), np.int64) if test.group is None else test.group
        parts = {str(person): test.examples.take(np.flatnonzero(group == person)) for person in np.unique(group)}
        by_person: dict[str, Measured] = {}
        replicates = config.final.bootstrap if len(parts) < MANY else 0
        for name, part in parts.items():
            seed = child_seed(config.seed, "bootstrap", name)
            model = build(trial.spec.lower(task.fitted(part.x)), weights)  # a person scales inputs as a node does
            by_person[name] = evaluate(model, part, head, threshold, replicates, seed), len(part)
        return table_of(head, by_person, equally=equally_of(config)), by_person

    return score
