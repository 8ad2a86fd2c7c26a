"""Edits of a spec that keep its skip connections right; whether the result fits a task is not checked here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Layer, Weighted


def insert_layer(spec: LayeredSpec, index: int, layer: Layer) -> LayeredSpec:
    """Return `spec` with `layer` put before the layer now at `index`; skips still start where they did."""
    later = _renumber(spec.layers[index:], lambda source: source + 1 if source >= index else source)
    return replace(spec, layers=(*spec.layers[:index], layer, *later))


def remove_layer(spec: LayeredSpec, index: int) -> LayeredSpec:
    """Return `spec` without the layer at `index` and without the skips that start there."""

    def moved(source: int) -> int | None:
        return None if source == index else source - (source > index)

    return replace(spec, layers=(*spec.layers[:index], *_renumber(spec.layers[index + 1 :], moved)))


def replace_layer(spec: LayeredSpec, index: int, layer: Layer) -> LayeredSpec:
    """Return `spec` with `layer` at `index`."""
    return replace(spec, layers=(*spec.layers[:index], layer, *spec.layers[index + 1 :]))


def splice(a: LayeredSpec, end: int, b: LayeredSpec, start: int) -> LayeredSpec:
    """Return the layers of `a` before `end` followed by those of `b` from `start` on, with `a`'s `reduce`.

    A skip of the suffix that starts inside it, at its input or at the network's input is kept; one that
    starts elsewhere in `b` is dropped.
    """

    def moved(source: int) -> int | None:
        if source < 0:
            return source
        return source + end - start if source >= start - 1 else None

    return replace(a, layers=(*a.layers[:end], *_renumber(b.layers[start:], moved)))


def _renumber(layers: Iterable[Layer], moved: Callable[[int], int | None]) -> tuple[Layer, ...]:
    return tuple(
        replace(layer, skip=moved(layer.skip)) if isinstance(layer, Weighted) and layer.skip is not None else layer
        for layer in layers
    )
