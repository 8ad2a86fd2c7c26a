"""Orders: the jobs that one message asks of a node."""

from __future__ import annotations

import json
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import TypeVar, cast, get_args

from flwr.app import ArrayRecord, ConfigRecord, RecordDict

from common.architecture.layout import layout, state_size
from common.architecture.spec import ArchitectureSpec
from common.errors import ConfigError, FlwrNasError, ProtocolError, SpecError
from common.jobs import NO_ARRAYS, Job, Order, Result, Split, Work, WorkKind
from common.limits import NO_LIMITS, Limits, needs_of
from common.precision import Precision
from common.settings import BilevelSettings, DatasetSettings, PersonalSettings, TrainingSettings
from common.tasks import Task
from common.wire.arrays import Packer, ReceivedSets, record_of_sets
from common.wire.fields import column_of, field_of, json_of, parsed, record_of, rows_of
from common.wire.header import header_of

_COLUMNS: dict[str, type] = {
    "job": str,
    "trial": str,
    "kind": str,
    "split": str,
    "round": int,
    "rounds": int,
    "calibration": int,
    "teacher": str,
    "threshold": float,
    "bootstrap": int,
    "spec": int,
    "training": int,
    "arrays": int,
    "bilevel": int,
    "personal": int,
}
_SPLITS: dict[WorkKind, tuple[Split, ...]] = {
    "train": ("train",),
    "score": ("validation", "all", "test"),
    "proxy": ("train",),
    "bilevel": ("train",),
    "personal": ("train",),
}
"""On what each kind of work may be done."""

T = TypeVar("T", bound=Hashable)
S = TypeVar("S", BilevelSettings, PersonalSettings)

_NOTHING = "null"
_MOST_DRAWS = 10_000
_NONE = -1.0
"""Stands for a threshold that there is not: a column has numbers only."""
_MAX_TASK = 2**22
"""Characters of a task: it names all classes, of which there may be thousands."""


def encode_order(digest: str, order: Order, packer: Packer) -> RecordDict:
    """Write an order.

    Parameters
    ----------
    digest : str
        Digest of this side's code.
    order : Order
        Jobs that share a set of arrays, as the score and the training of one trial do, send it once.
    packer : Packer
        In the order's precision; serializes each set of arrays once for all messages.
    """
    specs, spec = _distinct([job.spec for job in order.jobs])
    trainings, training = _distinct([job.work.training for job in order.jobs])
    _, arrays = _distinct([id(job.arrays) for job in order.jobs])
    bilevels, bilevel = _distinct([job.work.bilevel for job in order.jobs])
    personals, personal = _distinct([job.work.personal for job in order.jobs])
    record = ConfigRecord(
        {
            "seed": order.seed,
            "budget": float(order.budget),
            "task": json.dumps(order.task.to_dict()),
            "precision": str(order.precision),
            "min_examples": order.min_examples,
            "dataset": json.dumps(order.dataset.to_json()),
            "specs": [one.to_json() for one in specs],
            "trainings": [json.dumps(one.to_json()) for one in trainings],
            "job": [job.id for job in order.jobs],
            "trial": [job.trial for job in order.jobs],
            "kind": [str(job.work.kind) for job in order.jobs],
            "split": [str(job.work.split) for job in order.jobs],
            "round": [job.work.round for job in order.jobs],
            "rounds": [job.work.rounds for job in order.jobs],
            "calibration": [job.work.calibration for job in order.jobs],
            "teacher": [job.work.teacher for job in order.jobs],
            "threshold": [_NONE if job.work.threshold is None else job.work.threshold for job in order.jobs],
            "bootstrap": [job.work.bootstrap for job in order.jobs],
            "spec": spec,
            "training": training,
            "arrays": arrays,
            "bilevels": [json.dumps(one and one.to_json()) for one in bilevels],
            "bilevel": bilevel,
            "personals": [json.dumps(one and one.to_json()) for one in personals],
            "personal": personal,
        }
    )
    sets = {number: packer.packed(job.arrays) for number, job in zip(arrays, order.jobs, strict=True)}
    return RecordDict({"header": header_of(digest), "order": record, "arrays": record_of_sets(sets)})


