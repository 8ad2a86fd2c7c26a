"""A trained model, as all formats take it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from common.architecture.graph import Graph
from common.architecture.spec import ArchitectureSpec
from common.errors import ConfigError
from common.preprocessing.scaling import Scaling
from common.seeding import generator
from common.tasks import Task

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Trained:
    """A network with its weights, and what it is for.

    Parameters
    ----------
    name : str
        What it is, in a few words, such as ``winner of digits``.
    spec, task : ArchitectureSpec, Task
        What was found, and for what; before it is written the scaling of inputs must be known, see `fitted`.
    weights : NDArray
        Packed state, float32.
    """

    name: str
    spec: ArchitectureSpec
    task: Task
    weights: NDArray[np.float32]

    def fitted(self, x: NDArray[np.float32] | None) -> Trained:
        """Return the model for those who have such examples, where each node scaled inputs by its own.

        Parameters
        ----------
        x : NDArray, optional
            float32, shape ``(n, *input_shape)``. Where the federation fitted one scaling, they have no effect.

        Raises
        ------
        ConfigError
            They are needed, and not there.
        """
        if self.task.scaling != "node":
            return self
        if x is None:
            raise ConfigError(
                "Each node scaled inputs by its own examples (preprocessing.scope=node), so a model is exported for "
                "one of them",
                fix="Name a file with examples of whom it is for: --data FILE",
            )
        return replace(self, task=self.task.fitted(x))

    @cached_property
    def graph(self) -> Graph:
        """What the spec lowers to; where inputs are scaled, that is its first node."""
        return self.spec.lower(self.task)

    @cached_property
    def module(self) -> nn.Module:
        """The whole model in evaluation mode, as `common.models.export.load_model` gives it."""
        from torch import nn

        from common.models.builder import build

        model, readout = build(self.graph, self.weights), self.task.head.readout()
        return (model if readout is None else nn.Sequential(model, readout)).eval()

    @property
    def readout(self) -> Mapping[str, Any] | None:
        """What turns outputs into what people use; None where they are that.

        Mean and scale of the units of targets; empty where each output becomes a probability.
        """
        readout = self.task.head.readout()
        if readout is None:
            return None
        return {name: values.tolist() for name, values in readout.state_dict().items()}

    @property
    def outputs(self) -> str:
        """What comes out, in a word."""
        return {"classification": "logits", "multilabel": "probabilities"}.get(self.task.head.kind, "outputs")

    def outputs_of(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what the module gives for a batch."""
        import torch

        with torch.inference_mode():
            outputs: NDArray[np.float32] = self.module(torch.from_numpy(x)).numpy()
        return outputs

    def drawn(self, count: int) -> NDArray[np.float32]:
        """Return normal noise with mean and deviation of the data, where a scaling tells of them; always the same."""
        shape = self.task.input_shape
        x = generator(0, "export").standard_normal((count, *shape))
        if isinstance(scaling := self.task.scaling, Scaling):
            axes = (len(scaling.mean), *[1] * (len(shape) - 1))
            x = x * np.reshape(scaling.std, axes) + np.reshape(scaling.mean, axes)
        return x.astype(np.float32)
