"""The page in a real browser: it fills, sorts, filters, survives a reload, and asks nobody for anything."""

from __future__ import annotations

import json

import pytest

from server_app.report.document import document_of
from server_app.report.history import history_of
from server_app.report.page import page_of
from server_app.report.write import write_comparison, write_report
from tests.server_app.report.conftest import TASK, Written
from tests.support.browser import Browser, chromium

pytestmark = pytest.mark.skipif(chromium() is None, reason="Chromium is not installed")

HOSTILE = "<script>document.title = 'broken'</script><img src=x onerror=\"document.title = 'broken'\">"
WIDTHS = (3, 5, 8, 5, 3)
VALUES = (0.6, 0.75, 0.7, 0.65, 0.5)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


def searched():
    """Five trials, the second of which goes on and is the winner; a node's name is hostile."""
    written = Written().begin("a", HOSTILE)
    for number, (width, value) in enumerate(zip(WIDTHS, VALUES, strict=True)):
        name = f"trial-{number:04d}"
        written.proposed(number, width, 0 if number > 2 else None).round(name, 1, 100, 1000)
        written.scored(name, 1, value, 150, 1500)
        if value == max(VALUES[: number + 1]):
            written.best(name, 1, value)
    written.scored("trial-0001", 2, 0.8, 400, 4000).best("trial-0001", 2, 0.8)
    written.add("absent", node=HOSTILE, trial="trial-0003", round=1, reason=HOSTILE)
    for number in range(5):
        written.add("finished" if number == 1 else "stopped", trial=f"trial-{number:04d}", rung=1)
    return written


def result():
    entry = {
        "id": "x",
        "architecture": "linear",
        "recipe": {},
        "parameters": 31,
        "macs": 24,
        "failure": "",
        "bytes_sent": 9,
    }
    test = {"accuracy": 0.8, "nodes": 2}
    by_node = {"a": [0.9, 10], HOSTILE: [0.7, 10]}
    winner = {**entry, "trial": 1, "tests": [test], "by_node": by_node}
    baseline = {**entry, "trial": 0, "tests": [test], "by_node": by_node}
    return {"winner": winner, "baseline": baseline, "status": "finished", "name": HOSTILE}


@pytest.fixture
def opened(browser, tmp_path):
    """The page of that search, on a desktop."""
    browser.requests.clear()
    browser.errors.clear()
    browser.look(1280)
    file = write_report(searched().folder(tmp_path / "run", result()))
    browser.open(file)
    return browser


def column(browser, number):
    """Return the texts of a column of the table of all trials."""
    cells = (
        f"[...document.querySelectorAll('#all-trials [data-trial]')].map(row => row.cells[{number}].textContent.trim())"
    )
    return browser.ask(cells)


def click(browser, identity):
    browser.ask(f"document.getElementById({identity!r}).click()")


def test_the_page_fills_itself_and_asks_nobody(opened):
    assert opened.ask("document.getElementById('page').dataset.ready") == "true"
    sections = opened.ask("[...document.querySelectorAll('main section')].map(one => one.id)")
    assert sections == [
        *(
            "found",
            "progress",
            "trials",
            "lineage",
            "fronts",
            "curves",
            "choices",
            "nodes",
            "costs",
            "troubles",
            "graph",
        ),
        "leaving",
    ]
    assert column(opened, 1) == ["1", "2", "3", "0", "4"]  # rung 2 first, then by what was scored at rung 1
    assert opened.ask("document.querySelectorAll('svg.chart').length") >= 7
    assert opened.ask("document.querySelectorAll('svg.chart text').length") > 50
    files = [address for address in opened.requests if not address.startswith("data:image/svg+xml")]
    assert len(files) == 1
    assert files[0].startswith("file://")
    assert opened.errors == []


def test_names_of_nodes_stay_text(opened):
    assert opened.ask("document.title").endswith("· flwr-nas")
    assert opened.ask("document.querySelectorAll('#page script, #page img[src=x]').length") == 0
    assert opened.ask("document.querySelector('h1').textContent") == HOSTILE
    assert HOSTILE in opened.ask("document.getElementById('nodes').textContent")
    assert HOSTILE in opened.ask("document.getElementById('troubles').textContent")


