"""Weights as safetensors, which many tools read and none runs, with the Python file that is the network beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import numpy as np

from common.files import write_aside
from server_app.export.base import Format, Run
from server_app.export.python import code_of, runner_of_code, usage_of_code
from server_app.export.trained import Trained


class Safetensors(Format):
    """``model.safetensors``, which says itself what it holds, and ``model.py``."""

    about: ClassVar[str] = "weights as safetensors, with a Python file that needs torch and safetensors"
    files: ClassVar[tuple[str, ...]] = ("model.safetensors", "model.py")

    def write(self, model: Trained, folder: Path) -> None:
        """Write the tensors, with spec and task as JSON in the metadata of their file, and the code that reads them."""
        from safetensors.numpy import save

        read, imports = 'load_file(folder / "model.safetensors")', "from safetensors.torch import load_file\n"
        text, tensors = code_of(model, read, imports)
        told = {
            "spec": json.dumps(model.spec.to_dict()),
            "task": json.dumps(model.task.to_record()),
            "id": model.spec.id,
        }
        content = save({name: np.ascontiguousarray(array) for name, array in tensors.items()}, metadata=told)
        write_aside(folder / "model.safetensors", content)
        write_aside(folder / "model.py", text)

    def runner(self, folder: Path) -> Run:
        """Return the network that the code loads: it is run, so it should be one's own."""
        return runner_of_code(folder / "model.py")

    def usage(self, model: Trained) -> str:
        """Return how the file is imported."""
        return usage_of_code(model)
