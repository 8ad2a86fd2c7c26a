"""Weights & Biases, offline: files in the run folder, which ``wandb sync`` uploads once somebody wants it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from server_app.trackers.base import TrackedRun, Tracker

_CODES = {"finished": 0, "failed": 1, "stopped": 255}


class WandB(Tracker):
    """Writes a run of Weights & Biases.

    A run that goes on has a second folder with the id of the first: once both are uploaded, they are one run.
    """

    needs = ("wandb",)
    extra = "wandb"

    @dataclass(frozen=True)
    class Options:
        """Where it goes.

        Parameters
        ----------
        mode : str
            ``offline`` keeps all in the run folder; ``online`` sends it to the server that wandb is logged in to.
        project : str
            Name of the project.
        """

        mode: Literal["offline", "online"] = "offline"
        project: str = "flwr-nas"

    def __init__(self, run: TrackedRun, options: Options) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # what goes wrong in wandb, to its makers
        import wandb

        self._folder = run.folder
        self._run = wandb.init(
            project=options.project,
            name=run.name,
            id=run.id,
            resume="allow",
            mode=options.mode,
            dir=str(run.folder),
            config=dict(run.options),
            settings=wandb.Settings(
                console="off",
                disable_code=True,
                disable_git=True,
                save_code=False,
                silent=True,
                symlink=False,
                x_disable_machine_info=True,
                x_disable_meta=True,
                x_disable_stats=True,
                x_save_requirements=False,
            ),
        )

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Take the numbers of one step; see `Tracker.scalars`."""
        self._run.log(dict(values), step=step)

    def finish(self, status: str, files: Sequence[Path]) -> None:
        """Add the files, end the run, and the process that wandb has started for it."""
        import wandb

        for path in files:
            self._run.save(str(path), base_path=str(self._folder), policy="now")
        self._run.finish(exit_code=_CODES[status])
        wandb.teardown()
