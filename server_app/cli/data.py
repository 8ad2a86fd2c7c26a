"""``flwr-nas data check`` and ``flwr-nas data split``: for the people who have the data.

They work where only a node is installed: torch, numpy and flwr.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import ConfigError, DataError

if TYPE_CHECKING:
    from common.data.tools.suitability import Wanted

_CHECK = """Says in plain words whether a node's data fit a search, before anything is joined: an .npz, .csv or
.parquet file, or a folder of images with one folder for each class. Nothing is sent anywhere.
Ends with 0 if they fit and with 1 if they do not."""

_SPLIT = """Cuts one file or folder into FOLDER/node-1/data.npz, FOLDER/node-2/data.npz and so on, as a simulation
would cut it: for trials of a deployment with data that are in one place. A test part is dealt out too."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this subcommand."""
    data = commands.add_parser("data", help="check whether data fit, or split a file among nodes")
    actions = data.add_subparsers(required=True, metavar="ACTION", title="actions")
    check = actions.add_parser("check", help="say whether a node's data fit a search", description=_CHECK)
    check.add_argument("file", help="what the node config will name as data")
    check.add_argument("--classes", help="classes of the search: their number, or their names with commas between")
    check.add_argument("--shape", help="shape of the search's examples, such as 1,28,28")
    check.add_argument("--label", default="label", help="column of a table that holds the classes (default: label)")
    check.add_argument("--task", help="what labels are for, such as regression (default: as the data say)")
    check.set_defaults(run=_check)
    split = actions.add_parser("split", help="cut one file into files for nodes", description=_SPLIT)
    split.add_argument("source", help="a file or a folder, or digits: the embedded handwritten digits")
    split.add_argument("--nodes", type=int, required=True, help="number of nodes")
    split.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where to write")
    split.add_argument("--partition", default="iid", choices=("iid", "dirichlet", "natural"), help="default: iid")
    split.add_argument("--alpha", type=float, default=0.5, help="of dirichlet: 0.1 very uneven, 100 almost even")
    split.add_argument("--seed", type=int, default=0, help="default: 0")
    split.add_argument("--label", default="label", help="column of a table that holds the classes (default: label)")
    split.add_argument("--task", help="what labels are for, such as regression (default: as the data say)")
    split.add_argument("--force", action="store_true", help="overwrite files that are there")
    split.set_defaults(run=_split)


def _check(arguments: argparse.Namespace) -> int:
    from common.data.formats import Reading
    from common.data.tools.suitability import check
    from server_app.reporting.data import found, show, unreadable
    from server_app.reporting.waiting import waiting

    wanted = wanted_of(arguments.classes, arguments.shape)
    try:
        with waiting(f"Looking at {arguments.file}"):
            finding = check(arguments.file, wanted, Reading(arguments.label, arguments.task))
    except DataError as error:
        show(unreadable(arguments.file, error))
        return 1
    show(found(arguments.file, finding, arguments.label, arguments.task))
    return 0 if finding.problem is None else 1


def _split(arguments: argparse.Namespace) -> int:
    from common.data.formats import Reading
    from common.data.tools.division import divide, read_source, write
    from common.data.tools.summary import class_counts
    from common.settings import DatasetSettings
    from server_app.reporting.data import shares, show
    from server_app.reporting.waiting import waiting
    from server_app.reporting.words import counted

    settings = DatasetSettings("local", arguments.source, arguments.partition, arguments.alpha)
    try:
        with waiting(f"Reading {arguments.source}"):
            pool = read_source(arguments.source, Reading(arguments.label, arguments.task))
            parts = divide(pool, settings, arguments.nodes, arguments.seed)
    except DataError as error:
        raise error.in_full() from None  # the file is on this machine
    with waiting(f"Writing {counted(len(parts), 'file')} to {arguments.out}"):
        paths = write(parts, arguments.out, force=arguments.force)
    sizes = [(len(part.train_rows), 0 if part.test_rows is None else len(part.test_rows)) for part in parts]
    show([shares([class_counts(part) for part in parts], sizes), ""])
    print(f"Written: {paths[0]}" + (f" to {paths[-1]}" if len(paths) > 1 else ""))
    return 0


def wanted_of(classes: str | None, shape: str | None) -> Wanted:
    """Read what the search is for from the command line.

    Raises
    ------
    ConfigError
        The shape is not numbers, or the number of classes makes no sense.
    """
    from common.data.tools.suitability import Wanted

    lengths = [part.strip() for part in shape.split(",")] if shape else []
    if not all(length.isdecimal() and int(length) for length in lengths) or len(lengths) > 3:
        raise ConfigError("--shape must be one to three whole numbers", shape, fix="Write it like 1,28,28")
    names = [name.strip() for name in classes.split(",")] if classes else []
    count = int(names[0]) if len(names) == 1 and names[0].isdecimal() else None
    if (count is None and len(names) == 1) or count in (0, 1) or "" in names:
        raise ConfigError("--classes must be a number from 2, or names", classes, fix="Write it like 10, or cat,dog")
    return Wanted(count, () if count is not None else tuple(names), tuple(int(length) for length in lengths))