def test_headings_sort_by_key_and_say_so(opened):
    opened.ask("document.getElementById('sort-accuracy').focus()")
    opened.press("Enter")
    assert column(opened, 3) == ["0.8000", "0.7000", "0.6500", "0.6000", "0.5000"]
    heading = "document.getElementById('sort-accuracy')"
    assert opened.ask(f"{heading}.parentElement.ariaSort") == "descending"
    assert opened.ask(f"document.activeElement === {heading}")
    opened.press("Enter")
    assert column(opened, 1) == ["4", "0", "3", "2", "1"]
    assert "sorted by accuracy" in opened.ask("document.querySelector('[aria-live]').textContent")


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("mutation", ["3", "4"]),
        ("accuracy>=0.7", ["1", "2"]),
        ("rung=1 parameters<40", ["0", "4"]),
        ('"linear 8"', ["2"]),
        ("origin=mutation accuracy<0.6", ["4"]),
        ("nothing-like-it", []),
    ],
)
def test_words_and_conditions_filter(opened, query, numbers):
    opened.ask("document.getElementById('filter').focus()")
    opened.type(query)
    assert column(opened, 1) == numbers
    assert opened.ask("document.getElementById('filter').value") == query
    lines = "#trials svg.chart path.path"
    assert opened.ask(f"document.querySelectorAll('{lines}:not(.off)').length") == len(numbers)
    click(opened, "reset")
    assert len(column(opened, 1)) == 5


def test_what_is_looked_at_survives_a_reload(opened):
    opened.ask("document.getElementById('filter').focus()")
    opened.type("rung=1")
    click(opened, "sort-macs")
    click(opened, "x-bytes")
    click(opened, "trial-2")
    before = column(opened, 1)
    opened.reload()
    assert column(opened, 1) == before
    assert opened.ask("document.getElementById('filter').value") == "rung=1"
    assert opened.ask("document.getElementById('sort-macs').parentElement.ariaSort") == "ascending"
    assert opened.ask("document.getElementById('x-bytes').ariaPressed") == "true"
    assert "layers.0.width 8" in opened.ask("document.querySelector('dl.detail').textContent")


def test_keys_go_through_the_points_of_a_picture(opened):
    opened.ask("document.querySelector('#progress svg.chart').focus()")
    opened.press("ArrowRight")
    told = opened.ask("document.querySelector('[aria-live]').textContent")
    assert told.startswith("trial 0, rung 1, 1 round: 0.6000")
    opened.press("ArrowRight")
    assert opened.ask("document.getElementById('tip').textContent").startswith("trial 1, rung 1")


@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_it_is_as_wide_as_the_screen_and_as_dark_as_is_wanted(opened, width, dark):
    opened.look(width, dark=dark)
    opened.reload()
    assert opened.ask("document.documentElement.scrollWidth") <= width
    ground = opened.ask("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, ground[4:-1].split(","))) < 3 * 128) is dark


def test_every_control_has_a_name(opened):
    named = "one.textContent.trim() || one.ariaLabel || one.labels?.length || one.alt"
    unnamed = (
        f"""[...document.querySelectorAll('button, input, select, [tabindex="0"], img')].filter(one => !({named}))"""
    )
    assert opened.ask(f"{unnamed}.map(one => one.outerHTML)") == []


def test_later_events_make_of_a_document_what_it_would_have_been(browser, tmp_path):
    """A page that follows a run shows what one that was written later does."""
    whole = searched()
    early = Written()
    early.events = whole.events[:9]
    early.folder(tmp_path / "early")
    file = tmp_path / "early.html"
    file.write_text(page_of(document_of(tmp_path / "early")))
    browser.look(1280)
    browser.open(file)
    browser.ask(f"flwrNasReport.append({json.dumps(whole.events[5:])})")  # those that it has read change nothing
    found = browser.ask("flwrNasReport.document()")
    wanted = history_of(whole.events)
    assert found["scores"] == wanted.scores
    assert found["best"] == wanted.best
    assert found["spent"] == wanted.spent
    assert found["ledgers"] == wanted.ledgers
    assert found["events"] == len(whole.events)
    later = document_of(whole.folder(tmp_path / "later"))
    told = ("number", "state", "rung", "rounds", "value", "values", "mac_examples", "bytes", "ended", "place")
    assert [[row[key] for key in told] for row in found["trials"]] == [
        [row[key] for key in told] for row in later["trials"]
    ]
    assert column(browser, 1) == ["1", "2", "3", "0", "4"]


def test_several_runs_are_compared(browser, tmp_path):
    folders = []
    for name, tests in (("one", [0.7, 0.8]), ("two", [0.5, 0.65])):
        winner = {"tests": [{"accuracy": value} for value in tests], "architecture": HOSTILE}
        folders.append(searched().folder(tmp_path / name, {"task": TASK.to_record(), "winner": winner}))
    browser.errors.clear()
    browser.look(400)
    browser.open(write_comparison(folders, tmp_path / "both.html"))
    assert browser.ask("[...document.querySelectorAll('main section')].map(one => one.id)") == [
        "pairs",
        "together",
        "runs",
    ]
    cells = browser.ask("[...document.querySelectorAll('#pairs tbody td')].map(one => one.textContent)")
    assert cells[:3] == ["one, seed 7", "two, seed 7", "+0.1750"]
    click(browser, "x-mac_examples")
    assert browser.ask("document.getElementById('x-mac_examples').ariaPressed") == "true"
    assert browser.ask("document.documentElement.scrollWidth") <= 400
    assert browser.errors == []
