"""The newest value of each channel: a row a device, kept here as it stands in the database.

    told in a batch --> merged into the row that is held --> one upsert of the rows that changed

A row that another wrote since (quarantine replayed, another host) is not written over: its revision
is not the one that is held, so it is read and merged again. Values are held as the elements of
PostgreSQL's binary arrays, so that a row is written by joining them.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from struct import Struct
from typing import Any

from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format

from database.connection import Connection
from edge_agent.sample import GOOD
from ingest.readings import (
    INT,
    LONG,
    NULL,
    PACKERS,
    SHORT,
    VALUE_COLUMNS,
    YEAR_2000,
    Latest,
    Place,
    Signal,
)

MOST = 64  # channels of one row: a change of one writes no long row anew
EPOCH_1970, EPOCH_2000 = datetime(1970, 1, 1, tzinfo=UTC), datetime(2000, 1, 1, tzinfo=UTC)
INT2, INT4, INT8, TEXT, FLOAT4, FLOAT8, TIME = 21, 23, 20, 25, 700, 701, 1184  # PostgreSQL's types
ARRAYS = {INT2: 1005, INT4: 1007, INT8: 1016, TEXT: 1009, FLOAT4: 1021, FLOAT8: 1022, TIME: 1185}
TYPES: dict[str, int] = dict(zip(VALUE_COLUMNS, (INT8, FLOAT4, FLOAT8, TEXT), strict=True))
HEAD, FIELD = Struct(">iiIii"), Struct(">Ii")
QUALITIES = {quality: SHORT.pack(2, quality) for quality in (0, GOOD, 500)}

Elements = list[bytes]


class _Packed(bytes):
    """A value in PostgreSQL's binary form; the statement tells its type."""


class _PackedDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Buffer) -> Buffer:
        return obj


def _by_column() -> dict[str, Elements]:
    return {column: Elements() for column in VALUE_COLUMNS}


@dataclass(slots=True, eq=False)
class Row:
    """One row of signal.latest: what stands at one place of each list is one channel's."""

    place: Place
    part: int
    revision: int = 0
    channels: list[int] = field(default_factory=list[int])
    names: bytes = b""  # the channels, packed; empty when they changed
    times: list[int] = field(default_factory=list[int])  # `at`, ms since 1970
    at: Elements = field(default_factory=Elements)
    arrived: Elements = field(default_factory=Elements)
    quality: Elements = field(default_factory=Elements)
    values: dict[str, Elements] = field(default_factory=_by_column)

    def room(self, channel: int) -> int:
        """A place for one more channel, of which nothing is known."""
        self.channels.append(channel)
        self.names = b""
        self.times.append(-1)
        for elements in (self.at, self.arrived, self.quality, *self.values.values()):
            elements.append(NULL)
        return len(self.channels) - 1

    def packed(self) -> bytes:
        """The row, its revision grown, in PostgreSQL's binary form."""
        self.revision += 1
        fields = [_field(TEXT, each.encode()) for each in self.place]
        fields.append(_field(INT2, self.part.to_bytes(2, "big")))
        fields.append(_field(INT8, self.revision.to_bytes(8, "big")))
        if not self.names:
            self.names = _array(INT4, [INT.pack(4, each) for each in self.channels])
        fields.append(self.names)
        fields += [_array(TIME, self.arrived), _array(TIME, self.at), _array(INT2, self.quality)]
        for column, elements in self.values.items():
            told = elements.count(NULL) < len(elements)
            fields.append(_array(TYPES[column], elements if told else None))
        return len(fields).to_bytes(4, "big") + b"".join(fields)


def _field(oid: int, value: bytes) -> bytes:
    return FIELD.pack(oid, len(value)) + value


def _array(oid: int, elements: Elements | None) -> bytes:
    """A field that is an array; without elements it is null."""
    if elements is None:
        return FIELD.pack(ARRAYS[oid], -1)
    head = HEAD.pack(1, 1, oid, len(elements), 1)
    return _field(ARRAYS[oid], head + b"".join(elements))


