"""Who asks, as cheaply as can be: HTTP/1.1 over plain sockets, so that the server is measured."""

import asyncio
import contextlib
import json
import re
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from types import TracebackType

COOKIE = re.compile(rb"set-cookie: (pressline_session=[^;]+)", re.IGNORECASE)
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
GIVE_UP_S = 120.0
BEAT_ALONE = 64  # bytes; a heartbeat is no news, and shorter than any picture


@dataclass(frozen=True, slots=True)
class Answer:
    """What came, how long it took from the first byte sent, and the session it opened."""

    status: int
    seconds: float
    body: str
    cookie: str = ""


class Line:
    """One connection to the pages."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def open(self) -> "Line":
        """Connect."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def __aenter__(self) -> "Line":
        """Connect."""
        return await self.open()

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Hang up."""
        self.close()

    def close(self) -> None:
        """Hang up."""
        self.writer.close()

    async def get(self, path: str) -> Answer:
        """Ask."""
        return await self._ask(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())

    async def post(self, path: str, given: object, session: str = "") -> Answer:
        """Tell."""
        body = json.dumps(given).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nCookie: {session}\r\n\r\n"
        )
        return await self._ask(head.encode() + body)

    async def _ask(self, request: bytes) -> Answer:
        began = time.perf_counter()
        try:
            async with asyncio.timeout(GIVE_UP_S):
                self.writer.write(request)
                head = await self.reader.readuntil(b"\r\n\r\n")
                length = LENGTH.search(head)
                body = await self.reader.readexactly(int(length[1])) if length else b""
        except (OSError, EOFError, TimeoutError) as error:
            return Answer(0, time.perf_counter() - began, repr(error))
        cookie = COOKIE.search(head)
        status = int(head.split(b" ", 2)[1])
        took = time.perf_counter() - began
        return Answer(status, took, body.decode(), cookie[1].decode() if cookie else "")


@contextlib.asynccontextmanager
async def follow(port: int, streams: int) -> AsyncGenerator[list[int]]:
    """So many open event streams, every byte read; yields how many bytes of news each has had."""
    heard = [0] * streams
    tasks = [asyncio.create_task(_drain(port, heard, n)) for n in range(streams)]
    try:
        async with asyncio.timeout(60):
            while not all(heard):  # noqa: ASYNC110 - bytes set no event
                await asyncio.sleep(0.05)
        yield heard
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _drain(port: int, heard: list[int], n: int) -> None:
    async with Line(port) as line:
        line.writer.write(b"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await line.reader.readuntil(b"event: board")
        while data := await line.reader.read(1 << 18):
            heard[n] += 0 if len(data) < BEAT_ALONE else len(data)
