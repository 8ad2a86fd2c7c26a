"""A run that has not finished, as its folder holds it: whether all is there to go on, and whether that would help."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from common.config import Config
from common.errors import ConfigError, FlwrNasError, StorageError
from server_app.blobs import Blobs, keys_in
from server_app.changes import changed_config, differences
from server_app.journal import check_journal, events_of
from server_app.lock import under_way
from server_app.reporting.words import counted
from server_app.run_folder import CONFIG, JOURNAL, WEIGHTS, busy, check_fresh, check_resumable, finished
from server_app.state import SavedState, config_of, read_state

_ENDS = ("finished", "stopped", "failed")


def read_unfinished(folder: Path) -> tuple[Config, SavedState | None]:
    """Return the configuration and the state of a run, after all that it goes on with was looked at.

    It is looked at here, where the error is the command's own sentence: Flower takes seconds to start.

    Raises
    ------
    StorageError
        There is no run to go on with, or its state, its journal or its weights are not what it wrote.
    ConfigError
        Its configuration is none, or was changed by hand.
    """
    check_resumable(folder)
    config, saved = config_of(folder), read_state(folder)
    if saved is not None:
        try:
            check_journal(folder / JOURNAL, saved.journal)
        except OSError as error:
            raise StorageError("A run is resumed with its journal", str(folder / JOURNAL), fix=str(error)) from None
        Blobs(folder / WEIGHTS).check(keys_in(saved.state))
        _check_unchanged(folder, saved.config, config)
    return config, saved


def _check_unchanged(folder: Path, before: Config, now: Config) -> None:
    try:
        changed_config(before, now)
    except ConfigError as error:  # of a file, where nothing can be left out
        raise ConfigError(f"{error.rule} (in {folder / CONFIG})", fix="Write there again what it was") from None


def can_go_on(folder: Path) -> bool:
    """Return whether the run in this folder could come further than it came, if it was gone on with as it is."""
    try:
        config, saved = read_unfinished(folder)
    except FlwrNasError:
        return False
    return not _comes_again(events_of(folder / JOURNAL), config, saved)


def check_free(folder: Path, config: Config) -> None:
    """Raise `StorageError` where a new run of this configuration cannot have this folder; it says what can be done.

    Parameters
    ----------
    folder : Path
        The run folder; it need not be there.
    config : Config
        Of the new run.
    """
    if under_way(folder):
        raise busy(folder)
    if (folder / JOURNAL).is_file() and (folder / CONFIG).is_file() and not finished(folder):
        try:
            before, saved = read_unfinished(folder)
        except FlwrNasError as error:
            raise _lost(folder, f"that cannot be gone on with ({error.rule})") from None
        if _comes_again(events_of(folder / JOURNAL), before, saved):
            raise _lost(folder, "that failed, and would again; its journal.jsonl says why")
        if others := differences(before, config):
            raise _another(folder, *others[0], len(others) - 1)
    check_fresh(folder)


def _lost(folder: Path, why: str) -> StorageError:
    return StorageError(f"This folder holds a run {why}", str(folder), fix="Set another run.dir")


def _another(folder: Path, name: str, before: Any, now: Any, more: int) -> StorageError:
    others = f"; {counted(more, 'more option')}" if more else ""
    return StorageError(
        f"This folder holds an unfinished run of another configuration ({name} is {before} there, {now} here{others})",
        str(folder),
        fix="Set another run.dir, or go on with that run as it is by "
        f"`flwr-nas search --resume {shlex.quote(str(folder))}`",
    )


def _comes_again(events: list[dict[str, Any]], config: Config, saved: SavedState | None) -> bool:
    """Return whether a run failed, and would again: nodes may come back, but what was decided stays so."""
    if not events or (events[-1]["event"], events[-1].get("status")) != ("end", "failed"):
        return False
    if saved is None:  # it begins anew
        there = {event["node"] for event in events if event["event"] == "node"}
        refused = {event["node"] for event in events if event["event"] == "node_refused"}
        names = {event["event"] for event in events}
        if "search" in names:  # which proposes nothing where its budget, which stays as it is, pays for nothing
            return bool(config.search.budget.limits) and "proposed" not in names
        return len(there - refused) >= config.federation.min_nodes
    kept = events[: saved.journal["line"]]
    ended = {event["trial"]: event["event"] for event in kept if event["event"] in _ENDS}
    if runs := _needed(saved):
        return all(run["state"] == "failed" for run in runs) and not any(run["unheard"] for run in runs)
    return len(ended) >= config.search.trials and set(ended.values()) == {"failed"}


def _needed(saved: SavedState) -> list[dict[str, Any]]:
    """Return the trials of the last stage that a run has no result without; none while that is the search."""
    state = saved.state
    if (final := state.get("final")) is not None:
        trials = final["trials"]
        return [run for run in trials if all(run[key] == trials[0][key] for key in ("spec", "recipe"))]
    return list(state["finalists"]["trials"]) if state.get("finalists") else []
