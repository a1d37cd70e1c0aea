"""Press states kept in the database: what `states` derives, written as spans that never overlap.

The caller holds the press's lock. Readings that come in the order of their `at` go on from where
the derivation stands; an older one has it begin again at the last stroke before it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from psycopg.rows import class_row
from psycopg.types.multirange import TimestamptzMultirange
from psycopg.types.range import TimestamptzRange

from database.connection import Connection
from mes_bridge import readings
from mes_bridge.states import press_state
from mes_bridge.states.press_state import (
    Meanings,
    Rules,
    Seen,
    Sign,
    Signal,
    Span,
    Stroke,
    Watch,
    signal_of,
)


@dataclass(frozen=True, slots=True)
class _Telling:
    """A row of the query in `_telling`: whether the channel decides, and is the run signal."""

    channel: int
    decides: bool
    signals: bool
    states: Meanings | None


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the query in `_load`."""

    press: str
    stop_after: timedelta
    silence: timedelta
    by_signal: bool
    since: datetime | None
    last_seen: datetime | None
    latest: datetime | None
    last_stroke: datetime | None
    last_signal: Signal | None
    bad_since: datetime | None
    unknown: TimestamptzMultirange | None


def advance(
    connection: Connection, press: str, signs: Sequence[Sign], now: datetime
) -> datetime | None:
    """Take signs in and write the states as of `now`; returns the instant they changed from.

    None when nothing changed. No signs: only the clock has moved.
    """
    return advance_all(connection, {press: signs}, now).get(press)


def advance_all(
    connection: Connection, signs: Mapping[str, Sequence[Sign]], now: datetime
) -> dict[str, datetime]:
    """The same of many presses; returns the instant of each whose states changed."""
    found = _load(connection, list(signs))
    steps = [
        step for press in sorted(signs)
        if (step := _step(connection, press, signs[press], *found[press], now)) is not None
    ]  # fmt: skip
    if not steps:
        return {}
    _save(connection, steps)
    return _write(connection, steps)


@dataclass(frozen=True, slots=True)
class _Step:
    """What a press comes to: its watch, when the clock moves it next, its states from `start`."""

    press: str
    watch: Watch
    due: datetime | None
    start: datetime
    spans: Sequence[Span]


def _step(
    connection: Connection, press: str, signs: Sequence[Sign], rules: Rules, watch: Watch | None,
    now: datetime,
) -> _Step | None:  # fmt: skip
    if watch is not None and any(_is_late(sign, watch) for sign in signs):
        watch, signs = _again(connection, press, min(sign.at for sign in signs), rules)
    start = watch.since if watch else min((sign.at for sign in signs), default=None)
    after, settled = press_state.follow(watch, signs, rules)
    if after is None or start is None:
        return None
    spans = [*settled, *press_state.tail(after, rules, now)]
    return _Step(press, after, press_state.due(after, rules, now), start, spans)


def overdue(connection: Connection, now: datetime) -> list[str]:
    """Presses whose state the clock alone has changed, or whose facts lack a whole minute."""
    rows = connection.execute(
        """
        select press from mes.press_watch
        where since is not null
          and (due < %(now)s or dirty_from is null
               or date_trunc('minute', dirty_from) < date_trunc('minute', %(now)s::timestamptz))
        order by press
        """,
        {"now": now},
    )
    return [press for (press,) in rows]


def watched(connection: Connection) -> list[str]:
    """Every press that has a state."""
    rows = connection.execute(
        "select press from mes.press_watch where since is not null order by press"
    )
    return [press for (press,) in rows]


def _is_late(sign: Sign, watch: Watch) -> bool:
    return sign.at < (watch.since if isinstance(sign, Stroke) else watch.latest)


def _load(connection: Connection, presses: Sequence[str]) -> dict[str, tuple[Rules, Watch | None]]:
    with connection.cursor(row_factory=class_row(_Row)) as cursor:
        rows = cursor.execute(
            """
            select p.name as press, p.stop_after, plant.silence,
                   p.run_channel is not null as by_signal, w.since,
                   w.last_seen, w.latest, w.last_stroke, w.last_signal, w.bad_since, w.unknown
            from plant.press p
            cross join plant.site plant
            left join mes.press_watch w on w.press = p.name
            where p.name = any(%s)
            """,
            [presses],
        ).fetchall()
    return {
        row.press: (Rules(row.stop_after, row.silence, row.by_signal), _watch(row)) for row in rows
    }


def _watch(row: _Row) -> Watch | None:
    if row.since is None or row.last_seen is None or row.latest is None:
        return None
    return Watch(
        since=row.since,
        seen=row.last_seen,
        latest=row.latest,
        stroke=row.last_stroke == row.since,
        signal=row.last_signal,
        bad_since=row.bad_since,
        unknown=tuple((r.lower, r.upper) for r in row.unknown or () if r.lower and r.upper),
    )


def _save(connection: Connection, steps: Sequence[_Step]) -> None:
    connection.execute(
        """
        insert into mes.press_watch as w
          (press, since, last_seen, latest, last_stroke, last_signal, bad_since, unknown, due)
        select * from unnest(
          %s::text[], %b::timestamptz[], %b::timestamptz[], %b::timestamptz[], %b::timestamptz[],
          %s::text[], %b::timestamptz[], %s::tstzmultirange[], %b::timestamptz[])
        on conflict (press) do update
        set since = excluded.since, last_seen = excluded.last_seen, latest = excluded.latest,
            last_stroke = coalesce(excluded.last_stroke, w.last_stroke),
            last_signal = excluded.last_signal, bad_since = excluded.bad_since,
            unknown = excluded.unknown, due = excluded.due
        """,
        [list(column) for column in zip(*map(_saved, steps), strict=True)],
    )


