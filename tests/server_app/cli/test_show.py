import io
import json
import re
import sys
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from common.architecture.cost import cost_of
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Conv1d, Linear
from common.errors import ConfigError, SpecError
from common.tasks import Classification, Multilabel, Regression, Task
from server_app.cli import main
from server_app.cli.show import head_of, shape_of
from tests.support.tables import entries

SPEC = LayeredSpec((Conv1d(8), Linear(5)), "avg")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def spec_file(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(SPEC.to_json())
    return str(path)


def run(capsys, *arguments):
    try:
        code = main(["show", *arguments])
    except SystemExit as end:
        code = end.code
    out, err = capsys.readouterr()
    return code, out, err


def test_a_spec_is_shown_for_the_task_that_options_name(capsys, spec_file, tmp_path):
    code, out, err = run(capsys, spec_file, "--input", "9x32", "--classes", "6")
    assert (code, err) == (0, "")
    assert f"architecture {SPEC.id}: conv1d 8 k3 → linear 5" in out
    cost = cost_of(SPEC.lower(Task((9, 32), Classification(6))))
    (total,) = [line.split() for line in out.splitlines() if line.startswith("total")]
    assert total[1:] == [f"{cost.parameters:,}", f"{cost.macs:,}"]
    picture = tmp_path / f"{SPEC.id}.svg"
    assert out.endswith(f"Picture: {picture}\n")
    assert ElementTree.parse(picture).getroot().tag.endswith("svg")


def test_options_may_stand_before_what_is_shown_and_the_picture_anywhere(capsys, spec_file, tmp_path):
    picture = tmp_path / "pictures" / "a.svg"
    code, out, _ = run(capsys, "--targets", "2", "--svg", str(picture), spec_file, "--input", "9,32", "--batch", "7")
    assert code == 0
    assert "mini-batches of 7" in out
    assert "linear 2" in out
    assert picture.exists()


def test_a_spec_comes_from_the_standard_input(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(SPEC.to_json().encode())))
    assert run(capsys, "-", "--input", "9x32", "--classes", "6")[0] == 0
    assert (tmp_path / f"{SPEC.id}.svg").exists()


