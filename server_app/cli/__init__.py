"""The ``flwr-nas`` command: one module for each of its subcommands.

A subcommand's module offers ``add_parser(commands)``, which sets ``run``, a function from the parsed
arguments to an exit code; `search` and `show` read what follows them by themselves. What a command has to say it tells
its `Telling`, which ``--quiet`` and ``--json`` choose. Nothing heavy is
imported before a subcommand runs: `data` and `profile` work on a node, where the server's packages are not installed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from common import __version__
from common.errors import FlwrNasError
from common.output import silence
from server_app.cli import compare, data, deployment, export, personalize, pick, predict, profile, report, watch
from server_app.cli.benchmark import benchmark
from server_app.cli.flags import status_of, telling_of
from server_app.cli.proxies import proxies
from server_app.cli.search import search
from server_app.cli.show import show

if TYPE_CHECKING:
    from server_app.reporting.telling import Telling

__all__ = ["main"]

_UNREAD = 141
"""Exit code where nobody reads the output any more: what a shell says of a process that SIGPIPE ended."""

_EPILOG = """examples:
  flwr-nas search                                    the default search, on embedded real data
  flwr-nas search controller=random seed=3           other choices, see `flwr-nas search --help`
  flwr-nas search -m seed=1,2,3                      a sweep, one search after the other
  flwr-nas search --cfg job                          print the configuration and do nothing
  flwr-nas search --resume runs/NAME                 go on with a search that was stopped or killed
  flwr-nas search federation=deployment              on real nodes
  flwr-nas search --json | jq .winner.architecture   for programs: one JSON document; --quiet: the run folder alone
  flwr-nas show runs/NAME                            the winner of a run as a table and a picture
  flwr-nas show space=layered dataset=digits         what a search space holds, and what it costs
  flwr-nas report runs/NAME                          a run as a page, or several runs beside each other
  flwr-nas benchmark space.table=FILE controller=evolution,random
                                                     which controller is better, on a table, in seconds
  flwr-nas proxies count=500                         a first look at 500 specs, scored without training
  flwr-nas data check FILE                           whether a node's data fit, before it joins
  flwr-nas pick runs/NAME --max-macs 1e6             the best of a run within limits, without a node
  flwr-nas watch runs/NAME                           that run in a browser, while it is under way
  flwr-nas export runs/NAME --to onnx                the trained model for onnxruntime, with a card
  flwr-nas predict runs/NAME FILE                    what the trained model says of a file, as CSV
  flwr-nas personalize runs/NAME                     each node adapts the winner to itself, and keeps what is best
  flwr-nas export runs/NAME --optuna journal.log     the trials of a run, for optuna-dashboard
  flwr-nas profile                                   how fast a node's operations are
"""

_BY_OVERRIDES = {"search": search, "show": show, "benchmark": benchmark, "proxies": proxies}
"""Commands that read Hydra's overrides by themselves."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; by default those of this process. All that follow ``search`` are Hydra's, but for ``--resume``;
        those of ``benchmark`` and ``proxies`` are overrides.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        try:
            return _run(arguments)
        finally:
            sys.stdout.flush()  # or it would fail at the end of the process, where nobody can catch it
    except BrokenPipeError:
        silence()
        return _UNREAD


def _run(arguments: list[str]) -> int:
    telling = telling_of(arguments)
    try:
        try:
            return _command(arguments, telling)
        except FlwrNasError as error:
            telling.fail(str(error))
            code = 1
        except ModuleNotFoundError as error:
            if error.name is None or error.name.split(".")[0] in ("server_app", "client_app", "common"):
                raise
            telling.fail(
                f"This command needs the package {error.name}, which a node's installation leaves out. "
                'Install it with: pip install "flwr-nas[simulation]".'
            )
            code = 1
        except KeyboardInterrupt:
            code = 130
        telling.result({"status": status_of(code), "folder": None})
        return code
    finally:
        telling.close()


def _command(arguments: list[str], telling: Telling) -> int:
    if arguments and (command := _BY_OVERRIDES.get(arguments[0])) is not None:
        return command(arguments[1:], telling)
    chosen = _parser().parse_args(arguments, argparse.Namespace(telling=telling))
    code: int = chosen.run(chosen)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="flwr-nas",
        description="Federated neural architecture search on Flower.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"flwr-nas {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    commands.add_parser("search", help="search for an architecture; its arguments are Hydra overrides")
    compare.add_parser(commands)
    commands.add_parser("benchmark", help="judge controllers on a table of evaluated architectures, without Flower")
    commands.add_parser("proxies", help="score hundreds of specs of a space without training, in one message a node")
    data.add_parser(commands)
    deployment.add_parser(commands)
    export.add_parser(commands)
    personalize.add_parser(commands)
    pick.add_parser(commands)
    predict.add_parser(commands)
    profile.add_parser(commands)
    report.add_parser(commands)
    watch.add_parser(commands)
    commands.add_parser("show", help="show an architecture as a table and a picture, or what a space holds")
    return parser