def _saved(step: _Step) -> tuple[object, ...]:
    watch = step.watch
    return (
        step.press, watch.since, watch.seen, watch.latest, watch.since if watch.stroke else None,
        watch.signal, watch.bad_since,
        TimestamptzMultirange(TimestamptzRange(*pause) for pause in watch.unknown), step.due,
    )  # fmt: skip


def _write(connection: Connection, steps: Sequence[_Step]) -> dict[str, datetime]:
    """Put the states from each start on in place of those that were there, where they differ."""
    there = _spans_from(connection, steps)
    changed: dict[str, datetime] = {}
    for step in steps:
        old = there.get(step.press, [])
        new = press_state.merged([*_before(old, step.start), *step.spans])
        if new != old:
            unlike = (min(a.start, b.start) for a, b in zip(old, new, strict=False) if a != b)
            changed[step.press] = max(next(unlike, step.start), step.start)
            _replace(connection, step, new)
    return changed


def _replace(connection: Connection, step: _Step, new: Sequence[Span]) -> None:
    connection.execute(
        "delete from mes.press_state where press = %s and coalesce(upper(span), 'infinity') >= %s",
        [step.press, step.start],
    )
    connection.cursor().executemany(
        "insert into mes.press_state (press, span, state) values (%s, %s, %s)",
        [(step.press, TimestamptzRange(one.start, one.end), one.state) for one in new],
    )


def _before(old: Sequence[Span], start: datetime) -> list[Span]:
    return [
        Span(one.start, start if one.end is None else min(one.end, start), one.state)
        for one in old
        if one.start < start
    ]


def _spans_from(connection: Connection, steps: Sequence[_Step]) -> dict[str, list[Span]]:
    """The states of each press that end at its start or later."""
    rows = connection.execute(
        """
        select a.press, lower(s.span), upper(s.span), s.state
        from unnest(%s::text[], %b::timestamptz[]) as a(press, start)
        cross join lateral (
          select span, state from mes.press_state s
          where s.press = a.press and coalesce(upper(s.span), 'infinity') >= a.start
          offset 0
        ) s
        order by a.press, s.span
        """,
        [[step.press for step in steps], [step.start for step in steps]],
    )
    found: dict[str, list[Span]] = {}
    for press, *span in rows:
        found.setdefault(press, []).append(Span(*span))
    return found


def _again(
    connection: Connection, press: str, before: datetime, rules: Rules
) -> tuple[Watch | None, list[Sign]]:
    """Begin again at the last settled instant before a late reading, with all that came since."""
    found = (_last_signal if rules.by_signal else _last_stroke)(connection, press, before)
    start, signal = found or (None, None)
    watch = start and Watch(start, start, start, stroke=not rules.by_signal, signal=signal)
    if watch and rules.by_signal and signal is None:  # it said what nobody listed
        watch = replace(watch, bad_since=start)
    strokes = [] if rules.by_signal else _strokes_after(connection, press, start)
    return watch or None, [*_seen_from(connection, press, start), *strokes]


def _last_stroke(
    connection: Connection, press: str, before: datetime
) -> tuple[datetime, Signal | None] | None:
    return connection.execute(
        """
        select at, null from mes.count
        where press = %s and measure = 'stroke' and at < %s and kind not in ('decided', 'swap')
        order by at desc limit 1
        """,
        [press, before],
    ).fetchone()


def _last_signal(
    connection: Connection, press: str, before: datetime
) -> tuple[datetime, Signal | None] | None:
    signals = {one.channel: one for one in _telling(connection, press) if one.signals}
    found = readings.last_whole(connection, list(signals), before)
    states = next((one.states for one in signals.values()), None)
    return found and (found[0], signal_of(states, found[1]))


def _strokes_after(connection: Connection, press: str, start: datetime | None) -> list[Stroke]:
    rows = connection.execute(
        """
        select at, unseen from mes.count
        where press = %s and measure = 'stroke' and at > coalesce(%s, '-infinity'::timestamptz)
          and kind not in ('decided', 'swap')
        """,
        [press, start],
    )
    return [Stroke(at, unseen) for at, unseen in rows]


def _seen_from(connection: Connection, press: str, start: datetime | None) -> list[Seen]:
    """Readings of the press's stroke counter and run signal from `start` on."""
    telling = {one.channel: one for one in _telling(connection, press)}
    return [
        _seen(one, telling[one.channel]) for one in readings.since(connection, list(telling), start)
    ]


def _seen(one: readings.Seen, of: _Telling) -> Seen:
    good = one.quality == readings.GOOD
    if not of.signals or one.whole is None:
        return Seen(one.at, good, of.decides)
    signal = signal_of(of.states, one.whole)
    return Seen(one.at, good and signal is not None, of.decides, signal)


def _telling(connection: Connection, press: str) -> list[_Telling]:
    """The channels that tell what a press does: its run signal and its stroke counter."""
    with connection.cursor(row_factory=class_row(_Telling)) as cursor:
        return cursor.execute(
            """
            select c.id as channel, c.name = coalesce(p.run_channel, p.stroke_channel) as decides,
                   c.name is not distinct from p.run_channel as signals, p.run_states as states
            from plant.press p
            join mes.own_channel c on c.device = p.name
                                  and c.name in (p.stroke_channel, p.run_channel)
            where p.name = %s
            """,
            [press],
        ).fetchall()
