"""``flwr-nas show``: an architecture as a table and a picture, or what a search space holds."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import ConfigError
from server_app.cli.flags import add_flags, status_of
from server_app.reporting.telling import ALOUD, Telling

if TYPE_CHECKING:
    from common.architecture.cost import Cost
    from common.architecture.graph import Graph
    from common.architecture.spec import ArchitectureSpec
    from common.config import Config
    from common.tasks import Head, Task
    from server_app.show.survey import Survey
    from server_app.spaces.base import SearchSpace

_SAMPLES = 1000
_TRIES = 20
"""Draws for each legal spec that is wanted, before a space is taken to hold hardly any."""

_DESCRIPTION = """An architecture: prints a table of its parts and writes a picture of its graph. WHAT is a run's
folder (its winner, or --trial N), a model's folder or spec.json, any file with a spec, or - for the standard input.

A search space: prints what there is to choose from, how many architectures there are, and what 1,000 samples cost.
WHAT are overrides as of `flwr-nas search`, such as space=layered dataset=digits 'space.width=[32,64]'."""


def show(words: Sequence[str], telling: Telling = ALOUD) -> int:
    """Show what the words after ``flwr-nas show`` name, options standing anywhere among them; returns the exit code."""
    arguments = _parser().parse_intermixed_args(list(words))
    overrides = [word for word in arguments.what if "=" in word and not Path(word).exists()]
    if len(overrides) == len(arguments.what):
        _refuse(arguments, "an architecture", "trial", "batch", "svg")
        return _show_space(arguments, overrides, telling)
    _refuse(arguments, "a space", "samples", "config_dir")
    if len(arguments.what) > 1:
        raise ConfigError("One architecture is shown at a time", arguments.what, fix="Name one, or overrides only")
    return _show_architecture(arguments, telling)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="flwr-nas show",
        description=_DESCRIPTION,
        epilog="example: flwr-nas show space=cell dataset=digits",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", nargs="+", metavar="WHAT", help="a run, a file, -, or overrides that choose a space")
    parser.add_argument("--input", metavar="SHAPE", help="shape of one example, such as 9x128")
    parser.add_argument("--classes", type=int, metavar="N", help="number of classes")
    parser.add_argument("--targets", type=int, metavar="N", help="of a regression, how many numbers it tells")
    parser.add_argument("--labels", type=int, metavar="N", help="of several labels, each there or not, how many")
    parser.add_argument("--trial", type=int, metavar="N", help="of a run, this trial of its history")
    parser.add_argument("--batch", type=int, metavar="N", help="examples of a mini-batch, which decide about memory")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="where the picture goes (default: beside WHAT)")
    parser.add_argument("--samples", type=int, metavar="N", help="of a space (default: 1000)")
    parser.add_argument("--config-dir", metavar="FOLDER", help="of a space of yours, FOLDER/space/NAME.yaml")
    add_flags(parser, "the parts and costs of an architecture, or of what was drawn from a space", None)
    return parser


def _refuse(arguments: argparse.Namespace, of: str, *names: str) -> None:
    """Raise `ConfigError` where an option is given that belongs to the other of the two."""
    for name in names:
        if getattr(arguments, name) is not None:
            raise ConfigError(f"--{name.replace('_', '-')} is for {of} only", arguments.what, fix="Leave it out")


def _show_architecture(arguments: argparse.Namespace, telling: Telling) -> int:
    from common.architecture.cost import cost_of
    from common.files import write_aside
    from server_app.show.subject import read_subject
    from server_app.show.svg import svg_of
    from server_app.show.table import render

    subject = read_subject(arguments.what[0], arguments.trial)
    subject = subject.on(shape_of(arguments.input), head_of(arguments.classes, arguments.targets, arguments.labels))
    assert subject.task is not None
    graph, training = subject.spec.lower(subject.task), subject.training
    if arguments.batch is not None:
        training = replace(training, batch_size=arguments.batch)
    described = subject.spec.describe()
    for part in (*render(f"{subject.title}: {described}", graph, training, subject.number_bytes), ""):
        telling.show(part)
    picture = arguments.svg or subject.picture
    write_aside(picture, svg_of(subject.title, described, graph, subject.number_bytes))
    telling.say(f"Picture: {picture}")
    told = {**_told(subject.spec, cost_of(graph)), "parts": _parts(graph), "picture": str(picture)}
    telling.result({**told, "title": subject.title, "status": status_of(0), "folder": None})
    return 0


def _told(spec: ArchitectureSpec, cost: Cost) -> dict[str, Any]:
    """Return what programs are told of an architecture."""
    told = {"architecture": spec.describe(), "id": spec.id, "spec": json.loads(spec.to_json())}
    return {**told, "parameters": cost.parameters, "buffers": cost.buffers, "macs": cost.macs}


def _parts(graph: Graph) -> list[dict[str, Any]]:
    from server_app.show.parts import parts_of

    names = ("name", "what", "output_shape", "parameters", "macs")
    return [{name: getattr(part, name) for name in names} for part in parts_of(graph)]


def _show_space(arguments: argparse.Namespace, overrides: list[str], telling: Telling) -> int:
    samples = _SAMPLES if arguments.samples is None else arguments.samples
    if samples < 1:
        raise ConfigError("--samples must be 1 or more", samples, fix="Leave it out for 1,000")
    from common.config import compose_config
    from common.seeding import generator
    from server_app.build import without_foreign_options
    from server_app.show.space import render
    from server_app.show.survey import survey

    folder = arguments.config_dir
    if folder is not None and not Path(folder).is_dir():
        raise ConfigError("--config-dir must be a folder, with space/NAME.yaml in it", folder, fix="Name one")
    searched = [] if folder is None else [f"hydra.searchpath=['{Path(folder).absolute()}']"]
    config, notes = without_foreign_options(compose_config([*searched, *overrides]))
    for note in notes:
        if note.startswith("space="):
            telling.note(note)
    space = _space(config, shape_of(arguments.input), head_of(arguments.classes, arguments.targets, arguments.labels))
    with telling.waiting(f"Drawing {samples:,} specs"):
        found = survey(space, generator(config.seed, "show"), samples, _TRIES * samples)
    for part in render(config.space["name"], space, found):
        telling.show(part)
    telling.result({"space": config.space["name"], **_surveyed(space, found)})
    return 0


def _surveyed(space: SearchSpace, found: Survey) -> dict[str, Any]:
    """Return what programs are told of a space."""
    draws = {"draws": found.draws, "broken": found.broken, "legal": len(found.found)}
    drawn = [_told(spec, cost) for spec, cost in found.different]
    return {"size": space.size(), **draws, "drawn": drawn, "status": status_of(0), "folder": None}


def _space(config: Config, shape: tuple[int, ...] | None, head: Head | None) -> SearchSpace:
    """Return the space that was chosen, for its task; that of a table is of none."""
    from server_app.build import build_space
    from server_app.cli.tables import read_table, table_options
    from server_app.spaces.tabular import TabularSpace

    if config.space["name"] == "tabular":
        options = table_options(config.space)
        return TabularSpace(read_table(options), options)
    return build_space(config, _task(config, shape, head))


def _task(config: Config, shape: tuple[int, ...] | None, head: Head | None) -> Task:
    """Return the task that the options name, or else that of the first node of a simulation on the data set."""
    from common.data import load_task
    from common.errors import DataError
    from common.tasks import Task

    if shape is not None and head is not None:
        return Task(shape, head)
    try:
        task = load_task(config.dataset, config.federation.nodes or 1, config.seed)
    except DataError as error:
        raise error.in_full() from None  # the file is on this machine
    return Task(shape, head or task.head) if shape is not None else replace(task, head=head or task.head)


def shape_of(text: str | None) -> tuple[int, ...] | None:
    """Read ``--input``; raises `ConfigError` for what is no shape."""
    if text is None:
        return None
    lengths = text.lower().replace(",", "x").split("x")
    if not all(length.isdecimal() and int(length) for length in lengths) or len(lengths) > 3:
        raise ConfigError("--input must be one to three whole numbers", text, fix="Write it like 9x128 or 1x28x28")
    return tuple(map(int, lengths))


def head_of(classes: int | None, targets: int | None, labels: int | None = None) -> Head | None:
    """Read ``--classes``, ``--targets`` and ``--labels``; raises `ConfigError` for several, or what makes no sense."""
    from common.tasks import Classification, Multilabel, Regression

    if sum(given is not None for given in (classes, targets, labels)) > 1:
        raise ConfigError("A task has classes or targets, or labels", fix="Leave out all but one of them")
    if labels is not None:
        return Multilabel(labels)
    if classes is not None:
        return Classification(classes)
    if targets is not None and targets < 1:
        raise ConfigError("--targets must be 1 or more", targets, fix="Write --targets 1")
    return None if targets is None else Regression((0.0,) * targets, (1.0,) * targets)
