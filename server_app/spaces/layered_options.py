"""Options of the `layered` space."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

from common.architecture.kinds.layered import NORMALISATIONS, REDUCTIONS
from common.architecture.kinds.layers import LAYERS, FrontEnd, LogEnergy
from common.architecture.rules import MAX_LAYERS, Rule, is_whole, one_of
from common.errors import ConfigError
from server_app.spaces.domains import Choices, Domain, parse_domain

_FRONT_ENDS: dict[str, type[LogEnergy]] = {LogEnergy.op: LogEnergy}
_RULES: dict[str, Rule] = {
    item.metadata["option"]: item.metadata["rule"]
    for cls in LAYERS.values()
    for item in fields(cls)
    if item.metadata["option"] not in (None, "skip")
} | {"reduce": one_of(REDUCTIONS), "normalise": one_of(NORMALISATIONS)}
_CONTINUOUS = {"dropout"}
_OF_A_SPEC = ("reduce", "join", "normalise")
"""Options of the whole spec: an inserted layer has none of them."""
NO_JOIN = "none"
BEGINNINGS = ("conv", "any")

_NORMS = ["group", "batch"]
_DROPOUTS = [0.0, 0.1, 0.3]
_BY_KIND: dict[str, dict[str, Any]] = {
    "vector": {"min_layers": 0, "operations": ["linear"], "norm": ["none", *_NORMS], "dropout": _DROPOUTS},
    "sequence": {
        "operations": ["conv1d", "max_pool", "linear", "log_energy"],
        "kernel": [3, 5, 7, 9, 11],
        "norm": _NORMS,
        "dropout": _DROPOUTS,
        "reduce": ["avg", "max", "avg+max", "log_std"],
        "join": [NO_JOIN, "log_energy"],
        "begin": "conv",
    },
    "image": {
        "operations": ["conv2d", "max_pool", "linear"],
        "norm": _NORMS,
        "dropout": _DROPOUTS,
        "reduce": ["flatten", "avg", "max", "avg+max"],
        "begin": "conv",
    },
}
"""What null stands for by kind of data, where the operations are null too."""
_NAMED: dict[str, Any] = {
    "min_layers": 1,
    "kernel": [3, 5],
    "norm": ["group", "none"],
    "dropout": 0.1,
    "reduce": ["flatten", "avg"],
    "join": [NO_JOIN],
    "begin": "any",
}
"""What null stands for where the operations are named, and where the kind of data has nothing of its own."""


@dataclass(frozen=True)
class Mutation:
    """How a mutation differs from a fresh draw.

    Parameters
    ----------
    fields : list of str, optional
        What `modify` may change; by default every field with a choice.
    insert : dict, optional
        Domains of an inserted layer, by field, where they are narrower than the space's own.
    """

    fields: list[str] | None = None
    insert: dict[str, Any] | None = None


@dataclass(frozen=True)
class LayeredOptions:
    """Options of the `layered` space.

    Where `operations` is None, it and all others that are None are chosen by the kind of data; where operations are
    named, None stands for a value that is always the same. See `for_kind`.

    Parameters
    ----------
    min_layers, max_layers : int
        Depth, without the classifier. By default a vector may have none: of a table a linear model is often the best.
    operations : list of str, optional
        Offered ones; those that do not work on the task's input are left out. A draw gives convolutions of all
        sorts, attention, recurrent layers, pooling, linear and, for the first layer, front ends equal shares.
    begin : {"conv", "any"}, optional
        With "conv", the first layer on a sequence or an image is a convolution, attention, a recurrent layer or a
        front end, so that pooling has weights before it.
    width : list of int
        Of each layer with weights.
    kernel, stride : list of int
        Of convolutions; `stride` of parallel ones too.
    activation, norm : list of str
        Of each layer with weights.
    dropout : float, list of float or {low, high}, optional
        Of each of them; one value, choices, or a continuous range.
    skip : float
        Probability that such a layer gets a skip connection; its source is drawn among all earlier outputs.
    merge : list of str
        How what comes over a skip connection is taken in: "add" or "concat".
    dilation : list of int
        Of convolutions.
    squeeze_excite : list of int or None
        Of all convolutions: how many times fewer hidden units than channels, None for no such part.
    kernels : list of list of int
        Of parallel convolutions.
    heads, patch : list of int
        Of attention.
    pool_kernel : list of int
        Windows of pooling, which also are its strides.
    bands : list of int
        Of log_energy.
    reduce : list of str, optional
        From spatial features to a vector; plays no part on vectors.
    join : list of str, optional
        Front ends whose features join that vector, or "none"; those that do not work on the task's input are
        left out. None is drawn where a front end is the first layer.
    normalise : list of str
        Of the network's input, "none" or "example"; plays no part on vectors.
    mutation : Mutation
        How mutations differ from draws.
    max_parameters, max_macs : int, optional
        Hard constraints.
    """

    min_layers: int | None = None
    max_layers: int = 5
    operations: list[str] | None = None
    begin: str | None = None
    width: list[int] = field(default_factory=lambda: [8, 16, 32, 64, 128])
    kernel: list[int] | None = None
    stride: list[int] = field(default_factory=lambda: [1, 2])
    activation: list[str] = field(default_factory=lambda: ["relu", "gelu"])
    norm: list[str] | None = None
    dropout: Any = None
    skip: float = 0.25
    merge: list[str] = field(default_factory=lambda: ["add"])
    dilation: list[int] = field(default_factory=lambda: [1])
    squeeze_excite: list[int | None] = field(default_factory=lambda: [None])
    kernels: list[list[int]] = field(default_factory=lambda: [[3, 5]])
    heads: list[int] = field(default_factory=lambda: [2, 4])
    patch: list[int] = field(default_factory=lambda: [1, 2, 4])
    pool_kernel: list[int] = field(default_factory=lambda: [2, 3])
    bands: list[int] = field(default_factory=lambda: [8])
    reduce: list[str] | None = None
    join: list[str] | None = None
    normalise: list[str] = field(default_factory=lambda: ["none"])
    mutation: Mutation = field(default_factory=Mutation)
    max_parameters: int | None = 500_000
    max_macs: int | None = 20_000_000

    def __post_init__(self) -> None:
        least = 0 if self.min_layers is None else self.min_layers
        if not is_whole(least) or not is_whole(self.max_layers):
            raise ConfigError(
                "space.min_layers and max_layers must be whole numbers", (self.min_layers, self.max_layers)
            )
        if not 0 <= least <= self.max_layers <= MAX_LAYERS:
            raise ConfigError(
                f"space.min_layers and max_layers must rise within 0 to {MAX_LAYERS}",
                (self.min_layers, self.max_layers),
                fix="Set space.min_layers=1 space.max_layers=5",
            )
        if not 0 <= self.skip <= 1:
            raise ConfigError("space.skip must be a probability", self.skip, fix="Set it within 0 to 1; 0 is no skips")
        for name in ("max_parameters", "max_macs"):
            limit = getattr(self, name)
            if limit is not None and limit < 1:
                raise ConfigError(f"space.{name} must be 1 or more", limit, fix="Set it to null for no limit")
        if self.operations is not None:
            parse_domain("operations", self.operations, one_of(tuple(LAYERS)))
        if self.begin not in (None, *BEGINNINGS):
            raise ConfigError(f"space.begin must be one of {', '.join(BEGINNINGS)}", self.begin, fix="Or leave it out")
        if self.mutation.fields is not None:
            parse_domain("mutation.fields", self.mutation.fields, one_of((*_RULES, "skip", "join")))
        self.inserted_domains()

    def for_kind(self, kind: str) -> Self:
        """Return the options for a "vector", a "sequence" or an "image", with nothing left to choose."""
        chosen = dict(_NAMED if self.operations is not None else _NAMED | _BY_KIND[kind])
        chosen["min_layers"] = min(chosen["min_layers"], self.max_layers)
        return replace(self, **{name: value for name, value in chosen.items() if getattr(self, name) is None})

    @property
    def depths(self) -> range:
        """Depths of a network, without the classifier."""
        return range(self.min_layers or 0, self.max_layers + 1)

    def domains(self) -> dict[str, Domain]:
        """Return the domain of every option that is one and is not None; those of `join` are None and front ends."""
        found: dict[str, Domain] = {
            name: parse_domain(name, getattr(self, name), rule, continuous=name in _CONTINUOUS)
            for name, rule in _RULES.items()
            if getattr(self, name) is not None
        }
        if self.join is not None:
            words = parse_domain("join", self.join, one_of((NO_JOIN, *_FRONT_ENDS)))
            assert isinstance(words, Choices)
            found["join"] = Choices(tuple(value for word in words.values for value in self._joining(word)))
        return found

    def _joining(self, word: str) -> list[FrontEnd | None]:
        """Return what a word of `join` offers."""
        return [None] if word == NO_JOIN else [_FRONT_ENDS[word](bands=bands) for bands in self.bands]

    def inserted_domains(self) -> dict[str, Domain]:
        """Return the domains of a layer that a mutation inserts; each must lie within the space's own."""
        found = self.domains()
        for name, values in (self.mutation.insert or {}).items():
            if name not in _RULES or name in _OF_A_SPEC:
                known = [known for known in _RULES if known not in _OF_A_SPEC]
                raise ConfigError(f"space.mutation.insert knows only {', '.join(known)}", name, fix="Remove it")
            narrow = parse_domain(f"mutation.insert.{name}", values, _RULES[name], continuous=name in _CONTINUOUS)
            if name in found and not found[name].covers(narrow):
                raise ConfigError(
                    f"space.mutation.insert.{name} must lie within space.{name} ({found[name]})",
                    str(narrow),
                    fix=f"Widen space.{name}",
                )
            found[name] = narrow
        return found
