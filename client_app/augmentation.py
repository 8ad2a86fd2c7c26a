"""Changes of the inputs of a mini-batch that leave their classes as they are, drawn anew for each mini-batch.

Inputs come in the units of the data, for it is the network that scales them. So noise is measured in deviations of the
channel, and factors apply to what lies beyond its mean: neither depends on a unit or on where that has its zero.

Numbers come from numpy and a generator of the caller's, so that they are the same on every device. No function writes
into what it is given.

For sensors: T. T. Um et al., "Data Augmentation of Wearable Sensor Data for Parkinson's Disease Monitoring using
Convolutional Neural Networks", ICMI 2017. For images: K. He et al., "Deep Residual Learning for Image Recognition",
CVPR 2016, section 4.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from common.preprocessing.base import Inputs
from common.preprocessing.scaling import Scaling
from common.recipes import AXES, check_augmentation
from common.seeding import generator
from common.tasks import KINDS

NOISE = 0.05
"""Deviation of the noise, in deviations of the channel."""
SPREAD = 0.1
"""Deviation of factors from 1."""
LARGEST_ANGLE = math.pi / 6
"""To either side."""
PART = 8
"""An image moves by an eighth of its size at most."""


class Channels(NamedTuple):
    """Mean and deviation of each channel over a node's examples, shaped to go with a mini-batch."""

    mean: Tensor
    deviation: Tensor


Change = Callable[[Tensor, Channels, np.random.Generator], Tensor]


def augmenter(
    names: Sequence[str], examples: NDArray[np.float32], device: torch.device, seed: int
) -> Callable[[Tensor], Tensor]:
    """Return what changes one mini-batch after the other.

    Parameters
    ----------
    names : sequence of str
        What is done, in this order; see `common.settings.AUGMENTATIONS`.
    examples : NDArray
        The node's training inputs, shape ``(n, channels, ...)``.
    device : torch.device
        Where the mini-batches are.
    seed : int
        Of the job.

    Raises
    ------
    ConfigError
        Inputs of this kind have no such change.
    """
    kind = KINDS[examples.ndim - 1]
    check_augmentation(names, kind, examples.shape[1])
    changes = [_TABLE[kind][name] for name in names]
    gaps = Inputs(examples.shape[1:], gaps=kind == "vector")  # of a table whose cells may be empty
    scaling, shape = Scaling.of(examples, gaps), (-1, *[1] * (examples.ndim - 2))
    mean, deviation = (_on(device, np.array(row, np.float32)).view(shape) for row in (scaling.mean, scaling.std))
    channels, rng = Channels(mean, deviation), generator(seed, "augment")

    def changed(x: Tensor) -> Tensor:
        for change in changes:
            x = change(x, channels, rng)
        return x

    return changed


def jitter(x: Tensor, channels: Channels, rng: np.random.Generator) -> Tensor:
    """Add noise to each number (Um et al.: jittering, with a deviation of 0.05)."""
    noise = _on(x.device, rng.standard_normal(tuple(x.shape), np.float32))
    return x + NOISE * channels.deviation * noise


def scale(x: Tensor, channels: Channels, rng: np.random.Generator) -> Tensor:
    """Stretch each channel of each example about the channel's mean (Um et al.: scaling; they do so about 0)."""
    factors = rng.standard_normal(tuple(x.shape[:2]), np.float32) * np.float32(SPREAD) + np.float32(1)
    stretch = _on(x.device, factors).view(*x.shape[:2], *[1] * (x.ndim - 2))
    return channels.mean + stretch * (x - channels.mean)


def rotate(x: Tensor, channels: Channels, rng: np.random.Generator) -> Tensor:  # noqa: ARG001
    """Turn each example in space, channels 3k to 3k + 2 as one vector: the device is worn at another angle.

    Um et al. (rotation) turn by any angle; here it is one of 30 degrees at most, or up and down, by which lying is told
    from standing, would change places. All sensors of an example turn alike: they are parts of one device.
    """
    turned = rotations(len(x), rng)
    sensors = x.reshape(len(x), -1, AXES, x.shape[2])
    return (_on(x.device, turned)[:, None] @ sensors).reshape(x.shape)


def rotations(n: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return matrices of rotations about axes of all directions, by angles uniform in +- `LARGEST_ANGLE`.

    Rodrigues' formula, ``I + sin(a) K + (1 - cos(a)) K K``, where K takes the cross product with the axis.

    Returns
    -------
    NDArray
        float32, shape ``(n, 3, 3)``.
    """
    axis = rng.standard_normal((n, AXES))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    angle = rng.uniform(-LARGEST_ANGLE, LARGEST_ANGLE, (n, 1, 1))
    cross = np.cross(axis[:, None], np.eye(AXES))  # its rows are axis x e_i: the columns of K
    k = cross.transpose(0, 2, 1)
    matrices: NDArray[np.float64] = np.eye(AXES) + np.sin(angle) * k + (1 - np.cos(angle)) * (k @ k)
    return matrices.astype(np.float32)


def turn_round(x: Tensor, channels: Channels, rng: np.random.Generator) -> Tensor:  # noqa: ARG001
    """Begin each sequence at another step, all steps alike, and put what came before at its end."""
    time = x.shape[2]
    steps = (np.arange(time) + rng.integers(time, size=(len(x), 1))) % time
    return x.gather(2, _on(x.device, steps)[:, None].expand_as(x))


def flip(x: Tensor, channels: Channels, rng: np.random.Generator) -> Tensor:  # noqa: ARG001
    """Mirror each image with a chance of one half, left to right (He et al.)."""
    mirrored = _on(x.device, rng.integers(2, size=(len(x), 1, 1, 1)) > 0)
    return torch.where(mirrored, x.flip(3), x)


def crop(x: Tensor, channels: Channels, rng: np.random.Generator) -> Tensor:  # noqa: ARG001
    """Pad each image by an eighth on each side with its edge, and crop it at random (He et al., who pad with 0).

    So it moves by up to an eighth of its height and width, in whole pixels.
    """
    rows, columns = (_on(x.device, _moved(extent, len(x), rng)) for extent in x.shape[2:])
    return x.gather(2, rows[:, None, :, None].expand_as(x)).gather(3, columns[:, None, None].expand_as(x))


def _moved(extent: int, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return which of the old places along an axis each new one shows, shape ``(n, extent)``."""
    most = extent // PART
    moved: NDArray[np.int64] = np.arange(extent) + rng.integers(-most, most + 1, size=(n, 1))
    return moved.clip(0, extent - 1)


def _on(device: torch.device, values: NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(values).to(device)


_TABLE: dict[str, dict[str, Change]] = {
    "vector": {"jitter": jitter},
    "sequence": {"jitter": jitter, "scale": scale, "rotate": rotate, "shift": turn_round},
    "image": {"flip": flip, "crop": crop},
}
