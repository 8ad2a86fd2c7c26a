"""A search on the simulation engine that is killed, and goes on as if it had not been."""

from __future__ import annotations

import pytest

from tests.support.killing import Killable, Moment, check

pytestmark = pytest.mark.simulation


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The run that nobody kills."""
    run = Killable(tmp_path_factory.mktemp("whole") / "killable")
    run.finish(run.start())
    return run


def place(lines, event, part):
    """Return the line after so many hundredths of the events of a kind."""
    places = [at for at, line in enumerate(lines) if line["event"] == event]
    return places[len(places) * part // 100] + 1


@pytest.mark.parametrize("case", ["during a write", pytest.param("in the final", marks=pytest.mark.thorough)])
def test_killed_and_resumed_equals_never_interrupted(whole, tmp_path, case):
    lines = whole.lines()
    moment = {
        "during a write": Moment(place(lines, "round", 60), writing=True, victim="all"),
        "in the final": Moment(place(lines, "final", 0) + 2, victim="command"),
    }[case]
    run = Killable(tmp_path / "killable")
    before = run.kill_at(run.start(), moment)
    assert before[-1]["event"] != "end"
    output = run.finish(run.resume())
    check(run, whole, before)
    assert "Traceback" not in output
