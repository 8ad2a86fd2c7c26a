"""The configuration: what Hydra composes, typed; what is wrong is said in one sentence."""

from __future__ import annotations

import dataclasses

import pytest

from common.config import CONF, compose_config, from_json, from_yaml
from common.errors import ConfigError


def test_json_gives_the_same_configuration_back():
    config = compose_config(["controller=hill_climb", "dataset.alpha=0.25", "seed=7"])
    assert from_json(config.to_json()) == config
    assert (config.controller["name"], config.dataset.alpha, config.seed) == ("hill_climb", 0.25, 7)


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
        ("search.trials=0", ["search.trials", "1 or more", "0"]),
        ("search.concurrency=0", ["search.concurrency"]),
        ("federation.order=chaos", ["federation.order", "'chaos'", "arrival"]),
        ("federation.nodes=0", ["federation.nodes"]),
        ("federation.deadline=-1", ["federation.deadline", "-1"]),
        ("dataset.alpha=0", ["dataset.alpha", "0"]),
        ("dataset.validation_fraction=1.5", ["validation_fraction", "1.5"]),
        ("training.epochs=1.5", ["training.epochs", "1.5"]),
        ("training.learning_rate=0", ["learning_rate"]),
        ("scoring.panel=0", ["scoring.panel"]),
        ("scoring.unseen=true", ["scoring.unseen", "scoring.panel"]),
        ("seed=[1,2", ["seed"]),
    ],
)
def test_a_wrong_option_is_named_with_its_value(override, words):
    with pytest.raises(ConfigError) as error:
        compose_config([override])
    text = str(error.value)
    assert "\n" not in text
    assert all(word in text for word in words)


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
