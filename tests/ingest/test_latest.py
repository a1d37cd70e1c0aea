"""The newest values: a row a device, whoever else writes it, whatever becomes of a commit."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

import database
from database.connection import Connection
from edge_agent.sample import GOOD, Value
from edge_agent.wire import Channel, DataType
from ingest import store
from ingest.latest import MOST, LatestRows
from ingest.readings import Latest, Signal

THEN = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
AT = int(THEN.timestamp() * 1000)
TYPES = (
    (DataType.UINT32, 4711), (DataType.FLOAT, 0.5), (DataType.DOUBLE, 1 / 3),
    (DataType.STRING, '六号{"}'), (DataType.BOOLEAN, True), (DataType.INT64, -(1 << 62)),
)  # fmt: skip


def registered(connection: Connection, number: int, device: str = "P01") -> list[Signal]:
    channels = [Channel(f"c{n:03}", TYPES[n % len(TYPES)][0], "gauge") for n in range(number)]
    return list(store.register(connection, "plant", "edge-1", device, channels).values())


def told(signals: Sequence[Signal], at: int = AT, quality: int = GOOD) -> dict[int, Latest]:
    values = {signal.channel: _value(signal) if quality == GOOD else None for signal in signals}
    return {each.channel: (each, at, values[each.channel], quality) for each in signals}


def _value(signal: Signal) -> Value:
    return dict(TYPES)[DataType(signal.datatype)]


def newest(connection: Connection) -> dict[int, tuple[Any, ...]]:
    rows = connection.execute(
        "select channel, at, arrived, quality, coalesce(count::text, gauge::text, wide::text, word)"
        " from signal.newest"
    )
    return {channel: tuple(rest) for channel, *rest in rows}


def test_every_kind_of_value_is_there_and_again_after_a_restart(connection: Connection) -> None:
    signals = registered(connection, len(TYPES))
    LatestRows().write(connection, told(signals), THEN)
    values = ["4711", "0.5", "0.3333333333333333", '六号{"}', "1", str(-(1 << 62))]
    expected = {
        signal.channel: (THEN, THEN, GOOD, value)
        for signal, value in zip(signals, values, strict=True)
    }
    assert newest(connection) == expected
    later = THEN + timedelta(seconds=1)  # another process, which is told of one channel only
    LatestRows().write(connection, told(signals[:1], AT + 1000), later)
    assert newest(connection) == {**expected, signals[0].channel: (later, later, GOOD, "4711")}


def test_a_device_is_one_row_and_what_is_older_changes_nothing(connection: Connection) -> None:
    signals, rows = registered(connection, 49), LatestRows()
    rows.write(connection, told(signals), THEN)
    rows.write(connection, told(signals, AT - 1), THEN + timedelta(seconds=1))
    [(revision, channels)] = connection.execute(
        "select revision, cardinality(channel) from signal.latest"
    ).fetchall()
    assert (revision, channels) == (1, 49)
    assert {arrived for _, arrived, *_ in newest(connection).values()} == {THEN}


def test_a_value_that_is_bad_is_no_value(connection: Connection) -> None:
    signals, rows = registered(connection, 6), LatestRows()
    rows.write(connection, told(signals), THEN)
    rows.write(connection, told(signals, AT + 1, quality=0), THEN)
    assert {tuple(each[2:]) for each in newest(connection).values()} == {(0, None)}


def test_a_wide_device_has_several_rows_and_one_change_writes_one(connection: Connection) -> None:
    signals, rows = registered(connection, 2 * MOST + 1), LatestRows()
    rows.write(connection, told(signals), THEN)
    rows.write(connection, told(signals[-1:], AT + 1), THEN)
    revisions = connection.execute("select revision from signal.latest order by part").fetchall()
    assert revisions == [(1,), (1,), (2,)]
    assert len(newest(connection)) == 2 * MOST + 1


def test_what_another_wrote_since_is_not_written_over(connection: Connection) -> None:
    """Quarantine is replayed, or another host was here: its newer value stays."""
    signals, ours, another = registered(connection, 2), LatestRows(), LatestRows()
    ours.write(connection, told(signals), THEN)
    another.write(connection, told(signals[1:], AT + 5000), THEN + timedelta(seconds=1))
    ours.write(connection, told(signals, AT + 2000), THEN + timedelta(seconds=2))
    times = {channel: at for channel, (at, *_) in newest(connection).items()}
    assert times == {
        signals[0].channel: THEN + timedelta(seconds=2),
        signals[1].channel: THEN + timedelta(seconds=5),
    }


def test_a_transaction_that_failed_leaves_nothing_believed(connection: Connection) -> None:
    signals, rows = registered(connection, 2), LatestRows()
    rows.write(connection, told(signals), THEN)
    with (
        pytest.raises(psycopg.errors.DivisionByZero),
        rows.of_one_transaction(),
        connection.transaction(),
    ):
        _fail_after(connection, rows, told(signals, AT + 9000))
    rows.write(connection, told(signals[:1], AT + 1000), THEN)
    times = [at for at, *_ in newest(connection).values()]
    assert sorted(times) == [THEN, THEN + timedelta(seconds=1)]


def _fail_after(connection: Connection, rows: LatestRows, values: dict[int, Latest]) -> None:
    rows.write(connection, values, THEN)
    connection.execute("select 1 / 0")


def test_a_channel_that_another_replaced_leaves_the_row(connection: Connection) -> None:
    signals = registered(connection, 2)
    LatestRows().write(connection, told(signals), THEN)
    anew = store.register(
        connection, "plant", "edge-1", "P01", [Channel("c000", DataType.UINT32, "gauge", scale=0.1)]
    )
    LatestRows().write(connection, told([anew["c000"]], AT + 1), THEN)
    assert set(newest(connection)) == {signals[1].channel, anew["c000"].channel}


def test_rows_of_an_earlier_schema_are_carried_over(connection: Connection) -> None:
    """Migration 0011 on a plant that has newest values: each is there afterwards, as it was."""
    signals = registered(connection, 100)
    connection.execute("drop view signal.newest")
    connection.execute("drop table signal.latest")
    connection.execute(_BEFORE)
    connection.execute(
        "insert into signal.latest select id, %s, %s, case when id %% 2 = 0 then id end, "
        "case when id %% 2 = 1 then 0.5 end, null, null, 192 from signal.channel",
        [THEN, THEN - timedelta(seconds=1)],
    )
    folder = Path(database.__file__).parent / "migrations"
    connection.execute((folder / "0011_latest_by_device.sql").read_bytes())
    found = newest(connection)
    assert {row[:3] for row in found.values()} == {(THEN - timedelta(seconds=1), THEN, GOOD)}
    assert {n: row[3] for n, row in found.items()} == {
        each.channel: "0.5" if each.channel % 2 else str(each.channel) for each in signals
    }
    LatestRows().write(connection, told(signals), THEN)  # and the program goes on with them
    assert {row[0] for row in newest(connection).values()} == {THEN}
    rows = connection.execute("select count(*) from signal.latest").fetchone()
    assert rows == (2,)


_BEFORE = """
create table signal.latest (
  channel int primary key, arrived timestamptz not null, at timestamptz not null,
  count bigint, gauge real, wide double precision, word text, quality smallint not null
)
"""
