"""Live figures: one listener and one query feed every open board and terminal.

The bridge notifies `press` when figures change. Each change, and each second, the figures of all
presses are read once and whatever differs goes to the streams, made into bytes once for all of
them; every five seconds everything goes, so a stream that brings nothing for long means that there
is nothing to trust. Between them a heartbeat tells that somebody is there who would answer: a
terminal that nobody touches misses it within two seconds (static/follow.js).
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

import psycopg
import structlog
from fastapi import APIRouter, Query, Request
from fastapi.encoders import decimal_encoder
from fastapi.responses import StreamingResponse
from psycopg.rows import TupleRow, dict_row

from database.connection import BoundedAsyncConnection, session
from database.limits import PAGE
from pressline.web.shell import figures
from pressline.web.shell.request import Clock, CrowdedError
from pressline.web.shell.sign_in import for_everybody

log = structlog.get_logger()

router = APIRouter()

TICK = 1.0  # seconds; states change by the clock alone, too
BURST = 0.15  # seconds in which several notifications become one query
EVERYTHING = 5.0  # seconds between full pictures
BEAT = 0.75  # seconds; follow.js misses it after 1.75, so that one late beat alarms nobody
BEAT_EVENT = b"event: beat\ndata: 1\n\n"
STALE = 6.0  # seconds without figures, after which there is no beat: nobody would answer an act
QUIET = 10.0  # seconds; a comment line keeps a stream open while the database is away
WAITING = 64  # pictures a slow stream may be behind before it is closed
AT_ONCE = 10  # streams that are given a picture before others have their turn
MOST = 2000  # streams
BY_THE_CLOCK = ("state_s", "data_age_s")  # grow on their own; the page counts them on

Row = dict[str, Any]
Picture = dict[str, Any]


class Event:
    """One picture, made into bytes once for all streams that show the same presses."""

    def __init__(
        self, number: int, now: datetime, rows: list[Row], lines: list[Row] | None
    ) -> None:
        self.number, self.now, self.rows, self.lines = number, now, rows, lines
        self.made: dict[frozenset[str], bytes | None] = {}

    def of(self, presses: frozenset[str]) -> bytes | None:
        """The event for a page of these presses (none: of all); None when it has no news there."""
        if presses not in self.made:
            self.made[presses] = self._encoded(presses)
        return self.made[presses]

    def _encoded(self, presses: frozenset[str]) -> bytes | None:
        rows = [row for row in self.rows if not presses or row["press"] in presses]
        if presses and not rows:
            return None
        picture: Picture = {"now": self.now, "presses": rows}
        if self.lines is not None:
            picture["lines"] = self.lines
        told = json.dumps(picture, ensure_ascii=False, default=_plain)
        return f"id: {self.number}\nevent: board\ndata: {told}\n\n".encode()


def _plain(value: object) -> object:
    """Instants and exact numbers as JSON has them."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return decimal_encoder(value)
    raise TypeError(f"{type(value).__name__} has no place in a picture")


@dataclass(eq=False)
class Stream:
    """One open page: what it has not been sent yet; None ends it."""

    presses: frozenset[str]
    events: asyncio.Queue[bytes | None] = field(default_factory=lambda: asyncio.Queue(WAITING))

    def offer(self, event: Event) -> bool:
        """Queue what concerns this page; False when the page has fallen too far behind."""
        told = event.of(self.presses)
        if told is None:
            return True
        try:
            self.events.put_nowait(told)
        except asyncio.QueueFull:
            return False
        return True

    def beat(self) -> None:
        """Say that somebody is there; who has something to read knows it anyway."""
        if self.events.empty():
            self.events.put_nowait(BEAT_EVENT)

    def end(self) -> None:
        """Close the stream, whatever is still queued."""
        while self.events.full():
            self.events.get_nowait()
        self.events.put_nowait(None)


