"""One more node: as a container of docker-compose.override.yml, or as a bundle for a device."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from common.config import CONF
from common.errors import ConfigError, StorageError
from server_app.deployment.certificates import names_of
from server_app.deployment.folder import DeploymentFolder, read_setting

OVERRIDE = "docker-compose.override.yml"
UNIT = "flwr-nas-node.service"

_HEADER = "# Written by `flwr-nas deployment add-node`; compose reads it beside docker-compose.yml.\n"
_LOCAL = {"proxy", "localhost", "127.0.0.1"}
_README = """\
1. Install the client and make the user flwr-nas: conf/deployment/README.md of the project says how.
2. Copy ca.crt, key and node.env to /etc/flwr-nas, {unit} to /etc/systemd/system, the data to where node.env says.
3. sudo systemctl daemon-reload && sudo systemctl enable --now flwr-nas-node; delete this copy, it holds a key.
"""

Compose = dict[str, Any]


def add_container(project: Path, folder: DeploymentFolder, name: str, limits: Mapping[str, int] | None = None) -> None:
    """Add a node to docker-compose.override.yml that equals those of docker-compose.yml; its data are still missing.

    Parameters
    ----------
    project : Path
        The folder of docker-compose.yml.
    folder : DeploymentFolder
        Gets the node's folder and key.
    name : str
        Of the node, its service and its folder.
    limits : mapping of str to int, optional
        What the node refuses to exceed: ``max-params`` and so on, for its node config.

    Raises
    ------
    ConfigError
        The name is not allowed or taken, or there is no docker-compose.yml.
    StorageError
        Something cannot be written.
    """
    folder.check_new(name)
    compose = read_compose(project)
    override = _read_yaml(project / OVERRIDE) if (project / OVERRIDE).is_file() else {}
    services = {**(override.get("services") or {}), name: service_like(compose, name, limits or {})}
    folder.admit(name, folder.path / name)
    folder.hand_over()
    text = _HEADER + yaml.safe_dump({**override, "services": services}, sort_keys=False, width=120)
    try:
        (project / OVERRIDE).write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError("The project's folder must be writable", str(project), fix=str(error)) from None


def add_device(project: Path, folder: DeploymentFolder, name: str, limits: Mapping[str, int] | None = None) -> Path:
    """Make the bundle of files that a device is given, and return its folder; arguments as of `add_container`."""
    folder.check_new(name)
    certificate = folder.path / "proxy" / "server.crt"
    hosts = [host for host in names_of(certificate) if host not in _LOCAL] if certificate.is_file() else []
    if not hosts:
        raise ConfigError(
            "A device needs a name or an address by which it reaches this machine",
            fix="Say so first: flwr-nas deployment init --host NAME-OR-ADDRESS",
        )
    bundle = folder.path / "devices" / name
    folder.admit(name, bundle)
    folder.copy(CONF / "deployment" / UNIT, bundle / UNIT)
    host = f"[{hosts[0]}]" if ":" in hosts[0] else hosts[0]
    superlink = f"{host}:{read_setting(project / '.env', 'FLEET_PORT', '9443')}"
    example = (CONF / "deployment" / "node.env").read_text(encoding="utf-8")
    config = node_config(name, "/var/lib/flwr-nas/data.npz", limits or {})
    try:
        (bundle / "node.env").write_text(_filled(example, SUPERLINK=superlink, NODE_CONFIG=config), encoding="utf-8")
        (bundle / "README").write_text(_README.format(unit=UNIT), encoding="utf-8")
    except OSError as error:
        raise StorageError("The deployment's folder must be writable", str(bundle), fix=str(error)) from None
    folder.hand_over()
    return bundle


def read_compose(project: Path) -> Compose:
    """Return docker-compose.yml."""
    path = project / "docker-compose.yml"
    if not path.is_file():
        raise ConfigError(
            "A deployment is set up in the folder of docker-compose.yml", str(project), fix="Change to that folder"
        )
    return _read_yaml(path)


def node_services(compose: Compose) -> list[str]:
    """Return the names of the services that are nodes."""
    return [name for name, service in compose["services"].items() if "NODE_CONFIG" in service.get("environment", {})]


def service_like(compose: Compose, name: str, limits: Mapping[str, int]) -> dict[str, Any]:
    """Return the service of another node: the last node's, under another name and with limits of its own."""
    last = node_services(compose)[-1]
    service: dict[str, Any] = deepcopy(compose["services"][last])
    service["environment"]["NODE_CONFIG"] = node_config(name, "/node/data.npz", limits)
    service["volumes"] = [volume.replace(last, name) for volume in service["volumes"]]
    return service


def node_config(name: str, data: str, limits: Mapping[str, int]) -> str:
    """Return what a SuperNode is started with as ``--node-config``."""
    return " ".join([f'name="{name}"', f'data="{data}"', *(f"{limit}={value}" for limit, value in limits.items())])


def _filled(example: str, **values: str) -> str:
    """Return an environment file with other values; systemd reads what is in single quotes as it is."""
    lines = []
    for line in example.splitlines():
        key = line.partition("=")[0]
        lines.append(f"{key}='{values[key]}'" if key in values else line)
    return "\n".join(lines) + "\n"


def _read_yaml(path: Path) -> Compose:
    try:
        read = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{path.name} must be YAML ({' '.join(str(error).split())})", str(path)) from None
    if read is not None and not isinstance(read, dict):
        raise ConfigError(f"{path.name} must hold a mapping", str(path))
    return read or {}
