"""``flwr-nas export``: a finished run for the tools of others."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import ConfigError, DataError
from server_app.cli.flags import add_flags, status_of

if TYPE_CHECKING:
    from common.tasks import Task
    from server_app.export.base import Format
    from server_app.export.examples import Known
    from server_app.export.writing import Written
    from server_app.reporting.telling import Telling

_ABOUT = """Writes a finished run in the format of other tools.

--to FORMAT: its trained model, with the scaling of inputs in it, a card in README.md, and what was measured:
  python        a Python file to read, which needs torch alone
  safetensors   weights as safetensors, with such a file
  torch_export  a program of torch.export
  onnx          ONNX; needs pip install "flwr-nas[onnx]"
  executorch    ExecuTorch, for phones and small devices; needs pip install "flwr-nas[executorch]"
None of them needs flwr-nas to be used; flwr-nas predict scores files with each of them.

--optuna FILE: a journal of Optuna with all trials of the search, which optuna-dashboard FILE shows; it needs
pip install "flwr-nas[optuna]"."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this subcommand."""
    parser = commands.add_parser(
        "export",
        help="write a finished run for the tools of others",
        description=_ABOUT,
        epilog="example: flwr-nas export runs/NAME --to onnx --quantize int8",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="RUN", help="folder of a finished run; with --to also of a model")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--to", metavar="FORMAT", help="write the trained model so")
    what.add_argument("--optuna", type=Path, metavar="FILE", help="a new file, for Optuna's journal of the trials")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="of --to (default: RUN/export/FORMAT)")
    parser.add_argument("--member", type=int, metavar="N", help="of a front, its trial N in place of the winner")
    parser.add_argument("--quantize", choices=("int8",), help="weights and activations of 8 bits; of onnx, executorch")
    parser.add_argument(
        "--data", metavar="FILE", help="examples to try it on (default: of the run, where they are here)"
    )
    parser.add_argument("--label", default="label", help="column of a table that holds the labels (default: label)")
    parser.add_argument("--license", default="", metavar="NAME", help="for the card, such as apache-2.0")
    add_flags(parser, "what was written, and what was measured", "the folder of what was written alone")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.optuna is not None:
        for name in ("out", "member", "quantize", "data"):
            if getattr(arguments, name) is not None:
                raise ConfigError(f"--{name} is for --to only", getattr(arguments, name), fix="Leave it out")
        return _export_trials(arguments.folder, arguments.optuna, arguments.telling)
    return _export_model(arguments)


def _export_trials(folder: Path, file: Path, telling: Telling) -> int:
    import server_app.optuna_study  # noqa: F401 - the first to be imported, as it says what must be installed
    from server_app.optuna_export import export_journal
    from server_app.reporting.words import counted

    with telling.waiting(f"Writing {file}"):
        count = export_journal(folder, file)
    telling.say(f"{counted(count, 'trial')} written to {file}; see them with: optuna-dashboard {file}")
    telling.result({"status": status_of(0), "folder": str(file.parent), "file": str(file), "trials": count})
    return 0


def _export_model(arguments: argparse.Namespace) -> int:
    from server_app.registry import load_choice

    telling: Telling = arguments.telling
    int8 = arguments.quantize == "int8"
    with telling.waiting(f"Reading the model of {arguments.folder}"):
        from server_app.export.found import find
        from server_app.export.writing import write

        form: Format = load_choice("format", arguments.to)()
        form.check_installed()
        if int8:
            form.check_int8()
        model, told = find(arguments.folder, arguments.member)
        known = _known(arguments, model.task, told.result.get("counts", {}).get("nodes"))
    model = model.fitted(known.fitted if known is not None and arguments.data is not None else None)
    folder = arguments.out or _home(arguments, form.name)
    with telling.waiting(f"Writing {form.name}, and trying it"):
        written = write(form, model, told, folder, known, arguments.license, int8=int8)
    for line in _lines(form, written):
        telling.say(line)
    telling.result(_document(form, written))
    return 0


def _known(arguments: argparse.Namespace, task: Task, nodes: int | None) -> Known | None:
    """Return the examples to try a model on, where there are some; `nodes` is the number of nodes of its run."""
    from server_app.export.examples import of_file, of_run

    try:
        if arguments.data is not None:
            return of_file(arguments.data, arguments.label, task)
        return of_run(arguments.folder, nodes, task) if nodes else None
    except DataError as error:
        raise error.in_full() from None  # the file is on this machine


def _home(arguments: argparse.Namespace, name: str) -> Path:
    """Return where a model goes if nobody says otherwise: into the folder of the run, or beside that of the model."""
    parts = [name, *([arguments.quantize] if arguments.quantize else [])]
    parts += [] if arguments.member is None else [f"trial-{arguments.member:04d}"]
    folder: Path = arguments.folder
    return folder / "export" / "-".join(parts)


def _document(form: Format, written: Written) -> dict[str, Any]:
    return {
        "status": status_of(0),
        "folder": str(written.folder),
        "format": form.name,
        "files": list(form.files),
        "measured": asdict(written.measured),
        "before_after": written.before_after,
        "tried_on": written.tried_on,
    }


def _lines(form: Format, written: Written) -> Iterator[str]:
    from server_app.export.writing import CARD
    from server_app.reporting.words import size

    measured, on = written.measured, written.tried_on
    yield (
        f"{size(measured.bytes)}, {1e3 * measured.seconds:.3f} ms for one example on one thread (torch "
        f"{1e3 * measured.torch_seconds:.3f} ms), outputs off by {measured.difference:.1e} at most on {on}"
    )
    for metric, of in written.before_after.items():
        yield f"{metric}: {of['before']:.4f} before, {of['after']:.4f} with 8 bits, on {on}"
    yield f"written to {written.folder}: {', '.join((*form.files, CARD))}"
