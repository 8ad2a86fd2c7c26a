from __future__ import annotations

from server_app.cli import main
from tests.server_app.report.conftest import TASK, Written


def write(folder, **result):
    written = Written().begin("a").proposed(0).scored("trial-0000", 1, 0.5, 1).best("trial-0000", 1, 0.5)
    return written.folder(folder, {"task": TASK.to_record(), **result})


def test_one_run_has_its_page_in_its_folder(tmp_path, capsys):
    folder = write(tmp_path / "run")
    assert main(["report", str(folder)]) == 0
    assert capsys.readouterr().out == f"Report: {folder / 'report.html'}\n"
    assert "by hand" in (folder / "report.html").read_text()


def test_several_are_one_page_here(tmp_path, capsys, monkeypatch):
    folders = [str(write(tmp_path / name, winner={"tests": [{"accuracy": 0.5}]})) for name in ("one", "two")]
    monkeypatch.chdir(tmp_path)
    assert main(["report", *folders]) == 0
    assert capsys.readouterr().out == "Report: comparison.html\n"
    assert main(["report", *folders, "--output", "both.html"]) == 0
    assert (tmp_path / "both.html").read_text() == (tmp_path / "comparison.html").read_text()


def test_what_is_no_run_is_said_in_one_line(tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("flwr-nas: A report is of a run, whose folder has its journal.jsonl")
