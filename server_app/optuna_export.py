"""A run as a journal of Optuna, for whoever knows Optuna's tools: ``optuna-dashboard FILE`` shows it.

The file is what Optuna's `JournalStorage` writes, with one study, named as the run folder. Each trial of the search has
its answers to the questions of the space as parameters, with the values that people know; its state and its objectives,
in their own directions; where there is one objective, its value at each rung; and as attributes what else is known:
spec, recipe, parent, cost. What was stopped is pruned. A given trial may have been trained in ways that the
search does not offer; it lacks the parameters that would say so, and its recipe says it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from numbers import Real
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.trial import FrozenTrial, TrialState

from common.architecture.cost import cost_of
from common.architecture.spec import ArchitectureSpec
from common.errors import SpecError, StorageError
from common.files import write_aside
from common.tasks import task_from_record
from server_app.build import build_space
from server_app.objectives.base import Objective
from server_app.optuna_study import quiet
from server_app.run_folder import HISTORY, JOURNAL, RESULT, read_finished
from server_app.spaces.domains import Choices, Domain
from server_app.spaces.recipes import RecipeSpace
from server_app.spaces.trial_space import TrialSpace
from server_app.state import config_of
from server_app.trials import Identity, Recipe
from server_app.wiring import objectives_of

_STATES = {
    "finished": TrialState.COMPLETE,
    "stopped": TrialState.PRUNED,
    "failed": TrialState.FAIL,
    "running": TrialState.RUNNING,
    "waiting": TrialState.RUNNING,
}
_RECIPE = "training."

Asked = Mapping[str, tuple[Domain, Any]]


def export_journal(folder: Path, file: Path) -> int:
    """Write the trials of a finished run as a journal of Optuna; returns how many there are.

    Raises
    ------
    StorageError
        A file of the run is missing, or is none of ours; or the journal is there already, or cannot be written.
    """
    if file.exists():
        raise StorageError("A journal is written to a new file", str(file), fix="Name another one, or remove it")
    result, history = (read_finished(folder, name) for name in (RESULT, HISTORY))
    config = config_of(folder)
    try:
        task = task_from_record(result["task"])
        rows = sorted(history, key=lambda row: int(row["number"]))
        identities = [(ArchitectureSpec.from_dict(row["spec"]), Recipe.from_json(row["recipe"])) for row in rows]
        space = TrialSpace(build_space(config, task), RecipeSpace.of(config.training, task))
        objectives = objectives_of(config, task).dimensions()
        asked = [_offered(space, identity) for identity in identities]
        names = _names(asked)
        times = dict(_times(folder))
        trials = [
            FrozenTrial(
                **_state(row, objectives, times.get(row["number"], _NEVER)),
                **_parameters(given, names),
                user_attrs=_attributes(row, identity, space),
                system_attrs={},
            )
            for row, identity, given in zip(rows, identities, asked, strict=True)
        ]
        if any(row["feasible"] is False for row in rows):
            for row, trial in zip(rows, trials, strict=True):
                if row["feasible"] is not None:
                    trial.set_constraint("broken", not row["feasible"])
    except (KeyError, TypeError, SpecError) as error:
        raise StorageError(f"The files of a run must be whole ({error!r})", str(folder), fix="Copy it again") from None
    lines = _Lines()
    storage = JournalStorage(lines)
    with quiet():
        study = optuna.create_study(
            storage=storage,
            study_name=folder.resolve().name,
            directions=["maximize" if one.direction == "max" else "minimize" for one in objectives],
        )
        study.set_metric_names([one.name for one in objectives])
    place = storage.get_study_id_from_name(study.study_name)
    for trial in trials:
        storage.create_new_trial(place, template_trial=trial)
    write_aside(file, "".join(f"{line}\n" for line in lines.lines))
    return len(trials)


class _Lines(BaseJournalBackend):
    """A journal in memory, which becomes a file only when it is whole."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        return map(json.loads, self.lines[log_number_from:])

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        self.lines += [json.dumps(log, separators=(",", ":")) for log in logs]


# ------------------------------------------------------------ parameters


