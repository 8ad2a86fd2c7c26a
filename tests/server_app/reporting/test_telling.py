"""What people, nobody and programs are told."""

from __future__ import annotations

import json
import math

import pytest

from server_app.reporting.telling import Aloud, Machine, Quiet


def tell(telling):
    """Tell everything that there is to tell of two runs, of which one fails."""
    with telling.progress(None, lambda: None) as progress:
        progress.update({"event": "state_lost", "time": 1.0, "reason": "the disk is full"})
        progress.tick()
    with telling.waiting("Reading"), telling.bars(["random"], 2) as told:
        told("random")
    telling.note("that is left out")
    telling.say("Run folder: runs/a")
    telling.show("a table")
    telling.result({"status": "finished", "folder": "runs/a", "winner": {"loss": math.nan}})
    telling.fail("the disk is full")
    telling.result({"status": "failed", "folder": None})
    telling.close()


def test_people_hear_all_but_the_document(capsys):
    tell(Aloud())
    out, err = capsys.readouterr()
    assert out == "     1.0 s  The state cannot be saved: the disk is full\nRun folder: runs/a\na table\n"
    assert err == "flwr-nas: that is left out\nflwr-nas: the disk is full\n"


def test_quiet_is_the_folder_of_each_result_and_errors(capsys):
    tell(Quiet())
    assert capsys.readouterr() == ("runs/a\n", "flwr-nas: the disk is full\n")


def test_programs_hear_one_document_the_last(capsys):
    tell(Machine())
    out, err = capsys.readouterr()
    assert json.loads(out) == {"status": "failed", "folder": None, "message": "the disk is full"}
    assert err == "flwr-nas: the disk is full\n"


def test_or_a_list_of_them_in_json_that_all_can_read(capsys):
    tell(Machine(several=True))
    first, second = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert first == {"status": "finished", "folder": "runs/a", "winner": {"loss": None}}
    assert second["message"] == "the disk is full"


def test_where_nothing_came_of_it_there_is_no_document(capsys):
    Machine().close()
    assert capsys.readouterr().out == ""
