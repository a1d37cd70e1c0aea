"""Segments of a run: what it was doing (setup, production, …) and what came out per stroke.

A segment has one kind and one ratio of parts per stroke for each output. Whatever changes either
starts a new one: an act, an output closed or opened, a dated change of the die's outputs.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise, takewhile
from typing import NamedTuple
from uuid import UUID

from psycopg.rows import class_row

from database.connection import Connection
from mes_bridge.moment import Moment


class Span(NamedTuple):
    """Half-open; `until` None: without end."""

    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment; `until` None: it goes on."""

    id: int
    kind: str
    since: datetime
    until: datetime | None
    act: UUID | None


def of(connection: Connection, run: int, since: datetime | None = None) -> list[Segment]:
    """The segments of a run in order of time, or those that begin at `since` or later."""
    with connection.cursor(row_factory=class_row(Segment)) as cursor:
        return cursor.execute(
            """
            select id, kind, lower(span) as since, upper(span) as until, act from mes.run_segment
            where run = %(run)s and not isempty(span)
              and (%(since)s::timestamptz is null or lower(span) >= %(since)s)
            order by lower(span)
            """,
            {"run": run, "since": since},
        ).fetchall()


def lay(connection: Connection, run: int, kind: str, span: Span, act: UUID) -> None:
    """Cover the span of a run with segments of one kind, cut where the die's outputs change."""
    starts = [span.since, *_changes(connection, run, span)]
    ends = [*starts[1:], span.until]
    for start, end in zip(starts, ends, strict=True):
        segment = _insert(connection, run, kind, Span(start, end), act)
        connection.execute(
            """
            insert into mes.segment_output (segment, run_output, parts_num, parts_den)
            select %(segment)s, o.id, coalesce(d.parts_num, 0), coalesce(d.parts_den, 1)
            from mes.run_output o join mes.run r on r.id = o.run
            left join lateral (
              select parts_num, parts_den from erp.die_output
              where die = r.die and item = o.item and from_at <= %(start)s
              order by from_at desc limit 1
            ) d on true
            where o.run = %(run)s and not o.given
            """,
            {"segment": segment, "run": run, "start": start},
        )


def kind_at(moment: Moment, run: int) -> str | None:
    """The kind of the segment of the moment; None where the run has none."""
    current = _containing(moment.connection, run, moment.at)
    return current.kind if current else None


def change_kind(moment: Moment, run: int, kind: str) -> bool:
    """Make the segment of the moment, from there on, one of another kind; False: it was already.

    It holds until the kind was changed next.
    """
    current = _containing(moment.connection, run, moment.at)
    if current is None or current.kind == kind:
        return False
    _split(moment, run, current)
    later = of(moment.connection, run, moment.at)
    same = takewhile(lambda segment: segment.kind == current.kind, later)
    moment.connection.execute(
        "update mes.run_segment set kind = %s, act = %s where id = any(%s)",
        [kind, moment.act, [segment.id for segment in same]],
    )
    return True


def change_output(moment: Moment, run: int, output: int, closed: str | None) -> bool:
    """Close an output of the run with a reason, or open it (None); False: it was so already.

    It holds until that output was changed next.
    """
    current = _containing(moment.connection, run, moment.at)
    if current is None:
        return False
    before = closed_reason(moment.connection, current.id, output)
    if before == closed:
        return False
    _split(moment, run, current)
    later = of(moment.connection, run, moment.at)
    same = takewhile(
        lambda each: closed_reason(moment.connection, each.id, output) == before, later
    )
    _write_output(moment.connection, [each.id for each in same], output, closed)
    return True


def before(moment: Moment, run: int, act: UUID) -> Segment | None:
    """The segment that the one begun by that act at the moment took the place of, or None."""
    there = of(moment.connection, run)
    for earlier, later in pairwise(there):
        if later.since == moment.at and later.act == act:
            return earlier
    return None


def resume(connection: Connection, run: int, at: datetime, until: datetime | None) -> None:
    """The last segment of a run, which ended at that instant, goes on until `until`."""
    connection.execute(
        "update mes.run_segment set span = tstzrange(lower(span), %s) "
        "where run = %s and not isempty(span) and upper(span) = %s",
        [until, run, at],
    )


