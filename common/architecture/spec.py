"""The architecture spec: one network as frozen, versioned, canonical JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NoReturn

from common.architecture.operations import Layer, Weighted, layer_from_dict
from common.architecture.rules import MAX_LAYERS, is_whole, one_of
from common.errors import SpecError

REDUCTIONS = ("flatten", "avg", "max")
MAX_TEXT = 64 * 1024


@dataclass(frozen=True)
class ArchitectureSpec:
    """One architecture: layers in order; a linear classifier over the task's classes always follows.

    Equal specs have equal JSON and equal ids. A spec says nothing of the input: whether it fits a task
    is for `common.architecture.layout` to say. No layers at all make softmax regression.

    Parameters
    ----------
    layers : sequence of Layer
        At most 64.
    reduce : {"flatten", "avg", "max"}
        How spatial features become a vector before the first linear layer: all of them, or their
        mean or maximum over space.
    """

    layers: tuple[Layer, ...] = ()
    reduce: str = "flatten"

    version: ClassVar[int] = 1
    kind: ClassVar[str] = "layered"

    def __post_init__(self) -> None:
        if not isinstance(self.layers, Sequence) or not all(isinstance(layer, Layer) for layer in self.layers):
            raise SpecError("layers must be a sequence of layers", self.layers, fix="Use from_dict for JSON values")
        object.__setattr__(self, "layers", tuple(self.layers))
        one_of(REDUCTIONS)("reduce", self.reduce)
        _check_depth(self.layers)
        for index, layer in enumerate(self.layers):
            if isinstance(layer, Weighted) and layer.skip is not None and layer.skip >= index:
                raise SpecError(
                    f"Layer {index}: {layer.op} skip must name an earlier layer, from -1 (the input) to {index - 1}",
                    layer.skip,
                    fix="Layers count from 0",
                )

    @cached_property
    def id(self) -> str:
        """12 hexadecimal digits, a hash of the canonical JSON."""
        return hashlib.blake2b(self.to_json().encode(), digest_size=6).hexdigest()

    def describe(self) -> str:
        """Return one line for people, such as ``conv2d 32 k3 s2 → max_pool 2 → linear 64``."""
        return " → ".join(layer.describe() for layer in self.layers) or "classifier only"

    def to_dict(self) -> dict[str, Any]:
        """Return all as plain JSON values."""
        layers = [layer.to_dict() for layer in self.layers]
        return {"version": self.version, "kind": self.kind, "layers": layers, "reduce": self.reduce}

    def to_json(self) -> str:
        """Return the canonical JSON: sorted keys, no spaces."""
        return json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_dict(cls, values: Any) -> ArchitectureSpec:
        """Build from plain JSON values; missing fields take their defaults, anything odd raises `SpecError`."""
        _check_header(values)
        layers = values["layers"]
        if not isinstance(layers, list | tuple):
            raise SpecError("layers must be a list", layers, fix="Give one object for each layer")
        _check_depth(layers)
        return cls(
            tuple(_parse_layer(index, layer) for index, layer in enumerate(layers)), values.get("reduce", "flatten")
        )

    @classmethod
    def from_json(cls, text: str) -> ArchitectureSpec:
        """Parse JSON; refuses duplicate keys, NaN, and more than 64 KiB."""
        if not isinstance(text, str):
            raise SpecError("A spec must be JSON text", type(text).__name__, fix="Use from_dict for JSON values")
        if len(text) > MAX_TEXT:
            raise SpecError(f"A spec must have {MAX_TEXT} characters at most", len(text), fix="Use fewer layers")
        try:
            values = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise SpecError(f"A spec must be valid JSON ({error})", _shorten(text), fix="Check the text") from None
        return cls.from_dict(values)


def _check_header(values: Any) -> None:
    if not isinstance(values, dict):
        raise SpecError("A spec must be an object with version, kind and layers", values, fix="Check the text")
    for name, wanted in (("version", ArchitectureSpec.version), ("kind", ArchitectureSpec.kind)):
        got = values.get(name)
        if got != wanted or (is_whole(wanted) and not is_whole(got)):
            raise SpecError(
                f"A spec's {name} must be {wanted!r}", got, fix="Use the version of flwr-nas that wrote the spec"
            )
    unknown = sorted(str(name) for name in values if name not in ("version", "kind", "layers", "reduce"))
    if unknown:
        raise SpecError("A spec knows only version, kind, layers and reduce", unknown, fix="Remove the unknown fields")
    if "layers" not in values:
        raise SpecError("A spec needs layers", sorted(values), fix="Give a list of layers; it may be empty")


def _check_depth(layers: Sequence[Any]) -> None:
    if len(layers) > MAX_LAYERS:
        raise SpecError(f"A spec must have {MAX_LAYERS} layers at most", len(layers), fix="Use fewer layers")


def _parse_layer(index: int, values: Any) -> Layer:
    try:
        return layer_from_dict(values)
    except SpecError as error:
        raise SpecError(f"Layer {index}: {str(error).removesuffix('.')}") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError(f"a key occurs twice among {[name for name, _ in pairs]}")
    return values


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _shorten(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."
