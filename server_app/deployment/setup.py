"""All that docker-compose.yml needs: certificates, keys, data to try it with, and its settings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from common.data.tools.division import DIGITS, divide, read_source, write
from common.errors import ConfigError, StorageError
from common.settings import DatasetSettings
from server_app.deployment.certificates import make_server_certificate, names_of
from server_app.deployment.folder import DeploymentFolder, container_user, update_settings
from server_app.deployment.nodes import add_container, node_services, read_compose
from server_app.reporting.words import counted

_ALPHA = 1.0
"""Concentration of the Dirichlet distribution that cuts the digits: uneven, but no node lacks most classes."""


def set_up(project: Path, folder: DeploymentFolder, nodes: int, hosts: Sequence[str]) -> None:
    """Make whatever is missing of a deployment; never a key or a node's data that is there.

    Parameters
    ----------
    project : Path
        The folder of docker-compose.yml.
    folder : DeploymentFolder
        Below `project`.
    nodes : int
        At least as many as docker-compose.yml has; the others go into docker-compose.override.yml.
    hosts : sequence of str
        Names and addresses of this machine by which devices will reach it. With any of them the proxy listens on
        all addresses, else on this machine only.

    Raises
    ------
    ConfigError
        There is no docker-compose.yml, or it has more nodes.
    StorageError
        Something cannot be written.
    """
    names = node_services(read_compose(project))
    if nodes < len(names):
        there = counted(len(names), "node")
        raise ConfigError(f"docker-compose.yml has {there}, so --nodes must be {len(names)} or more", nodes)
    _certify(folder, "superlink", [])
    _certify(folder, "proxy", hosts)
    folder.copy(folder.authority.public, folder.path / "register" / "ca.crt")
    for name in names:
        folder.admit(name, folder.path / name)
    more = [f"node-{number}" for number in range(len(names) + 1, nodes + 1)]
    for name in more:
        if not (folder.path / name).exists():
            add_container(project, folder, name)
    _deal_digits(folder.path, nodes)
    _write_settings(project, folder, reachable=bool(hosts))
    folder.hand_over(project / "runs")


def _certify(folder: DeploymentFolder, party: str, hosts: Sequence[str]) -> None:
    certificate = folder.path / party / "server.crt"
    known = names_of(certificate) if certificate.is_file() else []
    folder.copy(folder.authority.public, folder.path / party / "ca.crt")
    make_server_certificate(folder.path / party, folder.authority, [party, *hosts, *known])


def _write_settings(project: Path, folder: DeploymentFolder, *, reachable: bool) -> None:
    user, group = container_user()
    place, here = folder.path.absolute(), project.absolute()
    path = f"./{place.relative_to(here).as_posix()}" if place.is_relative_to(here) else str(place)
    address = {"FLEET_ADDRESS": "0.0.0.0"} if reachable else {}
    update_settings(project / ".env", {"UID": str(user), "GID": str(group)}, {"DEPLOYMENT": path, **address})
    try:
        (project / "runs").mkdir(exist_ok=True)
    except OSError as error:
        raise StorageError("The project's folder must be writable", str(project), fix=str(error)) from None


def _deal_digits(folder: Path, nodes: int) -> None:
    """Deal the embedded digits out to the nodes, unless one of them has data."""
    files = [folder / f"node-{number}" / "data.npz" for number in range(1, nodes + 1)]
    if not any(file.exists() for file in files):
        write(divide(read_source(DIGITS), DatasetSettings("local", DIGITS, "dirichlet", _ALPHA), nodes, seed=0), folder)
        for file in files:
            file.chmod(0o600)