def test_a_model_needs_no_options(capsys, tmp_path):
    task = Task((9, 32), Classification(6))
    (tmp_path / "spec.json").write_text(json.dumps({"spec": SPEC.to_dict(), "task": task.to_record()}))
    code, out, _ = run(capsys, str(tmp_path))
    assert code == 0
    assert "9x32" in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("SPEC",), "--input 9x128 --classes 6"),
        (("SPEC", "--input", "9x32", "--classes", "1"), "at least 2 classes"),
        (("SPEC", "--input", "0x3", "--classes", "2"), "--input must be"),
        (("SPEC", "--input", "5", "--classes", "2"), "Layer 0"),
        (("SPEC", "--input", "9x32", "--classes", "2", "--batch", "0"), "batch_size"),
        (("SPEC", "SPEC", "--input", "9x32", "--classes", "2"), "at a time"),
        (("SPEC", "space=layered"), "at a time"),
        (("SPEC", "--input", "9x32", "--classes", "2", "--svg", "/proc/nothing/a.svg"), "/proc/nothing"),
        (("nothing",), "must be there"),
        (("space=nothing",), "space/nothing"),
        (("space=layered", "space.width=[]"), "space.width"),
        (("space=layered", "space.wings=2"), "wings"),
        (("space=layered", "--samples", "0"), "--samples"),
        (("space=layered", "--svg", "a.svg"), "--svg is for an architecture only"),
        (("SPEC", "--input", "9x32", "--classes", "2", "--config-dir", "a"), "--config-dir is for a space only"),
        (("space=layered", "dataset=local", "dataset.path=nothing.npz"), "nothing.npz"),
        (("space=tabular",), "space.table must name the table"),
        (("space=tabular", "space.table=nothing.json"), "nothing.json"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(capsys, spec_file, arguments, told):
    code, _, err = run(capsys, *(spec_file if word == "SPEC" else word for word in arguments))
    assert code == 1
    assert err.startswith("flwr-nas: ")
    assert told in err
    assert err.count("\n") == 1


def test_nothing_to_show_ends_with_usage(capsys):
    code, _, err = run(capsys)
    assert code == 2
    assert "usage: flwr-nas show" in err


def test_a_space_is_shown_for_the_data_of_a_search(capsys):
    code, out, err = run(capsys, "space=layered", "dataset=digits", "space.width=[8,16]", "--samples", "50")
    assert (code, err) == (0, "")
    assert out.startswith("space=layered for 1x8x8 (image), classification with 10 outputs\n")
    assert re.search(r"^  width +8, 16 *$", out, re.MULTILINE)
    assert "of which 50 are legal" in out


def test_a_space_is_shown_for_the_task_that_options_name_and_its_seed(capsys):
    task = ("--input", "9x32", "--targets", "2", "--samples", "20")
    code, out, _ = run(capsys, "space=layered", *task, "seed=1")
    assert code == 0
    assert out.startswith("space=layered for 9x32 (sequence), regression with 2 outputs\n")
    assert run(capsys, "space=layered", *task, "seed=1")[1] == out
    assert run(capsys, "space=layered", *task, "seed=2")[1] != out


def test_a_space_of_their_own_comes_from_their_folder(capsys, tmp_path):
    (tmp_path / "a folder" / "space").mkdir(parents=True)
    (tmp_path / "a folder" / "space" / "mine.yaml").write_text("name: layered\nmax_layers: 2\nwidth: [3]\n")
    code, out, _ = run(capsys, "--config-dir", "a folder", "space=mine", "--samples", "5", "dataset=digits")
    assert code == 0
    assert re.search(r"^  layers +1, 2 *$", out, re.MULTILINE)


def test_a_folder_of_theirs_that_is_not_there_is_named(capsys, recwarn, tmp_path):
    missing = str(tmp_path / "missing")
    assert main(["show", "--config-dir", missing, "space=mine"]) == 1
    told = f"flwr-nas: --config-dir must be a folder, with space/NAME.yaml in it, got {missing!r}. Name one."
    assert " ".join(capsys.readouterr().err.split()) == told
    assert not recwarn.list


def test_a_table_is_shown_and_is_for_no_data(capsys, tmp_path):
    (tmp_path / "a table.json").write_text(json.dumps(entries()))
    code, out, err = run(capsys, "space=tabular", "space.table=a table.json", "dataset=local")
    assert (code, err) == (0, "")
    assert out.startswith(
        "space=tabular: a table tells what networks scored and not what they are, so no node can train"
    )
    assert re.search(r"^  table.3 +0, 1, 2 *$", out, re.MULTILINE)
    assert "\nsize     81 architectures" in out  # 3 digits at 4 places


def test_the_example_of_an_own_space_is_shown_with_conditions_and_priors(capsys):
    code, out, err = run(capsys, "space=examples/residual", "--samples", "5", "dataset=digits")
    assert (code, err) == (0, "")
    assert re.search(r"^  \$size +small \(expected, 0.5\), large *$", out, re.MULTILINE)
    assert re.search(r"^  \$width where \$size is small +8, 12 *$", out, re.MULTILINE)
    assert "space.max_message_bytes=200000" in out


def test_a_shape_is_read():
    assert shape_of("9x128") == (9, 128)
    assert shape_of("1,28,28") == (1, 28, 28)
    assert shape_of("5") == (5,)
    assert shape_of(None) is None
    for odd in ("", "9x", "9x-1", "axb", "1x2x3x4", "²"):
        with pytest.raises(ConfigError, match="--input"):
            shape_of(odd)


def test_a_head_is_read():
    assert head_of(None, None) is None
    assert head_of(6, None) == Classification(6)
    assert head_of(None, 2) == Regression((0.0, 0.0), (1.0, 1.0))
    assert head_of(None, None, 5) == Multilabel(5)
    with pytest.raises(ConfigError, match="all but one"):
        head_of(None, 2, 5)
    with pytest.raises(ConfigError, match="classes or targets, or labels"):
        head_of(2, 2)
    with pytest.raises(ConfigError, match="--targets"):
        head_of(None, 0)
    with pytest.raises(SpecError, match="at least 2"):
        head_of(1, None)
