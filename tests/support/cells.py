"""Cells as anybody might write them, and the same ones written in another way."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from common.architecture.kinds.cell import CellSpec
from common.architecture.kinds.cells import FORMS, OPERATIONS, Cell, Form
from common.errors import SpecError


@st.composite
def cells(draw: st.DrawFn, form: Form, most: int = 6, operations: Sequence[str] = OPERATIONS) -> Cell:
    """Draw a cell as it may be written, whether or not it leads anywhere."""
    nodes = []
    for index in range(form.inputs, form.inputs + draw(st.integers(1, most))):
        edges = min(form.edges, index)
        sources = draw(st.lists(st.integers(0, index - 1), max_size=edges, unique=True))
        nodes.append(tuple((source, draw(st.sampled_from(operations))) for source in sources))
    return tuple(nodes)


@st.composite
def cell_specs(draw: st.DrawFn) -> CellSpec:
    """Draw a spec in either form."""
    name = draw(st.sampled_from(sorted(FORMS)))
    names = ("normal", "reduction") if FORMS[name].reduces else ("normal",)
    written = {cell: draw(cells(FORMS[name]).filter(lambda drawn: is_sound(name, drawn))) for cell in names}
    sizes = {
        "cells": draw(st.integers(3, 6)),
        "channels": draw(st.integers(1, 5)),
        "stem_strides": draw(st.integers(0, 2)),
    }
    return CellSpec(name, **written, **sizes, norm=draw(st.sampled_from(("group", "batch"))))


def is_sound(name: str, cell: Cell) -> bool:
    """Tell whether a spec may have such a cell."""
    try:
        CellSpec(name, cell, cell if FORMS[name].reduces else None)
    except SpecError:
        return False
    return True


@st.composite
def another_order(draw: st.DrawFn, cell: Cell, form: Form) -> Cell:
    """Draw the same cell with its nodes and edges in another order in which it may be written."""
    waiting = dict(enumerate(cell, form.inputs))
    last = None if form.joins else max(waiting)
    numbers = {source: source for source in range(form.inputs)}
    written = []
    while waiting:
        ready = [
            index
            for index, node in waiting.items()
            if all(source in numbers for source, _ in node) and (index != last or len(waiting) == 1)
        ]
        index = draw(st.sampled_from(ready))
        edges = [(numbers[source], operation) for source, operation in waiting.pop(index)]
        written.append(tuple(draw(st.permutations(edges))))
        numbers[index] = len(numbers)
    return tuple(written)
