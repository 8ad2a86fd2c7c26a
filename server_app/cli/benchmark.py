"""``flwr-nas benchmark``: controllers judged on a table of evaluated architectures, in seconds, without Flower."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from common.errors import ConfigError, StorageError
from server_app.cli.flags import status_of, without_flags
from server_app.cli.resume import asks_for_help
from server_app.reporting.telling import ALOUD, Telling

_HELP = """Judges controllers on a table of evaluated architectures: nothing is trained, scores are looked up.

  flwr-nas benchmark space.table=FILE controller=evolution,random
  flwr-nas benchmark space.table=FILE controller=evolution controller.population_size=10,20,40
  flwr-nas benchmark space.table=FILE fidelity=full,successive_halving       where FILE has learning curves

What commas separate is compared, each with the first. An option of controller or fidelity holds for those that have
it. A query draws one of the trainings that the table tells of, as a search would see it. Two regrets are told: of the
one that these scores rank first, which is what a user gets, and of the best that was evaluated. benchmark.json has all
runs; benchmark.png, the curves, needs matplotlib (pip install "flwr-nas[plots]"). With --quiet their folder alone is
printed, with --json what benchmark.json holds.

The file is JSON: {"0120": {"test_acc": [92.1, 92.4], "params": 1573448, "flops": 77132352}, ...}, an entry for each
architecture. "curves": [[41.0, 90.9], [43.2, 91.1]] tells of each seed the accuracy after each epoch; then rounds of a
fidelity are epochs, fidelity.max_rounds is all of them and fidelity.doubt 0, unless they are named.
"""


def benchmark(words: Sequence[str], telling: Telling = ALOUD) -> int:
    """Run the benchmark that overrides describe, and show what was found; returns the exit code."""
    arguments = without_flags(words)
    if asks_for_help(arguments):
        print(_help([argument for argument in arguments if not argument.startswith("-")]))
        return 0
    if flags := [argument for argument in arguments if argument.startswith("-")]:
        raise ConfigError(
            "Nothing but overrides, --quiet, --json and --help may follow benchmark", flags[0], fix="Leave it out"
        )
    from server_app.benchmark import picture, record
    from server_app.benchmark.runs import Course, run_all, seeds_of
    from server_app.benchmark.settings import contenders_of, settings_of
    from server_app.cli.tables import read_table, table_options
    from server_app.cores import cores
    from server_app.reporting.benchmark import render
    from server_app.spaces.tabular import TabularSpace

    settings = settings_of(arguments)
    options = table_options(settings.space)
    table = read_table(options)
    contenders = contenders_of(arguments, table)
    space = TabularSpace(table, options)
    if settings.budget > (entries := len(table.entries)):
        telling.say(f"The table has {entries:,} entries, so each run ends after as many evaluations.")
        settings = replace(settings, budget=entries)
    space.best()  # or nobody would hear of constraints that leave nothing before the end
    seeds = seeds_of(settings.seed, settings.seeds)
    folder, made = _folder(settings.run.dir)
    try:
        with telling.bars([contender.name for contender in contenders], len(seeds)) as told:
            traces = run_all(
                Course(table, options, settings.budget, settings.parallel),
                contenders,
                seeds,
                settings.workers or cores(),
                lambda contender: told(contender.name),
            )
        found = record.record(settings, space, contenders, seeds, traces)
        written = [record.write(folder, found), picture.draw(folder, found)]
    except BaseException:
        if made:
            with suppress(OSError):  # there is something in it
                folder.rmdir()
        raise
    telling.show(render(found))
    telling.say(f"Written: {', '.join(str(path) for path in written if path)}")
    if None in written:
        telling.say(picture.MISSING)
    telling.result({**found, "status": status_of(0), "folder": str(folder)})
    return 0


def _help(overrides: Sequence[str]) -> str:
    from common.config import CONF, compose_benchmark, each_value
    from common.help import help_text

    values = compose_benchmark([each_value(override)[0] for override in overrides])
    chosen = {group: str(values[group]["name"]) for group in ("space", "controller", "fidelity")}
    return _HELP + "\n" + help_text(values, chosen, "benchmark", [CONF], fixed=["space"])


def _folder(named: str | None) -> tuple[Path, bool]:
    """Return where the results go, and whether it was made for them."""
    from server_app.benchmark.record import FILE
    from server_app.run_folder import run_folder

    folder = run_folder(named, "benchmark")
    if (folder / FILE).exists():
        raise StorageError("A benchmark needs a folder of its own", str(folder), fix="Set another run.dir")
    return folder, named is None
