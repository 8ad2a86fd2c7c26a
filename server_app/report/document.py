"""A run as one JSON document: all that its page shows, and nothing that a page would have to look up.

The page is a function of this document, and of the events of the journal that come after it. Keys:

``format``
    1; another one is laid out otherwise.
``kind``
    ``run``; `server_app.report.comparison` makes another.
``run``
    ``name``, ``folder``, ``status`` (``running``, ``finished``, ``stopped``, ``failed``), ``message``, ``seed``,
    ``seconds``, ``finished_at``, ``task`` (in words), ``choices`` (by axis), ``versions``.
``objective``, ``metric``
    ``name`` and ``direction`` of what ranks trials, and of what tests are told in.
``trials``
    Rows, best first, then by number: ``number``, ``id``, ``architecture``, ``recipe`` (in words), ``origin``,
    ``parent``, ``repeats``, ``state``, ``rung``, ``rounds``, ``value`` (of the objective, at the last rung),
    ``values``, ``feasible``, ``parameters``, ``macs``, ``mac_examples``, ``bytes``, ``began``, ``ended`` (seconds),
    ``failure``, ``place`` (from 1; None of who has no score), ``chosen`` (places in ``questions``' answers).
``questions``
    What there was to choose: ``name`` and ``answers``.
``scores``, ``best``
    In the order in which they came: ``trial``, ``rung``, ``rounds``, ``value``, and ``time``, ``mac_examples`` and
    ``bytes`` that the run had spent by then.
``curves``
    See `server_app.report.curves`.
``lineage``, ``fronts``, ``choices``, ``nodes``, ``costs``, ``troubles``, ``leaving``, ``models``
    See the modules of these names.
``graph``
    The winner's network: ``title``, ``described``, and an SVG as text; None before there is a winner.
``spent``, ``ledgers``, ``events``
    Where the document stands, so that later events can be added: as of `History`, and how many lines of the journal
    it has read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.errors import FlwrNasError
from common.precision import number_bytes
from server_app.report.choices import choices_of
from server_app.report.chosen import chosen_of, in_words, questions_of
from server_app.report.costs import costs_of
from server_app.report.curves import curves_of
from server_app.report.folder import RunFiles, read_run
from server_app.report.fronts import fronts_of
from server_app.report.history import History, history_of
from server_app.report.leaving import leaving_of
from server_app.report.lineage import lineage_of
from server_app.report.models import models_of
from server_app.report.nodes import nodes_of
from server_app.report.troubles import troubles_of
from server_app.show.svg import svg_of

FORMAT = 1
_AXES = ("space", "controller", "fidelity", "weights", "objective", "placement", "aggregation", "dataset", "federation")


def document_of(folder: Path) -> dict[str, Any]:
    """Return the document of the run in a folder; raises `StorageError` as of `read_run`."""
    return describe(read_run(folder))


def describe(run: RunFiles) -> dict[str, Any]:
    """Return the document of a run."""
    events, result = run.events, run.result
    history = history_of(events)
    chosen = chosen_of(run, history)
    head = None if run.task is None else run.task.head
    metric, direction = head.primary if head is not None else (history.objective or "score", history.direction)
    questions, places = questions_of(chosen)
    winner = (result.get("winner") or {}).get("trial")
    leader = winner if winner is not None else history.best[-1]["trial"] if history.best else None
    return {
        "format": FORMAT,
        "kind": "run",
        "run": _facts(run),
        "objective": {
            "name": history.objective or metric,
            "direction": history.direction if history.objective else direction,
        },
        "metric": {"name": metric, "direction": direction},
        "trials": _rows(run, history, places),
        "questions": questions,
        "scores": history.scores,
        "best": history.best,
        "curves": curves_of(events, history),
        "lineage": _readable(lineage_of(leader, history.trials, chosen)),
        "fronts": fronts_of(history, result, run.config, run.task),
        "choices": choices_of(chosen, history.scores, 1.0 if history.direction == "max" else -1.0, _seed(run)),
        "nodes": nodes_of(events, result, run.history, metric, direction),
        "costs": costs_of(events, result, history.ledgers),
        "troubles": troubles_of(events),
        "leaving": leaving_of(events, result, history.ledgers, run.config, run.task),
        "models": models_of(result, head),
        "graph": _graph(run, history, leader),
        "spent": history.spent,
        "ledgers": history.ledgers,
        "events": events[-1].get("n", len(events) - 1) + 1,
    }


def _facts(run: RunFiles) -> dict[str, Any]:
    """Return what the run is."""
    first, last, config = run.events[0], run.events[-1], run.config
    ended = last["event"] == "end"
    return {
        "name": run.result.get("name") or first.get("name") or run.name,
        "folder": run.name,
        "status": last["status"] if ended else run.result.get("status", "running"),
        "message": last.get("message", "") if ended else "",
        "seed": _seed(run),
        "seconds": last["time"],
        "finished_at": run.result.get("finished_at"),
        "task": "" if run.task is None else _task(run),
        "choices": {} if config is None else {axis: _named(getattr(config, axis)) for axis in _AXES},
        "versions": dict(run.result.get("versions") or {}),
    }


def _task(run: RunFiles) -> str:
    assert run.task is not None
    head, shape = run.task.head, " x ".join(map(str, run.task.input_shape))
    of = f" of {head.output_width} classes" if head.kind == "classification" else ""
    return f"{head.kind}{of}, inputs {shape}"


def _named(choice: Any) -> str:
    return str(choice["name"] if isinstance(choice, Mapping) else choice.name)


def _seed(run: RunFiles) -> int:
    return int(run.events[0].get("seed", run.result.get("seed", 0)))


def _readable(lineage: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {**one, "changes": [[name, in_words(old), in_words(new)] for name, old, new in one["changes"]]}
        for one in lineage
    ]


def _rows(run: RunFiles, history: History, places: Mapping[int, list[int]]) -> list[dict[str, Any]]:
    """Return the rows of all trials, best first: as history.json has them, or while there is none by rung and value."""
    trials, sign = history.trials, 1 if history.direction == "max" else -1
    for row in run.history:
        if row["number"] in trials:
            trials[row["number"]]["mac_examples"] = row.get("mac_examples", 0)
    ranks = [row for row in trials.values() if row["value"] is not None and row["state"] != "failed"]
    known = {row["number"]: place for place, row in enumerate(run.history)}
    ranks.sort(
        key=lambda row: (known.get(row["number"], len(known)), -row["rung"], -sign * row["value"], row["number"])
    )
    for place, row in enumerate(ranks, start=1):
        row["place"] = place
    rest = [row for row in trials.values() if row["place"] is None]
    return [{**row, "chosen": places.get(row["number"], [])} for row in [*ranks, *rest]]


def _graph(run: RunFiles, history: History, number: int | None) -> dict[str, str] | None:
    """Return the picture of a trial's network."""
    spec = None if number is None else history.specs.get(number)
    if spec is None or run.task is None:
        return None
    try:
        graph = spec.lower(run.task)
    except FlwrNasError:
        return None
    title, described = f"trial {number} ({spec.id})", spec.describe()
    sent = number_bytes(run.result.get("precision", "float32"))
    return {"title": title, "described": described, "svg": svg_of(title, described, graph, sent)}
