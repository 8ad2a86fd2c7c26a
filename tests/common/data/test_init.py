from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from common.data import (
    Holder,
    dataset_names,
    load_node_data,
    load_node_test,
    load_server_test,
    load_task,
    natural_partitions,
)
from common.errors import ConfigError, DataError
from common.settings import DatasetSettings

CONF = Path(__file__).parents[3] / "conf" / "dataset"


def from_yaml(name: str) -> DatasetSettings:
    values = OmegaConf.to_container(OmegaConf.load(CONF / f"{name}.yaml"))
    assert isinstance(values, dict)
    return DatasetSettings.from_json({str(key): value for key, value in values.items()})


def test_there_is_one_yaml_for_each_data_set() -> None:
    assert dataset_names() == ["diabetes", "digits", "local", "synthetic"]
    assert sorted(path.stem for path in CONF.glob("*.yaml")) == dataset_names()


@pytest.mark.parametrize("name", dataset_names())
def test_a_yaml_names_its_module_and_every_setting(name: str) -> None:
    values = OmegaConf.to_container(OmegaConf.load(CONF / f"{name}.yaml"))
    assert isinstance(values, dict)
    assert values["name"] == name
    assert list(values) == [field.name for field in fields(DatasetSettings)]


@pytest.mark.parametrize("name", ["diabetes", "digits", "synthetic"])
def test_a_yaml_gives_data_as_it_is(name: str) -> None:
    data = load_node_data(from_yaml(name), Holder(0, 10), 0)
    assert len(data.train) > 0
    assert data.train.x.shape[1:] == data.validation.x.shape[1:] == data.task.input_shape
    assert load_node_test(from_yaml(name), Holder(0, 10), 0) is not None


def test_the_yaml_of_local_needs_a_file_only() -> None:
    with pytest.raises(ConfigError, match="needs a file"):
        load_node_data(from_yaml("local"), Holder(0, 10), 0)


@pytest.mark.parametrize("name", ["mnist", "base", "pool", "", "../digits", "formats", "digits.npz"])
def test_an_unknown_name_lists_the_choices(name: str) -> None:
    settings = DatasetSettings(name=name)
    for call in (
        lambda: load_node_data(settings, Holder(), 0),
        lambda: load_node_test(settings, Holder(), 0),
        lambda: load_server_test(settings, 0),
        lambda: natural_partitions(settings),
    ):
        with pytest.raises(ConfigError, match="dataset must be one of diabetes, digits, local, synthetic, got"):
            call()


def test_a_person_with_a_single_example_does_not_say_what_all_have_data_for(tmp_path: Path) -> None:
    people = np.repeat([0, 1, 2], [1, 10, 10])
    path = tmp_path / "people.npz"
    np.savez(path, x=np.zeros((21, 3), np.float32), y=np.arange(21) % 2, client=people)
    settings = DatasetSettings("local", path=str(path), partition="natural")
    with pytest.raises(DataError, match="too few, got 1"):
        load_node_data(settings, Holder(0, 3), 0)
    assert load_task(settings, 3, 0) == load_node_data(settings, Holder(1, 3), 0).task


def test_where_everybody_has_a_single_example_there_is_nothing_to_search_for(tmp_path: Path) -> None:
    path = tmp_path / "people.npz"
    np.savez(path, x=np.zeros((2, 3), np.float32), y=np.arange(2), client=np.arange(2))
    with pytest.raises(DataError, match="too few, got 1"):
        load_task(DatasetSettings("local", path=str(path), partition="natural"), 2, 0)
