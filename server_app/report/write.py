"""Reports as files: report.html in a run folder, and a page that compares several runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from common.errors import FlwrNasError
from common.files import write_aside
from server_app.journal import finite
from server_app.report.comparison import comparison_of
from server_app.report.document import document_of
from server_app.report.page import page_of
from server_app.run_folder import JOURNAL, REPORT, RESULT


def write_report(folder: Path, file: Path | None = None) -> Path:
    """Write the page of a run, and return where it lies; raises `StorageError` where there is no run, or no room.

    Parameters
    ----------
    folder : Path
        Of a run, which may be under way.
    file : Path, optional
        Where the page goes; by default report.html in the folder.
    """
    file = file or folder / REPORT
    write_aside(file, page_of(finite(document_of(folder))))
    return file


def write_comparison(folders: Sequence[Path], file: Path) -> Path:
    """Write the page that compares runs, and return where it lies; errors as of `write_report` and `comparison_of`."""
    write_aside(file, page_of(finite(comparison_of(folders))))
    return file


def report_at_end(folder: Path) -> str | None:
    """Write the page of a run that has ended, and return in one line where it lies, or why there is none.

    A report is no part of a run: whatever keeps it from being written, the run ended as it did. None where there is
    nothing to tell of.
    """
    if not (folder / RESULT).is_file() or not (folder / JOURNAL).is_file():
        return None
    try:
        return f"Report: {write_report(folder)}"
    except FlwrNasError as error:
        return f"There is no report: {error}"
    except Exception as error:  # files of a run that was cut off anywhere, or edited, may hold anything
        return f"There is no report ({type(error).__name__}: {error}); the run is not affected."
