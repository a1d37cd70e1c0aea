"""What a request may be: an address and a body of a size that fits, here in time.

A page sends a few hundred bytes. Whoever sends a gigabyte, or half a request and then nothing, is
told so and let go, and holds neither memory nor a place.
"""

import asyncio
from asyncio import TimerHandle, Transport

from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from people import attachments, cells

LONGEST_ADDRESS = 4096  # bytes of path and query
LARGEST_BODY = 64 * 1024  # bytes; an act has a few hundred
# Bytes of a file: a sheet that is read in, and what is attached to a document.
FILES_AT = {"/api/sheets/": cells.MOST_BYTES, "/api/attachments/": attachments.LARGEST}
IN_TIME = 10.0  # seconds for the head of a request, and again for its body
FILE_IN_TIME = 60.0  # seconds for the body of a file: 10 MB from a tablet on the floor
BODILESS = ("GET", "HEAD", "OPTIONS")


class Limits:
    """Takes the whole body in before anything else is done. Plain ASGI: streams pass."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if len(scope["raw_path"]) + len(scope["query_string"]) > LONGEST_ADDRESS:
            await _refusal(414, "address_too_long", "The address is too long")(scope, receive, send)
        elif scope["method"] in BODILESS:
            await self.app(scope, receive, send)
        else:
            await self._with_body(scope, receive, send)

    async def _with_body(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(_in_time(scope)):
                body = await _body(scope, receive)
        except TimeoutError:
            answer = _refusal(
                408, "too_slow", f"The body did not come within {_in_time(scope):.0f} s"
            )
            await answer(scope, receive, send)
        except _TooLargeError:
            text = f"More than {_largest(scope)} bytes; send less"
            answer = _refusal(413, "too_large", text)
            await answer(scope, receive, send)
        else:
            if body is not None:
                await self.app(scope, _again(body, receive), send)


def _largest(scope: Scope) -> int:
    path: str = scope["path"]
    return next((most for at, most in FILES_AT.items() if path.startswith(at)), LARGEST_BODY)


def _in_time(scope: Scope) -> float:
    return FILE_IN_TIME if scope["path"].startswith(tuple(FILES_AT)) else IN_TIME


class _TooLargeError(Exception):
    pass


async def _body(scope: Scope, receive: Receive) -> bytes | None:
    """The body, or None when the client has gone; raises _TooLargeError."""
    most = _largest(scope)
    if _told_length(scope) > most:
        raise _TooLargeError
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > most:
            raise _TooLargeError
    return bytes(body)


def _told_length(scope: Scope) -> int:
    told = dict(scope["headers"]).get(b"content-length", b"0")
    return int(told) if told.isdigit() else 0


def _again(body: bytes, receive: Receive) -> Receive:
    """The body as if it came only now; then whatever comes after it."""
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return left.pop() if left else await receive()

    return replayed


def _refusal(status: int, code: str, message: str) -> JSONResponse:
    """Also hangs up: what is still to come is not read."""
    return JSONResponse({"code": code, "message": message}, status, {"Connection": "close"})


class PromptProtocol(H11Protocol):
    """HTTP/1.1 whose clients must have sent the whole head of a request in time."""

    late: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._hurry()

    def data_received(self, data: bytes) -> None:
        """A request that is complete enough to be answered waits no longer."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:  # pyright: ignore[reportUnnecessaryComparison]
            self._calm()
        elif self.late is None:
            self._hurry()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing to wait for any more."""
        self._calm()
        super().connection_lost(exc)

    def _hurry(self) -> None:
        self.late = self.loop.call_later(IN_TIME, self.transport.close)

    def _calm(self) -> None:
        if self.late is not None:
            self.late.cancel()
            self.late = None
