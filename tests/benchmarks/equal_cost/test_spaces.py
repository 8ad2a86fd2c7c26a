import pytest

from common.config import compose_config
from common.seeding import generator
from common.tasks import Classification, Task
from server_app.build import build_space
from server_app.show.survey import survey
from server_app.spaces.layered import LayeredSpace
from tests.benchmarks.equal_cost.runner import MACS
from tests.benchmarks.equal_cost.spaces import CELL, MOBILE, NEW_OPERATIONS, NEW_OPTIONS, layered_with_all

TASKS = {"sequence": Task((9, 128), Classification(6)), "image": Task((1, 28, 28), Classification(10))}


@pytest.mark.parametrize("kind", TASKS)
def test_all_that_layers_may_be_is_added_to_the_default_and_nothing_is_lost(kind: str) -> None:
    default = LayeredSpace(TASKS[kind]).choices()
    wider = build_space(compose_config(layered_with_all(kind)), TASKS[kind]).choices()
    for name, domain in default.items():
        assert wider[name].covers(domain)
        if name not in ("operations", *NEW_OPTIONS):
            assert domain.covers(wider[name])
    offered = set(wider["operations"].values) - set(default["operations"].values)  # type: ignore[union-attr]
    of_this_kind = {name for name in NEW_OPERATIONS if not name.endswith("2d" if kind == "sequence" else "1d")}
    assert offered == of_this_kind - ({"gru"} if kind == "image" else set())
    assert set(wider) >= {"merge", "dilation", "squeeze_excite", "kernels", "heads", "patch"}


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
@pytest.mark.parametrize("overrides", [CELL, MOBILE], ids=["cell", "mobile"])
def test_the_limit_leaves_a_good_part_of_each_space(overrides: tuple[str, ...], task: Task) -> None:
    space = build_space(compose_config([*overrides, f"space.max_macs={MACS}"]), task)
    found = survey(space, generator(0, "part"), 30, 1000)
    assert len(found.found) / found.draws > 0.1
