"""ONNX, by torch's exporter: for onnxruntime and whatever else reads it, on servers, phones and in browsers."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from common.files import write_aside
from server_app.export.base import Format, Run, quiet
from server_app.export.torch_export import program_of
from server_app.export.trained import Trained


class Onnx(Format):
    """``model.onnx``, for any number of examples; what it is for stands in its metadata."""

    about: ClassVar[str] = "ONNX"
    files: ClassVar[tuple[str, ...]] = ("model.onnx",)
    needs: ClassVar[tuple[str, ...]] = ("onnx", "onnxscript", "onnxruntime")
    extra: ClassVar[str] = "onnx"
    int8: ClassVar[bool] = True

    def write(self, model: Trained, folder: Path) -> None:
        """Write the graph, with its weights in it."""
        write_aside(folder / "model.onnx", _graph(model).SerializeToString())

    def write_int8(self, model: Trained, folder: Path, examples: NDArray[np.float32]) -> None:
        """Write weights of 8 bits for each channel, and activations whose ranges are those of examples.

        Convolutions and matrix products have them; scaling, norms and what else is cheap keep 32 bits.
        """
        from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
        from onnxruntime.quantization.shape_inference import quant_pre_process

        with TemporaryDirectory() as home, quiet():
            plain, prepared, made = (Path(home) / name for name in ("plain.onnx", "prepared.onnx", "made.onnx"))
            plain.write_bytes(_graph(model).SerializeToString())
            quant_pre_process(plain, prepared, skip_symbolic_shape=True)
            quantize_static(
                prepared,
                made,
                _Reader(examples),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["Conv", "Gemm", "MatMul"],
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
            write_aside(folder / "model.onnx", made.read_bytes())

    def runner(self, folder: Path) -> Run:
        """Return a session of onnxruntime on one thread of the processor."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors
        session = onnxruntime.InferenceSession(folder / "model.onnx", options, ["CPUExecutionProvider"])

        def run(x: NDArray[np.float32]) -> NDArray[np.float32]:
            outputs: NDArray[np.float32] = session.run(None, {"x": x})[0]
            return outputs

        return run

    def usage(self, model: Trained) -> str:
        """Return how onnxruntime runs it."""
        return f"""import onnxruntime

session = onnxruntime.InferenceSession("model.onnx")
({model.outputs},) = session.run(None, {{"x": x}})"""


class _Reader:
    """Examples as onnxruntime's calibration asks for them: one after the other, then None."""

    def __init__(self, examples: NDArray[np.float32]) -> None:
        self._left = iter(examples)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """Return the next one."""
        example = next(self._left, None)
        return None if example is None else {"x": example[None]}


def _graph(model: Trained) -> Any:
    import torch

    with quiet():
        program = torch.onnx.export(
            program_of(model), (), dynamo=True, input_names=["x"], output_names=[model.outputs], verbose=False
        )
    assert program is not None
    graph = program.model_proto
    for node in graph.graph.node:
        del node.metadata_props[:]  # what is said of the code that each comes from
    classes = getattr(model.task.head, "classes", ())
    told = {"spec": json.dumps(model.spec.to_dict()), "task": json.dumps(model.task.to_record()), "id": model.spec.id}
    for key, value in {**told, "classes": json.dumps(list(classes))}.items():
        entry = graph.metadata_props.add()
        entry.key, entry.value = key, value
    return graph
