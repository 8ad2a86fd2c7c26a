"""Examples to try an exported model on: of a file, or where a simulation was on this machine, of its nodes' validation.

The test split of a run stays closed: it was opened once, at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.data.base import Examples
from common.errors import FlwrNasError
from common.tasks import Head, Task
from server_app.export.base import Run

_FITTED = 512
"""Examples at most, of training, that ranges of 8 bits are taken from."""
_SCORED = 2048


@dataclass(frozen=True)
class Known:
    """Examples with labels as the head of a model has them.

    Parameters
    ----------
    name : str
        What they are, in a few words.
    fitted : NDArray
        float32, shape ``(n, *input_shape)``: inputs from which ranges are taken.
    scored : Examples
        What outputs are compared on, and scored.
    """

    name: str
    fitted: NDArray[np.float32]
    scored: Examples


def of_file(path: str, label: str, task: Task) -> Known:
    """Return those of a file; where it has a test part, that is what is scored.

    Raises
    ------
    DataError
        As of `common.data.formats.read`, and where labels are none of the model's.
    """
    from common.data.formats import Reading, read, read_table
    from common.data.formats.declared import contents_by
    from common.data.ingest import pool_of

    head, kind = task.head, task.head.kind
    if task.schema is None:
        contents = read(path, Reading(label, kind))
    else:
        contents, kind = contents_by(read_table(path), task.schema), ""
    pool = pool_of(contents, own=True, task=kind)
    scored = pool.train_rows if pool.test_rows is None else pool.test_rows
    name = Path(path).name if pool.test_rows is None else f"the test part of {Path(path).name}"
    return Known(name, pool.take(pool.train_rows[:_FITTED], head).x, pool.take(scored[:_SCORED], head))


def of_run(folder: Path, nodes: int, task: Task) -> Known | None:
    """Return training and validation examples of the nodes of a simulation; None where they are not to be had here.

    Parameters
    ----------
    folder : Path
        Of the run.
    nodes : int
        How many it had.
    task : Task
        Of its model.
    """
    from common.data import Holder, load_node_data
    from server_app.state import config_of

    try:
        config = config_of(folder)
        if config.federation.name != "simulation":
            return None
        holders = [Holder(node, nodes) for node in range(nodes)]
        data = [load_node_data(config.dataset, holder, config.seed, task.head) for holder in holders]
    except FlwrNasError:  # the file is not here, or the configuration is of another version
        return None
    fitted, scored = -(-_FITTED // nodes), -(-_SCORED // nodes)
    every = [one.validation.take(np.arange(min(scored, len(one.validation)))) for one in data]
    return Known(
        "the nodes' validation examples",
        np.concatenate([one.train.x[:fitted] for one in data]),
        Examples(np.concatenate([one.x for one in every]), np.concatenate([one.y for one in every])),
    )


def score(run: Run, head: Head, examples: Examples) -> dict[str, float]:
    """Return the metrics of what runs a model, one example after the other."""
    outputs = np.concatenate([run(examples.x[place : place + 1]) for place in range(len(examples))])
    return head.metrics(head.before_readout(outputs), examples.y)
