"""What the axis of a picture of a front is marked with; the picture is tested in test_front.py."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from server_app.front_picture import make_logarithmic
from server_app.pictures import new_figure

pytest.importorskip("matplotlib")


@pytest.mark.parametrize(("least", "most"), [(1.7e3, 6.8e4), (3e3, 6e4), (1e3, 9e5), (1e2, 4e8)])
def test_marks_of_costs_do_not_overlap(least, most):
    figure = new_figure(6.8, 4.6)
    axes = figure.subplots()
    axes.plot(np.geomspace(least, most, 20), np.arange(20), "o")
    make_logarithmic(axes, most / least)
    figure.canvas.draw()
    low, high = axes.get_xlim()
    marks = [label for label in axes.get_xticklabels(which="both") if label.get_text()]
    inside = [label for label in marks if low <= label.get_position()[0] <= high]
    boxes = [label.get_window_extent() for label in sorted(inside, key=lambda label: label.get_position()[0])]
    assert len(boxes) >= 2
    assert all(one.x1 < other.x0 for one, other in pairwise(boxes))
