"""``flwr-nas predict``: what a trained model says of the examples in a file."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import DataError
from server_app.cli.flags import add_flags, status_of

if TYPE_CHECKING:
    from server_app.reporting.telling import Telling

_ABOUT = """Scores a file with a trained model. MODEL is the folder of a run, best/ in it, or what flwr-nas export
wrote. FILE is what a node would have: .csv, .npz, .parquet, or a folder of images; it needs no labels. Numbers go in
as they are: the model scales them itself.

Prints CSV with a row for each example: the class and the probability of each, or the numbers of a regression. Of two
classes the likelier is predicted, and beside it the one by the threshold that the search fitted on validation. Where
there are labels they follow, and the scores go to the error output. Of a model in the formats python and safetensors
the code in its folder is run: use those that are your own."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this subcommand."""
    parser = commands.add_parser(
        "predict",
        help="score a file with a trained model",
        description=_ABOUT,
        epilog="example: flwr-nas predict runs/NAME patients.csv --out predicted.csv",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="a run's folder, its best/, or an exported model")
    parser.add_argument("file", metavar="FILE", help="the examples")
    parser.add_argument("--out", type=Path, metavar="CSV", help="write the table there in place of printing it")
    parser.add_argument("--label", default="label", help="column of a table with the labels (default: label)")
    add_flags(parser, "columns, rows and scores, in place of CSV", None)
    parser.set_defaults(run=_predict)


def _predict(arguments: argparse.Namespace) -> int:
    from common.files import write_aside
    from server_app.reporting.words import counted

    telling: Telling = arguments.telling
    try:
        with telling.waiting(f"Scoring {arguments.file}"):
            from server_app.predict import predict

            found = predict(arguments.model, arguments.file, arguments.label)
    except DataError as error:
        raise error.in_full() from None  # the file is on this machine
    if arguments.out is None:
        telling.say(found.to_csv(), end="")
    else:
        write_aside(arguments.out, found.to_csv())
    for note in found.notes:
        print(note, file=sys.stderr)
    where = "" if arguments.out is None else f", written to {arguments.out}"
    print(f"{counted(len(found.rows), 'example')}{where}{_scores(found.metrics)}", file=sys.stderr)
    told = {"columns": found.columns, "rows": found.rows, "metrics": found.metrics, "notes": found.notes}
    telling.result({**told, "status": status_of(0), "folder": None})
    return 0


def _scores(metrics: Mapping[str, float]) -> str:
    return "".join(f", {name} {value:.4f}" for name, value in metrics.items() if not name.startswith("offset_"))
