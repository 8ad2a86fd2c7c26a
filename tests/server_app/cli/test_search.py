import pytest

from common.errors import ConfigError
from server_app.cli.search import with_final


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["seed=3"], ["seed=3"]),
        (["--final", "all", "seed=3"], ["final.front=all", "seed=3"]),
        (["objective=pareto", "--final=3"], ["objective=pareto", "final.front=3"]),
    ],
)
def test_what_is_trained_to_the_end_is_an_option(words, expected):
    assert with_final(words) == expected


@pytest.mark.parametrize("words", [["--final"], ["--final="]])
def test_a_flag_with_nothing_after_it_is_refused(words):
    with pytest.raises(ConfigError, match="--final needs knee, all or a number"):
        with_final(words)
