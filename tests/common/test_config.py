"""The configuration: what Hydra composes, typed; what is wrong is said in one sentence."""

from __future__ import annotations

import dataclasses

import pytest

from common.config import CONF, compose_benchmark, compose_config, from_json, from_yaml, run_hydra
from common.errors import ConfigError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """A sweep writes into its working directory."""
    monkeypatch.chdir(tmp_path)


def test_json_gives_the_same_configuration_back():
    config = compose_config(["controller=hill_climb", "dataset.alpha=0.25", "seed=7"])
    assert from_json(config.to_json()) == config
    assert (config.controller["name"], config.dataset.alpha, config.seed) == ("hill_climb", 0.25, 7)


def test_a_setting_of_training_is_a_value_or_a_list_of_choices():
    config = compose_config(["training.augmentation=[flip,crop]", "training.average=[0,3]", "training.schedule=cosine"])
    assert config.training["augmentation"] == ["flip", "crop"]
    assert from_json(config.to_json()).training == from_yaml(config.to_yaml()).training == config.training
    assert compose_config(["training=adam"]).training["augmentation"] == []
    assert compose_config().training["augmentation"] is None
    assert config.training["average"] == [0, 3]
    choices = ["training=searched", "training.augmentation=[[],[flip]]", "training.batch_size=[16,32]"]
    searched = compose_config(choices).training
    assert (searched["augmentation"], searched["batch_size"]) == ([[], ["flip"]], [16, 32])
    assert searched["label_smoothing"] is None


def test_yaml_is_for_people_and_complete():
    config = compose_config()
    text = config.to_yaml()
    assert from_yaml(text) == config
    assert all(f"{field.name}:" in text for field in dataclasses.fields(config))


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("controller=psychic", ["controller/psychic", "evolution", "hill_climb", "random"]),
        ("controller.population=3", ["controller.population"]),
        ("nonsense=1", ["nonsense"]),
        ("search.trials=many", ["search.trials", "'many'"]),
        ("training.lr=1", ["training.lr"]),
        ("search.trials=0", ["search.trials", "1 or more", "0"]),
        ("search.concurrency=0", ["search.concurrency"]),
        ("search.imports=runs/mine", ["search.imports", "'runs/mine'", "search.imports=[runs/mine,scores.csv]"]),
        ("search.priors=[width]", ["search.priors", "['width']", "search.priors={width: 32}"]),
        ("search.confidence=1", ["search.confidence", "1", "0.5"]),
        ("search.imports=[3]", ["search.imports", "[3]"]),
        ("search.imports_first=-1", ["search.imports_first", "-1"]),
        ("federation.order=chaos", ["federation.order", "'chaos'", "arrival"]),
        ("federation.nodes=0", ["federation.nodes"]),
        ("federation.deadline=-1", ["federation.deadline", "-1"]),
        ("dataset.alpha=0", ["dataset.alpha", "0"]),
        ("dataset.validation_fraction=1.5", ["validation_fraction", "1.5"]),
        ("scoring.panel=0", ["scoring.panel"]),
        ("scoring.held_out=1", ["scoring.held_out", "[0, 1)", "1.0"]),
        ("scoring.held_out=-0.1", ["scoring.held_out", "-0.1"]),
        ("scoring.folds=0", ["scoring.folds", "1 or more"]),
        ("scoring.held_out=some", ["scoring.held_out", "'some'"]),
        ("seed=[1,2", ["seed"]),
    ],
)
def test_a_wrong_option_is_named_with_its_value(override, words):
    with pytest.raises(ConfigError) as error:
        compose_config([override])
    text = str(error.value)
    assert "\n" not in text
    assert all(word in text for word in words)


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["search.tirals=3"], "search.tirals is no option; search has trials, concurrency, start, "),
        (["contoller=random"], "contoller is no option; a configuration has seed, control, "),
        (["controller=evolution", "controller.population=5"], "controller has name, population_size, sample_size, "),
    ],
)
def test_what_is_no_option_is_told_with_those_beside_it_and_the_nearest_of_them(overrides, told):
    nearest = {"search.tirals": "search.trials", "contoller": "controller"}
    nearest["controller.population"] = "controller.population_size"
    for refuse in (compose_config, lambda words: run_hydra(lambda _: None, words)):
        with pytest.raises(ConfigError) as error:
            refuse(overrides)
        assert told in str(error.value)
        assert str(error.value).endswith(f"Write {nearest[overrides[-1].partition('=')[0]]}.")


def test_what_is_no_option_at_all_or_of_another_command_has_no_nearest():
    with pytest.raises(ConfigError, match=r"^nonsense is no option; .*budget.*See flwr-nas benchmark --help\.$"):
        compose_benchmark(["nonsense=3"])
    with pytest.raises(ConfigError, match=r"^search\.trials is no option; a configuration has seed, budget, "):
        compose_benchmark(["search.trials=5"])


def test_an_added_key_reaches_the_module_and_is_refused_there():
    from server_app.build import check

    config = compose_config(["+controller.population=3"])
    with pytest.raises(ConfigError, match="population"):
        check(config)


@pytest.mark.parametrize("name", sorted(path.stem for path in (CONF / "experiment").glob("*.yaml")))
def test_every_experiment_is_complete(name):
    from server_app.build import check

    config = compose_config([f"experiment={name}"])
    check(config)
    assert config.run.name == name


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        ([], "digits"),
        (["dataset=synthetic"], "synthetic"),
        (["dataset=local"], "local"),
        (["dataset=local", "dataset.path=/data/phones (1).csv"], "phones (1)"),
        (["dataset=local", "dataset.path=/data/photos/"], "photos"),
        (["dataset=local", "dataset.path=/"], "local"),
        (["experiment=tutorial"], "tutorial"),
        (["experiment=tutorial", "dataset.options.features=8"], "tutorial"),
        (["experiment=tutorial", "dataset=digits"], "digits"),
        (["dataset=synthetic", "experiment=tutorial"], "synthetic"),
        (["experiment=har", "dataset.path=uci_har.npz"], "har"),
        (["experiment=har", "dataset=digits"], "digits"),
        (["dataset=synthetic", "run.name=mine"], "mine"),
        (["run.name=mine", "experiment=tutorial", "dataset=digits"], "mine"),
    ],
)
def test_a_run_is_called_after_what_it_searches_on(overrides, name):
    assert compose_config(overrides).run.name == name


def test_each_search_of_a_sweep_is_called_after_its_own_data():
    names = []
    run_hydra(lambda config: names.append(config.run.name), ["-m", "dataset=digits,synthetic"])
    assert names == ["digits", "synthetic"]


def test_an_experiment_of_ones_own_may_have_a_name_or_none(tmp_path):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(
        "# @package _global_\ndefaults: [override /dataset: synthetic]\nrun: {name: first}\n"
    )
    (tmp_path / "experiment" / "other.yaml").write_text(
        "# @package _global_\ndefaults: [override /dataset: synthetic]\n"
    )
    names = []
    for name in ("mine", "other"):
        run_hydra(lambda config: names.append(config.run.name), ["--config-dir", str(tmp_path), f"experiment={name}"])
    assert names == ["first", "synthetic"]


def test_a_run_folder_has_a_name():
    with pytest.raises(ConfigError, match=r"run\.dir must name a folder, got ''"):
        compose_config(["run.dir="])
