"""A program of torch.export: the network as a graph of torch's core operations, for who has torch and no code of it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from common.files import write_aside
from server_app.export.base import Format, Run
from server_app.export.trained import Trained

if TYPE_CHECKING:
    from torch.export import ExportedProgram


class TorchExport(Format):
    """``model.pt2``, for any number of examples."""

    about: ClassVar[str] = "a program of torch.export"
    files: ClassVar[tuple[str, ...]] = ("model.pt2",)

    def write(self, model: Trained, folder: Path) -> None:
        """Write the program."""
        import torch

        content = io.BytesIO()
        torch.export.save(program_of(model), content)
        write_aside(folder / "model.pt2", content.getvalue())

    def runner(self, folder: Path) -> Run:
        """Return the program as a module."""
        import torch

        module = torch.export.load(folder / "model.pt2").module()

        def run(x: NDArray[np.float32]) -> NDArray[np.float32]:
            with torch.inference_mode():
                outputs: NDArray[np.float32] = module(torch.from_numpy(x)).numpy()
            return outputs

        return run

    def usage(self, model: Trained) -> str:
        """Return how torch loads it."""
        return f"""import torch

network = torch.export.load("model.pt2").module()
with torch.inference_mode():
    {model.outputs} = network(torch.from_numpy(x))"""


def program_of(model: Trained, examples: int | None = None) -> ExportedProgram:
    """Return the network as a program, for any number of examples, or for so many.

    The module is made anew from its own code, whose tensors are each in a storage of their own: those of ours are views
    of one buffer, which would be saved once for each of them.
    """
    import torch

    from server_app.export.python import network_of

    network = network_of(model)
    x = torch.from_numpy(model.drawn(examples or 2))
    sizes = None if examples else ({0: torch.export.Dim("n")},)
    program = torch.export.export(network, (x,), dynamic_shapes=sizes)
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # which names files of this machine
    return program
