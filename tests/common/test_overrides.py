"""What people type for an option, as Hydra's grammar wants it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from common.config import compose_config, run_hydra
from common.errors import ConfigError
from common.overrides import PATHS, TEXTS, for_hydra

NASTY = [
    "my runs/1",
    "a,b",
    "/tmp/äö (1)/x=[2].csv",
    "日本/データ.csv",
    "{x}",
    "a:b",
    "it's",
    '12" disk',
    "'a' and 'b'",
    "C:\\data\\",
    "a\\\\",
    "a\\'b",
    "'",
    "\\",
    "a\nb",
    "  lead",
    "123",
    "1e5",
    "true",
    "#1;*?|&<>$x%",
    "[a, b",
    "choice(a,b)",
]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """A sweep writes into its working directory."""
    monkeypatch.chdir(tmp_path)


def value_of(config, option):
    group, *names = option.split(".")
    value = getattr(config, group)
    for name in names:
        value = value[name] if isinstance(value, dict) else getattr(value, name)
    return value


def jobs(*argv):
    """Return the configurations of a command line, one for each job of a sweep."""
    configs = []
    run_hydra(configs.append, argv)
    return configs


@pytest.mark.parametrize("text", NASTY)
def test_a_text_comes_through_as_it_was_typed(text):
    options = (*PATHS, *TEXTS)
    config = compose_config(["dataset=local", "space=tabular", *(f"{option}={text}" for option in options)])
    assert {option: value_of(config, option) for option in options} == dict.fromkeys(options, text)


@pytest.mark.parametrize("text", NASTY)
def test_it_does_on_the_command_line_too(text):
    (config,) = jobs(f"run.dir={text}", f"dataset.path={text}")
    assert (config.run.dir, config.dataset.path) == (text, text)


@pytest.mark.parametrize("text", [text for text in NASTY if "," not in text])
def test_and_in_a_sweep(text):
    configs = jobs("-m", f"dataset.path={text}", "seed=1,2")
    assert [config.dataset.path for config in configs] == [text.strip()] * 2


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("'my runs/1'", "my runs/1"),
        ('"my runs/1"', "my runs/1"),
        ("'it\\'s'", "it's"),
        ("null", None),
        ("runs/${seed} x", "runs/7 x"),
        ("${run.name}", "digits"),
    ],
)
def test_what_is_in_hydras_own_words_stays(typed, expected):
    assert compose_config([f"run.dir={typed}", "seed=7"]).run.dir == expected


@pytest.mark.parametrize("prefix", ["+", "++"])
def test_prefixes_stay(prefix):
    assert for_hydra([f"{prefix}run.dir=a b"]) == [f"{prefix}run.dir='a b'"]


@pytest.mark.parametrize("override", ["seed=1,2", "space.width=[8, 16]", "~run.dir", "run.dirt=a b", "run.dir", "x"])
def test_other_overrides_stay(override):
    assert for_hydra([override]) == for_hydra([override], sweep=True) == [override]


def test_home_is_where_a_shell_has_it(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ann")
    assert compose_config(["run.dir=~/my runs"]).run.dir == "/home/ann/my runs"
    assert compose_config(["run.dir='~/runs'"]).run.dir == "~/runs"
    assert compose_config(["run.name=~"]).run.name == "~"
    assert compose_config(["run.dir=~nobody of that name/x"]).run.dir == "~nobody of that name/x"


# ---------------------------------------------------------------- sweeps


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("a.csv,b.csv", ["a.csv", "b.csv"]),
        ("my a.csv, my b.csv", ["my a.csv", "my b.csv"]),
        ("'a,b','c d'", ["a,b", "c d"]),
        ("it's,b", ["it's", "b"]),
        ("'a,b'", ["a,b"]),
        ("choice(a.csv,b.csv)", ["a.csv", "b.csv"]),
        ("a,null", ["a", None]),
        ("runs/${seed},b", ["runs/0", "b"]),
        ("x" * 5000 + ",b", ["x" * 5000, "b"]),
    ],
)
def test_in_a_sweep_commas_separate_values(typed, expected):
    assert [config.dataset.path for config in jobs("-m", f"dataset.path={typed}")] == expected


def test_a_file_of_the_whole_name_is_no_sweep(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a,b.csv").touch()
    assert [config.dataset.path for config in jobs("-m", "dataset.path=a,b.csv")] == ["a,b.csv"]
    assert [config.run.name for config in jobs("-m", "run.name=a,b.csv")] == ["a", "b.csv"]


def test_hydra_s_mode_is_a_sweep_too():
    assert [config.run.name for config in jobs("run.name=a,b", "hydra.mode=MULTIRUN")] == ["a", "b"]


@pytest.mark.parametrize("typed", ["a,,b", "a,", ","])
def test_half_a_sweep_is_one_sentence(typed):
    with pytest.raises(ConfigError, match=r"dataset\.path=") as error:
        jobs("-m", f"dataset.path={typed}")
    assert "\n" not in str(error.value)


def test_the_arguments_of_flwr_run_are_quoted_once_too():
    from server_app.run import read_config

    config = read_config({"overrides": "run.dir='my runs/1' dataset.path=\"it's [2].csv\" 'run.name=a, b'"})
    assert (config.run.dir, config.dataset.path, config.run.name) == ("my runs/1", "it's [2].csv", "a, b")


# ---------------------------------------------------------------- options of one data set


@pytest.mark.parametrize(
    ("typed", "full"),
    [
        ("dataset.label=my class", "dataset.options.label='my class'"),
        ("dataset.features=8", "dataset.options.features=8"),
        ("+dataset.new=1", "+dataset.options.new=1"),
        ("~dataset.label", "~dataset.options.label"),
        ("dataset.options.label=x", "dataset.options.label='x'"),
        ("dataset.alpha=0.1", "dataset.alpha=0.1"),
        ("dataset.options={}", "dataset.options={}"),
        ("dataset.label.x=1", "dataset.label.x=1"),
        ("mydataset.label=1", "mydataset.label=1"),
    ],
)
def test_an_option_of_one_data_set_needs_no_longer_name(typed, full):
    assert for_hydra([typed]) == [full]


def test_it_is_that_option_wherever_it_is_typed():
    assert compose_config(["dataset=local", "dataset.label=my, class"]).dataset.options["label"] == "my, class"
    assert compose_config(["dataset.features=8", "dataset=synthetic"]).dataset.options["features"] == 8
    swept = jobs("-m", "dataset=local", "dataset.label=a,b")
    assert [config.dataset.options["label"] for config in swept] == ["a", "b"]


OF_LOCAL = (
    "label, task, schema, size, fit, convert, skip_bad, length, window, hop, unit, rate, test_clients, num_classes"
)


@pytest.mark.parametrize("typed", ["dataset.lable=x", "dataset.options.lable=x", "~dataset.lable"])
@pytest.mark.parametrize(
    ("chosen", "own"),
    [
        (["dataset=local"], f"dataset=local alone: {OF_LOCAL}"),
        (["experiment=har"], f"dataset=local alone: {OF_LOCAL}"),
        ([], "dataset=digits alone: none"),
    ],
)
def test_an_unknown_one_is_refused_with_all_that_there_are(typed, chosen, own):
    for refuse in (compose_config, lambda words: jobs(*words)):
        with pytest.raises(ConfigError, match=r"'dataset\.lable'") as error:
            refuse([*chosen, typed])
        text = str(error.value)
        assert "path, partition, alpha, validation_fraction, test_fraction, split, gap" in text
        assert own in text
        assert "\n" not in text


def test_in_a_sweep_over_data_sets_it_is_one_sentence_too(tmp_path):
    with pytest.raises(ConfigError, match=r"dataset\.options\.label") as error:
        jobs("-m", "dataset=digits,local", "dataset.label=x")
    assert "\n" not in str(error.value)


def test_the_environment_is_not_changed_by_that():
    before = dict(os.environ)
    for_hydra(["run.dir=~/a"])
    assert dict(os.environ) == before


@pytest.mark.parametrize("experiment", ["digits", "tutorial"])
def test_a_baseline_takes_the_place_of_an_experiments(experiment):
    given = "{spec: {version: 1, kind: layered, layers: []}, recipe: {epochs: 3}}"
    baseline = compose_config([f"experiment={experiment}", f"final.baseline={given}"]).final.baseline
    assert baseline == {"spec": {"version": 1, "kind": "layered", "layers": []}, "recipe": {"epochs": 3}}
