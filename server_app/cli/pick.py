"""``flwr-nas pick``: the best architecture of a finished run within limits, without a node."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import ConfigError
from server_app.cli.flags import add_flags, status_of

if TYPE_CHECKING:
    from rich.table import Table

    from common.architecture.spec import ArchitectureSpec
    from common.limits import Limits
    from server_app.pick import Finished, Predicted, Scored
    from server_app.reporting.telling import Telling

_ABOUT = """Finds, in seconds and without a node, the best architecture of a run that keeps limits: among the trials
that were scored, and, by a random forest fitted on them, among all others of the space. What is predicted was never
trained: train it, or begin a search with it."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this subcommand."""
    parser = commands.add_parser("pick", help="the best of a run within limits, without a node", description=_ABOUT)
    parser.epilog = "example: flwr-nas pick runs/NAME --max-macs 1e6 --max-params 50000"
    parser.add_argument("folder", type=Path, metavar="RUN", help="folder of a finished run")
    parser.add_argument("--max-macs", type=_number, metavar="N", help="of one example, forward, such as 1e6")
    parser.add_argument("--max-params", type=_number, metavar="N", help="trainable parameters")
    parser.add_argument("--scored", action="store_true", help="among the trials only: predict nothing")
    parser.add_argument("--spec", type=Path, metavar="FILE", help="write the spec of the best of all there")
    parser.add_argument(
        "--model",
        type=Path,
        metavar="FOLDER",
        help="of a run with weights=supernet: cut its weights out, untrained alone",
    )
    add_flags(parser, "the best scored, the best predicted, and which of them to go on with", None)
    parser.set_defaults(run=_pick)


def _pick(arguments: argparse.Namespace) -> int:
    from common.files import write_aside
    from common.limits import Limits

    limits = Limits(arguments.max_params, arguments.max_macs)
    telling: Telling = arguments.telling
    with telling.waiting(f"Looking through {arguments.folder}"):
        from server_app.pick import best_predicted, best_scored, read_run

        run = read_run(arguments.folder)
        scored = best_scored(run, limits)
        predicted = None if arguments.scored else best_predicted(run, limits)
    if scored is None and predicted is None:
        raise _too_narrow(run, limits)
    telling.show(_table(run, scored, predicted))
    for name, found in (("best scored", scored), ("best predicted", predicted)):
        if found is not None:
            telling.say(f"{name}: {found.spec.describe()} ({found.spec.id})")
    for line in _notes(run, scored, predicted, forest=not arguments.scored):
        telling.say(line)
    spec = _better(run, scored, predicted)
    if arguments.spec is not None:
        write_aside(arguments.spec, spec.to_json() + "\n")
        telling.say(f"written to {arguments.spec}")
    if arguments.model is not None:
        from server_app.supernet.file import cut_model

        telling.say(cut_model(arguments.folder, spec, run.task, arguments.model))
    telling.result(_document(run, scored, predicted))
    return 0


def _document(run: Finished, scored: Scored | None, predicted: Predicted | None) -> dict[str, Any]:
    """Return what programs are told, with the costs of each, and under ``id`` that of the best of all.

    Scores are of ``metric``, as the table has them: of some of those less is better.
    """
    told = {
        name: None if found is None else _entry(run, found)
        for name, found in (("scored", scored), ("predicted", predicted))
    }
    best = _better(run, scored, predicted)
    return {"metric": run.objectives.terms()[0].name, **told, "id": best.id, "status": status_of(0), "folder": None}


def _entry(run: Finished, found: Scored | Predicted) -> dict[str, Any]:
    from common.architecture.cost import cost_of

    cost, spec = cost_of(found.spec.lower(run.task)), found.spec
    figures = {name: value for name, value in vars(found).items() if name != "spec"}
    figures["score"] = run.objectives.terms()[0].oriented(found.score)
    told = {"architecture": spec.describe(), "id": spec.id, "spec": json.loads(spec.to_json())}
    return {**told, **figures, "parameters": cost.parameters, "macs": cost.macs}


