"""``flwr-nas data check`` and ``flwr-nas data split``: for the people who have the data.

They work where only a node is installed: torch, numpy and flwr.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import ConfigError, DataError, SpecError, StorageError
from server_app.cli.flags import add_flags, status_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from common.data.formats import Reading
    from common.data.tools.suitability import Finding, Wanted
    from server_app.reporting.telling import Telling

_CHECK = """Says in plain words whether a node's data fit a search, before anything is joined: an .npz, .csv or
.parquet file, or a folder of images or recordings with one folder for each class. Nothing is sent anywhere.
Ends with 0 if they fit and with 1 if they do not. A table with gaps, categories or dates needs a schema, the same at
all sites: --write-schema proposes one, for you to confirm."""

_SPLIT = """Cuts one file or folder into FOLDER/node-1/data.npz, FOLDER/node-2/data.npz and so on, as a simulation
would cut it: for trials of a deployment with data that are in one place. A test part is dealt out too."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this subcommand."""
    data = commands.add_parser("data", help="check whether data fit, or split a file among nodes")
    actions = data.add_subparsers(required=True, metavar="ACTION", title="actions")
    check = actions.add_parser("check", help="say whether a node's data fit a search", description=_CHECK)
    check.epilog = "example: flwr-nas data check patients.csv --label outcome --write-schema schema.yaml"
    check.add_argument("file", help="what the node config will name as data")
    check.add_argument("--classes", help="classes of the search: their number, or their names with commas between")
    check.add_argument("--shape", help="shape of the search's examples, such as 1,28,28")
    _add_reading(check)
    check.add_argument(
        "--write-schema", default="", metavar="FILE", help="propose a schema, and write it to a new file"
    )
    add_flags(check, "whether they fit, and what they are like")
    check.set_defaults(run=_check)
    split = actions.add_parser("split", help="cut one file into files for nodes", description=_SPLIT)
    split.epilog = "example: flwr-nas data split patients.csv --nodes 4 --partition dirichlet --out nodes"
    split.add_argument("source", help="a file or a folder, or digits: the embedded handwritten digits")
    split.add_argument("--nodes", type=int, required=True, help="number of nodes")
    split.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where to write")
    split.add_argument("--partition", default="iid", choices=("iid", "dirichlet", "natural"), help="default: iid")
    split.add_argument("--alpha", type=float, default=0.5, help="of dirichlet: 0.1 very uneven, 100 almost even")
    split.add_argument("--seed", type=int, default=0, help="default: 0")
    _add_reading(split)
    split.add_argument("--force", action="store_true", help="overwrite files that are there")
    add_flags(split, "which files have how many examples", "FOLDER alone")
    split.set_defaults(run=_split)


def _add_reading(parser: argparse.ArgumentParser) -> None:
    """Add what a node config says of how data are read."""
    parser.add_argument("--label", default="label", help="column of a table that holds the classes (default: label)")
    parser.add_argument("--task", default="", help="what labels are for, such as regression (default: as the data say)")
    parser.add_argument("--schema", default="", metavar="FILE", help="what all columns of a table mean, as YAML")
    parser.add_argument("--size", default="", help="of images, in pixels, such as 64x64 (default: all have the same)")
    parser.add_argument("--fit", default="", choices=("resize", "crop"), help="what becomes of images of another size")
    parser.add_argument("--convert", default="", choices=("grey", "rgb"), help="what images become, whatever they are")
    parser.add_argument("--skip-bad", action="store_true", help="leave out files that cannot be read, and count them")
    parser.add_argument("--length", type=float, default=0.0, help="of sequences: longer ones are cut, others filled up")
    parser.add_argument("--window", type=float, default=0.0, help="cut recordings into windows of this length")
    parser.add_argument("--hop", type=float, default=0.0, help="from one window to the next (default: a window)")
    parser.add_argument("--unit", default="samples", choices=("samples", "seconds"), help="of these (default: samples)")
    parser.add_argument("--rate", type=int, default=0, help="samples a second that recordings are brought to")


def _reading_of(arguments: argparse.Namespace) -> Reading:
    from common.data.formats import Reading

    return Reading(**{item.name: getattr(arguments, item.name) for item in fields(Reading)})


