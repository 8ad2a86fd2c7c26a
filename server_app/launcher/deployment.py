"""A search on a SuperLink that somebody else runs, with real nodes."""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import ConfigError, FederationError
from server_app.launcher.follow import Ending, Tail, follow
from server_app.launcher.interrupts import Interrupted, Interrupts
from server_app.launcher.proxies import proxy_for, split_address
from server_app.reporting.telling import ALOUD, Telling
from server_app.run_folder import forget_stop

if TYPE_CHECKING:
    from common.groups import FederationConfig
    from server_app.launcher.control import SuperLink

CONNECT_LIMIT = 5.0
VISIBLE_LIMIT = 60.0
"""Seconds that a run has to begin its journal where we can see it; then we follow its log instead."""

SILENCE = 60.0
"""Seconds that a SuperLink may be out of reach, or too busy to answer, before a run on it counts as lost."""

_POLL = 0.5
_ASK = 2.0
_ENDINGS = {"completed": "finished", "stopped": "stopped"}


def deploy(
    run_config: Mapping[str, str],
    federation: FederationConfig,
    tail: Tail,
    run_dir: Path,
    interrupts: Interrupts,
    telling: Telling = ALOUD,
) -> Ending:
    """Run a search on a SuperLink until it ends; see `launch`.

    Its journal is followed where the run folder can be seen from here (the same machine, or a folder that a
    container shares); otherwise its log is.
    """
    if not federation.address:
        raise ConfigError("A deployment needs the address of its SuperLink", None, fix="Set federation.address")
    certificates = _root_certificates(federation.root_certificates)
    _connect(federation.address, "http" if certificates is None else "https")
    from server_app.launcher.control import SuperLink

    with SuperLink(federation.address, certificates) as superlink:
        run = superlink.submit(run_config)
        telling.say(f"Run {run} is on the SuperLink at {federation.address}")
        watch = Watch(lambda: superlink.ending(run))
        try:
            with telling.waiting("Waiting for the run's journal"):
                visible = _visible(watch, tail, interrupts)
            if visible:
                return _follow_journal(watch, run, tail, run_dir, interrupts, telling)
            return _follow_log(watch, superlink, run, interrupts, telling)
        except Interrupted:
            superlink.stop(run)
            raise


class Watch:
    """Asks how a run ended: not too often, and again where the SuperLink does not answer for a while.

    Parameters
    ----------
    ask : callable
        Returns status and details, or None while the run goes on; see `SuperLink.ending`.
    interval, silence : float
        Seconds between two questions, and until no answer counts as a loss.
    """

    def __init__(
        self, ask: Callable[[], tuple[str, str] | None], interval: float = _ASK, silence: float = SILENCE
    ) -> None:
        self._ask = ask
        self._interval = interval
        self._silence = silence
        self._ending: tuple[str, str] | None = None
        self._asked = -math.inf
        self._answered = time.monotonic()

    def ending(self) -> tuple[str, str] | None:
        """Return the outcome as far as it is known; raises `FederationError` after too long a silence."""
        if self._ending is None and time.monotonic() >= self._asked + self._interval:
            try:
                self._ending = self._ask()
                self._answered = time.monotonic()
            except FederationError:
                if time.monotonic() > self._answered + self._silence:
                    raise
            self._asked = time.monotonic()
        return self._ending


def _visible(watch: Watch, tail: Tail, interrupts: Interrupts) -> bool:
    until = time.monotonic() + VISIBLE_LIMIT
    while time.monotonic() < until and watch.ending() is None:
        if tail.visible():
            return True
        interrupts.check()
        time.sleep(_POLL)
    return tail.visible()


def _follow_journal(
    watch: Watch, run: int, tail: Tail, run_dir: Path, interrupts: Interrupts, telling: Telling
) -> Ending:
    def gone() -> FederationError | None:
        found = watch.ending()
        if found is None:
            return None
        return FederationError("The run must close its journal", found[1] or found[0], fix=f"See `flwr log {run}`")

    try:
        with telling.progress(tail.resumed_at, interrupts.stop_unread) as progress:
            return follow(tail, run_dir, progress, interrupts, gone)
    finally:
        if interrupts.count:
            forget_stop(run_dir)  # a run that ended meanwhile, or is going to be stopped, will not see it


def _follow_log(watch: Watch, superlink: SuperLink, run: int, interrupts: Interrupts, telling: Telling) -> Ending:
    printer = threading.Thread(target=_print_log, args=(superlink, run, telling), daemon=True)
    printer.start()
    while (found := watch.ending()) is None:
        interrupts.check()
        time.sleep(_POLL)
    printer.join(CONNECT_LIMIT)
    status, details = found
    return Ending(_ENDINGS.get(status, "failed"), details)


def _print_log(superlink: SuperLink, run: int, telling: Telling) -> None:
    with suppress(FederationError):  # the loop that asks for the outcome meets the same trouble, and tells
        for part in superlink.logs(run):
            telling.say(part, end="")


def _root_certificates(path: str | None) -> Path | None:
    if path is not None and not Path(path).is_file():
        raise ConfigError(
            "federation.root_certificates must be a file",
            path,
            fix="Make it with `make certs`, or set federation.root_certificates=null for a SuperLink without TLS",
        )
    return None if path is None else Path(path)


def _connect(address: str, scheme: str) -> None:
    """Raise at once where nobody listens; a client would wait, and could not be interrupted."""
    host, port = split_address(address)
    if (proxy := proxy_for(address, scheme)) is not None:
        proxy.check(host, CONNECT_LIMIT)
        return
    try:
        socket.create_connection((host, port), CONNECT_LIMIT).close()
    except (OSError, UnicodeError) as error:  # the latter: a name that none can be
        raise FederationError(
            f"A SuperLink must listen at federation.address ({error})", address, fix="Start one with flower-superlink"
        ) from None