def _too_narrow(run: Finished, limits: Limits) -> ConfigError:
    """Return what is wrong where nothing keeps the limits, with what there is."""
    from common.architecture.cost import cost_of

    given = {"MACs": limits.max_macs, "parameters": limits.max_parameters}
    said = " and ".join(f"{most:,} {what}" for what, most in given.items() if most is not None)
    costs = [cost_of(trial.spec.lower(run.task)) for trial in run.scored]
    least = (min(cost.macs for cost in costs), min(cost.parameters for cost in costs)) if costs else (0, 0)
    begin = ": its trials begin at {:,} MACs and {:,} parameters".format(*least) if costs else ""
    return ConfigError(
        f"Nothing that is known of this run keeps the limits{said and f' of {said}'}", fix=f"Loosen them{begin}"
    )


def _better(run: Finished, scored: Scored | None, predicted: Predicted | None) -> ArchitectureSpec:
    """Return what to go on with: what was scored, unless the forest is sure that something else is better.

    It can be of scores of one rung alone, and of one objective.
    """
    if scored is None:
        assert predicted is not None
        return predicted.spec
    compares = predicted is not None and predicted.rung == scored.rung and not run.objectives.several
    sure = compares and predicted is not None and predicted.score - predicted.error > scored.score
    return predicted.spec if sure and predicted is not None else scored.spec


def _table(run: Finished, scored: Scored | None, predicted: Predicted | None) -> Table:
    from rich.table import Table

    from common.architecture.cost import cost_of

    table = Table()
    term = run.objectives.terms()[0]
    for column in ("", term.name, "parameters", "MACs"):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    rows = []
    if scored is not None:
        rows.append((f"best scored, trial-{scored.number:04d}", f"{term.oriented(scored.score):.4f}", scored.spec))
    if predicted is not None:
        foreseen = f"{term.oriented(predicted.score):.4f} ± {predicted.error:.4f}"
        rows.append(("best predicted, untried", foreseen, predicted.spec))
    for name, score, spec in rows:
        cost = cost_of(spec.lower(run.task))
        table.add_row(name, score, f"{cost.parameters:,}", f"{cost.macs:,}")
    return table


def _notes(run: Finished, scored: Scored | None, predicted: Predicted | None, *, forest: bool) -> Iterator[str]:
    """Yield what the numbers of the table are, and what they are not."""
    from server_app.pick import LEAST
    from server_app.reporting.words import counted

    if scored is None:
        yield f"Of {counted(len(run.scored), 'scored trial')} none keeps the limits."
    else:
        what = "the knee of the front" if run.objectives.several else "the best"
        best = f"trial-{scored.number:04d} is {what} within the limits"
        yield f"{best} of {counted(len(run.scored), 'scored trial')}, at rung {scored.rung}."
        if not scored.feasible:
            yield "It breaks the constraints of the search's objective."
    if run.shares:
        yield "Scores are of weights that all trials share: they rank them, and a network trained alone has another."
    if predicted is not None:
        yield (
            f"Predicted is by a random forest fitted on {predicted.trials} trials of rung {predicted.rung}, among "
            f"{counted(predicted.candidates, 'other spec')}; on trials that its trees had not seen it erred by "
            f"{predicted.error:.4f} (root mean square), "
            + ("all being equal." if predicted.rho is None else f"with a Spearman rho of {predicted.rho:+.2f}.")
        )
        if run.objectives.several:
            yield f"It foresees {run.objectives.terms()[0].name} alone, whatever the other objectives are worth."
        elif scored is not None and scored.rung != predicted.rung:
            yield "Scores of different rungs do not compare, so what was scored counts."
    elif forest:
        yield f"Nothing is predicted: that takes {LEAST} scores of one rung, and something else within the limits."


def _number(text: str) -> int:
    """Read a limit, such as 50000 or 1e6."""
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 1 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0, such as 50000 or 1e6")
    return int(value)