def _check(arguments: argparse.Namespace) -> int:
    from common.data.tools.suitability import check
    from server_app.reporting.data import found, laid_out

    telling: Telling = arguments.telling
    wanted, reading = wanted_of(arguments.classes, arguments.shape), _reading_of(arguments)
    if arguments.write_schema:
        if reading.schema:
            raise ConfigError(
                "A schema is either there or written", reading.schema, fix="Leave out --schema or --write-schema"
            )
        try:
            telling.say(laid_out([*_written(arguments), ""]), end="")
        except DataError as error:
            return _refused(arguments.file, error, telling)
        reading = replace(reading, label="label", task="", schema=arguments.write_schema)
    try:
        with telling.waiting(f"Looking at {arguments.file}"):
            finding = check(arguments.file, wanted, reading)
    except DataError as error:
        code = _refused(arguments.file, error, telling)
        if not reading.schema:
            telling.say(laid_out(_proposed(arguments)), end="")
        return code
    telling.say(laid_out(found(arguments.file, finding, reading)), end="")
    telling.result(_document(arguments.file, finding.problem, finding))
    return 0 if finding.problem is None else 1


def _refused(file: str, error: DataError, telling: Telling) -> int:
    """Tell why data cannot be read; returns the exit code."""
    from server_app.reporting.data import laid_out, unreadable

    telling.say(laid_out(unreadable(file, error)), end="")
    telling.result(_document(file, error))
    return 1


def _document(file: str, problem: DataError | None, finding: Finding | None = None) -> dict[str, Any]:
    """Return what programs are told of a check, which has finished whether the data fit or not."""
    found = {} if finding is None else asdict(replace(finding, problem=None))
    told = {"file": file, "fits": problem is None, "problem": None if problem is None else str(problem.in_full())}
    return {**found, **told, "status": status_of(0), "folder": None}


def _written(arguments: argparse.Namespace) -> Iterator[RenderableType]:
    """Propose a schema and write it; raises `DataError` where the file is no table that could have one."""
    from common.data.formats import read_table
    from common.data.schema_file import save_schema
    from common.data.tools.proposal import propose
    from server_app.reporting.schema import proposed

    if Path(arguments.write_schema).exists():
        raise StorageError(
            "Files that are there already are kept", arguments.write_schema, fix="Choose another --write-schema"
        )
    proposal = propose(read_table(arguments.file), arguments.label, arguments.task)
    save_schema(arguments.write_schema, proposal.schema)
    return proposed(proposal, arguments.write_schema)


def _proposed(arguments: argparse.Namespace) -> Iterator[RenderableType]:
    """Propose a schema for a file that cannot be read without one, if it is a table that could have one."""
    from common.data.formats import read_table
    from common.data.tools.proposal import propose
    from server_app.reporting.schema import proposed

    try:
        proposal = propose(read_table(arguments.file), arguments.label, arguments.task)
        proposal.schema  # noqa: B018 - whether it makes one
    except (DataError, SpecError):
        return
    yield ""
    yield from proposed(proposal, "")


def _split(arguments: argparse.Namespace) -> int:
    from common.data.tools.division import divide, read_source, write
    from common.data.tools.summary import class_counts
    from common.settings import DatasetSettings
    from server_app.reporting.data import laid_out, shares
    from server_app.reporting.words import counted

    telling: Telling = arguments.telling
    settings = DatasetSettings("local", arguments.source, arguments.partition, arguments.alpha)
    try:
        with telling.waiting(f"Reading {arguments.source}"):
            pool = read_source(arguments.source, _reading_of(arguments))
            parts = divide(pool, settings, arguments.nodes, arguments.seed)
    except DataError as error:
        raise error.in_full() from None  # the file is on this machine
    with telling.waiting(f"Writing {counted(len(parts), 'file')} to {arguments.out}"):
        paths = write(parts, arguments.out, force=arguments.force)
    sizes = [(len(part.train_rows), 0 if part.test_rows is None else len(part.test_rows)) for part in parts]
    told: list[RenderableType] = [*pool.notes, shares([class_counts(part) for part in parts], sizes), ""]
    telling.say(laid_out(told), end="")
    telling.say(f"Written: {paths[0]}" + (f" to {paths[-1]}" if len(paths) > 1 else ""))
    files = [
        {"file": str(path), "train": train, "test": test} for path, (train, test) in zip(paths, sizes, strict=True)
    ]
    telling.result({"status": status_of(0), "folder": str(arguments.out), "files": files, "notes": list(pool.notes)})
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
