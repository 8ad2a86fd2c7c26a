"""A run with a tracker ends as one without, whatever the tracker does (Flower's grid, real ClientApps)."""

from __future__ import annotations

import json
import socket
import threading

import pytest

from client_app.app import app
from common.config import from_json
from common.errors import ConfigError
from server_app.build import rehearse
from server_app.journal import Journal
from server_app.report.troubles import troubles_of
from server_app.reporting.lines import line_of
from server_app.run import run
from server_app.trackers.base import Tracker
from server_app.trackers.listener import Tracking
from server_app.trackers.scalars import Scalars
from tests.support.tracked import READERS

pytestmark = pytest.mark.filterwarnings("default")  # of other people's libraries

TABLE = {"name": "tests.examples.table:Table"}
NAMES = [name for name in READERS if ":" not in name]


class Broken(Tracker):
    def __init__(self, run, options):
        pass

    def scalars(self, step, values):
        raise SystemExit("the disk is full")

    def finish(self, status, files):
        pass


class Hasty(Broken):
    def __init__(self, run, options):
        raise PermissionError("nobody is logged in")


class Late(Broken):
    def scalars(self, step, values):
        pass

    def finish(self, status, files):
        raise OSError("the server is gone")


class Foreign(Broken):
    needs = ("a_package_that_nobody_has",)
    extra = "mlflow"


class Run:
    def __init__(self, path):
        self.path = path

    @property
    def events(self):
        return [json.loads(line) for line in (self.path / "journal.jsonl").read_text().splitlines()]

    def read(self, name):
        return json.loads((self.path / name).read_text())

    @property
    def told(self):
        """The journal, without what depends on the clock, on where the folder is, and on who came first."""
        return [
            {name: value for name, value in event.items() if name not in ("time", "folder")}
            for event in self.events
            if event["event"] != "node"
        ]


@pytest.fixture
def searched(make_grid, configure, tmp_path):
    """A function from a tracker to a tiny run with it, with two seeds of each of the finalists."""

    def search(tracker, name="run", answer=app, **changes):
        grid = make_grid()
        for person in "abc":
            grid.person(person, answer)
        folder = tmp_path / name
        final = {"rounds": 2, "finalists": 2, "seeds": 2}
        where = {"dir": str(folder), "name": "tiny", **changes.pop("run", {})}
        config = configure(final=final, tracker=tracker, run=where, **changes)
        run(grid, {"config": config.to_json()})
        return Run(folder)

    return search


def derived(events):
    found, scalars = {}, Scalars()
    for event in events:
        step = scalars.step
        for name, value in scalars.take(event).items():
            found.setdefault(name, []).append((step, value))
    return found


def own(name):
    return {"name": f"{__name__}:{name}"}


@pytest.mark.parametrize("name", NAMES)
def test_a_run_is_what_it_is_without_a_tracker(name, searched):
    with_one, without = searched({"name": name}, "with"), searched({"name": "none"}, "without")
    assert with_one.told == without.told
    assert with_one.read("history.json") == without.read("history.json")
    one, other = with_one.read("result.json"), without.read("result.json")
    assert {key for key in one if one[key] != other[key]} <= {"seconds", "finished_at", "node_seconds"}
    series = READERS[name](with_one.path)
    wanted = derived(with_one.events)
    assert {key: [step for step, _ in points] for key, points in series.items()} == {
        key: [step for step, _ in points] for key, points in wanted.items()
    }
    assert all(
        [value for _, value in series[key]] == pytest.approx([value for _, value in points], rel=1e-6)
        for key, points in wanted.items()
    )


@pytest.mark.parametrize("cls", [Broken, Hasty, Late])
def test_a_tracker_that_fails_is_told_once_and_the_run_finishes(cls, searched, flower_log):
    events = searched(own(cls.__name__)).events
    lost = [event for event in events if event["event"] == "tracker_lost"]
    assert [event["event"] for event in events].count("tracker_lost") == 1
    assert lost[0]["reason"] in (
        "SystemExit: the disk is full",
        "PermissionError: nobody is logged in",
        "OSError: the server is gone",
    )
    assert events[-1].items() >= {"event": "end", "status": "finished"}.items()
    assert line_of(lost[0]) == f"The run goes on without its tracker: {lost[0]['reason']}"
    assert [line.levelname for line in flower_log.records if "without its tracker" in line.message] == ["WARNING"]
    (trouble,) = [one for one in troubles_of(events) if one["kind"] == "tracker_lost"]
    assert trouble["reason"] == lost[0]["reason"]


