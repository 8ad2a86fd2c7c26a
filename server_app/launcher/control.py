"""What we ask of a SuperLink.

With `roles`, this is the only module that uses what Flower does not document; it was checked against Flower 1.42.
``flwr run`` does the same as `SuperLink.submit`; calling it as a command would cost a process that imports
Flower once more, after the SuperLink is up instead of meanwhile. `SuperLink.take_simulation` is what a
SuperExec does, without the process and without its waits.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import httpx
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from flwr.cli.build import build_fab_from_files
from flwr.common.constant import PUBLIC_KEY_ALREADY_IN_USE_MESSAGE
from flwr.common.serde import fab_to_proto, user_config_to_proto
from flwr.proto.control_pb2 import (
    ListRunsRequest,
    RegisterNodeRequest,
    StartRunRequest,
    StopRunRequest,
    StreamLogsRequest,
)
from flwr.proto.federation_config_pb2 import SimulationConfig
from flwr.proto.runtime_pb2 import AcquireTaskRequest
from flwr.supercore.constant import TaskType
from flwr.supercore.control import ControlHttpClient
from flwr.supercore.fab import Fab
from flwr.supercore.interceptors import RuntimeVersionHttpInterceptor
from flwr.supercore.runtime import RuntimeHttpClient

from common.errors import FederationError
from server_app.launcher.bundle import app_files
from server_app.launcher.proxies import environment_of, proxy_for

_TIMEOUT = 30.0
"""Seconds; a SuperLink on a busy machine takes its time to start a run."""

_START_HERE = "Start it with `flower-superlink`, or set federation.address"


class SuperLink:
    """A SuperLink that runs somewhere.

    Parameters
    ----------
    address : str
        ``host:port``.
    root_certificates : Path, optional
        PEM file; None means no TLS.

    Raises
    ------
    ConfigError
        This is no address.
    FederationError
        The certificates cannot be read, or the proxy that the environment names for the address cannot be used.
    """

    def __init__(self, address: str, root_certificates: Path | None = None) -> None:
        self.address = address
        scheme = "http" if root_certificates is None else "https"
        url = f"{scheme}://{address}"
        verify: ssl.SSLContext | bool = False if root_certificates is None else _trust(root_certificates)
        self._proxy = proxy_for(address, scheme)
        with environment_of(self._proxy):
            self._http = httpx.Client(base_url=url, verify=verify, timeout=1.0)
            self._control = ControlHttpClient(
                url, interceptors=[RuntimeVersionHttpInterceptor("flwr CLI")], verify=verify, timeout=_TIMEOUT
            )
            self._runtime = RuntimeHttpClient(
                url, interceptors=[RuntimeVersionHttpInterceptor("SuperExec")], verify=verify, timeout=_TIMEOUT
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for client in (self._http, self._control, self._runtime):
            client.close()

    def healthy(self) -> bool:
        """Return whether the SuperLink answers."""
        try:
            return self._http.get("/health").is_success
        except httpx.HTTPError:
            return False

    def submit(self, run_config: Mapping[str, str], simulation: SimulationConfig | None = None) -> int:
        """Start a run of this app and return its id."""
        fab, _ = build_fab_from_files(app_files())
        request = StartRunRequest(
            fab=fab_to_proto(Fab(hashlib.sha256(fab).hexdigest(), fab, {})),
            override_config=user_config_to_proto(dict(run_config)),
            override_federation_config=simulation,
        )
        with self._readable():
            response = self._control.StartRun(request)
        if not response.HasField("run_id"):
            raise FederationError("The SuperLink must accept the run", self.address, fix=response.note or "See its log")
        return response.run_id

    def register_node(self, public_key: Path) -> None:
        """Let the node with this key join; one that may already stays registered.

        Parameters
        ----------
        public_key : Path
            OpenSSH's format, as `make_node_key` writes it.
        """
        try:
            key = serialization.load_ssh_public_key(public_key.read_bytes())
        except (OSError, ValueError, UnsupportedAlgorithm) as error:
            raise FederationError(
                "A node's public key must be in OpenSSH's format", str(public_key), fix=str(error)
            ) from None
        pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        try:
            with self._readable():
                self._control.RegisterNode(RegisterNodeRequest(public_key=pem))
        except FederationError as error:
            if PUBLIC_KEY_ALREADY_IN_USE_MESSAGE not in str(error):
                raise

    def take_simulation(self) -> str | None:
        """Take the task of simulating a submitted run; return its token, or None as long as there is no task."""
        with self._readable():
            response = self._runtime.AcquireTask(AcquireTaskRequest(supported_task_types=[TaskType.SIMULATION]))
        return response.token or None

    def logs(self, run_id: int) -> Iterator[str]:
        """Yield what a run logs, until it ends."""
        with self._readable():
            for part in self._control.StreamLogs(StreamLogsRequest(run_id=run_id)):
                yield part.log_output

    def ending(self, run_id: int) -> tuple[str, str] | None:
        """Return how a run ended (``completed``, ``failed`` or ``stopped``) and why; None while it goes on."""
        with self._readable():
            status = self._control.ListRuns(ListRunsRequest(run_id=run_id)).run_dict[run_id].status
        return (status.sub_status, status.details) if status.status == "finished" else None

    def stop(self, run_id: int) -> None:
        """Stop a run."""
        with self._readable():
            self._control.StopRun(StopRunRequest(run_id=run_id))

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Turn what goes wrong on the way to the SuperLink into an error for people."""
        try:
            yield
        except httpx.HTTPStatusError as error:
            said = error.response.text[:300] or str(error)
            raise FederationError("The SuperLink must accept the request", said, fix="See its log") from None
        except httpx.HTTPError as error:
            way = "" if self._proxy is None else f" through the proxy {self._proxy} of {self._proxy.variable}"
            raise FederationError(
                f"A SuperLink must answer at {self.address}{way}", str(error), fix=_START_HERE
            ) from None


def simulation_config(nodes: int, gpus_per_node: float) -> SimulationConfig:
    """Describe a simulation to Flower: one of Ray's CPUs is the slot of one node, see `simulation`."""
    return SimulationConfig(
        num_supernodes=nodes, client_resources_num_cpus=1, client_resources_num_gpus=gpus_per_node, backend="ray"
    )


def _trust(root_certificates: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(root_certificates))
    except (OSError, ssl.SSLError) as error:
        raise FederationError(
            "federation.root_certificates must be a PEM file", str(root_certificates), fix=str(error)
        ) from None
