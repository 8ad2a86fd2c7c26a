"""Tells a SuperLink which nodes may join."""

from __future__ import annotations

import time
from pathlib import Path

from common.errors import ConfigError, FederationError
from server_app.launcher.control import SuperLink

PATIENCE = 120.0
"""Seconds that a SuperLink has to start."""

_POLL = 0.5


def register(folder: Path, address: str, patience: float = PATIENCE) -> list[str]:
    """Register the public key of every node; one that is known already stays as it is.

    Parameters
    ----------
    folder : Path
        ``ca.crt`` and ``NAME.pub`` for each node.
    address : str
        ``host:port`` of the SuperLink's Control API.
    patience : float
        Seconds to wait for an answer.

    Returns
    -------
    list of str
        Names of the nodes.

    Raises
    ------
    ConfigError
        The folder is none of a deployment.
    FederationError
        The SuperLink does not answer, or accepts no key.
    """
    keys = sorted(folder.glob("*.pub"))
    if not (folder / "ca.crt").is_file():
        raise ConfigError(
            "Nodes are registered from the folder that `flwr-nas deployment init` makes",
            str(folder),
            fix="Set --folder",
        )
    with SuperLink(address, folder / "ca.crt") as superlink:
        until = time.monotonic() + patience
        while not superlink.healthy():
            if time.monotonic() > until:
                raise FederationError(
                    f"A SuperLink must answer within {patience:g} s", address, fix="See docker compose logs superlink"
                )
            time.sleep(_POLL)
        for key in keys:
            superlink.register_node(key)
    return [key.stem for key in keys]