def _offered(space: TrialSpace, identity: Identity) -> Asked:
    """Return what was answered, without settings of a recipe that the search does not offer."""
    _, recipe = identity
    return {
        name: (domain, answer)
        for name, (domain, answer) in space.asked(identity).items()
        if domain.size > 1 and (not name.startswith(_RECIPE) or getattr(recipe, name.removeprefix(_RECIPE)) == answer)
    }


def _names(asked: Sequence[Asked]) -> dict[tuple[str, Domain], str]:
    """Return what parameters are called: as the question, with what may be answered where that is not always the same.

    Optuna wants one distribution for a name.
    """
    pairs = dict.fromkeys((name, domain) for given in asked for name, (domain, _) in given.items())
    often = [name for name, _ in pairs]
    return {(name, domain): name if often.count(name) == 1 else f"{name} of {domain}" for name, domain in pairs}


def _parameters(given: Asked, names: Mapping[tuple[str, Domain], str]) -> dict[str, Any]:
    params: dict[str, Any] = {}
    distributions: dict[str, BaseDistribution] = {}
    for question, (domain, answer) in given.items():
        name = names[question, domain]
        if isinstance(domain, Choices):
            params[name] = _readable(answer)
            distributions[name] = CategoricalDistribution([_readable(value) for value in domain.values])
        else:
            params[name] = answer
            distributions[name] = FloatDistribution(domain.low, domain.high)
    return {"params": params, "distributions": distributions}


def _readable(value: Any) -> Any:
    """Return a value as Optuna can keep it."""
    if value is None or isinstance(value, (str, Real)):
        return value
    return "+".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)


# ------------------------------------------------------------ what became of them


@dataclass(frozen=True)
class _Times:
    """When a trial began and ended."""

    began: datetime | None = None
    ended: datetime | None = None


_NEVER = _Times()


def _times(folder: Path) -> Iterator[tuple[int, _Times]]:
    """Yield for each trial when it began and ended, as far as the journal is there to tell."""
    found: dict[int, _Times] = {}
    began = 0.0
    with suppress(OSError, ValueError, LookupError, TypeError):
        for line in (folder / JOURNAL).read_text(encoding="utf-8").splitlines():
            event = json.loads(line)
            if event["event"] == "start":
                began = event["started_at"]
            number = _number(event.get("trial"))
            if number is None:
                continue
            when = datetime.fromtimestamp(began + event["time"], UTC)
            if event["event"] == "proposed":
                found[number] = _Times(when)
            elif event["event"] in ("finished", "stopped", "failed"):
                found[number] = _Times(found[number].began, when)
    yield from found.items()


def _number(name: Any) -> int | None:
    """Return the number of a trial of the search; None of anything else."""
    stage, _, number = str(name).partition("-")
    return int(number) if stage == "trial" and number.isdecimal() else None


def _state(row: Mapping[str, Any], objectives: Sequence[Objective], times: _Times) -> dict[str, Any]:
    """Return the fields of a frozen trial that say what became of it; it gets its numbers from the study."""
    state = _STATES[row["state"]]
    rungs = row["scores"] if len(objectives) == 1 else []
    return {
        "number": -1,
        "trial_id": -1,
        "state": state,
        "value": None,
        "values": [row["values"][one.name] for one in objectives] if state is TrialState.COMPLETE else None,
        "datetime_start": times.began,
        "datetime_complete": times.ended if state.is_finished() else None,
        "intermediate_values": {one["rounds"]: objectives[0].oriented(one["score"]) for one in rungs},
    }


def _attributes(row: Mapping[str, Any], identity: Identity, space: TrialSpace) -> dict[str, Any]:
    spec, recipe = identity
    cost = cost_of(spec.lower(space.space.task))
    return {
        "trial": row["number"],
        "spec": spec.id,
        "architecture": spec.describe(),
        "recipe": recipe.to_json(),
        "origin": row["origin"],
        "parent": row["parent"],
        "parameters": cost.parameters,
        "macs": cost.macs,
        "rung": row["rung"],
        "rounds": row["rounds"],
        "metrics": row["metrics"],
        **({"failure": row["failure"]} if row["failure"] else {}),
    }