class Feed:
    """Reads figures for all streams together."""

    def __init__(self, database: str, clock: Clock) -> None:
        self.database = database
        self.clock = clock
        self.closed = False
        self.streams: set[Stream] = set()
        self.new: set[Stream] = set()  # those of them that have not had a whole picture yet
        self.sent: dict[str, Row] = {}
        self.number = 0
        self.loop: asyncio.AbstractEventLoop | None = None
        self.read_at = float("-inf")  # when the database last gave figures, by the loop's clock

    async def run(self) -> None:
        """Follow the database and beat until cancelled."""
        self.loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as both:
            both.create_task(self._beat(self.loop.time))
            both.create_task(self._read())

    async def _beat(self, clock: Callable[[], float]) -> None:
        """The heartbeat of all streams, for as long as figures come."""
        while not self.closed:
            await asyncio.sleep(BEAT)
            if clock() - self.read_at < STALE:
                await _few_at_once(self.streams, Stream.beat)

    async def _read(self) -> None:
        """Follow the database; wait for it while it is away."""
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
            if self.streams:
                whole = clock() >= full_at
                full_at = clock() + EVERYTHING if whole else full_at
                await self._publish(connection, changed, whole=whole)
            self.read_at = clock()

    async def _publish(
        self, connection: psycopg.AsyncConnection[TupleRow], changed: set[str], *, whole: bool
    ) -> None:
        """The news to every stream, everything to the new ones; `whole`: everything to all."""
        now = self.clock()
        cursor = connection.cursor(row_factory=dict_row)
        rows = await (await cursor.execute(figures.PRESSES, [now])).fetchall()
        news = [row for row in rows if row["press"] in changed or self._differs(row)]
        self.sent = {row["press"]: row for row in rows}
        old, new = self.streams - self.new, self.streams & self.new
        if whole:
            old, new = set[Stream](), set(self.streams)
        self.new -= new
        if new:
            lines = await (await cursor.execute(figures.LINES, [now])).fetchall()
            await self._offer(new, self._event(now, rows, lines))
        if old and news:
            await self._offer(old, self._event(now, news, None))

    def _event(self, now: datetime, rows: list[Row], lines: list[Row] | None) -> Event:
        self.number += 1
        return Event(self.number, now, rows, lines)

    def _differs(self, row: Row) -> bool:
        before = self.sent.get(row["press"])
        return before is None or any(
            before[name] != value for name, value in row.items() if name not in BY_THE_CLOCK
        )

    async def _offer(self, streams: set[Stream], event: Event) -> None:
        def offer(stream: Stream) -> None:
            if stream in self.streams and not stream.offer(event):
                self.streams.discard(stream)
                stream.end()

        await _few_at_once(streams, offer)

    def open(self, presses: frozenset[str]) -> Stream:
        """A new stream; it gets a full picture within a tick. Raises CrowdedError."""
        if len(self.streams) >= MOST:
            raise CrowdedError
        stream = Stream(presses)
        self.streams.add(stream)
        self.new.add(stream)
        if self.closed:
            stream.end()
        return stream

    def leave(self, stream: Stream) -> None:
        """Forget a stream whose page has gone."""
        self.streams.discard(stream)
        self.new.discard(stream)

    def close_from_anywhere(self) -> None:
        """Close, also from a signal handler or another thread."""
        if self.loop is not None:
            self.loop.call_soon_threadsafe(self.close)

    def close(self) -> None:
        """End every stream: the server is going down."""
        self.closed = True
        for stream in list(self.streams):
            stream.end()


async def _few_at_once(streams: Iterable[Stream], give: Callable[[Stream], None]) -> None:
    """Each is given; whoever asks something else meanwhile is answered between."""
    for n, stream in enumerate(tuple(streams), 1):
        give(stream)
        if n % AT_ONCE == 0:
            await asyncio.sleep(0)


async def events_of(feed: Feed, stream: Stream) -> AsyncIterator[bytes]:
    """A stream as server-sent events, each with an id; a comment when there was nothing to say."""
    try:
        yield b"retry: 1000\n\n"
        while True:
            try:
                async with asyncio.timeout(QUIET):
                    event = await stream.events.get()
            except TimeoutError:
                yield b": waiting for figures\n\n"
                continue
            if event is None:
                return
            yield event
    finally:
        feed.leave(stream)


@router.get("/api/events", dependencies=[for_everybody()])
async def events(
    request: Request, press: Annotated[Sequence[str], Query()] = ()
) -> StreamingResponse:
    """Server-sent events `board`: {now, presses: [figures…], lines?: […]}; `press` once or more.

    The first event is the whole picture, so a page that comes back needs nothing of the past.
    Between them `beat`, about once a second, while an act would be answered.
    """
    feed: Feed = request.app.state.feed
    return StreamingResponse(
        events_of(feed, feed.open(frozenset(press))),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )
