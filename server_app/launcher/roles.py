"""What runs inside the processes that the launcher starts.

    python -P roles.py LAUNCHER_PID FOLDER superlink [ARGUMENT ...]
    python -P roles.py LAUNCHER_PID FOLDER simulation WORKERS GPUS [ARGUMENT ...]

The arguments are those of Flower's own commands ``flower-superlink`` and ``flwr-simulation``. The simulation
prepares itself while the SuperLink starts, and waits for its token, a line of its standard input.

Run by path, and on purpose without a single import of this project at its top.
"""

import importlib
import logging
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable

WORKER_MODULES = ["flwr.simulation.ray_transport.ray_actor", "client_app.app", "client_app.jobs", "torch"]
"""What a worker imports as soon as it starts; otherwise it would do so during the first round."""

DELIVERY = 0.005
"""Seconds between two looks of the simulation engine for messages."""

ORPHAN_GRACE = 5.0
"""Seconds; the search sees by itself that its launcher is gone, and ends."""


def end_with(launcher: int, folder: str) -> None:
    """End this process, its descendants and `folder` once the launcher is gone without having ended them."""
    while os.getppid() == launcher:
        time.sleep(0.5)
    time.sleep(ORPHAN_GRACE)
    shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


def command(name: str) -> Callable[[], object]:
    """Return the function behind one of Flower's commands."""
    from importlib.metadata import entry_points

    (entry,) = entry_points(group="console_scripts", name=name)
    function: Callable[[], object] = entry.load()
    return function


def superlink(arguments: list[str]) -> None:
    """Be a SuperLink."""
    start = command("flower-superlink")
    sys.argv = ["flower-superlink", *arguments]
    start()


class Impatient:
    """A stop event of the simulation engine on which nobody waits longer than `DELIVERY` seconds."""

    def __init__(self, event: threading.Event) -> None:
        self._event = event
        self.is_set = event.is_set

    def wait(self, timeout: float) -> bool:
        """Wait for the event."""
        return self._event.wait(min(timeout, DELIVERY))


def deliver_promptly() -> None:
    """Have the engine hand messages to the workers every `DELIVERY` seconds instead of every 0.1.

    A small model trains in less; of a search that is one candidate after the other, most would be waiting.
    """
    engine = importlib.import_module("flwr.server.superlink.fleet.vce.vce_api")
    deliver = engine.add_messages_to_queue

    def promptly(state: object, queue: object, nodes_mapping: object, f_stop: threading.Event) -> None:
        deliver(state, queue, nodes_mapping, Impatient(f_stop))

    engine.add_messages_to_queue = promptly  # type: ignore[attr-defined]


def simulation(workers: int, gpus: bool, arguments: list[str]) -> None:
    """Be Flower's simulation process, with Ray already running: Flower uses the Ray that it finds."""
    import ray

    ray.init(
        address="local",
        num_cpus=workers,
        num_gpus=None if gpus else 0,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.WARNING,
        _system_config={"preload_python_modules": WORKER_MODULES},
    )
    start = command("flwr-simulation")
    for module in ("flwr.server.superlink.fleet.vce.backend.raybackend", "client_app.app", "server_app.app"):
        importlib.import_module(module)
    deliver_promptly()
    token = sys.stdin.readline().strip()
    if token:
        sys.argv = ["flwr-simulation", *arguments, "--token", token]
        start()


def main() -> None:
    """Be what the arguments say."""
    launcher, folder, role, *arguments = sys.argv[1:]
    threading.Thread(target=end_with, args=(int(launcher), folder), daemon=True).start()
    if role == "superlink":
        superlink(arguments)
    else:
        simulation(int(arguments[0]), arguments[1] == "1", arguments[2:])


if __name__ == "__main__":
    main()
