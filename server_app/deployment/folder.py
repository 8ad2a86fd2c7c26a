"""The folder of a deployment: one subfolder for each party, which sees that one and nothing else.

    certificates/   ca.crt, ca.key           the authority; its key never leaves this machine
    superlink/      ca.crt, server.crt/.key
    proxy/          ca.crt, server.crt/.key
    register/       ca.crt, NAME.pub         public keys of the nodes that may join
    NAME/           ca.crt, key, data.npz    a node in a container
    devices/NAME/   ca.crt, key, ...         what a device outside of compose is given

Containers run as the user who made the folder; for root, who must not be in a container, as `SERVICE_USER`.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from common.errors import ConfigError, StorageError
from server_app.deployment.certificates import KeyPair, make_authority, make_node_key

SERVICE_USER = 10001
"""Who containers run as where the deployment was made by root."""

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_TAKEN = ("certificates", "devices", "fleet", "control", "proxy", "register", "superlink")


@dataclass(frozen=True)
class DeploymentFolder:
    """A deployment's files; see the module.

    Parameters
    ----------
    path : Path
        Made where it is missing.
    """

    path: Path

    @property
    def authority(self) -> KeyPair:
        """The deployment's own authority, made by the first who asks."""
        return make_authority(self.path / "certificates")

    def admit(self, name: str, folder: Path) -> KeyPair:
        """Give the node its key and the authority's certificate, in `folder`, and let its key be registered."""
        pair = make_node_key(folder)
        self.copy(self.authority.public, folder / "ca.crt")
        self.copy(pair.public, self.path / "register" / f"{name}.pub")
        return pair

    def check_new(self, name: str) -> None:
        """Raise `ConfigError` unless a node may have this name, and none has."""
        if not _NAME.fullmatch(name) or name in _TAKEN:
            raise ConfigError(
                f"A node's name has small letters, digits and hyphens, and is none of {', '.join(_TAKEN)}",
                name,
                fix="Choose another, such as kitchen",
            )
        if (self.path / "register" / f"{name}.pub").exists():
            raise ConfigError(
                f"A node's name must be new in {self.path}", name, fix=f"Choose another, or remove {name}'s files first"
            )

    def copy(self, source: Path, target: Path) -> None:
        """Copy a file that everybody may read."""
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        except OSError as error:
            raise StorageError("The deployment's folder must be writable", str(target), fix=str(error)) from None

    def hand_over(self, *others: Path) -> None:
        """Where we are root, give all files, and `others`, to the containers' user."""
        if os.getuid() != 0:
            return
        for path in [self.path, *self.path.rglob("*"), *others]:
            if self.path / "certificates" not in (path, *path.parents):
                os.chown(path, SERVICE_USER, SERVICE_USER)


def container_user() -> tuple[int, int]:
    """Return the user and group that containers run as."""
    return (os.getuid(), os.getgid()) if os.getuid() != 0 else (SERVICE_USER, SERVICE_USER)


def update_settings(path: Path, defaults: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    """Write what compose reads from ``.env``.

    Parameters
    ----------
    path : Path
        The file. Its other lines stay as they are.
    defaults : mapping of str to str
        Written where the file says nothing about them.
    wanted : mapping of str to str
        Written in any case.
    """
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else ["# flwr-nas deployment init"]
    names = [line.partition("=")[0] for line in lines]
    lines = [f"{name}={wanted[name]}" if name in wanted else line for name, line in zip(names, lines, strict=True)]
    lines += [f"{name}={value}" for name, value in {**defaults, **wanted}.items() if name not in names]
    try:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageError("The project's folder must be writable", str(path), fix=str(error)) from None


def read_setting(path: Path, key: str, default: str) -> str:
    """Return what ``.env`` says about `key`."""
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        name, _, value = line.partition("=")
        if name == key:
            return value
    return default
