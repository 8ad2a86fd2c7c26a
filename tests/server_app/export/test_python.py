"""The file that is written for people, and loaded where this project is not."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from common.architecture.initial import initial_weights
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.preprocessing.scaling import Scaling
from common.seeding import generator
from common.tasks import Classification, Regression, Task
from server_app.export.python import Python
from server_app.export.trained import Trained

SPEC = LayeredSpec((Linear(8, norm="batch"),))
NAMES = ('say "hi"', "back\\slash", '"""')


def trained(head, name="winner"):
    task = Task((5,), head, Scaling((1.0, 2.0, 3.0, 4.0, 5.0), (1.0, 0.5, 0.0, 2.0, 1.0)))
    return Trained(name, SPEC, task, initial_weights(SPEC.lower(task), generator(0)))


@pytest.mark.parametrize("head", [Classification(3, NAMES), Regression((100.0,), (20.0,))], ids=["classes", "numbers"])
def test_it_answers_as_the_model_does_where_this_project_is_not(head, tmp_path):
    model = trained(head, 'a """name""" \\ with\nbreaks')
    Python().write(model, tmp_path)
    x = model.drawn(6)
    np.save(tmp_path / "x.npy", x)
    code = (
        "import numpy, torch, model\n"
        "with torch.inference_mode():\n"
        "    numpy.save('y.npy', model.load()(torch.from_numpy(numpy.load('x.npy'))).numpy())\n"
        "import sys\n"
        "assert not {'common', 'server_app', 'flwr', 'hydra'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, env={"PYTHONPATH": str(tmp_path)})
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), model.outputs_of(x), rtol=1e-6, atol=1e-6)


def test_it_names_the_classes_and_trains_on(tmp_path):
    Python().write(trained(Classification(3, NAMES)), tmp_path)
    space = {"__file__": str(tmp_path / "model.py"), "__name__": "model"}
    exec(compile((tmp_path / "model.py").read_text(), "model.py", "exec"), space)
    assert space["CLASSES"] == NAMES
    network = space["load"]()
    before = network.classifier.weight.detach().clone()
    optimizer = torch.optim.SGD(network.train().parameters(), lr=0.1)
    torch.nn.functional.cross_entropy(network(torch.randn(8, 5)), torch.zeros(8, dtype=torch.int64)).backward()
    optimizer.step()
    assert not torch.equal(network.classifier.weight, before)


def test_the_file_says_what_enters_and_what_leaves(tmp_path):
    Python().write(trained(Classification(3, ("a", "b", "c"))), tmp_path)
    text = (tmp_path / "model.py").read_text()
    assert "x is a float32 tensor (n, 5): examples, features.\nNumbers are as in the data; bytes" in text
    assert "logits are (n, 3); logits.softmax(1) are the probabilities of CLASSES." in text
    assert text.count("weights_only=True") == 1
