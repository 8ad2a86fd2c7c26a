"""Options from plain values: each error names the option, its value, and what it must be."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from common.config import Config, compose_config
from common.errors import ConfigError
from common.settings import TrainingSettings
from common.typed import typed


@pytest.fixture(scope="module")
def plain():
    return asdict(compose_config())


def changed(plain, section, **changes):
    return plain | {section: plain[section] | changes}


def test_a_whole_configuration_comes_back(plain):
    assert typed(Config, plain, "") == compose_config()


def test_an_unknown_option_is_named_whole_and_what_there_is_beside_it(plain):
    with pytest.raises(ConfigError, match=r"^foo=1 is no option; a configuration has seed, .*\. Remove foo\.$"):
        typed(Config, plain | {"foo": 1}, "")
    with pytest.raises(
        ConfigError, match=r"^search\.tirals=3 is no option; search has trials, concurrency, start, budget, imports, "
    ):
        typed(Config, changed(plain, "search", tirals=3), "")
    with pytest.raises(ConfigError, match=r"^training\.lr=1 is no option; training has .*\. Remove training\.lr\.$"):
        typed(TrainingSettings, plain["training"] | {"lr": 1}, "training")


def test_a_group_that_is_unknown_is_not_printed(plain):
    with pytest.raises(ConfigError, match=r"^serch is no option; a configuration has"):
        typed(Config, plain | {"serch": plain["search"]}, "")


def test_a_missing_option_is_named_without_all_others(plain):
    del (without := dict(plain))["seed"]
    with pytest.raises(ConfigError, match=r"^seed must be set, and is missing\. Add seed\.$"):
        typed(Config, without, "")


def test_a_value_of_another_kind_is_named(plain):
    for value in ("soon", None):
        with pytest.raises(ConfigError) as error:
            typed(Config, changed(plain, "federation", deadline=value), "")
        assert str(error.value) == (
            f"federation.deadline must be a valid number, got {value!r}. Give federation.deadline such a value."
        )


@pytest.mark.parametrize("value", ["foo", 1.5])
def test_an_option_of_two_kinds_is_named_as_people_write_it_with_all_that_it_may_be(plain, value):
    with pytest.raises(ConfigError) as error:
        typed(Config, changed(plain, "final", front=value), "")
    told = str(error.value)
    assert told.startswith("final.front must be a valid integer")
    assert f", or 'knee' or 'all', got {value!r}. " in told
    assert told.endswith("Give final.front such a value.")
