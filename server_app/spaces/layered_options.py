"""Options of the `layered` space."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from common.architecture.kinds.layered import REDUCTIONS
from common.architecture.kinds.layers import LAYERS
from common.architecture.rules import MAX_LAYERS, Rule, is_whole, one_of
from common.errors import ConfigError
from server_app.spaces.domains import Domain, parse_domain

_RULES: dict[str, Rule] = {
    item.metadata["option"]: item.metadata["rule"]
    for cls in LAYERS.values()
    for item in fields(cls)
    if item.metadata["option"] not in (None, "skip")
} | {"reduce": one_of(REDUCTIONS)}
_CONTINUOUS = {"dropout"}


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

    Parameters
    ----------
    min_layers, max_layers : int
        Depth, without the classifier.
    operations : list of str
        Offered ones; those that do not work on the task's input are left out. A draw gives convolution,
        pooling and linear equal shares.
    width, kernel, stride : list of int
        Of linear layers and convolutions.
    activation, norm : list of str
        After each of them.
    dropout : float, list of float or {low, high}
        After each of them; one value, choices, or a continuous range.
    skip : float
        Probability that such a layer gets a skip connection; its source is drawn among all earlier outputs.
    pool_kernel : list of int
        Windows of pooling, which also are its strides.
    reduce : list of str
        From spatial features to a vector; plays no part on vectors.
    mutation : Mutation
        How mutations differ from draws.
    max_parameters, max_macs : int, optional
        Hard constraints.
    """

    min_layers: int = 1
    max_layers: int = 5
    operations: list[str] = field(default_factory=lambda: list(LAYERS))
    width: list[int] = field(default_factory=lambda: [16, 32, 64, 128])
    kernel: list[int] = field(default_factory=lambda: [3, 5])
    stride: list[int] = field(default_factory=lambda: [1, 2])
    activation: list[str] = field(default_factory=lambda: ["relu", "gelu"])
    norm: list[str] = field(default_factory=lambda: ["group", "none"])
    dropout: Any = 0.1
    skip: float = 0.25
    pool_kernel: list[int] = field(default_factory=lambda: [2, 3])
    reduce: list[str] = field(default_factory=lambda: ["flatten", "avg"])
    mutation: Mutation = field(default_factory=Mutation)
    max_parameters: int | None = 500_000
    max_macs: int | None = 20_000_000

    def __post_init__(self) -> None:
        if not is_whole(self.min_layers) or not is_whole(self.max_layers):
            raise ConfigError(
                "space.min_layers and max_layers must be whole numbers", (self.min_layers, self.max_layers)
            )
        if not 0 <= self.min_layers <= self.max_layers <= MAX_LAYERS:
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
        parse_domain("operations", self.operations, one_of(tuple(LAYERS)))
        if self.mutation.fields is not None:
            parse_domain("mutation.fields", self.mutation.fields, one_of((*_RULES, "skip")))
        self.inserted_domains()

    def domains(self) -> dict[str, Domain]:
        """Return the domain of every option that is one."""
        return {
            name: parse_domain(name, getattr(self, name), rule, continuous=name in _CONTINUOUS)
            for name, rule in _RULES.items()
        }

    def inserted_domains(self) -> dict[str, Domain]:
        """Return the domains of a layer that a mutation inserts; each must lie within the space's own."""
        found = self.domains()
        for name, values in (self.mutation.insert or {}).items():
            if name not in found or name == "reduce":
                known = [known for known in found if known != "reduce"]
                raise ConfigError(f"space.mutation.insert knows only {', '.join(known)}", name, fix="Remove it")
            narrow = parse_domain(f"mutation.insert.{name}", values, _RULES[name], continuous=name in _CONTINUOUS)
            if not found[name].covers(narrow):
                raise ConfigError(
                    f"space.mutation.insert.{name} must lie within space.{name} ({found[name]})",
                    str(narrow),
                    fix=f"Widen space.{name}",
                )
            found[name] = narrow
        return found
