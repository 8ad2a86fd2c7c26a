import json

import pytest

from common.errors import FederationError
from server_app.launcher import follow as following
from server_app.launcher.follow import Ending, ResumedTail, Tail, follow, last_words
from server_app.launcher.interrupts import Interrupted, Interrupts


class Screen:
    """Keeps what it should show, and counts how often it heard that time passes."""

    def __init__(self):
        self.events = []
        self.ticks = 0

    def tick(self):
        self.ticks += 1

    def update(self, event):
        self.events.append(event["event"])


def write(path, *events):
    with path.open("a") as file:
        file.writelines(json.dumps(event) + "\n" for event in events)


END = {"event": "end", "status": "finished", "message": "well"}


def test_a_tail_reads_each_event_once(tmp_path):
    path = tmp_path / "journal.jsonl"
    tail = Tail(path)
    assert (tail.visible(), tail.read()) == (False, [])
    write(path, {"event": "start"})
    assert tail.visible()
    assert tail.read() == [{"event": "start"}]
    write(path, {"event": "search"}, END)
    assert tail.read() == [{"event": "search"}, END]
    assert tail.read() == []


def test_a_tail_leaves_an_earlier_run_alone(tmp_path):
    path = tmp_path / "journal.jsonl"
    write(path, {"event": "start"}, END)
    tail = Tail(path)
    assert (tail.visible(), tail.read()) == (False, [])
    write(path, {"event": "start"})
    assert tail.read() == [{"event": "start"}]


def test_half_a_line_waits_for_its_other_half(tmp_path):
    path = tmp_path / "journal.jsonl"
    tail = Tail(path)
    text = json.dumps({"event": "start", "name": "Zoë"}, ensure_ascii=False).encode()
    middle = text.index(b"\xc3") + 1  # inside the letter
    with path.open("ab", buffering=0) as file:
        file.write(text[:middle])
        assert tail.read() == []
        file.write(text[middle:] + b"\n")
    assert tail.read() == [{"event": "start", "name": "Zoë"}]


STALE = [{"event": "start", "started_at": 1.0}, {"event": "round"}, {"event": "round"}]


@pytest.mark.parametrize("first", ["resuming", "start"])
def test_a_resumed_run_is_read_from_its_first_event_once_its_journal_was_cut(tmp_path, first):
    path = tmp_path / "journal.jsonl"
    write(path, *STALE, END | {"status": "stopped"})
    tail = ResumedTail(path, 2.0)
    for _ in range(2):
        assert (tail.visible(), tail.read()) == (False, [])
    kept = STALE[:2] if first == "resuming" else []  # without a state it begins anew
    path.write_text("")
    write(path, *kept)
    assert (tail.visible(), tail.read()) == (False, [])
    write(path, {"event": first, "started_at": 2.0}, {"event": "round"})
    assert tail.visible()
    assert tail.read() == [*kept, {"event": first, "started_at": 2.0}, {"event": "round"}]
    write(path, END)
    assert (tail.read(), tail.read()) == ([END], [])


def test_a_resumed_run_that_writes_while_we_look_loses_nothing(tmp_path):
    path = tmp_path / "journal.jsonl"
    tail = ResumedTail(path, 2.0)
    assert (tail.visible(), tail.read()) == (False, [])
    write(path, *STALE, {"event": "resuming", "started_at": 2.0})
    assert tail.visible()
    write(path, END)
    assert [event["event"] for event in tail.read()] == ["start", "round", "round", "resuming", "end"]


def test_a_run_is_shown_until_its_last_event(tmp_path):
    tail, screen = Tail(tmp_path / "journal.jsonl"), Screen()
    write(tmp_path / "journal.jsonl", {"event": "start"}, END)
    assert follow(tail, tmp_path, screen, Interrupts(), lambda: None) == Ending("finished", "well")
    assert screen.events == ["start", "end"]


def test_time_passes_for_the_screen_while_nothing_happens(tmp_path):
    tail, screen = Tail(tmp_path / "journal.jsonl"), Screen()

    def gone():
        if screen.ticks == 2:
            write(tmp_path / "journal.jsonl", END)

    follow(tail, tmp_path, screen, Interrupts(), gone)
    assert (screen.ticks, screen.events) == (2, ["end"])


def test_a_run_that_ended_just_before_its_process_did_is_finished(tmp_path):
    tail = Tail(tmp_path / "journal.jsonl")

    def gone():
        write(tmp_path / "journal.jsonl", END)
        return FederationError("The simulation must live")

    assert follow(tail, tmp_path, Screen(), Interrupts(), gone).status == "finished"


def test_a_run_that_is_gone_without_a_word_is_an_error(tmp_path):
    error = FederationError("The simulation must live")
    with pytest.raises(FederationError, match="must live"):
        follow(Tail(tmp_path / "journal.jsonl"), tmp_path, Screen(), Interrupts(), lambda: error)


def test_the_first_interrupt_asks_the_search_to_stop(tmp_path):
    interrupts = Interrupts()
    interrupts.count = 1

    def search():  # what the search does when it sees the file
        if (tmp_path / "stop").exists():
            write(tmp_path / "journal.jsonl", END | {"status": "stopped"})

    tail = Tail(tmp_path / "journal.jsonl")
    assert follow(tail, tmp_path, Screen(), interrupts, search).status == "stopped"


@pytest.mark.parametrize(("count", "grace"), [(1, 0.0), (2, 60.0)])
def test_a_search_that_does_not_stop_is_not_waited_for(tmp_path, monkeypatch, count, grace):
    monkeypatch.setattr(following, "STOP_GRACE", grace)
    interrupts = Interrupts()
    interrupts.count = count
    with pytest.raises(Interrupted):
        follow(Tail(tmp_path / "journal.jsonl"), tmp_path, Screen(), interrupts, lambda: None)
    assert (tmp_path / "stop").exists()


TRACEBACK = """\x1b[92mINFO \x1b[0m: starting
Traceback (most recent call last):
  File "a.py", line 1, in <module>
    import nothing
ModuleNotFoundError: No module named 'nothing'
"""


def test_the_last_words_are_the_error(tmp_path):
    log = tmp_path / "flower.log"
    log.write_text(TRACEBACK + "\n\x1b[91mERROR \x1b[0m: Exit Code: 700\nSimulation failed.\n")
    assert last_words(log) == "ModuleNotFoundError: No module named 'nothing'"


def test_without_an_error_there_are_no_last_words(tmp_path):
    log = tmp_path / "flower.log"
    log.write_text("2026-11-26T16:16:00.420Z INFO [uvicorn.error] Application startup complete.\n")
    assert last_words(log) == last_words(tmp_path / "missing.log") == ""


def test_an_error_of_an_earlier_command_is_not_repeated_and_one_of_ours_is_said_as_it_is(tmp_path):
    log = tmp_path / "flower.log"
    log.write_text(TRACEBACK)
    size = log.stat().st_size
    assert last_words(log, size) == ""
    with log.open("a") as file:
        file.write("common.errors.StorageError: The run folder must be writable, got 'x'. Free some space.\n")
    assert last_words(log, size) == "The run folder must be writable, got 'x'. Free some space."