class LatestRows:
    """What signal.latest holds of the devices that were told of, and how it is written."""

    def __init__(self) -> None:
        self._places: dict[int, tuple[Row, int]] = {}  # by channel
        self._rows: dict[Place, list[Row]] = {}
        self._type = 0  # of a row, in this database

    @contextmanager
    def of_one_transaction(self) -> Generator[None]:
        """What is held is forgotten when this fails: it may not be what is there."""
        try:
            yield
        except BaseException:
            self._places.clear()
            self._rows.clear()
            raise

    def write(self, connection: Connection, told: Mapping[int, Latest], instant: datetime) -> None:
        """Merge what a batch told into the rows of its devices, and write those that change."""
        signals = [signal for signal, *_ in told.values()]
        unknown = {each.device for each in signals if each.channel not in self._places}
        while True:
            if unknown:
                self._read(connection, unknown)
                self._make_room(signals)
            changed = self._merge(told, instant)
            unknown = self._store(connection, changed) if changed else set[Place]()
            if not unknown:
                return

    def _merge(self, told: Mapping[int, Latest], instant: datetime) -> list[Row]:
        """What is newer than what is held; the rows that change, in the order of their keys."""
        arrived, changed = _time(instant), dict[int, Row]()
        places, time, packed_time = self._places, -1, b""
        for channel, (signal, at, value, quality) in told.items():
            row, n = places[channel]
            if at < row.times[n]:
                continue
            if at != time:
                time, packed_time = at, LONG.pack(8, (at - YEAR_2000) * 1000)
            row.times[n], row.at[n], row.arrived[n] = at, packed_time, arrived
            row.quality[n] = QUALITIES[quality]
            if row.values[signal.column][n] is NULL:
                for elements in row.values.values():  # another type, or nothing, before
                    elements[n] = NULL
            row.values[signal.column][n] = NULL if value is None else signal.pack(value)
            changed[id(row)] = row
        return sorted(changed.values(), key=lambda row: (row.place, row.part))

    def _store(self, connection: Connection, changed: Sequence[Row]) -> set[Place]:
        """Write rows; the devices of those that another wrote since they were read."""
        if not self._type:
            row = connection.execute("select 'signal.latest'::regtype::oid::bigint").fetchone()
            self._type = row[0] if row else 0
        packed = [row.packed() for row in changed]
        whole = HEAD.pack(1, 0, self._type, len(packed), 1)
        whole += b"".join(len(each).to_bytes(4, "big") + each for each in packed)
        with connection.cursor() as cursor:
            cursor.adapters.register_dumper(_Packed, _PackedDumper)
            cursor.execute(_UPSERT, [_Packed(whole)])
            if cursor.rowcount == len(changed):
                return set()
            written = {(site, node, device, part) for site, node, device, part in cursor}
        return {row.place for row in changed if (*row.place, row.part) not in written}

    # -- what is there ----------------------------------------------------------------------------

    def _read(self, connection: Connection, places: Iterable[Place]) -> None:
        """Hold the rows of these devices as they are, locked until the transaction ends."""
        columns = [list(each) for each in zip(*sorted(places), strict=True)]
        for place in zip(*columns, strict=True):
            for row in self._rows.pop(place, ()):
                for channel in row.channels:
                    self._places.pop(channel, None)
        for site, node, device, *told in connection.execute(_HELD, columns).fetchall():
            self._hold(_row((site, node, device), *told))

    def _hold(self, row: Row) -> None:
        self._rows.setdefault(row.place, []).append(row)
        self._places.update({channel: (row, n) for n, channel in enumerate(row.channels)})

    def _make_room(self, signals: Iterable[Signal]) -> None:
        """A place for each channel that has none yet."""
        for signal in signals:
            if signal.channel in self._places:
                continue
            rows = self._rows.setdefault(signal.device, [])
            if not rows or len(rows[-1].channels) >= MOST:
                rows.append(Row(signal.device, rows[-1].part + 1 if rows else 0))
            self._places[signal.channel] = rows[-1], rows[-1].room(signal.channel)


def _row(
    place: Place, part: int, revision: int, replaced: list[int], *told: list[Any] | None
) -> Row:
    """A row as it was read, without channels that others have replaced."""
    row, leave_out = Row(place, part, revision), frozenset(replaced)
    for channel, arrived, at, quality, *values in zip_longest(*(each or () for each in told)):
        if channel in leave_out:
            continue
        n = row.room(channel)
        row.arrived[n], row.at[n], row.quality[n] = _time(arrived), _time(at), QUALITIES[quality]
        row.times[n] = (at - EPOCH_1970) // timedelta(milliseconds=1)
        for column, value in zip(VALUE_COLUMNS, values, strict=True):
            if value is not None:
                row.values[column][n] = PACKERS[column](value)
    return row


def _time(instant: datetime) -> bytes:
    return LONG.pack(8, (instant - EPOCH_2000) // timedelta(microseconds=1))


_HELD = """
select l.site, l.node, l.device, l.part, l.revision,
       array(select c.id from signal.channel c
             where (c.site, c.node, c.device) = (l.site, l.node, l.device) and c.replaced),
       l.channel, l.arrived, l.at, l.quality, l.count, l.gauge, l.wide, l.word
from signal.latest l
join unnest(%s::text[], %s::text[], %s::text[]) as t(site, node, device) using (site, node, device)
order by l.site, l.node, l.device, l.part for update of l
"""

_UPSERT = """
insert into signal.latest as l
select * from unnest(%b::signal.latest[])
on conflict (site, node, device, part) do update set
  revision = excluded.revision, channel = excluded.channel, arrived = excluded.arrived,
  at = excluded.at, quality = excluded.quality, count = excluded.count, gauge = excluded.gauge,
  wide = excluded.wide, word = excluded.word
where l.revision = excluded.revision - 1
returning site, node, device, part
"""
