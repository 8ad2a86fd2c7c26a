"""Which of the old channels each new one stands for, and how weights are shared out among those that stand for one.

A map has, for each new channel, the number of the old one, or -1 where it stands for none.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from common.architecture.tensors import Shape

Map: TypeAlias = NDArray[np.intp]
Array: TypeAlias = NDArray[Any]

_LEAST, _MOST = 0.5, 1.5
"""Of the random parts into which a weight is divided, before they are made to add up to 1."""


def spread(new: int, old: int) -> Map:
    """Return the map j -> floor(j old / new), of ``new`` channels to ``old`` ones.

    It depends on the two numbers alone, so the terms of a sum agree. Copies of a channel lie side by side, and groups
    of neighbours stay groups: where one number is a multiple of the other, group norm takes its statistics over the
    same. Where there are fewer new channels than old ones, it keeps some, evenly spaced.
    """
    return np.arange(new) * old // new


def covers(channels: Map, old: int) -> bool:
    """Tell whether each of the old channels is stood for."""
    return len(np.intersect1d(channels, np.arange(old))) == old


def shares(channels: Map, rows: int, rng: np.random.Generator) -> Array:
    """Return by what each new channel's incoming weight is the old one's, for each of the rows that read it.

    Those of the channels that stand for one add up to 1 in each row, so what the rows compute stays as it was: equation
    (1) of T. Chen, I. Goodfellow & J. Shlens, "Net2Net: Accelerating Learning via Knowledge Transfer", ICLR 2016, where
    they are equal, and noise is added so that copies do not stay copies. Here they are unequal, at random, which breaks
    the symmetry as well and keeps the function exactly.

    Parameters
    ----------
    channels : Map
        Of ``n`` new channels; one that stands for none gets 0.
    rows : int
        Numbers that are computed of them.
    rng : Generator
        Draws nothing where no channel has copies.

    Returns
    -------
    Array
        float64, shape ``(rows, n)``.
    """
    known = channels >= 0
    if np.bincount(channels[known], minlength=1).max(initial=0) < 2:
        return np.broadcast_to(known.astype(np.float64), (rows, len(channels)))
    parts = rng.uniform(_LEAST, _MOST, (rows, len(channels))) * known
    sums = np.zeros((rows, int(channels.max()) + 1))
    for place in np.flatnonzero(known):
        sums[:, channels[place]] += parts[:, place]
    whole: Array = np.divide(parts, sums[:, np.maximum(channels, 0)], where=known, out=np.zeros_like(parts))
    return whole


def keeps_groups(channels: Map, groups: int, old: int, old_groups: int) -> bool:
    """Tell whether each new group has the mean and variance of the old group of each of its channels.

    It does where its channels stand for all of one old group, each of them equally often.
    """
    if (channels < 0).any() or len(channels) % groups or old % old_groups:
        return False
    size = old // old_groups
    for group in channels.reshape(groups, -1):
        found, counts = np.unique(group, return_counts=True)
        if len(found) != size or found[0] % size or found[-1] - found[0] != size - 1 or counts.min() != counts.max():
            return False
    return True


def unrolled(channels: Map, extents: Shape, old_extents: Shape) -> Map:
    """Return the map of what `Flatten` makes of channels; where extents differ, to the nearest places.

    Parameters
    ----------
    channels : Map
        Of the channels before.
    extents, old_extents : Shape
        Of the new and the old ones, as many axes each.
    """
    axes = [spread(new, old) for new, old in zip(extents, old_extents, strict=True)]
    places = np.ravel_multi_index(np.meshgrid(*axes, indexing="ij"), old_extents).ravel()
    units = channels[:, None] * int(np.prod(old_extents)) + places
    flat: Map = np.where(channels[:, None] < 0, -1, units).ravel()
    return flat


def window(kernel: int, dilation: int, old_kernel: int, old_dilation: int) -> tuple[Map, Map, bool]:
    """Return which places of a new window are which of the old one, and whether those are all of the old ones.

    Where each old place lies at a new one they keep their distance from the centre; else they are counted from it.
    """
    offsets = np.arange(old_kernel) - old_kernel // 2
    exact = offsets * old_dilation
    if not (exact % dilation).any() and abs(exact // dilation).max() <= kernel // 2:
        return exact // dilation + kernel // 2, np.arange(old_kernel), True
    kept = np.flatnonzero(abs(offsets) <= kernel // 2)
    return offsets[kept] + kernel // 2, kept, False
