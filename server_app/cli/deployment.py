"""``flwr-nas deployment``: set up a SuperLink with real nodes, for docker-compose.yml and for devices."""

from __future__ import annotations

import argparse
from pathlib import Path

LIMITS = ("max-params", "max-macs", "max-memory-mb")
"""What a node can be told to refuse; keys of its node config."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this subcommand."""
    parser = commands.add_parser("deployment", help="set up a deployment: certificates, keys, more nodes")
    actions = parser.add_subparsers(required=True, metavar="ACTION", title="actions")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--folder", type=Path, default=Path("deployment"), help="default: deployment")

    init = actions.add_parser("init", parents=[common], help="make what docker-compose.yml needs; never a key twice")
    init.epilog = "example: flwr-nas deployment init --host server.example.org"
    init.add_argument("--nodes", type=int, default=4, help="default: 4, those of docker-compose.yml")
    init.add_argument(
        "--host", action="append", default=[], help="name or address of this machine for devices; may be repeated"
    )
    init.set_defaults(run=_init)

    add = actions.add_parser("add-node", parents=[common], help="one more node: a container, or a device")
    add.epilog = "example: flwr-nas deployment add-node kitchen --device --max-params 100000"
    add.add_argument("name", help="such as kitchen")
    add.add_argument("--device", action="store_true", help="make a folder of files to copy to a device")
    for limit in LIMITS:
        add.add_argument(f"--{limit}", type=int, help="the node refuses architectures above it")
    add.set_defaults(run=_add_node)

    register = actions.add_parser("register", help="tell a SuperLink the nodes' public keys; compose calls it")
    register.epilog = "example: flwr-nas deployment register --address 127.0.0.1:8000"
    register.add_argument("--folder", type=Path, default=Path("deployment/register"), help="ca.crt and NAME.pub")
    register.add_argument("--address", default="127.0.0.1:8000", help="default: 127.0.0.1:8000")
    register.set_defaults(run=_register)


def _init(arguments: argparse.Namespace) -> int:
    from server_app.deployment.folder import DeploymentFolder
    from server_app.deployment.setup import set_up

    set_up(Path(), DeploymentFolder(arguments.folder), arguments.nodes, arguments.host)
    print(f"{arguments.folder} is ready: docker compose up -d --build")
    return 0


def _add_node(arguments: argparse.Namespace) -> int:
    from server_app.deployment.folder import DeploymentFolder
    from server_app.deployment.nodes import add_container, add_device

    folder, name = DeploymentFolder(arguments.folder), arguments.name
    given = {limit: getattr(arguments, limit.replace("-", "_")) for limit in LIMITS}
    limits = {limit: value for limit, value in given.items() if value is not None}
    if arguments.device:
        bundle = add_device(Path(), folder, name, limits)
        print(f"Copy {bundle} to the device, see its README; then here: flwr-nas deployment register")
    else:
        add_container(Path(), folder, name, limits)
        print(f"Put its data into {folder.path / name}/data.npz, then: docker compose up -d")
    return 0


def _register(arguments: argparse.Namespace) -> int:
    from server_app.deployment.registration import register

    names = register(arguments.folder, arguments.address)
    print(f"May join: {', '.join(names) or 'nobody'}")
    return 0
