"""Data that are generated, for choosing defaults: nobody's, so nothing of what a search is judged by chooses anything.

Each is what a kind of network is good at: classes of images are smooth patterns that are shifted, of sequences two
waves of any phase in several channels, of vectors what a random network makes of them; under noise. Tests are large,
so that they tell networks apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from common.data.formats import Contents
from common.seeding import generator

_TRAIN, _TEST = 960, 2000
_SIDE, _SHIFT = 12, 2
_CHANNELS, _TIME = 3, 48
_FEATURES, _HIDDEN = 16, 12

Floats = NDArray[np.float64]


def images(seed: int = 0, classes: int = 8, noise: float = 1.5) -> Contents:
    """Return images, 1 x 12 x 12: one smooth pattern for each class, rolled by up to 2 pixels."""
    patterns = smooth(generator(seed, "images").normal(size=(classes, _SIDE, _SIDE)))
    y, rng = _labels(seed, "images", classes)
    return _contents(shifted(patterns[y], _SHIFT, rng)[:, None], y, noise, rng)


def sequences(seed: int = 0, classes: int = 6, noise: float = 1.5) -> Contents:
    """Return sequences, 3 x 48: in each channel two waves, whose lengths and strengths tell the class."""
    patterns = generator(seed, "sequences")
    cycles = patterns.uniform(1.5, 8, (classes, _CHANNELS, 2))
    strengths = patterns.uniform(0.3, 1.2, (classes, _CHANNELS, 2))
    y, rng = _labels(seed, "sequences", classes)
    phases = rng.uniform(0, 1, (len(y), _CHANNELS, 2))
    times = np.arange(_TIME) / _TIME
    waves = np.sin(2 * np.pi * (cycles[y][..., None] * times + phases[..., None]))
    return _contents((strengths[y][..., None] * waves).sum(axis=2), y, noise, rng)


def vectors(seed: int = 0, classes: int = 4, noise: float = 0.3) -> Contents:
    """Return vectors of 16 features: the class is the greatest answer of a random network with one hidden layer."""
    patterns = generator(seed, "vectors")
    hidden, answers = patterns.normal(size=(_FEATURES, _HIDDEN)), patterns.normal(size=(_HIDDEN, classes))
    rng = generator(seed, "vectors", "examples")
    x = rng.normal(size=(_TRAIN + _TEST, _FEATURES))
    return _contents(x, (np.tanh(x @ hidden / 2) @ answers).argmax(axis=1), noise, rng)


GENERATED: Mapping[str, Callable[[], Contents]] = {
    "generated_images": images,
    "generated_sequences": sequences,
    "generated_vectors": vectors,
}


def smooth(patterns: Floats) -> Floats:
    """Return images, shape ``(n, height, width)``, each pixel a third of the sum over its 3 x 3 neighbours."""
    return np.asarray(np.sum([np.roll(patterns, (i, j), (1, 2)) for i in (-1, 0, 1) for j in (-1, 0, 1)], axis=0) / 3)


def shifted(patterns: Floats, most: int, rng: np.random.Generator) -> Floats:
    """Return images, each rolled by up to `most` pixels along both axes."""
    moves = rng.integers(-most, most + 1, (len(patterns), 2))
    return np.stack([np.roll(pattern, move, (0, 1)) for pattern, move in zip(patterns, moves, strict=True)])


def _labels(seed: int, name: str, classes: int) -> tuple[NDArray[np.int64], np.random.Generator]:
    rng = generator(seed, name, "examples")
    return rng.integers(0, classes, _TRAIN + _TEST), rng


def _contents(x: Floats, y: NDArray[np.int64], noise: float, rng: np.random.Generator) -> Contents:
    noisy = (x + rng.normal(0, noise, x.shape)).astype(np.float32)
    names = np.array([str(label) for label in range(int(y.max()) + 1)])
    return Contents(noisy, y, names, None, (np.arange(len(y)) >= _TRAIN).astype(np.int64))