def test_a_tracker_that_hangs_keeps_nobody(tmp_path):
    released = threading.Event()

    class Hanging(Late):
        def finish(self, status, files):
            released.wait(60)

    events = []
    journal = Journal(None, events.append)
    tracking = Tracking(lambda _: Hanging(None, None), [], journal, patience=0.05)
    tracking.start()
    tracking.finish("finished", tmp_path)
    released.set()
    assert [event["event"] for event in events] == ["tracker_lost"]
    assert events[0]["reason"] == "it had not taken everything 0.05 s after the end"


def test_a_missing_package_is_told_before_anything_starts_and_names_the_extra(configure, searched, tmp_path):
    config = configure(tracker=own("Foreign"), federation={"name": "simulation"})
    sentence = r'package a_package_that_nobody_has, which is not installed\. pip install "flwr-nas\[mlflow\]"'
    with pytest.raises(ConfigError, match=sentence):
        rehearse(config)
    with pytest.raises(ConfigError, match=sentence):
        searched(own("Foreign"))
    assert [event["event"] for event in Run(tmp_path / "run").events] == ["start", "end"]


def test_whoever_starts_a_deployment_need_not_have_the_package(configure):
    rehearse(configure(tracker=own("Foreign"), federation={"name": "deployment"}))


def test_a_configuration_of_before_there_were_trackers_has_none(configure):
    old = json.loads(configure().to_json())
    del old["tracker"]
    assert from_json(json.dumps(old)).tracker == {"name": "none"}


# ---------------------------------------------------------------- interrupted


def stopping_at(trial, folder):
    def answer(message, context):
        order = message.content.config_records.get("order")
        if order is not None and trial in order["trial"]:
            (folder / "stop").touch()
        return app(message, context)

    return answer


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("trial", [pytest.param("trial-0002", marks=pytest.mark.thorough), "final-0001"])
def test_a_run_that_goes_on_has_one_series(name, trial, searched, tmp_path):
    whole = derived(searched({"name": "none"}, "whole").events)
    first = searched({"name": name}, "cut", stopping_at(trial, tmp_path / "cut"))
    assert first.events[-1]["status"] == "stopped"
    second = searched({"name": name}, "cut", run={"resume": True})
    assert second.events[-1]["status"] == "finished"
    series = READERS[name](second.path)
    assert {key: [step for step, _ in points] for key, points in series.items()} == {
        key: [step for step, _ in points] for key, points in derived(second.events).items()
    }
    assert {key: [value for _, value in points] for key, points in series.items()} == {
        key: pytest.approx([value for _, value in points], rel=1e-6) for key, points in whole.items()
    }


def test_a_run_may_go_on_with_another_tracker(searched, tmp_path):
    searched({"name": "none"}, "cut", stopping_at("final-0001", tmp_path / "cut"))
    second = searched(TABLE, "cut", run={"resume": True})
    (resuming,) = [event for event in second.events if event["event"] == "resuming"]
    assert resuming["changes"][0].startswith("The run goes on with other options: tracker.name is tests.examples")
    series, wanted = READERS[TABLE["name"]](second.path), derived(second.events)
    assert {key: wanted[key][-len(points) :] for key, points in series.items()} == series
    assert "test/linear/accuracy" in series
    assert series["cost/mac_examples"][-1] == wanted["cost/mac_examples"][-1]
    assert (second.path / "scalars.txt").read_text() == "finished, with 4 files\n"


# ---------------------------------------------------------------- the network


@pytest.mark.parametrize("name", NAMES)
def test_nothing_leaves_the_machine(name, searched, monkeypatch):
    """Neither from here, nor by a proxy from a process that is started here: wandb's core is one, in Go."""
    dialled, connect = [], socket.socket.connect

    def watched(self, address):
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
            dialled.append(address)
            raise OSError("there is no network")
        return connect(self, address)

    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0)
        for variable in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(variable, f"http://127.0.0.1:{trap.getsockname()[1]}")
        monkeypatch.setattr(socket.socket, "connect", watched)
        assert searched({"name": name}).events[-1]["status"] == "finished"
        with pytest.raises(BlockingIOError):
            trap.accept()
    assert dialled == []