def decode_order(content: RecordDict, limits: Limits = NO_LIMITS) -> tuple[Order, tuple[Result, ...]]:
    """Read an order.

    Parameters
    ----------
    content : RecordDict
        From `encode_order`, or from anybody.
    limits : Limits
        Of this node.

    Returns
    -------
    Order
        With the jobs that this node can do.
    tuple of Result
        The others, ``refused`` with the reason: their spec or recipe is malformed, too long, of another version, or
        above the limits, or their weights are not those of the spec.

    Raises
    ------
    ProtocolError
        What all jobs have in common is malformed.
    """
    record = record_of(content, "order")
    specs, trainings = column_of(record, "specs", str), column_of(record, "trainings", str)
    bilevels, personals = column_of(record, "bilevels", str), column_of(record, "personals", str)
    order = _read_settings(record)
    sets = ReceivedSets(content.array_records.get("arrays", ArrayRecord()), order.precision)
    jobs, refused = [], []
    for row in rows_of(record, _COLUMNS):
        job, trial, kind, split, number, rounds, calibration, teacher, threshold, bootstrap, *places = row
        spec_at, training_at, arrays_at, bilevel_at, personal_at = places
        if split not in _SPLITS.get(kind, ()):
            raise ProtocolError(
                "A job trains (bilevel, personal or neither), or scores by proxies, on the train split, or scores on "
                "validation, all or test",
                (kind, split),
            )
        if not (threshold == _NONE or 0 <= threshold <= 1):
            raise ProtocolError("A threshold is a probability", threshold)
        if not 0 <= bootstrap <= _MOST_DRAWS:
            raise ProtocolError(f"Examples are drawn 0 to {_MOST_DRAWS} times", bootstrap)
        try:
            training = _read_training(trainings, training_at)
            spec = ArchitectureSpec.from_json(_text_of("specs", specs, spec_at))
            bilevel = _read_extra(BilevelSettings, "bilevels", bilevels, bilevel_at)
            personal = _read_extra(PersonalSettings, "personals", personals, personal_at)
            _check_bilevel(kind, spec, bilevel)
            _check_personal(kind, personal)
            _check_limits(spec, order.task, training, limits)
            arrays = NO_ARRAYS if kind == "proxy" else sets.read(arrays_at, job, _sizes(spec, order.task))
        except FlwrNasError as error:
            refused.append(Result(job, "refused", str(error)))
        else:
            known = None if threshold == _NONE else threshold
            work = Work(
                kind, split, number, training, rounds, calibration, teacher, bilevel, known, bootstrap, personal
            )
            jobs.append(Job(job, trial, spec, arrays, work))
    return replace(order, jobs=tuple(jobs)), tuple(refused)


def _distinct(values: Sequence[T]) -> tuple[list[T], list[int]]:
    """Return the values that differ, and which of them each one is."""
    numbers = {value: number for number, value in enumerate(dict.fromkeys(values))}
    return list(numbers), [numbers[value] for value in values]


def _read_settings(record: ConfigRecord) -> Order:
    """Return what all jobs of an order have in common."""
    precision = field_of(record, "precision", str)
    try:
        task = Task.from_dict(json_of(record, "task", _MAX_TASK))
        dataset = DatasetSettings.from_json(json_of(record, "dataset"))
    except (SpecError, ConfigError) as error:
        raise ProtocolError("An order must hold a legal task and data set", fix=str(error)) from error
    if precision not in get_args(Precision):
        raise ProtocolError(f"The precision must be one of {get_args(Precision)}", precision)
    seed, budget = field_of(record, "seed", int), field_of(record, "budget", float)
    least = field_of(record, "min_examples", int)
    if least < 1:
        raise ProtocolError("A mini-batch has 1 example at least", least, fix="Set preprocessing.min_examples=10")
    return Order(seed, budget, task, dataset, (), cast(Precision, precision), least)


def _text_of(name: str, texts: Sequence[str], index: int) -> str:
    """Return the text that a job names."""
    if not 0 <= index < len(texts):
        raise ProtocolError(f"A job names one of the {len(texts)} {name} of its message", index)
    return texts[index]


def _read_training(texts: Sequence[str], index: int) -> TrainingSettings:
    """Return a job's recipe; raises `ConfigError` or `ProtocolError` for what is none."""
    return TrainingSettings.from_json(parsed("trainings", _text_of("trainings", texts, index)))


def _read_extra(settings: type[S], name: str, texts: Sequence[str], index: int) -> S | None:
    """Return the settings that jobs of one kind have, None where a job has none; raises as `_read_training` does."""
    text = _text_of(name, texts, index)
    return None if text == _NOTHING else settings.from_json(parsed(name, text))


def _check_bilevel(kind: WorkKind, spec: ArchitectureSpec, bilevel: BilevelSettings | None) -> None:
    """Raise `ProtocolError` unless all that a bilevel job has and no other one is there, or nothing of it."""
    if len({kind == "bilevel", spec.kind == "mixed", bilevel is not None}) > 1:
        raise ProtocolError(
            "A mixed spec and bilevel settings belong to a bilevel job, which needs both",
            (kind, spec.kind, bilevel and "bilevel settings"),
            fix="Train and score the plain spec that is made of it",
        )


def _check_personal(kind: WorkKind, personal: PersonalSettings | None) -> None:
    """Raise `ProtocolError` unless a personal job has its settings, and no other has some."""
    if (kind == "personal") != (personal is not None):
        raise ProtocolError(
            "Personal settings belong to a personal job, which needs them", (kind, personal and "personal settings")
        )


def _sizes(spec: ArchitectureSpec, task: Task) -> dict[str, int]:
    """Return the sizes of the arrays that a job starts from."""
    sizes = {"weights": state_size(layout(spec.lower(task)))}
    return {**sizes, "alphas": spec.num_alphas} if spec.kind == "mixed" else sizes


def _check_limits(spec: ArchitectureSpec, task: Task, training: TrainingSettings, limits: Limits) -> None:
    """Raise `SpecError` or `ProtocolError` where this node cannot hold the spec."""
    reason = limits.exceeded(needs_of(spec, task, training))
    if reason:
        raise ProtocolError(f"A spec must stay within the node's limits: {reason}")
