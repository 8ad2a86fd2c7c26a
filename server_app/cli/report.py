"""``flwr-nas report RUN``: a run as one page, or several runs beside each other."""

from __future__ import annotations

import argparse
from pathlib import Path

COMPARISON = "comparison.html"

_ABOUT = """Writes a page that opens in any browser, without a network: what was found, all trials, what mattered, what
each node gets, what it cost, what went wrong, what left the nodes. RUN is the folder of a run, which may be under way.
Of several runs it compares what they found, in pairs."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this subcommand."""
    parser = commands.add_parser(
        "report", help="write a run, or several beside each other, as one page", description=_ABOUT
    )
    parser.epilog = "example: flwr-nas report runs/FIRST runs/SECOND --output comparison.html"
    parser.add_argument("folders", type=Path, nargs="+", metavar="RUN", help="folder of a run")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help=f"where the page goes (default: report.html in RUN; of several {COMPARISON} here)",
    )
    parser.set_defaults(run=lambda arguments: _report(arguments.folders, arguments.output))


def _report(folders: list[Path], output: Path | None) -> int:
    from server_app.report.write import write_comparison, write_report

    if len(folders) == 1:
        print(f"Report: {write_report(folders[0], output)}")
    else:
        print(f"Report: {write_comparison(folders, output or Path(COMPARISON))}")
    return 0
