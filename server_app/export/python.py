"""One Python file that needs torch alone, as a person would write the network, with its weights beside it."""

from __future__ import annotations

import importlib.util
import io
import textwrap
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from common.files import write_aside
from server_app.export.base import Format, Run
from server_app.export.source import batch_of, source_of
from server_app.export.trained import Trained

if TYPE_CHECKING:
    from torch import nn

_LOAD = """def load(folder: Path = Path(__file__).parent) -> Network:
    \"\"\"Return the network with its trained weights, in evaluation mode.\"\"\"
    network = Network()
    network.load_state_dict({read})
    return network.eval()
"""

AS_IN_THE_DATA = "Numbers are as in the data; bytes, such as those of images, are divided by 255."
"""What a model takes, in a sentence: `common.data.ingest` does that, not the network."""


class Python(Format):
    """``model.py`` and ``weights.pt``."""

    about: ClassVar[str] = "a Python file to read, which needs torch alone"
    files: ClassVar[tuple[str, ...]] = ("model.py", "weights.pt")

    def write(self, model: Trained, folder: Path) -> None:
        """Write the code, and the state_dict of its class as torch writes it, which is read with weights_only."""
        import torch

        text, tensors = code_of(model, 'torch.load(folder / "weights.pt", weights_only=True)')
        content = io.BytesIO()
        torch.save({name: torch.from_numpy(np.array(array)) for name, array in tensors.items()}, content)
        write_aside(folder / "weights.pt", content.getvalue())
        write_aside(folder / "model.py", text)

    def runner(self, folder: Path) -> Run:
        """Return the network that the code loads: it is run, so it should be one's own."""
        return runner_of_code(folder / "model.py")

    def usage(self, model: Trained) -> str:
        """Return how the file is imported."""
        return usage_of_code(model)


def code_of(model: Trained, read: str, imports: str = "") -> tuple[str, dict[str, NDArray[Any]]]:
    """Return a model's file, and the tensors that it loads.

    Parameters
    ----------
    model : Trained
        What is written.
    read : str
        An expression that gives the tensors, by name, of what is in the folder ``folder``.
    imports : str
        Lines that `read` needs.
    """
    source = source_of(model.graph, model.weights, model.readout)
    classes = getattr(model.task.head, "classes", ())
    parts = [
        "\n".join([f'"""{_about(model)}"""', "", "from __future__ import annotations", "", "from pathlib import Path"])
        + f"\n\nimport torch\n{imports}from torch import Tensor, nn\nfrom torch.nn import functional as F",
        *([source.pieces] if source.pieces else []),
        source.network,
        _LOAD.format(read=read),
    ]
    if classes:
        parts[0] += f"\n\nCLASSES = {tuple(classes)!r}"
    return "\n\n\n".join(parts), dict(source.tensors)


def network_of(model: Trained) -> nn.Module:
    """Return the network that the code makes, of torch's own layers as far as it has them, with its weights."""
    with TemporaryDirectory() as folder:
        Python().write(model, Path(folder))
        return _loaded(Path(folder) / "model.py")


def _loaded(file: Path) -> nn.Module:
    found = importlib.util.spec_from_file_location("flwr_nas_exported_model", file)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    network: nn.Module = module.load()
    return network


def runner_of_code(file: Path) -> Run:
    """Return what runs the network that ``load()`` of a file gives."""
    import torch

    network = _loaded(file)

    def run(x: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            outputs: NDArray[np.float32] = network(torch.from_numpy(x)).numpy()
        return outputs

    return run


def usage_of_code(model: Trained) -> str:
    """Return how a file with ``load()`` is used."""
    return f"""import torch
from model import load

network = load()
with torch.inference_mode():
    {model.outputs} = network(torch.from_numpy(x))"""


def _about(model: Trained) -> str:
    """Return the docstring of a file; nothing in it may end it."""
    head, shape = model.task.head, model.task.input_shape
    axes = {1: "features", 2: "channels, steps", 3: "channels, height, width"}[len(shape)]
    lines = [
        "A network that was found by federated architecture search.",
        "",
        *textwrap.wrap(f"{model.name[:1].upper()}{model.name[1:]}: {model.spec.describe()}.", 100),
        "",
        "    from model import load",
        "",
        "    network = load()      # with the trained weights, in evaluation mode",
        f"    {model.outputs} = network(x)",
        "",
        f"x is a float32 tensor {batch_of(shape)}: examples, {axes}.",
        AS_IN_THE_DATA + ("" if model.task.scaling is None else " The network scales them itself."),
        f"{model.outputs} are {batch_of((head.output_width,))}"
        + (f"; {model.outputs}.softmax(1) are the probabilities" if model.outputs == "logits" else "")
        + (" of CLASSES." if getattr(head, "classes", ()) else "."),
    ]
    return "\n".join(lines).replace("\\", "/").replace('"', "'") + "\n"
