"""A link between a node and the SuperLink that can be cut and that can be narrow: a TCP forwarder.

with Link(federation.port, upload=20_000) as link:
    federation.node("far", address=link.address)
    link.cut()
    link.mend()
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

_CHUNK = 4096
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends a reset


@dataclass
class Link:
    """A forwarder from a free port of 127.0.0.1 to the port `target` there.

    Parameters
    ----------
    target : int
        Where it leads.
    upload : float, optional
        Bytes a second towards `target`, over all connections together; None for as many as there are.
    """

    target: int
    upload: float | None = None
    port: int = 0
    uploaded: int = 0
    """Bytes that went towards `target` so far."""
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _uplink: asyncio.Lock = field(default_factory=asyncio.Lock)
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def address(self) -> str:
        """Where a node finds the other end."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._do(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Reset all connections, and refuse new ones."""
        self._do(self._close())

    def mend(self) -> None:
        """Let connections through again."""
        self._do(self._listen())

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", self.port, limit=_CHUNK)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()
        while self._writers:
            await asyncio.sleep(0.01)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target, limit=_CHUNK)
            self._writers.add(far_writer)
            try:
                up = asyncio.create_task(self._pass(reader, far_writer, self.upload))
                down = asyncio.create_task(self._pass(far_reader, writer, None))
                await asyncio.wait([up, down], return_when=asyncio.FIRST_COMPLETED)
                up.cancel()
                down.cancel()
                await asyncio.gather(up, down, return_exceptions=True)
            finally:
                far_writer.close()
                self._writers.discard(far_writer)
        except OSError:
            pass
        finally:
            writer.close()
            self._writers.discard(writer)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rate: float | None) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                if rate is not None:
                    async with self._uplink:
                        await asyncio.sleep(len(data) / rate)
                        self.uploaded += len(data)
                writer.write(data)
                await writer.drain()
