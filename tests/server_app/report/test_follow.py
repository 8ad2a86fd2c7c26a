"""What is new in a run's folder, in the order in which it is written."""

from __future__ import annotations

import json

import pytest

from server_app.report.follow import LEAST, Tail, news_of
from server_app.run_folder import JOURNAL, RESULT


def line(n, **more):
    return json.dumps({"n": n, "event": "best", "time": float(n), **more}) + "\n"


def numbers(events):
    return [event["n"] for event in events]


def test_lines_come_once_and_whole(tmp_path):
    path = tmp_path / JOURNAL
    tail = Tail(path, 1)
    assert tail.read() == []  # there is none yet
    path.write_text(line(0) + line(1) + line(2)[:9])
    assert numbers(tail.read()) == [1]
    assert tail.read() == []
    with path.open("a") as file:
        file.write(line(2)[9:] + line(3))
    assert numbers(tail.read()) == [2, 3]


def test_a_journal_that_was_cut_off_goes_on_where_its_numbers_do(tmp_path):
    path = tmp_path / JOURNAL
    path.write_text(line(0) + line(1) + "{torn\n")
    tail = Tail(path, 0)
    assert numbers(tail.read()) == [0, 1]
    path.write_text(line(0) + line(1))
    assert tail.read() == []
    path.write_text(line(0) + line(1) + line(2))
    assert numbers(tail.read()) == [2]


@pytest.fixture
def clock():
    times = [0.0]
    return times, lambda: times[0]


def test_documents_come_now_and_then_and_at_the_end(searched, clock, tmp_path):
    times, now = clock
    folder = searched.folder(tmp_path / "run")
    news = news_of(folder, len(searched.events), pause=0, clock=now)
    assert next(news) == ("nothing", None)
    times[0] = LEAST
    kind, document = next(news)
    assert (kind, document["events"]) == ("document", len(searched.events))
    assert next(news) == ("nothing", None)
    times[0] = 10 * LEAST
    assert next(news) == ("nothing", None)  # nothing happened
    (folder / RESULT).write_text("{}")
    assert next(news)[0] == "document"
