import numpy as np
import pytest


def _play(aggregation, weights, replies):
    """Run one round from (update, examples) or (update, examples, loss); the nodes are node-0, node-1 ..."""
    aggregation.begin(np.asarray(weights, np.float32))
    for index, (update, examples, *loss) in enumerate(replies):
        metrics = {"loss": loss[0]} if loss else {}
        aggregation.add(f"node-{index}", np.asarray(update, np.float32), examples, metrics)
    return aggregation.combined()


@pytest.fixture
def play():
    return _play
