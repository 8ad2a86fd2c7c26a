"""What a terminal shows, at the sizes that terminals have."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from server_app.reporting.board import Board, Row
from server_app.reporting.screen import draw

LONG = "conv2d 64 k5 s2 +input → conv2d 128 k3 s2 group → max_pool 2 → linear 128 → linear 64"


def lines_of(board, width=80, height=24, now=100.0):
    console = Console(record=True, width=width, height=height, force_terminal=True, file=io.StringIO())
    console.print(draw(board, now, width, height))
    return [line.rstrip() for line in console.export_text().splitlines()]


def board(running=4, ended=3, **fields):
    found = Board(nodes={"a", "b"}, total=20, ended=ended, rounds=17, began=0.0, search_began=0.0, **fields)
    for number in range(running + ended):
        state = "finished" if number < ended else "running"
        values = {"accuracy": 0.25 + number / 100}
        found.trials[f"trial-{number:04d}"] = Row(LONG, 1_114_250, 2, 12, values, state)
    return found


BEST = {"trial": "trial-0001", "score": 0.91, "values": {"accuracy": 0.91}, "rung": 2, "feasible": True}
WHY = {**BEST, "score": 0.93, "values": {"accuracy": 0.93}, "rung": 1, "trial": "trial-0000", "failed": False}


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_numbers_are_whole_and_the_architecture_has_what_they_leave(width):
    lines = lines_of(board(best=BEST), width)
    assert max(map(len, lines)) <= width
    head, *rows = lines[lines.index(next(line for line in lines if line.startswith("trial "))) :]
    titles = ["trial", "accuracy", "rung", "rounds", "state", "parameters"]
    assert head.split()[:6] == titles
    for number, row in enumerate(rows):
        state = "finished" if number < 3 else "running"
        score = f"{0.25 + number / 100:.4f}"
        assert row.split()[:6] == [f"trial-{number:04d}", score, "2", "12", state, "1,114,250"]
    # the numbers take 10, 8, 4, 6, 8 and 10 columns, and 2 after each
    left = width - (10 + 8 + 4 + 6 + 8 + 10 + 6 * 2)
    assert left == width - 58
    shown = LONG if left >= len(LONG) else f"{LONG[: left - 1].rstrip()}…"
    expected = {shown, f"{LONG[: left - 1]}…"} if left >= 8 else {"1,114,250"}
    assert all(any(row.endswith(text) for text in expected) for row in rows)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (80, 10), (120, 40), (40, 5)])
@pytest.mark.parametrize("running", [0, 2, 9, 50])
@pytest.mark.parametrize("notes", [[], ["A reply of kitchen is refused: " + "why " * 60] * 3])
def test_it_fits_the_height(width, height, running, notes):
    found = board(running, 30, best={**BEST, "before": WHY}, notes=notes)
    lines = lines_of(found, width, height)
    least = 2 + 1 + 2 + 1 + 1 + 6 * bool(notes)  # bars, best, why, head, a trial, notes
    assert len(lines) <= max(height, least)


def test_all_that_run_are_shown_before_those_that_ended():
    shown = [line.split()[0] for line in lines_of(board(9, 11), height=24) if line.startswith("trial-")]
    assert shown == [f"trial-{number:04d}" for number in range(5, 20)]
    # of 15 that fit into 19 lines a third is for those that ended, where more run than fit
    shown = [line.split()[0] for line in lines_of(board(40, 11), height=19) if line.startswith("trial-")]
    assert shown == [f"trial-{number:04d}" for number in (*range(6, 11), *range(41, 51))]


def test_the_best_names_its_rung_and_why_it_scores_lower():
    lines = lines_of(board(best={**BEST, "before": WHY}))
    place = next(number for number, line in enumerate(lines) if line.startswith("best so far"))
    assert lines[place].startswith("best so far: accuracy 0.9100 at rung 2  trial-0001  conv2d 64")
    assert lines[place].endswith("…")
    why = " ".join(" ".join(lines[place + 1 : place + 3]).split())
    assert why.startswith("trial-0000 had accuracy 0.9300 at rung 1: scores of different rungs do not compare")
    assert not any("do not compare" in line for line in lines_of(board(best=BEST)))
    assert "best so far: none yet" in lines_of(board())


def test_the_bars_say_how_far_the_search_and_the_final_training_are():
    found = board(0, 20, final_rounds=10, models={"final": 2})
    assert not any(line.startswith("final") for line in lines_of(found))
    found.stage, found.stage_began = "final", 90.0
    found.trials["final-0000"] = Row(LONG, 5, rounds=4)
    found.trials["final-0001"] = Row(LONG, 5, rounds=4, state="failed")
    lines = lines_of(found)
    assert lines[0].startswith("search ")
    assert lines[0].endswith(" 20/20")
    assert lines[1].startswith("final training ")
    assert lines[1].endswith(" 14/20")  # 4 rounds of one, and none to come of the other
    assert lines[2].startswith("17 rounds, 2 nodes, 1:40 min, about ")


def test_each_stage_after_the_search_has_a_bar():
    found = board(0, 20, final_rounds=10, models={"finalist": 3, "final": 2})
    found.stage, found.stage_began = "finalist", 90.0
    for number in range(3):
        found.trials[f"finalist-000{number}"] = Row(LONG, 5, rounds=10, state="finished")
    lines = lines_of(found)
    assert lines[1].startswith("finalists' training ")
    assert lines[1].endswith(" 30/30")
    found.stage = "final"
    found.trials["final-0000"] = Row(LONG, 5, rounds=4)
    lines = lines_of(found)
    assert [line.split("  ")[0] for line in lines[:3]] == ["search", "finalists' training", "final training"]
    assert lines[2].endswith(" 4/20"), "a finalist is no final model, though its name begins alike"
