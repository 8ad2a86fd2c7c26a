"""ExecuTorch: a program for phones and small devices, with XNNPACK for what that knows; one example at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigError
from common.files import write_aside
from server_app.export.base import Format, Run, quiet
from server_app.export.torch_export import program_of
from server_app.export.trained import Trained

if TYPE_CHECKING:
    from torch.export import ExportedProgram


class Executorch(Format):
    """``model.pte``."""

    about: ClassVar[str] = "a program of ExecuTorch, which takes one example at a time"
    files: ClassVar[tuple[str, ...]] = ("model.pte",)
    needs: ClassVar[tuple[str, ...]] = ("executorch",)
    extra: ClassVar[str] = "executorch"
    int8: ClassVar[bool] = True

    def write(self, model: Trained, folder: Path) -> None:
        """Write the program; raises `ConfigError` where ExecuTorch has no kernel for an operation."""
        with _compiling(model):
            content = _compiled(program_of(model, examples=1))
        write_aside(folder / "model.pte", content)

    def write_int8(self, model: Trained, folder: Path, examples: NDArray[np.float32]) -> None:
        """Write weights of 8 bits for each channel, and activations whose ranges are those of examples.

        What XNNPACK does with 8 bits has them: linear maps, convolutions, sums. Errors as of `write`.
        """
        import torch

        with _compiling(model):
            from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
                XNNPACKQuantizer,
                get_symmetric_quantization_config,
            )
            from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

            settings = get_symmetric_quantization_config(is_per_channel=True)
            prepared = prepare_pt2e(program_of(model, examples=1).module(), XNNPACKQuantizer().set_global(settings))
            # slices, as an axis that numpy adds has a stride of 0, which ExecuTorch refuses
            batches = [torch.from_numpy(examples[place : place + 1]) for place in range(len(examples))]
            for batch in batches:
                prepared(batch)
            content = _compiled(torch.export.export(convert_pt2e(prepared), (batches[0],)))
        write_aside(folder / "model.pte", content)

    def runner(self, folder: Path) -> Run:
        """Return the program in ExecuTorch's own runtime."""
        import torch

        with quiet():
            from executorch.runtime import Runtime

        method = Runtime.get().load_program(folder / "model.pte").load_method("forward")

        def run(x: NDArray[np.float32]) -> NDArray[np.float32]:
            batches = [torch.from_numpy(x[place : place + 1]) for place in range(len(x))]
            return np.concatenate([method.execute([batch])[0].numpy().copy() for batch in batches])

        return run

    def usage(self, model: Trained) -> str:
        """Return how its runtime runs it in Python."""
        return f"""import torch
from executorch.runtime import Runtime

method = Runtime.get().load_program("model.pte").load_method("forward")
({model.outputs},) = method.execute([torch.from_numpy(x[:1])])  # one example at a time"""


def _compiled(program: ExportedProgram) -> bytes:
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
    return bytes(lowered.to_executorch().buffer)


@contextmanager
def _compiling(model: Trained) -> Iterator[None]:
    """Keep the screen clear, and say in a sentence what a compiler of many parts could not do."""
    try:
        with quiet():
            yield
    except Exception as error:  # these parts raise what they like
        why = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise ConfigError(
            f"ExecuTorch must have all operations of a network ({why})",
            model.spec.describe(),
            fix="Export it as onnx or torch_export",
        ) from error
