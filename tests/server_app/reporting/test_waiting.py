"""A line that moves while people wait."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from server_app.reporting.waiting import waiting


def console(terminal):
    return Console(file=io.StringIO(), force_terminal=terminal, width=80)


def test_a_terminal_says_what_is_done_and_is_given_back():
    screen = console(True)
    with waiting("Reading [bold] a.csv", screen):
        pass
    text = screen.file.getvalue()
    assert "Reading [bold] a.csv" in text
    assert "0:00:00" in text
    assert text.rstrip("\n").endswith("\x1b[2K"), "the line is cleared"


def test_where_there_is_no_terminal_nothing_is_written():
    screen = console(False)
    with waiting("Reading", screen):
        pass
    assert screen.file.getvalue() == ""


def test_an_error_comes_through():
    with pytest.raises(OSError, match="gone"), waiting("Reading", console(True)):
        raise OSError("gone")


def test_where_there_is_no_terminal_what_takes_long_is_said_in_one_line(monkeypatch):
    monkeypatch.setattr("server_app.reporting.waiting.SAID_AFTER", 0.0)
    screen = console(False)
    with waiting("Reading [bold] a.csv", screen):
        while not screen.file.getvalue():
            pass
    assert screen.file.getvalue() == "Reading [bold] a.csv ...\n"
