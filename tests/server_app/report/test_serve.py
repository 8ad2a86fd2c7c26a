"""The page over HTTP, and in a real browser while its run goes on."""

from __future__ import annotations

import http.client
import json
import threading
from contextlib import ExitStack, closing

import pytest

from common.errors import ConfigError
from server_app.report.serve import Watcher
from server_app.run_folder import JOURNAL
from tests.support.browser import Browser, chromium


@pytest.fixture
def watched(searched, tmp_path):
    """The folder of a run that is under way, and who serves it."""
    folder = searched.folder(tmp_path / "run")
    with Watcher(folder, "127.0.0.1", 0) as watcher:
        thread = threading.Thread(target=watcher.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield folder, watcher
        watcher.shutdown()
        thread.join()


@pytest.fixture
def asked():
    """Ask for a path; who was asked is left in peace after the test."""
    with ExitStack() as connections:

        def ask(watcher, path, method="GET", **headers):
            connection = http.client.HTTPConnection("127.0.0.1", watcher.server_address[1], timeout=30)
            connections.enter_context(closing(connection))
            connection.request(method, path, headers=headers)
            return connections.enter_context(closing(connection.getresponse()))

        yield ask


def append(folder, searched, number):
    new = searched.events[number:]
    with (folder / JOURNAL).open("a") as file:
        file.write("".join(f"{json.dumps(event)}\n" for event in new))


def events_of(response, count):
    found = []
    while len(found) < count:
        lines = iter(response.readline, b"\n")
        told = dict(line.decode().rstrip("\n").split(": ", 1) for line in lines if not line.startswith(b":"))
        found += [told] if told else []
    return found


def test_the_page_may_ask_its_own_server_and_nobody_else(watched, asked):
    _, watcher = watched
    response = asked(watcher, "/")
    page = response.read().decode()
    assert response.status == 200
    assert "connect-src 'self'; base-uri" in page
    assert "new EventSource" in page
    assert response.headers["Cache-Control"] == "no-store"


def test_new_events_come_as_they_are_written_and_from_where_a_browser_was(watched, searched, asked):
    folder, watcher = watched
    number = len(searched.events)
    response = asked(watcher, f"/events?after={number - 1}")
    (told,) = events_of(response, 1)
    assert (told["event"], told["id"]) == ("journal", str(number))
    assert [event["n"] for event in json.loads(told["data"])] == [number - 1]
    searched.proposed(3, 4)
    append(folder, searched, number)
    (told,) = events_of(response, 1)
    assert json.loads(told["data"])[0]["trial"] == "trial-0003"
    (again,) = events_of(asked(watcher, "/events?after=0", **{"Last-Event-ID": str(number)}), 1)
    assert again["data"] == told["data"]


@pytest.mark.parametrize("path", ["/config.yaml", "/../journal.jsonl", "/events/", "/best/spec.json"])
def test_there_is_nothing_else(path, watched, asked):
    assert asked(watched[1], path).status == 404


def test_browsers_that_look_for_an_icon_hear_that_there_is_none(watched, asked):
    response = asked(watched[1], "/favicon.ico")
    assert (response.status, response.read()) == (204, b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_can_be_changed(method, watched, asked):
    assert asked(watched[1], "/", method).status == 501


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", ""])
def test_the_names_of_others_lead_nowhere(host, watched, asked):
    assert asked(watched[1], "/", Host=host).status == 403
    assert asked(watched[1], "/events", Host=host).status == 403


def test_a_run_that_has_not_begun_is_waited_for(tmp_path, asked):
    with Watcher(tmp_path / "later", "localhost", 0) as watcher:
        thread = threading.Thread(target=watcher.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        response = asked(watcher, "/")
        assert response.status == 503
        assert b"nothing to see of this run yet" in response.read()
        watcher.shutdown()
        thread.join()


def test_a_port_that_is_taken(watched, tmp_path):
    with pytest.raises(ConfigError, match="Choose another --port"):
        Watcher(tmp_path, "127.0.0.1", watched[1].server_address[1])


@pytest.mark.skipif(chromium() is None, reason="Chromium is not installed")
def test_the_page_fills_while_the_run_goes_on_and_asks_its_server_alone(watched, searched, tmp_path):
    folder, watcher = watched
    rows = "document.querySelectorAll('#all-trials [data-trial]').length"
    with Browser(tmp_path / "profile") as browser:
        browser.visit(watcher.address)
        browser.wait("document.getElementById('page').dataset.following === 'true'")
        assert browser.ask(rows) == 3
        number = len(searched.events)
        searched.proposed(3, 4).round("trial-0003", 1, 100, 900).scored("trial-0003", 1, 0.9, 150, 950)
        searched.best("trial-0003", 1, 0.9)
        append(folder, searched, number)
        browser.wait(f"{rows} === 4")
        number = len(searched.events)
        searched.add("end", status="finished", message="")
        append(folder, searched, number)
        browser.wait("globalThis.flwrNasReport.document().run.status === 'finished'")
        browser.reload()
        assert browser.ask(rows) == 4
        assert {request.split("?")[0] for request in browser.requests if not request.startswith("data:")} <= {
            watcher.address,
            f"{watcher.address}events",
        }
        assert browser.errors == []
