"""Options that an experiment sets for a choice that the command line replaces."""

from __future__ import annotations

import pytest

from common.config import compose_config
from common.errors import ConfigError
from server_app.build import check, without_foreign_options


def test_options_of_another_choice_are_left_out_and_said():
    config = compose_config(["experiment=har", "controller=random"])
    config, notes = without_foreign_options(config)
    assert config.controller == {"name": "random"}
    assert "controller=random has no option sample_size: left out" in notes
    check(config)


def test_own_options_stay():
    config = compose_config(["controller=evolution", "controller.sample_size=3"])
    assert without_foreign_options(config) == (config, [])


def test_options_of_no_choice_are_refused():
    config, notes = without_foreign_options(compose_config(["controller=evolution", "+controller.population=3"]))
    assert notes == []
    with pytest.raises(ConfigError, match="population"):
        check(config)


@pytest.mark.parametrize("federation", ["simulation", "deployment"])
def test_a_table_is_no_space_for_a_federation(federation):
    with pytest.raises(ConfigError, match=r"no node can train them, got 'space=tabular'\. .* flwr-nas benchmark"):
        check(compose_config([f"federation={federation}", "space=tabular"]))
