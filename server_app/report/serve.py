"""The page of a run over HTTP, on this machine and read-only: the page itself, and what is new as server-sent events.

Nothing else can be asked for, and no file is named in a request. A name under which the machine was not asked to be
reached is refused: pages of other sites could else have their own name lead here (DNS rebinding), and read a run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from common.errors import ConfigError
from server_app.report.follow import news_of
from server_app.report.served import Served

LOOPBACK = ("127.0.0.1", "localhost")
_WAITING = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="2">
<title>waiting · flwr-nas</title><p>There is nothing to see of this run yet. This page looks again by itself.</p>
</html>"""


class Watcher(ThreadingHTTPServer):
    """Serves the page of one run until it is shut down.

    Parameters
    ----------
    folder : Path
        Of the run, which may be about to begin.
    host, port
        Where it listens; port 0 takes one that is free.

    Raises
    ------
    ConfigError
        It cannot listen there.
    """

    daemon_threads = True

    def __init__(self, folder: Path, host: str, port: int) -> None:
        self.folder, self.host, self.served = folder, host, Served(folder)
        try:
            super().__init__((host, port), _Handler)
        except (OSError, OverflowError) as error:
            raise ConfigError(
                f"A page is served where nothing else listens ({error})",
                f"{host}:{port}",
                fix="Choose another --port, or leave it out for one that is free",
            ) from None

    @property
    def address(self) -> str:
        """The address of the page."""
        return f"http://{self.host}:{self.server_address[1]}/"

    def answers_to(self, name: str) -> bool:
        """Say whether a request that names this host is meant for it."""
        return self.host not in LOOPBACK or name in {f"{one}:{self.server_address[1]}" for one in LOOPBACK}

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a browser that went away is no trouble."""


class _Handler(BaseHTTPRequestHandler):
    server: Watcher

    def do_GET(self) -> None:
        """Answer for the page, or for what is new."""
        address = urlsplit(self.path)
        if not self.server.answers_to(self.headers.get("Host", "")):
            self.send_error(HTTPStatus.FORBIDDEN)
        elif address.path == "/":
            self._page()
        elif address.path == "/events":
            self._events(parse_qs(address.query))
        elif address.path == "/favicon.ico":  # browsers ask by themselves
            self.send_response(HTTPStatus.NO_CONTENT)
            self.end_headers()
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _page(self) -> None:
        page = self.server.served.page()
        status = HTTPStatus.SERVICE_UNAVAILABLE if page is None else HTTPStatus.OK
        content = (page or _WAITING).encode()
        self._head(status, "text/html; charset=utf-8", ("Content-Length", str(len(content))))
        self.wfile.write(content)

    def _events(self, query: dict[str, list[str]]) -> None:
        said = self.headers.get("Last-Event-ID") or query.get("after", ["0"])[0]
        after = int(said) if said.isdecimal() and len(said) < 10 else 0
        self._head(HTTPStatus.OK, "text/event-stream; charset=utf-8")
        for message in _messages(news_of(self.server.folder, after)):
            self.wfile.write(message.encode())
            self.wfile.flush()

    def _head(self, status: HTTPStatus, kind: str, *more: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (("Content-Type", kind), ("Cache-Control", "no-store"), *more):
            self.send_header(name, value)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: a terminal is for the address alone."""


def _messages(news: Iterator[tuple[str, Any]]) -> Iterator[str]:
    """Yield server-sent events; the id is where to go on from. Nothing new is a comment: it finds who has gone."""
    for kind, content in news:
        if kind == "nothing":
            yield ":\n\n"
            continue
        place = content["events"] if kind == "document" else content[-1]["n"] + 1
        text = json.dumps(content, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
        yield f"id: {place}\nevent: {kind}\ndata: {text}\n\n"
