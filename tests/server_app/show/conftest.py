"""Networks to be shown, and the folder of a real run."""

from __future__ import annotations

import pytest

from common.architecture.kinds.constant import ConstantSpec
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Conv1d, Conv2d, Linear, LogEnergy, MaxPool
from common.seeding import generator
from common.tasks import Classification, Task
from server_app.run import run
from tests.support.graphs import branched
from tests.support.spaces import everything

SEQUENCE = Task((9, 32), Classification(6), "node")
JOINED = LayeredSpec(
    (
        Conv1d(8, kernel=5),
        MaxPool(2),
        Conv1d(12, skip=0, dropout=0.1, norm="batch"),
        Conv1d(12, stride=2, skip=-1),
        Linear(16, skip=3),
    ),
    "avg+max",
    LogEnergy(4),
)


def _networks():
    image = Task((3, 16, 16), Classification(10))
    yield "constant", ConstantSpec().lower(image)
    yield "linear", LayeredSpec().lower(Task((5,), Classification(2)))
    yield "joined", JOINED.lower(SEQUENCE)
    yield "branched", branched()
    chain = tuple(Conv2d(4, skip=index - 2 if index % 3 else None) for index in range(24))
    yield "long", LayeredSpec(chain).lower(image)
    for number, space in enumerate(everything()):
        yield f"drawn{number}", space.sample(generator(0, "shown", str(number))).lower(space.task)


NETWORKS = dict(_networks())


@pytest.fixture(params=NETWORKS.values(), ids=NETWORKS)
def network(request):
    """Networks of all kinds."""
    return request.param


@pytest.fixture
def joined():
    """A network for sequences with scaling, a front end that joins, and skips from everywhere."""
    return NETWORKS["joined"]


@pytest.fixture(scope="session")
def run_folder(make_grid, configure, tmp_path_factory):
    """A finished run of three trials, of layers with 3, 5 and 8 features for 4 inputs and 3 classes."""
    grid, folder = make_grid(), tmp_path_factory.mktemp("shown")
    grid.people(["a", "b", "c"])
    run(grid, {"config": configure(run={"dir": str(folder), "name": "shown"}).to_json()})
    return folder
