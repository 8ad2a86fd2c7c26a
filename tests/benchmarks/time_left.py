"""How honest is the time left that the board tells? Journals of finished runs are replayed.

Usage: python tests/benchmarks/time_left.py RUN [RUN ...] [--least SECONDS]
RUN is a run folder, or a folder with some below it. At 20, 40, 60 and 80 % of each run's wall-clock time, from its
first event to its last, it says what the board tells and what was really left; then of how many runs that is within
30 %, and the median error, signed and absolute. A run that tells nothing at that point counts as one that is not within
30 %: before the budget of a search is spent nothing is told. Figures only; nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from server_app.reporting.board import Board
from server_app.run_folder import JOURNAL

SHARES = (0.2, 0.4, 0.6, 0.8)
NEAR = 0.3


def journals(folders: Sequence[Path]) -> Iterator[tuple[Path, list[dict[str, Any]]]]:
    """Yield the folder and the events of each run that has finished, and was not interrupted."""
    for folder in folders:
        for path in sorted(folder.rglob(JOURNAL)):
            events = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
            kinds = {event["event"] for event in events}
            if events and events[-1].get("status") == "finished" and "search" in kinds and "resuming" not in kinds:
                yield path.parent, events


def told(events: list[dict[str, Any]]) -> list[tuple[float | None, float]]:
    """Return at each of `SHARES` what the board told and what was really left, in seconds."""
    end, board, place = events[-1]["time"], Board(), 0
    found = []
    for share in SHARES:
        now = share * end
        while events[place]["time"] <= now:
            board.update(events[place])
            place += 1
        found.append((board.left(now) if board.total else None, end - now))
    return found


def seeded(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a journal of before its first event told the seeds, as it would be now: the final training tells them."""
    start, *others = events
    seeds = next((event.get("seeds", 1) for event in others if event["event"] == "final"), 0)
    return [{"seeds": seeds, **start}, *others]


def main() -> None:
    """Print the table, and the figures below it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--least", type=float, default=0.0, help="leave out runs that took fewer seconds")
    arguments = parser.parse_args()
    runs = []
    for folder, events in journals(arguments.folders):
        if (end := events[-1]["time"]) < arguments.least:
            continue
        runs.append((bool(events[0].get("budget")), told(seeded(events))))
        cells = ["-" if left is None else f"{left:.0f}/{real:.0f} {left / real - 1:+.0%}" for left, real in runs[-1][1]]
        print(f"{end:6.0f} s  " + "".join(f"{cell:>18}" for cell in cells) + f"  {folder}")
    for budgeted, title in ((False, "without a budget"), (True, "with one")):
        of = [figures for which, figures in runs if which is budgeted]
        for place, share in enumerate(SHARES):
            pairs = [figures[place] for figures in of]
            errors = [left / real - 1 for left, real in pairs if left is not None]
            if errors:
                near = sum(abs(error) <= NEAR for error in errors)
                middle = f"median error {median(errors):+.0%}, absolute {median(map(abs, errors)):.0%}"
                print(
                    f"{title}, at {share:.0%}: {near} of {len(pairs)} within {NEAR:.0%}, {len(errors)} tell; {middle}"
                )


if __name__ == "__main__":
    main()
