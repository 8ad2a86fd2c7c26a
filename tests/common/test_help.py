"""``flwr-nas search --help``: all choices and options, each with its value and its words."""

from __future__ import annotations

import dataclasses

import pytest

from common.comments import options_in
from common.config import CONF, Config, run_hydra
from common.errors import ConfigError
from common.help import WIDTH, help_text


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def lines_of(capsys, *argv):
    with pytest.raises(SystemExit) as end:
        run_hydra(lambda _: pytest.fail("no search"), [*argv, "--help"])
    assert end.value.code == 0
    return capsys.readouterr().out.splitlines()


def words(lines):
    return " ".join(" ".join(lines).split())


CHOICES = [
    f"{path.parent.name}={path.stem}"
    for path in sorted(CONF.glob("*/*.yaml"))
    if path.parent.name not in ("experiment", "portfolio")
]


@pytest.mark.parametrize("choice", [*CHOICES, "experiment=har", "experiment=tutorial"])
def test_all_options_of_what_is_chosen_are_there_in_lines_that_can_be_read(capsys, choice):
    lines = lines_of(capsys, choice)
    assert max(map(len, lines)) <= WIDTH
    text = words(lines)
    group, _, name = choice.partition("=")
    options = options_in((CONF / group / f"{name}.yaml").read_text())
    for option in options:
        if group != "experiment" and option.path != ("name",):
            below = any(other.path[:-1] == option.path for other in options)
            assert f" {'.'.join((group, *option.path))}{' ' if below else '='}" in text
            assert option.comment in text
    for option in options_in((CONF / "config.yaml").read_text()):
        if option.path[0] not in ("defaults", "hydra"):
            assert f" {'.'.join(option.path)}=" in text or option.path == ("search", "budget")
            assert option.comment in text
    assert f" {choice}" in text


def test_options_below_another_are_told_one_by_one(capsys):
    lines = lines_of(capsys, "search.budget.bytes=5")
    (first,) = [n for n, line in enumerate(lines) if line.startswith("  search.budget ")]
    told = [line.split()[0] for line in lines[first + 2 : first + 8] if line.startswith("  search.budget.")]
    values = {"mac_examples": "null", "node_seconds": "null", "bytes": "5", "seconds": "null"}
    assert told == [f"search.budget.{name}={value}" for name, value in values.items()]


def test_values_are_those_of_what_is_chosen(capsys):
    text = words(lines_of(capsys, "search.trials=5", "dataset=local", "dataset.path=a $b.csv"))
    for told in ("search.trials=5 specs", "controller.initial=5 first", "dataset.path=a $b.csv what simulated"):
        assert told in text
    assert "run.name=a $b digits" in text
    assert "dataset.options.label=label the column" in text
    assert "experiment=digits or har, heart, parkinsons, tutorial" in text
    assert "experiment=digits: The default" in text
    assert "scoring.held_out=null" in text
    assert "space.width=[8, 16, 32, 64, 128] " in text


def test_every_group_of_the_configuration_is_explained(capsys):
    lines = lines_of(capsys)
    for field in dataclasses.fields(Config):
        assert any(line.startswith((f"  {field.name}.", f"  {field.name}=")) for line in lines)
    choices = [line.split()[0].partition("=")[0] for line in lines if "=" in line][:20]
    order = ["space", "controller", "fidelity", "weights", "objective", "placement", "aggregation", "dataset"]
    assert [name for name in choices if name in order][:8] == order


def test_how_to_go_on_with_a_run_and_hydras_own_help_are_there(capsys):
    text = words(lines_of(capsys))
    assert "flwr-nas search --resume RUN_DIR [federation.OPTION=VALUE ...] [tracker=CHOICE]" in text
    assert "--hydra-help" in text


def test_a_choice_of_ones_own_is_explained_too(capsys, tmp_path):
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "mine.yaml").write_text(
        "# My recipe.\ndefaults: [sgd]\nlearning_rate: 0.25  # mine, and no other's\n"
    )
    lines = lines_of(capsys, "--config-dir", str(tmp_path), "training=mine")
    assert "training=mine: My recipe." in lines
    assert "training.learning_rate=0.25 mine, and no other's" in words(lines)
    assert "training=mine or adam, searched, sgd" in words(lines)


def test_what_is_not_there_is_one_sentence(capsys):
    with pytest.raises(ConfigError, match="psychic") as error:
        lines_of(capsys, "controller=psychic")
    assert "\n" not in str(error.value)


def test_an_option_that_is_too_long_for_its_column_has_its_words_below(tmp_path):
    (tmp_path / "main.yaml").write_text(f"{'a' * 40}: 1  # words\nb: {{}}  # {'long ' * 30}\nc: null # none\n")
    text = help_text({"a" * 40: [1, {"x": None}], "b": {"y": True}, "c": "${d}"}, {}, "main", [tmp_path])
    assert text.splitlines()[4:] == [
        "",
        f"  {'a' * 40}=[1, {{x: null}}]",
        " " * 36 + "words",
        "",
        "  b={y: true}".ljust(36) + " ".join(["long"] * 13),
        " " * 36 + " ".join(["long"] * 13),
        " " * 36 + " ".join(["long"] * 4),
        "",
        "  c=${d}".ljust(36) + "none",
    ]
