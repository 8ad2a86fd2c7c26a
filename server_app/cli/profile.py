"""``flwr-nas profile``: how fast this machine is at each kind of operation; works where only a node is installed."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import ConfigError

if TYPE_CHECKING:
    from common.architecture.latency import Coefficients, Profile

_ABOUT = """Times the operations that networks are made of, for a few seconds, forward as in scoring and forward with
backward as in training. Prints the coefficients of a linear model (seconds of a call, of a multiply-accumulate, and
of a byte that is read or written), and writes them as JSON. Nothing is sent anywhere."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this subcommand."""
    parser = commands.add_parser("profile", help="measure how fast this machine's operations are", description=_ABOUT)
    parser.epilog = "example: flwr-nas profile --out board.json"
    parser.add_argument("--out", type=Path, default=Path("profile.json"), metavar="FILE", help="default: profile.json")
    parser.add_argument(
        "--threads", type=int, help="the most to measure with, beside 1; default: as many as torch takes here"
    )
    parser.set_defaults(run=_profile)


def _profile(arguments: argparse.Namespace) -> int:
    if arguments.threads is not None and arguments.threads < 1:
        raise ConfigError("--threads must be 1 or more", arguments.threads, fix="Leave it out for all")
    from common.files import write_aside

    with arguments.telling.waiting("Timing the operations of this machine"):
        import torch

        from common.models.profiling import profile

        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        measured = profile(device, [arguments.threads or torch.get_num_threads()])
    write_aside(arguments.out, measured.to_json() + "\n")
    for line in lines(measured):
        print(line)
    print(f"written to {arguments.out}")
    return 0


def lines(profile: Profile) -> Iterator[str]:
    """Yield the table of a profile: a block for each number of threads, a row for each family."""
    for threads, table in profile.tables.items():
        yield f"{profile.device}, torch {profile.torch}, {threads} thread{'s' * (threads > 1)}"
        yield f"{'':20}{'scoring':>30}{'training':>30}"
        yield f"{'':20}" + f"{'us/call':>10}{'ns/MAC':>10}{'ns/byte':>10}" * 2
        for family in sorted({*table.scoring, *table.training}):
            yield f"{family:20}" + "".join(_cells(part.get(family)) for part in (table.scoring, table.training))
        yield ""


def _cells(found: Coefficients | None) -> str:
    if found is None:
        return f"{'-':>10}" * 3
    return f"{1e6 * found.call:>10.1f}{1e9 * found.mac:>10.3f}{1e9 * found.byte:>10.3f}"
