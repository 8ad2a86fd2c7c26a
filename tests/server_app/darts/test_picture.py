"""A line for each option of each place, which ends where the option was dropped."""

from __future__ import annotations

from types import SimpleNamespace

from server_app.darts.mixture import Told
from server_app.darts.picture import courses_of, draw_alphas
from tests.support.mixtures import cell_space

FIRST = cell_space("nasbench201", nodes=1, operations=["none", "skip", "conv1"]).mixed()
PLACE = FIRST.choices[0].place
LEVELS = [FIRST, FIRST.keeping({PLACE: (1, 2)})]


def stage(*history):
    return SimpleNamespace(
        history=history, trials=[SimpleNamespace(rounds=3), SimpleNamespace(rounds=4)], spec_of=LEVELS.__getitem__
    )


def test_what_is_dropped_ends_and_the_others_go_on():
    told = stage(Told(2, 0, ((0.2, 0.3, 0.5),)), Told(3, 0, ((0.1, 0.3, 0.6),)), Told(4, 1, ((0.25, 0.75),)))
    assert courses_of(told) == {
        PLACE: {
            "none": ([2, 3], [0.2, 0.1]),
            "skip": ([2, 3, 4], [0.3, 0.3, 0.25]),
            "conv1": ([2, 3, 4], [0.5, 0.6, 0.75]),
        }
    }


def test_where_no_round_stepped_the_architecture_there_is_no_picture(tmp_path):
    assert draw_alphas(tmp_path, stage()) is None
    assert not list(tmp_path.iterdir())
