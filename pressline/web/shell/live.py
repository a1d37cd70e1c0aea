"""Live figures: one listener and one query feed every open board and terminal.

The bridge notifies `press` when figures change. Each change, and each second, the figures of all
presses are read once and whatever differs goes to the streams; every five seconds everything goes,
so a stream that brings nothing for long means that there is nothing to trust.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
import structlog
from fastapi import APIRouter, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import StreamingResponse
from psycopg.rows import TupleRow, dict_row

from database.connection import BoundedAsyncConnection, session
from database.limits import PAGE
from pressline.web.shell import figures
from pressline.web.shell.request import Clock

log = structlog.get_logger()
router = APIRouter()

TICK = 1.0  # seconds; states change by the clock alone, too
BURST = 0.15  # seconds in which several notifications become one query
EVERYTHING = 5.0  # seconds between full pictures
BEAT = 10.0  # seconds; a comment line keeps a stream open while the database is away
WAITING = 64  # pictures a slow stream may be behind before it is closed
BY_THE_CLOCK = ("state_s", "data_age_s")  # grow on their own; the page counts them on

Row = dict[str, Any]
Picture = dict[str, Any]


@dataclass(eq=False)
class Stream:
    """One open page: what it has not been sent yet; None ends it."""

    press: str | None
    pictures: asyncio.Queue[Picture | None] = field(default_factory=lambda: asyncio.Queue(WAITING))

    def offer(self, picture: Picture) -> bool:
        """Queue what concerns this page; False when the page has fallen too far behind."""
        if self.press is not None:
            mine = [row for row in picture["presses"] if row["press"] == self.press]
            if not mine:
                return True
            picture = {**picture, "presses": mine}
        try:
            self.pictures.put_nowait(picture)
        except asyncio.QueueFull:
            return False
        return True

    def end(self) -> None:
        """Close the stream, whatever is still queued."""
        while self.pictures.full():
            self.pictures.get_nowait()
        self.pictures.put_nowait(None)


class Feed:
    """Reads figures for all streams together."""

    def __init__(self, database: str, clock: Clock) -> None:
        self.database = database
        self.clock = clock
        self.closed = False
        self.streams: set[Stream] = set()
        self.sent: dict[str, Row] = {}
        self.lines: list[Row] = []
        self.newcomer = asyncio.Event()
        self.loop: asyncio.AbstractEventLoop | None = None

    async def run(self) -> None:
        """Follow the database until cancelled; wait for it while it is away."""
        self.loop = asyncio.get_running_loop()
        said = False
        while not self.closed:
            try:
                async with await BoundedAsyncConnection.connect(
                    session(self.database, PAGE, "pressline web"), autocommit=True
                ) as connection:
                    if said:
                        log.info("the database is back")
                    said = False
                    await self._follow(connection)
            except psycopg.Error as error:
                if not said:
                    log.warning("live figures wait for the database", reason=str(error))
                said = True
                await asyncio.sleep(TICK)

    async def _follow(self, connection: psycopg.AsyncConnection[TupleRow]) -> None:
        await connection.execute("listen press")
        full_at = 0.0
        clock = asyncio.get_running_loop().time
        while not self.closed:
            changed = {
                note.payload async for note in connection.notifies(timeout=TICK, stop_after=1)
            }
            if changed:
                await asyncio.sleep(BURST)
            if not self.streams:
                continue
            whole = clock() >= full_at or self.newcomer.is_set()
            self.newcomer.clear()
            if whole:
                full_at = clock() + EVERYTHING
            await self._publish(connection, changed, whole=whole)

    async def _publish(
        self, connection: psycopg.AsyncConnection[TupleRow], changed: set[str], *, whole: bool
    ) -> None:
        now = self.clock()
        cursor = connection.cursor(row_factory=dict_row)
        rows = jsonable_encoder(await (await cursor.execute(figures.PRESSES, [now])).fetchall())
        news = [row for row in rows if whole or row["press"] in changed or self._differs(row)]
        self.sent = {row["press"]: row for row in rows}
        picture: Picture = {"now": now.isoformat(), "presses": news}
        if whole:
            lines = await (await cursor.execute(figures.LINES, [now])).fetchall()
            picture["lines"] = jsonable_encoder(lines)
        if news or whole:
            self._offer(picture)

    def _differs(self, row: Row) -> bool:
        before = self.sent.get(row["press"])
        return before is None or any(
            before[name] != value for name, value in row.items() if name not in BY_THE_CLOCK
        )

    def _offer(self, picture: Picture) -> None:
        for stream in list(self.streams):
            if not stream.offer(picture):
                self.streams.discard(stream)
                stream.end()

    def open(self, press: str | None) -> Stream:
        """A new stream; it gets a full picture within a tick."""
        stream = Stream(press)
        self.streams.add(stream)
        self.newcomer.set()
        if self.closed:
            stream.end()
        return stream

    def close_from_anywhere(self) -> None:
        """Close, also from a signal handler or another thread."""
        if self.loop is not None:
            self.loop.call_soon_threadsafe(self.close)

    def close(self) -> None:
        """End every stream: the server is going down."""
        self.closed = True
        for stream in list(self.streams):
            stream.end()


async def lines_of(feed: Feed, stream: Stream) -> AsyncIterator[str]:
    """A stream as server-sent events, each with an id; a comment when there was nothing to say."""
    number = 0
    try:
        yield "retry: 1000\n\n"
        while True:
            try:
                picture = await asyncio.wait_for(stream.pictures.get(), BEAT)
            except TimeoutError:
                yield ": waiting for figures\n\n"
                continue
            if picture is None:
                return
            number += 1
            yield f"id: {number}\nevent: board\ndata: {json.dumps(picture, ensure_ascii=False)}\n\n"
    finally:
        feed.streams.discard(stream)


@router.get("/api/events")
async def events(request: Request, press: str | None = None) -> StreamingResponse:
    """Server-sent events `board`: {now, presses: [figures…], lines?: […]}.

    The first event is the whole picture, so a page that comes back needs nothing of the past.
    """
    feed: Feed = request.app.state.feed
    return StreamingResponse(
        lines_of(feed, feed.open(press)),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
