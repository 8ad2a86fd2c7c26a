"""Child seeds: every random number comes from (run seed, identity of the thing)."""

from __future__ import annotations

import hashlib

import numpy as np


def child_seed(seed: int, *identity: str | int) -> int:
    """Derive the seed of one thing from the seed of the run.

    Parameters
    ----------
    seed : int
        The run's seed.
    *identity : str or int
        What the numbers are for, such as ``("batches", trial, round, node)``.

    Returns
    -------
    int
        63 bits, the same on every platform.
    """
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in (seed, *identity))
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator(seed: int, *identity: str | int) -> np.random.Generator:
    """Return a numpy generator seeded by `child_seed`."""
    return np.random.default_rng(child_seed(seed, *identity))
