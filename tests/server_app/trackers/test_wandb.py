"""Runs of Weights & Biases, offline."""

from __future__ import annotations

import psutil
import pytest

from common.config import options_of
from common.errors import ConfigError
from server_app.trackers.wandb import WandB


def test_a_run_is_kept_with_its_files_and_no_process_is(tracked):
    before = set(psutil.Process().children(recursive=True))
    tracked("wandb").finish("finished", tracked.files)
    (folder,) = (tracked.folder / "wandb").glob("offline-run-*-0123456789abcdef")
    kept = folder / "files"
    assert {path.relative_to(kept).as_posix() for path in kept.rglob("*") if path.is_file()} == {
        "result.json",
        "best/spec.json",
    }
    assert not any(path.is_symlink() for path in kept.rglob("*"))
    assert [child for child in psutil.Process().children(recursive=True) if child not in before] == []


def test_one_that_goes_on_has_the_same_id(tracked):
    tracked("wandb").finish("stopped", ())
    tracked("wandb", step=5).finish("finished", ())
    assert {path.name for path in (tracked.folder / "wandb").glob("*/*.wandb")} == {"run-0123456789abcdef.wandb"}


def test_it_is_offline_or_online():
    assert WandB.Options().mode == "offline"
    with pytest.raises(ConfigError, match=r"tracker\.mode"):
        options_of({"name": "wandb", "mode": "disabled"}, WandB.Options, "tracker")
