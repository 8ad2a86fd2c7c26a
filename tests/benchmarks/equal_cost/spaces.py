"""The spaces that are compared, as overrides: all are searched alike, and may find networks of the same cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server_app.spaces.layered_options import LayeredOptions

NEW_OPERATIONS = (
    "avg_pool",
    "separable_conv1d",
    "separable_conv2d",
    "branches1d",
    "branches2d",
    "attention",
    "gru",
)
NEW_OPTIONS: Mapping[str, list[Any]] = {
    "merge": ["add", "concat"],
    "dilation": [1, 2],
    "squeeze_excite": [None, 4],
    "kernels": [[3, 5], [3, 5, 7]],
}
"""What layers may have beside what they have by default: dense connections, wider kernels, gates, parallel kernels."""
MOBILE = (
    "space=mobile",
    "space.stem_width=[4]",
    "space.stages=[{width: [4, 6], stride: 2, depth: 2}, {width: [8, 12], stride: 2, depth: 3}, "
    "{width: [16, 24], stride: 1, depth: 3}]",
)
"""Half as wide as by default: of those hardly one in a hundred keeps the limit of the suite on 28 x 28 pixels."""
CELL = ("space=cell",)


def layered_with_all(kind: str) -> list[str]:
    """Return the overrides of the layered space by default with the new operations and options added.

    Where operations are named, other options no longer go by the kind of data; so these are named as well.

    Parameters
    ----------
    kind : str
        Of the data.
    """
    plain, default = LayeredOptions(), LayeredOptions().for_kind(kind)
    by_kind = {name: getattr(default, name) for name in vars(plain) if getattr(plain, name) != getattr(default, name)}
    values = {**by_kind, **NEW_OPTIONS, "operations": [*(default.operations or ()), *NEW_OPERATIONS]}
    return ["space=layered", *(f"space.{name}={_plain(value)}" for name, value in values.items())]


def _plain(value: Any) -> str:
    """Return a value as Hydra reads it."""
    if isinstance(value, list):
        return f"[{','.join(map(_plain, value))}]"
    return "null" if value is None else str(value)
