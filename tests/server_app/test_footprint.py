import pytest

from common.architecture.cost import cost_of
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.architecture.latency import Coefficients, Profile, Table, latency, loads
from common.architecture.memory import peak_memory
from common.errors import ConfigError
from common.settings import TrainingSettings
from common.tasks import Classification, Task
from server_app.footprint import footprints

TASK = Task((4,), Classification(2))
SPEC = LayeredSpec((Linear(8),))
GRAPH = SPEC.lower(TASK)
RECIPE = TrainingSettings(batch_size=16)


def test_memory_is_that_of_the_trial_s_recipe():
    found = footprints(TASK, None)(cost_of(GRAPH), SPEC, RECIPE)
    assert found.memory_mb * 2**20 == peak_memory(GRAPH, RECIPE)
    assert (found.macs, found.latency_ms) == (cost_of(GRAPH).macs, None)
    larger = footprints(TASK, None)(cost_of(GRAPH), SPEC, TrainingSettings(batch_size=4096))
    assert larger.memory_mb > found.memory_mb


def test_latency_is_that_of_scoring_32_examples(tmp_path):
    families = {load.family for load, _ in loads(GRAPH, 32, training=False)}
    table = Table(dict.fromkeys(families, Coefficients(1e-6, 1e-9, 1e-10)), {})
    profile = Profile("cpu", "2.13", {1: table})
    path = tmp_path / "profile.json"
    path.write_text(profile.to_json())
    found = footprints(TASK, str(path))(cost_of(GRAPH), SPEC, RECIPE)
    assert found.latency_ms == pytest.approx(1000 * latency(GRAPH, profile, 32, training=False))


def test_a_file_that_is_no_profile_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"objective\.latency must be a file"):
        footprints(TASK, str(tmp_path / "none.json"))
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(ConfigError, match="flwr-nas profile"):
        footprints(TASK, str(tmp_path / "other.json"))
