"""The architecture spec: one network as frozen, versioned, canonical JSON."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self

from common.architecture.rules import is_whole
from common.architecture.scaled import scaled
from common.errors import SpecError
from common.preprocessing.scaling import Scaling

if TYPE_CHECKING:
    from common.architecture.graph import Graph
    from common.tasks import Task

KINDS = {
    "layered": "LayeredSpec",
    "cell": "CellSpec",
    "mobile": "MobileSpec",
    "constant": "ConstantSpec",
    "tabular": "TabularSpec",
    "mixed": "MixedSpec",
}
"""By the name of its module, the class of each kind: a node opens no module by a name that a message gives."""

MAX_TEXT = 64 * 1024


@dataclass(frozen=True)
class ArchitectureSpec(ABC):
    """One architecture; a subclass is one kind, a frozen dataclass in a module of ``common.architecture.kinds``.

    A spec says nothing of the input: whether it fits a task is for `lower` to say.

    Equal specs have equal JSON and equal ids, and the id is the canonical form of the network alone: specs that
    are the same network on every task are to be equal. A kind in which a network can be written in several ways
    (the nodes of a cell in another order, an edge that nobody reads) therefore brings its fields into one form in
    ``__post_init__``. That form depends on the spec alone and never on a task, and it never changes: histories of
    earlier runs name specs by their ids. What only a task could tell (a `reduce` that never meets space) may make
    two specs of one network.
    """

    kind: ClassVar[str]
    """Its name in JSON, and that of its module."""
    version: ClassVar[int]
    """Of its JSON; raised where the same JSON would mean another network."""

    @cached_property
    def id(self) -> str:
        """12 hexadecimal digits, a hash of the canonical JSON."""
        return hashlib.blake2b(self.to_json().encode(), digest_size=6).hexdigest()

    @property
    def num_alphas(self) -> int:
        """How many architecture weights it has, an array beside the packed state: none, but for a mixed spec."""
        return 0

    @abstractmethod
    def describe(self) -> str:
        """Return one line for people."""

    def lower(self, task: Task) -> Graph:
        """Write the network out for `task`: scaling of the input first, where there is one, the head last.

        Raises
        ------
        SpecError
            Where the two do not fit; names the place.
        """
        return _lowered(self, task)

    @abstractmethod
    def _lower(self, task: Task) -> Graph:
        """Do what `lower` says, but for the scaling of the input; its result is kept."""

    @abstractmethod
    def to_values(self) -> dict[str, Any]:
        """Return all fields as plain JSON values."""

    @classmethod
    @abstractmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """Build from fields as `to_values` wrote them; those that have a default may lack.

        Raises
        ------
        SpecError
            For anything odd.
        """

    def to_dict(self) -> dict[str, Any]:
        """Return all as plain JSON values."""
        return {"version": self.version, "kind": self.kind, **self.to_values()}

    def to_json(self) -> str:
        """Return the canonical JSON: sorted keys, no spaces."""
        return json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"), allow_nan=False)

    @staticmethod
    def from_dict(values: Any) -> ArchitectureSpec:
        """Build a spec of any kind from plain JSON values; anything odd raises `SpecError`."""
        cls = _kind_of(values)
        header = ("version", "kind")
        known = [*header, *(item.name for item in fields(cls))]
        unknown = sorted(str(name) for name in values if name not in known)
        if unknown:
            raise SpecError(
                f"A {cls.kind} spec knows only {', '.join(known[:-1])} and {known[-1]}",
                unknown,
                fix="Remove the unknown fields",
            )
        return cls.from_values({name: value for name, value in values.items() if name not in header})

    @staticmethod
    def from_json(text: str) -> ArchitectureSpec:
        """Parse JSON; refuses what `read_json` does, and anything odd."""
        return ArchitectureSpec.from_dict(read_json(text))


def read_json(text: str) -> Any:
    """Return what JSON text holds; refuses duplicate keys, NaN, and more than 64 KiB with `SpecError`."""
    if not isinstance(text, str):
        raise SpecError("A spec must be JSON text", type(text).__name__, fix="Use from_dict for JSON values")
    if len(text) > MAX_TEXT:
        raise SpecError(f"A spec must have {MAX_TEXT} characters at most", len(text), fix="Use fewer layers")
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise SpecError(f"A spec must be valid JSON ({error})", _shorten(text), fix="Check the text") from None


@lru_cache(maxsize=1024)
def _lowered(spec: ArchitectureSpec, task: Task) -> Graph:
    graph = spec._lower(task)
    ends, wanted = (graph.input_shape, graph.nodes[-1].output_shape), (task.input_shape, (task.head.output_width,))
    if ends != wanted:
        raise SpecError(
            f"A graph of this task leads from {wanted[0]} to {wanted[1]}",
            ends,
            fix=f"Correct how the kind {spec.kind} lowers itself",
        )
    if task.scaling is None:
        return graph
    return scaled(graph, task.scaling if isinstance(task.scaling, Scaling) else None, gaps=task.inputs.gaps)


def _kind_of(values: Any) -> type[ArchitectureSpec]:
    """Return the class of the kind that `values` name, having checked kind and version."""
    if not isinstance(values, dict):
        raise SpecError("A spec must be an object with version, kind and its fields", values, fix="Check the text")
    way_out = "Use the version of flwr-nas that wrote the spec"
    kind, version = values.get("kind"), values.get("version")
    if not isinstance(kind, str) or kind not in KINDS:
        raise SpecError(f"A spec's kind must be one of {', '.join(KINDS)}", kind, fix=way_out)
    cls: type[ArchitectureSpec] = getattr(import_module(f"common.architecture.kinds.{kind}"), KINDS[kind])
    if not is_whole(version) or version != cls.version:
        raise SpecError(f"A {kind} spec's version must be {cls.version}", version, fix=way_out)
    return cls


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError(f"a key occurs twice among {[name for name, _ in pairs]}")
    return values


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _shorten(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."
