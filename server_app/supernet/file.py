"""A supernet after its run, as one file: any network of the space can be cut out of it.

runs/NAME/supernet.safetensors      its shared tensors, by the names that `server_app.supernet.blocks` gives them
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError
from safetensors.numpy import load, save

from common.errors import StorageError
from common.files import write_aside
from common.models.export import save_model
from server_app.reporting.words import counted
from server_app.supernet.shared import Shared

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.architecture.spec import ArchitectureSpec
    from common.jobs import Weights
    from common.tasks import Task

SUPERNET = "supernet.safetensors"


def write_supernet(folder: Path, tensors: Mapping[str, Weights]) -> None:
    """Write the shared tensors of a run into its folder."""
    write_aside(folder / SUPERNET, save(dict(tensors)))


def read_supernet(folder: Path) -> Shared:
    """Read what `write_supernet` wrote; raises `StorageError` where there is none."""
    path = folder / SUPERNET
    try:
        tensors = load(path.read_bytes())
    except OSError as error:
        raise StorageError(
            f"Weights are cut out of the supernet of a run ({error.strerror})",
            str(path),
            fix="Name a finished run with weights=supernet",
        ) from None
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise StorageError(f"It must be a safetensors file ({error})", str(path), fix="Copy it again") from None
    return Shared(0, tensors)


def cut_model(run: Path, spec: ArchitectureSpec, task: Task, folder: Path) -> str:
    """Write a network with the weights that a run's supernet has for it as a model, and return a sentence on it.

    Parameters
    ----------
    run : Path
        Folder of the run.
    spec, task : ArchitectureSpec, Task
        The network.
    folder : Path
        Where the model goes, as `save_model` writes it.

    Raises
    ------
    StorageError
        The run has no supernet, or the model cannot be written.
    """
    shared = read_supernet(run)
    graph = spec.lower(task)
    missing = shared.missing(graph)
    weights = shared.cut(graph)
    save_model(folder, spec, task, weights, {"trained": "as part of a supernet", "untrained_numbers": missing})
    lacking = f"; {counted(missing, 'number')} of {weights.size:,} were in no trial, and are random" if missing else ""
    return f"The model is in {folder}: weights of the supernet, which the network was not trained with alone{lacking}."
