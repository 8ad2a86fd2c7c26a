from __future__ import annotations

import json
import re

import pytest

from server_app.report.write import report_at_end, write_report


def test_the_page_lies_in_the_folder_or_where_it_is_wanted(searched, tmp_path):
    folder = searched.folder(tmp_path / "run")
    assert write_report(folder) == folder / "report.html"
    assert write_report(folder, tmp_path / "new" / "mine.html").read_text().startswith("<!doctype html>")


def test_numbers_that_json_lacks_are_none(searched, tmp_path):
    searched.scored("trial-0000", 1, 0.5, 1, metrics={"nodes": None})
    searched.events[-1]["values"] = {"accuracy": float("inf")}
    folder = searched.folder(tmp_path / "run")
    assert "Infinity" in (folder / "journal.jsonl").read_text()
    (text,) = re.findall(
        r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', write_report(folder).read_text(), re.S
    )
    assert json.loads(text, parse_constant=pytest.fail)


def test_at_the_end_of_a_run_one_line_says_where_it_lies(searched, tmp_path):
    folder = searched.folder(tmp_path / "run")
    assert report_at_end(folder) == f"Report: {folder / 'report.html'}"


def test_where_there_is_no_result_there_is_nothing_to_say(tmp_path):
    assert report_at_end(tmp_path) is None


@pytest.mark.parametrize(
    "events", ['{"event": "start"}\n{"event": "proposed"}\n', '{"event": "scored", "trial": "trial-0000"}\n']
)
def test_a_run_ended_as_it_did_whatever_keeps_its_report_from_being_written(tmp_path, events):
    (tmp_path / "journal.jsonl").write_text(events)
    (tmp_path / "result.json").write_text("[]")
    told = report_at_end(tmp_path)
    assert told is not None
    assert told.startswith(("There is no report", "Report:"))


def test_a_folder_that_cannot_be_written_is_told(searched, tmp_path):
    folder = searched.folder(tmp_path / "run")
    (folder / "report.html").mkdir()
    assert report_at_end(folder).startswith("There is no report: A folder for results must be writable")
