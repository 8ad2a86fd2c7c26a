"""Child seeds: every random number comes from (run seed, identity of the thing)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

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
    digest = hashlib.blake2b(_text(seed, *identity), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator(seed: int, *identity: str | int) -> np.random.Generator:
    """Return a numpy generator seeded by `child_seed`."""
    return np.random.default_rng(child_seed(seed, *identity))


def ranked(names: Iterable[str], seed: int, *identity: str | int) -> list[str]:
    """Put names into the order that the seed draws for one thing.

    A name's rank is the hash of ``(seed, *identity, name)``, that of `child_seed`, and depends on no other
    name: whoever comes or goes, the others keep their order among themselves. Every order of different names is
    as likely as any other.

    Parameters
    ----------
    names : iterable of str
        Different ones; their order plays no part.
    seed : int
        The run's seed.
    *identity : str or int
        What the order is for.
    """
    common = hashlib.blake2b(_text(seed, *identity), digest_size=8)

    def rank(name: str) -> tuple[bytes, str]:
        digest = common.copy()  # a generator for each name would take ten times as long
        digest.update(b"\x1f" + _text(name))
        return digest.digest(), name

    return sorted(names, key=rank)


def ranked_sample(names: Iterable[str], count: int | None, seed: int, *identity: str | int) -> tuple[str, ...]:
    """Draw names without replacement, so that one name more or less changes at most one of those drawn.

    They are the first of `ranked`: the bottom-k sample of E. Cohen and H. Kaplan, "Summarizing Data Using
    Bottom-k Sketches", PODC 2007, with equal weights.

    Parameters
    ----------
    names : iterable of str
        Different ones; their order plays no part.
    count : int, optional
        How many to draw, or all where there are fewer; None for all.
    seed : int
        The run's seed.
    *identity : str or int
        What the sample is for.

    Returns
    -------
    tuple of str
        Sorted.
    """
    names = sorted(names)
    if count is None or count >= len(names):
        return tuple(names)
    return tuple(sorted(ranked(names, seed, *identity)[:count]))


def block(order: Sequence[str], blocks: int, index: int) -> Sequence[str]:
    """Return one of the contiguous blocks of `order`; the first ones hold one more where they do not come out even.

    So a name more makes one block longer and none shorter, whereas rounded borders (``index * n // blocks``) would
    now and then take a name from both ends of a block.
    """
    size, longer = divmod(len(order), blocks)
    start = index * size + min(index, longer)
    return order[start : start + size + (index < longer)]


def _text(*parts: str | int) -> bytes:
    return "\x1f".join(f"{type(part).__name__}:{part}" for part in parts).encode()
