"""Live progress, drawn from the events of a real run."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from server_app.reporting.board import Row
from server_app.reporting.lines import line_of
from server_app.reporting.progress import Progress


def recorded(width=120, height=40):
    return Console(record=True, width=width, height=height, force_terminal=True, file=io.StringIO())


def screen(progress):
    """Return what is on the screen now."""
    console = recorded()
    console.print(progress._render())
    return console.export_text()


def until(events, kind):
    """Return the events up to the first of a kind."""
    kinds = [event["event"] for event in events]
    return events[: kinds.index(kind) + 1]


def test_every_moment_of_a_run_can_be_drawn(eventful, hopeless):
    for events in (eventful.events, hopeless):
        progress = Progress(recorded())
        for event in events:
            progress.update(event)
            assert screen(progress).strip()


def test_the_screen_shows_trials_and_the_best_score(eventful):
    progress = Progress(recorded())
    for event in eventful.events:
        progress.update(event)
    text = screen(progress)
    winner = eventful.result["winner"]
    name = f"trial-{winner['trial']:04d}"
    assert f"best so far: accuracy {winner['score']:.4f} at rung 2  {name}  {winner['architecture']}" in text
    assert all(
        f"{trial}-{number:04d}" in text for trial, count in (("trial", 4), ("final", 4)) for number in range(count)
    )
    assert text.count("4/4") == 2
    assert "3 nodes" in text
    assert f"! {[line_of(e) for e in eventful.events if e['event'] == 'absent'][-1]}"[:100] in text


def test_before_the_search_the_screen_says_what_is_waited_for(eventful):
    progress = Progress(recorded())
    assert screen(progress) == "Starting Flower ... 0 s\n"
    for event in until(eventful.events, "node"):
        progress.update(event)
    assert "1 node so far" in screen(progress)


def test_the_time_left_is_told_once_a_trial_has_ended(eventful):
    progress = Progress(recorded())
    for event in until(eventful.events, "search"):
        progress.update(event)
    assert "0/4" in screen(progress)
    assert "about" not in screen(progress)
    assert "best so far: none yet" in screen(progress)
    for event in until(eventful.events, "failed"):
        progress.update(event)
    assert "1/4" in screen(progress)
    assert re.search(r", about .* left", screen(progress))


def test_a_long_search_shows_the_last_trials_only(eventful):
    (example,) = [e for e in eventful.events if e["event"] == "proposed" and e["trial"] == "trial-0000"]
    board = Progress(recorded())
    board.update({"event": "search", "time": 1.0, "trials": 40, "nodes": ["a"]})
    for number in range(30):
        board.update({**example, "trial": f"trial-{number:04d}"})
    for number in range(20):
        board.update({"event": "finished", "time": 9.0, "trial": f"trial-{number:04d}"})
    text = screen(board)
    shown = [number for number in range(30) if f"trial-{number:04d}" in text]
    # the last 6 of the 20 that ended, and the 10 that run
    assert shown == list(range(14, 30))


def test_a_run_that_goes_on_shows_all_its_trials_and_its_nodes_of_now(eventful):
    board = Progress(recorded())
    middle = next(i for i, event in enumerate(eventful.events) if event["event"] == "finished")
    for event in eventful.events[: middle + 1]:
        board.update(event)
    ended, nodes = board.board.ended, board.board.nodes
    time = eventful.events[middle]["time"]
    board.update({"event": "resuming", "time": time, "line": middle + 1, "changes": []})
    board.update({"event": "resumed", "time": time, "trials": 4, "missing": ["a"], "new": ["z"]})
    assert board.board.nodes == nodes - {"a"} | {"z"}
    assert "missing: a" in screen(board)
    for event in eventful.events[middle + 1 :]:
        board.update(event)
    assert (board.board.ended, board.board.total) == (4, 4) != (ended, 4)


def resumed(eventful, number):
    """Return the events of a run that was interrupted after so many, as the journal has them once it goes on."""
    kept, rest = eventful.events[:number], eventful.events[number:]
    time = kept[-1]["time"]
    return [
        *kept,
        {"event": "resuming", "time": time, "line": number, "changes": ["The code has changed."], "started_at": 7.5},
        {"event": "resumed", "time": time, "trials": 4, "missing": [], "new": []},
        *rest,
    ]


def test_what_a_run_wrote_before_it_was_interrupted_is_one_line(eventful):
    number = len(until(eventful.events, "finished"))
    ended = sum(event["event"] in ("finished", "stopped", "failed") for event in eventful.events[:number])
    events, out = resumed(eventful, number), io.StringIO()
    progress = Progress(Console(file=out, width=80), resumed_at=7.5)
    for event in events:
        progress.update(event)
    lines = [line.split(" s  ", 1)[1] for line in out.getvalue().splitlines()]
    best = [event for event in eventful.events[:number] if event["event"] == "best"][-1]
    found = f"accuracy {best['score']:.4f} at rung {best['rung']}, {best['trial']}"
    assert lines[:3] == [
        f"---- gone on with after {ended} of 4 trials; best so far: {found} ----",
        f"The run goes on after line {number} of its journal. The code has changed.",
        "It has 4 trials so far.",
    ]
    assert lines[3:] == [line for line in map(line_of, eventful.events[number:]) if line is not None]


def test_a_terminal_keeps_where_the_run_was_gone_on_with_and_what_has_changed(eventful):
    number = len(until(eventful.events, "failed"))
    console = recorded()
    with Progress(console, resumed_at=7.5) as progress:
        events = resumed(eventful, number)
        for event in events[: number + 1]:
            progress.update(event)
        assert "looking for its nodes" in screen(progress)
        progress.update(events[number + 1])
        assert "3 nodes" in screen(progress)
    lines = console.export_text().splitlines()
    assert sum("gone on with after 1 of 4 trials" in line for line in lines) == 1
    assert sum("The code has changed." in line for line in lines) == 1
    assert not any("goes on after line" in line for line in lines)


def test_a_run_of_which_nothing_was_saved_says_that_it_begins_anew(eventful):
    out = io.StringIO()
    progress = Progress(Console(file=out, width=80), resumed_at=7.5)
    for event in [{**eventful.events[0], "started_at": 7.5}, *eventful.events[1:]]:
        progress.update(event)
    lines = [line.split(" s  ", 1)[1] for line in out.getvalue().splitlines()]
    assert lines[0] == "Nothing was saved of the run yet, so it begins anew."
    assert lines[1:] == [line for line in map(line_of, eventful.events) if line is not None]


def test_why_a_run_failed_is_left_to_the_line_below_all(hopeless):
    out = io.StringIO()
    progress = Progress(Console(file=out, width=80))
    for event in hopeless:
        progress.update(event)
    assert out.getvalue().splitlines()[-1].endswith(" s  The run failed.")


class Clock:
    """Seconds that a test moves."""

    def __init__(self, now=5000.0):
        self.now = now

    def __call__(self):
        return self.now


def test_the_time_in_which_a_run_was_not_there_does_not_count():
    """100 s of search, in which 10 of 20 trials ended, are read at once: as many again are left."""
    progress = Progress(recorded(), clock=Clock())
    progress.update({"event": "search", "time": 10.0, "trials": 20, "nodes": []})
    for number in range(10):
        progress.board.trials[f"trial-{number:04d}"] = Row("")
        progress.update({"event": "finished", "time": 11.0 * (number + 1), "trial": f"trial-{number:04d}"})
    assert "1:40 min, about 1:40 min left" in screen(progress)


def plain(clock):
    """Return a progress without a terminal, and what returns the lines that it wrote since the last call."""
    out = io.StringIO()
    progress = Progress(Console(file=out, width=80), clock=clock)

    def said():
        lines = out.getvalue().splitlines()
        out.seek(0)
        out.truncate()
        return lines

    return progress, said


def test_without_a_terminal_a_line_every_30_s_says_how_far_the_run_is(eventful):
    clock = Clock()
    progress, said = plain(clock)
    for event in until(eventful.events, "failed"):
        progress.update(event)
    last, _ = event["time"], said()
    clock.now += 29.9
    progress.tick()
    assert said() == []
    clock.now += 0.1
    progress.tick()
    (line,) = said()
    best = [e for e in until(eventful.events, "failed") if e["event"] == "best"]
    found = f"; best so far {best[-1]['trial']}: accuracy {best[-1]['score']:.4f} at rung 1" if best else ""
    assert line.startswith(f"{last + 30:8.1f} s  1 of 4 trials ended, 3 under way{found}")
    assert line.endswith(" left")
    progress.tick()
    assert said() == []
    clock.now += 30
    progress.tick()
    assert len(said()) == 1


def test_so_it_does_before_the_search_begins():
    clock = Clock()
    progress, said = plain(clock)
    clock.now += 4.9
    progress.tick()
    assert said() == []
    clock.now += 0.1
    progress.tick()
    assert said() == ["     5.0 s  Starting Flower ... 5 s"]
    clock.now += 30
    progress.tick()
    assert said() == ["    35.0 s  Starting Flower ... 35 s"]
    progress.update({"event": "start", "time": 1.0, "name": "mine", "seed": 0, "folder": "runs/mine"})
    said()
    clock.now += 30
    progress.tick()
    assert said() == ["    31.0 s  Waiting for nodes ... 65 s"]


def test_on_a_terminal_no_such_line_is_written():
    clock, console = Clock(), recorded()
    progress = Progress(console, clock=clock)
    clock.now += 100
    progress.tick()
    assert console.export_text() == ""


def test_where_there_is_no_terminal_events_are_lines(eventful):
    out = io.StringIO()
    with Progress(Console(file=out, width=80)) as progress:
        for event in eventful.events:
            progress.update(event)
    lines = out.getvalue().splitlines()
    wanted = [line for line in map(line_of, eventful.events) if line is not None]
    assert [line.split(" s  ", 1)[1] for line in lines] == wanted
    assert lines[0].split(" s  ")[0] == f"{eventful.events[0]['time']:8.1f}"


@pytest.mark.parametrize("text", ["got ['relu', 'gelu']", "space.width=[linear]", "No such file: [/tmp/x]", "[bold]"])
def test_brackets_in_a_line_are_text(text):
    out = io.StringIO()
    progress = Progress(Console(file=out, width=80))
    progress.update({"event": "node_refused", "time": 1.0, "node": "a", "reason": text})
    assert text in out.getvalue()


def test_on_a_terminal_the_screen_is_live_and_given_back(eventful):
    console = recorded()
    with Progress(console) as progress:
        for event in eventful.events:
            progress.update(event)
    console.print("after")
    assert console.export_text().rstrip().endswith("after")
