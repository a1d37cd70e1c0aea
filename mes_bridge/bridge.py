"""The bridge: takes readings in behind its mark, counts, derives states and facts, and reports.

Each step commits its result and its own mark in one transaction, so that a bridge that is killed
goes on exactly where it stood. Live and replayed time run the same code: `now` is an argument.
"""

import signal
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import FrameType

import psycopg
import structlog

from database.connection import Connection, wait_connect
from database.limits import SERVICE
from mes_bridge import attention, metrics, shifts
from mes_bridge.counting import counter_store
from mes_bridge.counting.counter_store import Booking
from mes_bridge.errors import PlantNotLoadedError
from mes_bridge.reporting import reporting
from mes_bridge.states import facts, state_store
from mes_bridge.states.press_state import Seen, Sign, Stroke
from mes_bridge.tail import Told, take

DAY = timedelta(days=1)
AHEAD = timedelta(days=2)  # shifts are made this far ahead
BOUNDARY = "boundary"  # the timer of quarter hours and shift ends

LATE = timedelta(seconds=5)  # live: polls of a quarter hour may come this much after it
LONGEST_WAIT = 1.0  # seconds without a notice, after which the live bridge looks by itself
TIMERS_EVERY = timedelta(seconds=5)
AT_ONCE = 2000  # records of an outbox in one transaction, when there is a backlog

log = structlog.get_logger()


class Bridge:
    """Derives everything from the readings of one database.

    `late`: a boundary's reports are made this long after it, so that late polls still come in.
    """

    def __init__(self, connection: Connection, *, late: timedelta = timedelta()) -> None:
        self.connection = connection
        self.late = late

    def advance(self, now: datetime, limit: int | None = None) -> int:
        """Take in what came behind the marks, as of `now`; returns how many records that were.

        At most `limit` records of each outbox. One transaction. Also moves on the states that the
        clock alone changes. Raises PlantNotLoadedError.
        """
        began = time.perf_counter()
        with self.connection.transaction():
            self._make_timer(now)
            tail = take(self.connection, limit)
            if tail.passed:
                start = min((one.reading.at for one in tail.told), default=now)
                shifts.ensure(self.connection, start - DAY, now + AHEAD)
            self._take_in(tail.told, state_store.overdue(self.connection, now), now)
        metrics.ADVANCE.observe(time.perf_counter() - began)
        metrics.RECORDS.inc(tail.passed)
        return tail.passed

    def settle(self, now: datetime) -> None:
        """Bring every press's states and facts up to `now`."""
        with self.connection.transaction():
            shifts.ensure(self.connection, now, now + AHEAD)
            self._take_in([], state_store.watched(self.connection), now)

    def run_timers(self, now: datetime) -> int:
        """Everything due by the clock until `now`; returns how many boundaries were reported.

        Whatever arrived before must have been taken in.
        """
        self.settle(now)
        fired = 0
        while (due := self._due(now)) is not None:
            self._fire(*due, now)
            fired += 1
        with self.connection.transaction():
            attention.raise_due(self.connection, now)
        return fired

    def next_due(self) -> datetime | None:
        """When the next timer goes off."""
        with self.connection.transaction():
            row = self.connection.execute("select min(due) from mes.timer").fetchone()
        return row[0] + self.late if row and row[0] else None

    def _take_in(self, tail: Sequence[Told], idle: Sequence[str], now: datetime) -> None:
        """Count, derive states, refresh facts, tell who listens."""
        told = {one.press for one in tail if one.press}
        _lock(self.connection, {*idle, *(one.concerns for one in tail if one.concerns)})
        booked = counter_store.count(self.connection, [one.reading for one in tail])
        told |= {one.counter.owner for one in booked if one.counter.measure == "stroke"}
        changed = self._follow(tail, booked, {*told, *idle}, now)
        for one in booked:
            if one.counter.press and one.pair.booked:
                _earliest(changed, one.counter.press, one.pair.new.at)
        if not changed:
            return
        facts.refresh_all(self.connection, changed, now)
        metrics.FACTS.inc(len(changed))
        if self.late:
            self._report_late(booked, now)
        for press in sorted(changed):
            self.connection.execute("select pg_notify('press', %s)", [press])

    def _follow(
        self, tail: Sequence[Told], booked: Sequence[Booking], presses: set[str], now: datetime
    ) -> dict[str, datetime]:
        """Derive states; presses whose figures changed, each with the instant from which."""
        signs: dict[str, list[Sign]] = {press: [] for press in presses}
        for one in tail:
            if one.press:
                seen = Seen(one.reading.at, one.good, one.decides, one.running)
                signs[one.press].append(seen)
        for one in booked:
            if one.counter.measure == "stroke" and one.pair.booked:
                signs[one.counter.owner].append(Stroke(one.pair.new.at, one.pair.unseen))
        changed: dict[str, datetime] = {}
        for press in sorted(presses):
            since = state_store.advance(self.connection, press, signs[press], now)
            _earliest(changed, press, since or now)
        return changed

    def _report_late(self, booked: Sequence[Booking], now: datetime) -> None:
        """Strokes of runs that have ended are reported soon, not at the next quarter hour."""
        presses = {b.counter.owner for b in booked if b.counter.measure == "stroke"}
        starts = [b.pair.new.at for b in booked if b.pair.booked]
        if not starts:
            return
        self.connection.execute(
            """
            insert into mes.timer (name, due)
            select distinct 'run:' || o.run, %(now)s::timestamptz
            from mes.owned_count o join mes.run r on r.id = o.run
            where o.press = any(%(presses)s) and o.at >= %(start)s and o.measure = 'stroke'
              and upper(r.span) <= %(now)s
            on conflict do nothing
            """,
            {"presses": sorted(presses), "start": min(starts), "now": now},
        )

    def _make_timer(self, now: datetime) -> None:
        there = self.connection.execute("select from mes.timer where name = %s", [BOUNDARY])
        if there.fetchone() is None:
            self.connection.execute(
                "insert into mes.timer (name, due) values (%s, %s)",
                [BOUNDARY, shifts.boundary_after(self.connection, now)],
            )

    def _due(self, now: datetime) -> tuple[str, datetime] | None:
        return self.connection.execute(
            "select name, due from mes.timer where due <= %s order by due, name limit 1",
            [now - self.late],
        ).fetchone()

    def _fire(self, name: str, due: datetime, now: datetime) -> None:
        """Make the reports of one timer, then set it anew; cut short, it is fired again."""
        if name == BOUNDARY:
            self._report_all(due, now)
        else:
            with self.connection.transaction():
                run = int(name.removeprefix("run:"))
                made = reporting.propose(self.connection, None, now, run=run)
                self.connection.execute("delete from mes.timer where name = %s", [name])
            metrics.REPORTS.inc(len(made))

    def _report_all(self, boundary: datetime, now: datetime) -> None:
        """Report press by press, each in a transaction, so that none waits long for another."""
        with self.connection.transaction():
            presses = self.connection.execute("select name from mes.press order by name").fetchall()
        for (press,) in presses:
            with self.connection.transaction():
                made = reporting.propose(self.connection, boundary, now, press=press)
            metrics.REPORTS.inc(len(made))
        with self.connection.transaction():
            self.connection.execute(
                "update mes.timer set due = %s where name = %s",
                [shifts.boundary_after(self.connection, boundary), BOUNDARY],
            )


