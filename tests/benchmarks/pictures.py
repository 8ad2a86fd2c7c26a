"""The pictures of the README, from a real run.

    python tests/benchmarks/pictures.py [RUN] [--out FOLDER]

Without RUN, a search of the digits with the default options is run first (8 minutes on 2 cores). Written are
``search.svg``, the screen of the search three fifths into it; ``report.png``, a part of its report in Chromium, which
must be installed; and ``network.svg``, the graph of what was found. The same run gives the same pictures.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from PIL import Image
from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI

from common.errors import FlwrNasError
from server_app.cli import main as flwr_nas
from server_app.journal import events_of
from server_app.report.write import write_report
from server_app.reporting.board import Board
from server_app.reporting.screen import draw
from server_app.run_folder import JOURNAL, RESULT
from tests.support.browser import Browser, chromium

OUT = Path(__file__).resolve().parents[2] / ".pictures"
MOMENT = 0.6
"""Of the search, at which its screen is drawn."""
COLUMNS, LINES = 110, 22
WIDTH = 1000
"""Pixels of the page."""
MARGIN = 16
COLOURS = 64
_FONTS = re.compile(r"@font-face \{.*?\}", re.DOTALL)


def screen(run: Path) -> str:
    """Return the screen of a search as an SVG that asks nobody for fonts."""
    events = events_of(run / JOURNAL)
    began = next(event["time"] for event in events if event["event"] == "search")
    ended = max(event["time"] for event in events if event["event"] == "scored" and event["trial"].startswith("trial"))
    now, board = began + MOMENT * (ended - began), Board()
    for event in events:
        if event["time"] <= now:
            board.update(event)
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(draw(board, now, COLUMNS, LINES))
    name = str(json.loads((run / RESULT).read_text(encoding="utf-8"))["name"])
    drawn = console.export_svg(title=f"flwr-nas search    {name}", theme=DIMMED_MONOKAI, unique_id="search")
    return _FONTS.sub("", drawn).replace("Fira Code", "ui-monospace")


_PLACES = """
[document.querySelector("#progress h2").getBoundingClientRect().top,
 document.querySelector("#trials table").getBoundingClientRect().top, document.body.clientWidth]
"""


def page(run: Path, folder: Path) -> Image.Image:
    """Return two pictures of a run's report, one below the other: the best so far, and all trials."""
    report, whole = write_report(run), folder / "whole.png"
    with Browser(folder / "profile") as browser:
        browser.look(WIDTH)
        browser.open(report)
        top, bottom, width = browser.ask(_PLACES)
        browser.picture(whole)
    with Image.open(whole) as picture:
        part = picture.crop((0, int(top) - MARGIN, int(width), int(bottom) + MARGIN))
    return part.convert("P", palette=Image.Palette.ADAPTIVE, colors=COLOURS)


def main() -> int:
    """Draw them, and name them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="?", metavar="RUN", help="of a finished search (default: a new one)")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FOLDER")
    arguments = parser.parse_args()
    if chromium() is None:
        parser.error("Chromium must be installed")
    with tempfile.TemporaryDirectory() as scratch:
        run = arguments.run or Path(scratch) / "digits"
        if arguments.run is None:
            command = [sys.executable, "-m", "server_app.cli", "search", f"run.dir={run}", "run.name=digits"]
            subprocess.run(command, check=True)
        out: Path = arguments.out
        out.mkdir(parents=True, exist_ok=True)
        (out / "search.svg").write_text(screen(run), encoding="utf-8")
        page(run, Path(scratch)).save(out / "report.png", optimize=True)
        flwr_nas(["show", str(run), "--svg", str(out / "network.svg")])
    for path in sorted(out.iterdir()):
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except FlwrNasError as error:
        sys.exit(f"pictures: {error}")
