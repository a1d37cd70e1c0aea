"""The bridge: takes readings in behind its mark, counts, derives states and facts, and reports.

Each step commits its result and its own mark in one transaction, so that a bridge that is killed
goes on exactly where it stood. Live and replayed time run the same code: `now` is an argument.

Nobody's trouble ends the work of all: a press that somebody holds is passed over, one whose
readings cannot be taken in is set aside and tried again (mes_bridge/behind.py), a timer that fails
is due again later.
"""

import signal
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from types import FrameType

import psycopg
import structlog

from database.connection import Connection, wait_connect
from database.limits import SERVICE
from database.migrate import require_current
from database.watch import end_overdue
from mes_bridge import attention, behind, metrics
from mes_bridge.counting import counter_store
from mes_bridge.counting.counter_store import Booking
from mes_bridge.reporting import reporting
from mes_bridge.states import facts, state_store
from mes_bridge.states.press_state import Seen, Sign, Stroke
from mes_bridge.tail import Tail, Told, take, take_behind
from plant import shifts
from plant.errors import PlantNotLoadedError

DAY = timedelta(days=1)
AHEAD = timedelta(days=2)  # shifts are made this far ahead
BOUNDARY = "boundary"  # the timer of quarter hours and shift ends
CONTAINERS = "containers"  # the timer that looks for full ones
MINUTE = timedelta(minutes=1)

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
        self._has_boundary = False

    def advance(self, now: datetime, limit: int | None = None) -> int:
        """Take in what came behind the marks, as of `now`; returns how many records that were.

        At most `limit` records of each outbox. One transaction. Also moves on the states that the
        clock alone changes. Raises PlantNotLoadedError.
        """
        began = time.perf_counter()
        self._catch_up(now, timers=True)
        passed = self._work(
            lambda: take(self.connection, limit),
            lambda: state_store.overdue(self.connection, now),
            now,
        )
        metrics.ADVANCE.observe(time.perf_counter() - began)
        metrics.RECORDS.inc(passed)
        return passed

    def settle(self, now: datetime) -> None:
        """Bring every press's states and facts up to `now`."""
        self._catch_up(now)
        self._work(lambda: Tail([], 0), lambda: state_store.watched(self.connection), now)

    def _work(self, read: Callable[[], Tail], idle: Callable[[], list[str]], now: datetime) -> int:
        """Take in what is read, of all presses in one transaction; returns how many records.

        Where that fails, all of them are set aside, and each is tried by itself at once.
        """
        owners = set[str]()
        try:
            with self.connection.transaction():
                tail = read()
                waiting = behind.owners(self.connection)
                quiet = [press for press in idle() if press not in waiting]
                owners = {one.owner for one in tail.told} | set(quiet)
                free = behind.hold(self.connection, owners)
                behind.set_aside(self.connection, owners - free, tail.before, None, now)
                self._make_shifts(tail, now)
                told = [one for one in tail.told if one.owner in free]
                self._take_in(told, [press for press in quiet if press in free], now)
        except Exception as error:
            if not owners or self._ends_all(error):
                raise
            passed = self._set_all_aside(owners, read, str(error), now)
            self._catch_up(now)
            return passed
        return tail.passed

    def _set_all_aside(
        self, owners: set[str], read: Callable[[], Tail], reason: str, now: datetime
    ) -> int:
        """Move the marks past what failed, with everything of it kept for later."""
        with self.connection.transaction():
            behind.set_aside(self.connection, owners, (), reason, now)
            tail = read()
            came = {one.owner for one in tail.told}
            behind.set_aside(self.connection, came, tail.before, None, now)
        return tail.passed

    def _catch_up(self, now: datetime, *, timers: bool = False) -> None:
        """Try those that are set aside, each in a transaction of its own; make timers first."""
        with self.connection.transaction():
            if timers:
                self._make_timers(now)
            due = behind.due(self.connection, now)
        for owner in due:
            try:
                with self.connection.transaction():
                    self._catch_up_with(owner, now)
            except Exception as error:
                if self._ends_all(error):
                    raise
                self._set_back(owner, error, now)

    def _catch_up_with(self, owner: str, now: datetime) -> None:
        if not behind.hold(self.connection, {owner}):
            behind.try_later(self.connection, owner, None, now)
            return
        tail = take_behind(self.connection, owner)
        self._make_shifts(tail, now)
        watched = owner in state_store.watched(self.connection)
        self._take_in(tail.told, [owner] if watched else [], now)
        behind.take_back(self.connection, owner, now)

    def _set_back(self, owner: str, error: Exception, now: datetime) -> None:
        metrics.ERRORS.labels("press").inc()
        with self.connection.transaction():
            pause = behind.try_later(self.connection, owner, str(error), now)
        log.error(
            "a press is set aside: its readings wait, the others go on",
            press=owner,
            again_s=pause.total_seconds(),
            exc_info=error,
        )

    def _ends_all(self, error: Exception) -> bool:
        """Whether it is nobody's own trouble: the database went away, or there is no plant."""
        return self.connection.closed or isinstance(error, PlantNotLoadedError)

    def _make_shifts(self, tail: Tail, now: datetime) -> None:
        start = min((one.reading.at - DAY for one in tail.told), default=now)
        shifts.ensure(self.connection, start, now + AHEAD)

    def run_timers(self, now: datetime) -> int:
        """Everything due by the clock until `now`; returns how many boundaries were reported.

        Whatever arrived before must have been taken in.
        """
        self.settle(now)
        fired = 0
        while (due := self._due(now)) is not None:
            self._fire(*due, now)
            fired += due[0] == BOUNDARY
        with self.connection.transaction():
            attention.raise_due(self.connection, now)
        return fired

    def next_due(self) -> datetime | None:
        """When the next timer goes off."""
        with self.connection.transaction():
            row = self.connection.execute(
                "select min(greatest(due, again)) from mes.timer"
            ).fetchone()
        return row[0] + self.late if row and row[0] else None

    def _take_in(self, tail: Sequence[Told], idle: Sequence[str], now: datetime) -> None:
        """Count, derive states, refresh facts, tell who listens. The presses are locked."""
        told = {one.press for one in tail if one.press}
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
        attention.call_of_signals(
            self.connection,
            {(one.owner, one.unlisted) for one in tail if one.unlisted is not None},
            now,
        )
        if self.late:
            self._report_late(booked, now)
        self.connection.execute(
            "select pg_notify('press', press) from unnest(%s::text[]) as press", [sorted(changed)]
        )

    def _follow(
        self, tail: Sequence[Told], booked: Sequence[Booking], presses: set[str], now: datetime
    ) -> dict[str, datetime]:
        """Derive states; presses whose figures changed, each with the instant from which."""
        signs: dict[str, list[Sign]] = {press: [] for press in presses}
        for one in tail:
            if one.press:
                seen = Seen(one.reading.at, one.good, one.decides, one.signal)
                signs[one.press].append(seen)
        for one in booked:
            if one.counter.measure == "stroke" and one.pair.booked:
                signs[one.counter.owner].append(Stroke(one.pair.new.at, one.pair.unseen))
        since = state_store.advance_all(self.connection, signs, now)
        return {press: since.get(press, now) for press in presses}

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
            from (select distinct press from mes.run  -- of each count its owner is asked: few have
                  where press = any(%(presses)s)
                    and upper(span) between %(start)s and %(now)s offset 0) ended
            join mes.owned_count o on o.press = ended.press
            join mes.run r on r.id = o.run
            where o.at >= %(start)s and o.measure = 'stroke' and upper(r.span) <= %(now)s
            on conflict do nothing
            """,
            {"presses": sorted(presses), "start": min(starts), "now": now},
        )

    def _make_timers(self, now: datetime) -> None:
        """Boundaries; and full containers, where an item has any."""
        self.connection.execute(
            """
            insert into mes.timer (name, due) select %s, %s
            where exists (select from erp.item where container is not null) on conflict do nothing
            """,
            [CONTAINERS, now],
        )
        if self._has_boundary:
            return
        there = self.connection.execute("select from mes.timer where name = %s", [BOUNDARY])
        if there.fetchone() is None:
            self.connection.execute(
                "insert into mes.timer (name, due) values (%s, %s)",
                [BOUNDARY, shifts.boundary_after(self.connection, now)],
            )
        else:
            self._has_boundary = True  # it is set anew when it is fired, and stays

    def _due(self, now: datetime) -> tuple[str, datetime] | None:
        return self.connection.execute(
            "select name, due from mes.timer where due <= %s and coalesce(again, due) <= %s "
            "order by due, name limit 1",
            [now - self.late, now],
        ).fetchone()

    def _fire(self, name: str, due: datetime, now: datetime) -> None:
        """Do what one timer is for, then set it anew; cut short or failed, it is fired again."""
        try:
            with self.connection.transaction():
                self.connection.execute("select set_config('lock_timeout', '1s', true)")
                self._do(name, due, now)
        except Exception as error:
            if self._ends_all(error):
                raise
            self._postpone(name, error, now)

    def _do(self, name: str, due: datetime, now: datetime) -> None:
        """`boundary`, `containers`, `press:<name>`, `full:<name>` or `run:<id>`."""
        kind, _, of = name.partition(":")
        if kind == BOUNDARY:
            self._pass_boundary(due)
            return
        if kind == CONTAINERS:
            self._look_for_full(now)
            return
        run, press = (int(of), None) if kind == "run" else (None, of)
        boundary = None if kind == "run" else due
        made = reporting.propose(
            self.connection, boundary, now, press=press, run=run, full=kind == "full"
        )
        self.connection.execute("delete from mes.timer where name = %s", [name])
        metrics.REPORTS.inc(len(made))

    def _look_for_full(self, now: datetime) -> None:
        """Presses with a full container report it up to this minute; looked for once a minute."""
        minute = (now - self.late).replace(second=0, microsecond=0)
        self.connection.cursor().executemany(
            "insert into mes.timer (name, due) values ('full:' || %s, %s) on conflict do nothing",
            [(press, minute) for press in reporting.filling(self.connection)],
        )
        self.connection.execute(
            "update mes.timer set due = %s where name = %s", [minute + MINUTE, CONTAINERS]
        )

    def _pass_boundary(self, boundary: datetime) -> None:
        """Every press has a timer of its own; one that was not reported yet is, up to here."""
        self.connection.execute(
            """
            insert into mes.timer (name, due) select 'press:' || name, %s from plant.press
            on conflict (name) do update set due = excluded.due
            """,
            [boundary],
        )
        self.connection.execute(
            "update mes.timer set due = %s where name = %s",
            [shifts.boundary_after(self.connection, boundary), BOUNDARY],
        )

    def _postpone(self, name: str, error: Exception, now: datetime) -> None:
        """Fire it again later: a second after a lock, less and less often after an error."""
        locked = isinstance(error, psycopg.errors.LockNotAvailable)
        with self.connection.transaction():
            row = self.connection.execute(
                "update mes.timer set tries = tries + 1, reason = %s where name = %s "
                "returning tries",
                [str(error), name],
            ).fetchone()
            tries = row[0] if row else 1
            pause = (
                behind.SOON if locked else min(behind.SOON * 2 ** min(tries, 12), behind.LONGEST)
            )
            self.connection.execute(
                "update mes.timer set again = %s where name = %s", [now + pause, name]
            )
        if not locked:
            metrics.ERRORS.labels("timer").inc()
            log.error("a timer failed; it is fired again", timer=name, exc_info=error)


def run(database: str) -> None:
    """The service: takes readings in as they come, until SIGTERM or SIGINT.

    While the database is away it waits, and says so once. Raises OutdatedError when the schema is
    not this program's.
    """
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    require_current(database, stop=stop.is_set)
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
    end_overdue(bridge.connection)
    return now


def _wait(connection: Connection) -> None:
    """Until something was told, or a second has passed."""
    for _ in connection.notifies(timeout=LONGEST_WAIT, stop_after=1):
        pass


def _earliest(since: dict[str, datetime], press: str, at: datetime) -> None:
    since[press] = min(at, since.get(press, at))
