"""Writes a graph as Python that needs torch alone: a class with named layers, and a ``forward`` from top to bottom.

The class has the tensors of the network under their own names, and beside them what a network of ours has as constants:
the numbers of the scaling, positions. What `server_app.export.pieces` has for it is copied into the file.

A value that is read by the next line alone is called ``x``; one that is read later is called as the node that gives it.
What stands before the first ``_`` in a node's name is the part that it belongs to: what follows one another in a part
is written as one expression, as long as that fits into a line.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import keyword
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.architecture.graph import INPUT, Graph, Node
from common.architecture.layout import layout, views_of
from common.architecture.tensors import Shape
from server_app.export import pieces
from server_app.export.statements import Written, written

_WIDTH = 100
"""Of a line of the file, comment included, where there is a choice."""
_NAMES = {name for name, value in vars(pieces).items() if getattr(value, "__module__", "") == pieces.__name__}
_TAKEN = {"x", "self", "inputs", "torch", "nn", "F", "Tensor", "CLASSES", "load", "readout", *dir(builtins), *_NAMES}
_HOLE = re.compile(r"(?P<delimited>(?<=[(\[])\{\}(?=[)\],])|(?<=, )\{\}(?=[)\],]))|\{\}")

READOUT = "readout"
"""Name of the layer behind a network that puts its outputs into the units of targets."""


@dataclass(frozen=True)
class Source:
    """A network as code.

    Parameters
    ----------
    pieces : str
        What the class needs beside torch, as code; empty where it needs nothing.
    network : str
        The class, ``Network``.
    tensors : mapping
        Its whole ``state_dict``, in its own names.
    """

    pieces: str
    network: str
    tensors: Mapping[str, NDArray[Any]]


def source_of(graph: Graph, weights: NDArray[np.float32], readout: Mapping[str, Sequence[float]] | None) -> Source:
    """Return the code of a network, and its tensors.

    Parameters
    ----------
    graph : Graph
        What is written.
    weights : NDArray
        Its packed state.
    readout : mapping, optional
        ``mean`` and ``scale`` of outputs that are to be given in the units of targets; empty: outputs are to become
        probabilities, each for itself.
    """
    names = _identifiers(graph)
    lines = [written(node.operation, *graph.entering(node)) for node in graph.nodes]
    layers = {name: line.text for name, line in zip(names, lines, strict=True) if line.layer}
    tensors = _tensors(graph, weights, names, lines)
    (width,) = graph.nodes[-1].output_shape
    if readout is not None:
        layers[READOUT] = f"Rescale({width})" if readout else "nn.Sigmoid()"
        tensors |= {f"{READOUT}.{name}": np.array(values, np.float32) for name, values in readout.items()}
    network = "\n".join(
        [
            "class Network(nn.Module):",
            f'    """From {batch_of(graph.input_shape)} to {batch_of((width,))}, where n counts examples."""',
            "",
            "    def __init__(self) -> None:",
            "        super().__init__()",
            *[f"        self.{name} = {text}" for name, text in layers.items()],
            "",
            *[f"    {line}" for line in _forward(graph, names, lines, READOUT in layers)],
        ]
    )
    return Source(_pieces(network), network, tensors)


def batch_of(shape: Shape) -> str:
    """Return the shape of a batch, such as ``(n, 3, 21)``."""
    return f"({', '.join(['n', *map(str, shape)])})"


def _identifiers(graph: Graph) -> list[str]:
    """Return what each node is called in code: its name, or where that is none, or taken, its place."""
    return [node.name if _usable(node.name) else f"node_{place}_" for place, node in enumerate(graph.nodes)]


def _usable(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name) and name not in _TAKEN


def _tensors(
    graph: Graph, weights: NDArray[np.float32], names: Sequence[str], lines: Sequence[Written]
) -> dict[str, NDArray[Any]]:
    renamed = {node.name: name for node, name in zip(graph.nodes, names, strict=True)}
    found: dict[str, NDArray[Any]] = {}
    for path, array in views_of(np.ascontiguousarray(weights, np.float32), layout(graph)).items():
        node, _, rest = path.partition(".")
        found[f"{renamed[node]}.{rest}"] = array
    for name, line in zip(names, lines, strict=True):
        found |= {f"{name}.{rest}": values for rest, values in line.tensors.items()}
    return found


def _forward(graph: Graph, names: Sequence[str], lines: Sequence[Written], rescaled: bool) -> Iterator[str]:
    """Yield the lines of ``forward``."""
    variables = _variables(graph, names)
    yield f"def forward(self, {variables[INPUT]}: Tensor) -> Tensor:"
    values = {index: (name, False) for index, name in variables.items()}
    waiting = ""  # the line that would be, of a value that the next line may hold whole
    for index, (node, line) in enumerate(zip(graph.nodes, lines, strict=True)):
        text = f"self.{names[index]}({{}})" if line.layer else line.text
        whole = _filled(text, [values[source] for source in node.inputs])
        ends = index == len(graph.nodes) - 1
        if waiting and len(_line(variables[index], whole, node)) > _WIDTH:
            yield waiting
            values[index - 1] = (variables[index - 1], False)
            whole = _filled(text, [values[source] for source in node.inputs])
        if ends:
            yield f"    return {f'self.{READOUT}({whole})' if rescaled else whole}"
            return
        waiting = _line(variables[index], whole, node)
        if variables[index] == "x" and (_goes_on(node, graph.nodes[index + 1]) or index == len(graph.nodes) - 2):
            values[index] = (whole, line.loose and not line.layer)
        else:
            yield waiting
            waiting = ""


def _line(name: str, expression: str, node: Node) -> str:
    return f"    {name} = {expression}  # {batch_of(node.output_shape)}"


def _variables(graph: Graph, names: Sequence[str]) -> dict[int, str]:
    """Return what the input and each node's value are called: one that the next node alone reads is ``x``.

    One that is read later has the name of its part, where it is the only such there, else that of its node.
    """
    readers = _readers(graph)
    later = {index for index in range(len(names)) if readers[index] != [index + 1]}
    parts = Counter(_part(graph.nodes[index]) for index in later)
    found = {INPUT: "x" if readers[INPUT] == [0] else "inputs"}
    for index, name in enumerate(names):
        part = _part(graph.nodes[index])
        alone = parts[part] == 1 and name == graph.nodes[index].name and _usable(part) and part not in names
        found[index] = "x" if index not in later else part if alone else name
    return found


def _readers(graph: Graph) -> dict[int, list[int]]:
    """Return who reads each node, and the input: each as often as it does."""
    found: dict[int, list[int]] = {index: [] for index in range(INPUT, len(graph.nodes))}
    for index, node in enumerate(graph.nodes):
        for source in node.inputs:
            found[source].append(index)
    return found


def _part(node: Node) -> str:
    return node.name.partition("_")[0]


def _goes_on(node: Node, following: Node) -> bool:
    return _part(node) == _part(following)


def _filled(text: str, values: Sequence[tuple[str, bool]]) -> str:
    """Put expressions into the holes of another one, in brackets where they need them."""
    given = iter(values)

    def fill(hole: re.Match[str]) -> str:
        expression, loose = next(given)
        return f"({expression})" if loose and not hole["delimited"] else expression

    return _HOLE.sub(fill, text)


def _pieces(network: str) -> str:
    """Return the code of the pieces that a class names, in their order in `pieces`."""
    named = Counter(node.id for node in ast.walk(ast.parse(network)) if isinstance(node, ast.Name))
    found = [inspect.getsource(value) for name, value in vars(pieces).items() if name in _NAMES and named[name]]
    return "\n\n\n".join(re.sub(r"  # (type: ignore|noqa).*", "", text).rstrip() for text in found)
