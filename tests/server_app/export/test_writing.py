"""What stands beside an exported model: model.json and the card."""

import json

import numpy as np
import pytest

from common.data.base import Examples
from common.errors import ConfigError, StorageError
from common.preprocessing.scaling import Scaling
from server_app.export.card import wilson
from server_app.export.examples import of_file, of_run, score
from server_app.export.found import find
from server_app.export.measure import Measured, check_close
from server_app.export.python import Python
from server_app.export.writing import write
from server_app.registry import load_choice
from tests.support.exported import NODES, SEED


@pytest.fixture(scope="module")
def written(run, tmp_path_factory):
    model, told = find(run)
    folder = tmp_path_factory.mktemp("written")
    return write(Python(), model, told, folder, of_run(run, NODES, model.task), "apache-2.0")


def test_a_simulation_is_tried_on_its_nodes_validation(run, written):
    from common.config import compose_config
    from common.data import Holder, load_node_data

    config = compose_config(["dataset=digits"])
    known = of_run(run, NODES, find(run)[0].task)
    validation = [load_node_data(config.dataset, Holder(node, NODES), SEED).validation for node in range(NODES)]
    np.testing.assert_array_equal(known.scored.x, np.concatenate([one.x for one in validation]))
    assert written.tried_on == "the nodes' validation examples"
    assert written.measured.examples == min(256, len(known.scored))


def test_what_tools_read(written):
    told = json.loads((written.folder / "model.json").read_text())
    assert (told["format"], told["files"], told["int8"]) == ("python", ["model.py", "weights.pt"], False)
    assert told["measured"]["bytes"] == sum((written.folder / name).stat().st_size for name in told["files"])
    assert told["measured"]["difference"] <= 1e-5
    assert 0 < told["measured"]["seconds"] <= told["measured"]["slow_seconds"]


def test_what_people_read(written):
    card = (written.folder / "README.md").read_text()
    assert card.startswith("---\nlicense: apache-2.0\n")
    assert "- Nodes: 2 simulated nodes." in card
    assert "- Weights: of 25 rounds of the final training, run 2 of 3." in card
    assert "Classes, in the order of the logits: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9." in card
    # of 0.9, 0.92 and 0.94: 0.02 / sqrt(3) times 4.3027, Student's t for two degrees of freedom
    assert "0.9200 (0.8703 to 0.9697)" in card
    low, high = wilson(0.92, 360)
    assert f"0.9200 ({low:.4f} to {high:.4f})" in card
    assert "network = load()" in card
    assert "the worst tenth" not in card  # it is not told of this test


def test_a_card_of_little_that_is_known(run, tmp_path):
    model, told = find(run / "best")
    write(Python(), model, told, tmp_path, None)
    card = (tmp_path / "README.md").read_text()
    assert "license: unknown" in card
    assert "copied out of its run" in card
    assert "noise like the training data" in card


def test_wilson_is_what_its_equation_says():
    part, number, z = 0.3, 50, 1.96
    for end in wilson(part, number):  # both ends solve (part - p)^2 = z^2 p (1 - p) / n
        assert (part - end) ** 2 == pytest.approx(z**2 * end * (1 - end) / number)
    assert wilson(1.0, 10)[1] == 1.0


def test_8_bits_are_scored_before_and_after(run, tmp_path):
    pytest.importorskip("onnxruntime")
    model, told = find(run)
    known = of_run(run, NODES, model.task)
    found = write(load_choice("format", "onnx")(), model, told, tmp_path, known, int8=True)
    wanted = score(model.outputs_of, model.task.head, known.scored)["accuracy"]
    accuracy = found.before_after["accuracy"]
    assert accuracy["before"] == wanted > 0.8
    assert accuracy["after"] > wanted - 0.05
    assert found.measured.difference > 1e-5
    assert (
        f"- With 8 bits: accuracy {accuracy['after']:.4f}, before {wanted:.4f}" in (tmp_path / "README.md").read_text()
    )


def test_8_bits_of_a_format_without():
    with pytest.raises(ConfigError, match="This format has no numbers of 8 bits, got 'python'"):
        Python().check_int8()


def test_a_package_that_is_missing():
    class Missing(Python):
        needs, extra = ("no_such_package",), "mine"

    with pytest.raises(ConfigError, match=r'needs the package no_such_package.*pip install "flwr-nas\[mine\]"'):
        Missing().check_installed()


@pytest.mark.parametrize(("difference", "largest", "close"), [(5e-5, 0.1, True), (5e-4, 0.1, False), (5e-4, 50, True)])
def test_outputs_must_be_those_of_what_was_trained(difference, largest, close):
    measured = Measured(1, 1.0, 1.0, 1.0, difference, largest, 1)
    if close:
        check_close("mine", measured)
    else:
        with pytest.raises(StorageError, match=r"outputs differ by 0\.0005"):
            check_close("mine", measured)


def test_a_model_for_one_of_many_who_scale_by_themselves(run):
    from dataclasses import replace

    model, _ = find(run)
    own = replace(model, task=replace(model.task, scaling="node"))
    with pytest.raises(ConfigError, match=r"so a model is exported for one of them\. .*--data FILE"):
        own.fitted(None)
    x = 3 * np.ones((2, *model.task.input_shape), np.float32)
    assert own.fitted(x).task.scaling == Scaling.of(x)
    assert model.fitted(x) is model


def test_the_test_part_of_a_file_is_what_is_scored(run, tmp_path):
    task, rng = find(run)[0].task, np.random.default_rng(0)
    x, y, split = rng.random((6, 1, 8, 8), np.float32), np.arange(6), np.array([0, 0, 0, 0, 1, 1])
    np.savez(tmp_path / "mine.npz", x=x, y=y, split=split)
    known = of_file(str(tmp_path / "mine.npz"), "label", task)
    assert known.name == "the test part of mine.npz"
    np.testing.assert_array_equal(known.fitted, x[:4])
    wanted = Examples(x[4:], y[4:])
    np.testing.assert_array_equal(known.scored.x, wanted.x)
    np.testing.assert_array_equal(known.scored.y, wanted.y)