def acted_after(connection: Connection, run: int, at: datetime) -> bool:
    """Whether someone changed the run's segments after that instant."""
    current = _containing(connection, run, at)
    own = current.act if current else None
    return any(each.since > at and each.act != own for each in of(connection, run))


def closed_at_end(connection: Connection, run: int) -> list[tuple[str, str]]:
    """Items whose output was closed in the last segment of the run, each with the reason."""
    return connection.execute(
        """
        select o.item, so.closed_reason from mes.segment_output so
        join mes.run_output o on o.id = so.run_output
        where so.closed_reason is not null and so.segment = (
          select id from mes.run_segment where run = %s and not isempty(span)
          order by lower(span) desc limit 1)
        order by o.id
        """,
        [run],
    ).fetchall()


def end(connection: Connection, run: int, at: datetime) -> None:
    """End the run's segments at that instant; what would come later becomes empty."""
    connection.execute(
        "update mes.run_segment set span = span * tstzrange(null, %s) where run = %s", [at, run]
    )


def _containing(connection: Connection, run: int, at: datetime) -> Segment | None:
    found: Iterable[Segment] = of(connection, run)
    return next((s for s in found if s.since <= at and (s.until is None or at < s.until)), None)


def _changes(connection: Connection, run: int, span: Span) -> list[datetime]:
    rows = connection.execute(
        """
        select distinct d.from_at from erp.die_output d join mes.run r on r.die = d.die
        where r.id = %(run)s and d.from_at > %(since)s
          and (%(until)s::timestamptz is null or d.from_at < %(until)s)
        order by d.from_at
        """,
        {"run": run, "since": span.since, "until": span.until},
    )
    return [at for (at,) in rows]


def _insert(connection: Connection, run: int, kind: str, span: Span, act: UUID | None) -> int:
    row = connection.execute(
        "insert into mes.run_segment (run, kind, span, act) "
        "values (%s, %s, tstzrange(%s, %s), %s) returning id",
        [run, kind, *span, act],
    ).fetchone()
    assert row is not None
    return row[0]


def _split(moment: Moment, run: int, current: Segment) -> None:
    """End the current segment at the moment and begin one that is like it."""
    if current.since == moment.at:
        return
    connection = moment.connection
    connection.execute(
        "update mes.run_segment set span = tstzrange(%s, %s) where id = %s",
        [current.since, moment.at, current.id],
    )
    rest = Span(moment.at, current.until)
    new = _insert(connection, run, current.kind, rest, moment.act)
    connection.execute(
        "insert into mes.segment_output (segment, run_output, parts_num, parts_den, closed_reason) "
        "select %s, run_output, parts_num, parts_den, closed_reason "
        "from mes.segment_output where segment = %s",
        [new, current.id],
    )


def closed_reason(connection: Connection, segment: int, output: int) -> str | None:
    """Why the output is closed in the segment; None: it is open."""
    row = connection.execute(
        "select closed_reason from mes.segment_output where segment = %s and run_output = %s",
        [segment, output],
    ).fetchone()
    return row[0] if row else None


def _write_output(
    connection: Connection, segments: list[int], output: int, closed: str | None
) -> None:
    """Parts per stroke: none while closed, else as the die says for the segment's start."""
    connection.execute(
        """
        update mes.segment_output so
        set closed_reason = %(closed)s,
          parts_num = case when %(closed)s::text is null then coalesce(dated.parts_num, 0)
                      else 0 end,
          parts_den = case when %(closed)s::text is null then coalesce(dated.parts_den, 1)
                      else 1 end
        from mes.run_segment s
        join mes.run r on r.id = s.run
        join mes.run_output o on o.run = r.id and o.id = %(output)s
        left join lateral (
          select d.parts_num, d.parts_den from erp.die_output d
          where d.die = r.die and d.item = o.item and d.from_at <= lower(s.span)
          order by d.from_at desc limit 1
        ) dated on true
        where so.segment = s.id and so.run_output = o.id and s.id = any(%(segments)s)
        """,
        {"closed": closed, "output": output, "segments": segments},
    )