def run(database: str) -> None:
    """The service: takes readings in as they come, until SIGTERM or SIGINT.

    While the database is away it waits, and says so once.
    """
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    while not stop.is_set():
        connection = wait_connect(
            database, stop=stop.is_set, application="pressline bridge", limits=SERVICE
        )
        if connection is None:
            break
        try:
            with connection:
                _serve(connection, stop)
        except psycopg.OperationalError as error:
            metrics.ERRORS.labels("database").inc()
            log.warning("the database went away", reason=str(error).strip())


def _serve(connection: Connection, stop: threading.Event) -> None:
    connection.autocommit = True
    connection.execute("listen reading")
    connection.execute("listen act")
    bridge, timers = Bridge(connection, late=LATE), datetime.min.replace(tzinfo=UTC)
    told = False
    log.info("the bridge runs")
    while not stop.is_set():
        try:
            timers = _turn(bridge, stop, timers)
            told = False
        except PlantNotLoadedError as error:
            metrics.ERRORS.labels("no_plant").inc()
            if not told:
                log.warning("waiting for the plant", reason=str(error))
            told = True
        _wait(connection)


def _turn(bridge: Bridge, stop: threading.Event, timers: datetime) -> datetime:
    """Take in everything there is, then what is due; returns when the timers last ran."""
    while bridge.advance(datetime.now(UTC), AT_ONCE) >= AT_ONCE and not stop.is_set():
        pass
    now, due = datetime.now(UTC), bridge.next_due()
    if now - timers < TIMERS_EVERY and (due is None or due > now):
        return timers
    bridge.run_timers(now)
    return now


def _wait(connection: Connection) -> None:
    """Until something was told, or a second has passed."""
    for _ in connection.notifies(timeout=LONGEST_WAIT, stop_after=1):
        pass


def _lock(connection: Connection, presses: set[str]) -> None:
    connection.execute(
        "select 1 from mes.press where name = any(%s) order by name for update", [sorted(presses)]
    )


def _earliest(since: dict[str, datetime], press: str, at: datetime) -> None:
    since[press] = min(at, since.get(press, at))
