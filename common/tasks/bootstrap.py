"""How far a score may be off by the choice of its examples: the bootstrap's standard error, on one node.

B. Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7, 1979. A node scores the same
outputs on examples drawn from its own with replacement, and tells the standard deviation of these scores: one number.
The scores themselves stay with it. Whoever knows which examples were drawn would have in each score an equation about
them, and hundreds of these tell of every single one whether it was answered right.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.tasks.base import ERROR, Head


def bootstrap_error(
    head: Head,
    outputs: NDArray[np.float32],
    y: NDArray[Any],
    replicates: int,
    rng: np.random.Generator,
) -> dict[str, float]:
    """Return the standard error of the metric `Head.resampled`, under its name followed by `ERROR`.

    Parameters
    ----------
    head : Head
        Says how outputs are scored.
    outputs, y : NDArray
        As in `Head.metrics`.
    replicates : int
        How often examples are drawn; as many as there are, each time.
    rng : numpy.random.Generator
        Draws them.

    Returns
    -------
    dict of str to float
        Nothing where fewer than two draws have the metric.
    """
    found = []
    for _ in range(replicates):
        rows = rng.integers(len(y), size=len(y))
        metrics = head.metrics(outputs[rows], y[rows])
        if head.resampled in metrics:
            found.append(metrics[head.resampled])
    return {head.resampled + ERROR: float(np.std(found, ddof=1))} if len(found) > 1 else {}
