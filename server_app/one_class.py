"""Whether a classifier gives one answer to whatever it is asked, as the metrics of its nodes show.

Counts of labels never leave a node, so it is told by what is left. On a node that has ``k`` classes a model that
answers one of them has a recall of 1 for that and of 0 for the others, so its balanced accuracy is ``1 / k``; with
accuracy ``a`` the F1 of that class is ``2 a / (1 + a)``, and the mean over classes is that over ``k``. Where the node
has no such example, all three are 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

_NEEDED = ("accuracy", "balanced_accuracy", "macro_f1")
_NEAR = 1e-6


def one_class(nodes: Sequence[Mapping[str, float]], accuracy: float, constant: float) -> bool:
    """Return whether a model answers one class only.

    On nodes that have one class each, a model that is always right looks the same. So some node must have more, and all
    in all the model must be no better than the constant one.

    Parameters
    ----------
    nodes : sequence of mappings
        The metrics of each node, or person; those of a task that is no classification are never of one class.
    accuracy, constant : float
        Of the model, and of the constant model, over all nodes.
    """
    if not nodes or accuracy > constant + _NEAR or not all(name in metrics for metrics in nodes for name in _NEEDED):
        return False
    several = any(0 < metrics["balanced_accuracy"] <= 0.5 + _NEAR for metrics in nodes)
    return several and all(_answers_one(*(metrics[name] for name in _NEEDED)) for metrics in nodes)


def _answers_one(accuracy: float, balanced: float, macro_f1: float) -> bool:
    if balanced == 0:
        return accuracy == macro_f1 == 0
    classes = 1 / balanced
    whole = math.isclose(classes, round(classes), abs_tol=_NEAR)
    return whole and math.isclose(macro_f1, balanced * 2 * accuracy / (1 + accuracy), abs_tol=_NEAR)
