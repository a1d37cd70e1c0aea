"""Sparkplug messages as nodes speak them, by hand: ours with numbers, foreign ones without."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeVar

from database.connection import Connection
from edge_agent.sample import Sample
from edge_agent.sparkplug_pb2 import Payload
from edge_agent.wire import (
    BDSEQ,
    NODE_ALIASES,
    OUTBOX_ACK,
    OUTBOX_FIRST,
    OUTBOX_ID,
    OUTBOX_RECORD,
    Channel,
    DataType,
    death,
    write_channel,
    write_sample,
    write_value,
)
from ingest.group import Group
from ingest.intake import Intake
from ingest.quarantine_bounds import Quarantine

T = TypeVar("T")

UUID = "0b5e7a60-0000-4000-8000-000000000001"
NBIRTH, NDEATH = "spBv1.0/plant/NBIRTH/edge-1", "spBv1.0/plant/NDEATH/edge-1"
NDATA = "spBv1.0/plant/NDATA/edge-1"
DBIRTH, DDATA = "spBv1.0/plant/DBIRTH/edge-1/P01", "spBv1.0/plant/DDATA/edge-1/P01"
DDEATH = "spBv1.0/plant/DDEATH/edge-1/P01"
STROKES = Channel("strokes", DataType.UINT32, "counter", alias=20, modulus=65536)
FORCE = Channel("force", DataType.FLOAT, "gauge", alias=21, unit="kN", scale=0.1)
RECORD_ALIAS = 19
NOW = time.time_ns() // 1_000_000


class Direct:
    """Writes with one connection, without waiting for anything."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def run(self, work: Callable[[Connection], T]) -> T:
        return work(self.connection)

    def start(self, work: Callable[[Connection], T]) -> "Future[T]":
        done: Future[T] = Future()
        done.set_result(self.run(work))
        return done


class Clock:
    """Times that tests set."""

    def __init__(self) -> None:
        self.steady = 1000.0

    def intake(
        self,
        connection: Connection,
        group: Group | None = None,
        quarantine: Quarantine | None = None,
    ) -> Intake:
        return Intake(Direct(connection), lambda: NOW, lambda: self.steady, group, quarantine)


def node_birth(*, uuid: str = UUID, first: int = 1, bdseq: int = 0) -> bytes:
    payload = Payload(timestamp=NOW, seq=0)
    for name, datatype, value in (
        (BDSEQ, DataType.INT64, bdseq),
        (OUTBOX_ID, DataType.STRING, uuid),
        (OUTBOX_FIRST, DataType.UINT64, first),
        (OUTBOX_ACK, DataType.STRING, ""),
        (OUTBOX_RECORD, DataType.UINT64, 0),
    ):
        metric = payload.metrics.add()
        metric.name, metric.datatype, metric.timestamp = name, datatype, NOW
        if name in NODE_ALIASES:
            metric.alias = NODE_ALIASES[name]
        write_value(metric, datatype, value)
    return payload.SerializeToString()


def foreign_birth(bdseq: int = 0) -> bytes:
    return death(bdseq, NOW)  # bdSeq is all it has to say


def device_birth(
    *channels: Channel, values: Sequence[Sample] = (), numbered: bool = True, seq: int = 1
) -> bytes:
    payload = Payload(timestamp=NOW, seq=seq)
    if numbered:
        record = payload.metrics.add()
        record.name, record.alias, record.datatype = OUTBOX_RECORD, RECORD_ALIAS, DataType.UINT64
        record.long_value = 0
    current = {sample.channel: sample for sample in values}
    for channel in channels:
        metric = payload.metrics.add()
        if channel.name in current:
            write_sample(metric, channel, current[channel.name])
        else:
            metric.is_null = True
        write_channel(metric, channel)
    return payload.SerializeToString()


def data(
    number: int | None, *told: tuple[Channel, Sample], seq: int = 2, sent_at: int = NOW
) -> bytes:
    payload = Payload(timestamp=sent_at, seq=seq)
    if number is not None:
        record = payload.metrics.add()
        record.alias, record.long_value = RECORD_ALIAS, number
    for channel, sample in told:
        write_sample(payload.metrics.add(), channel, sample)
    return payload.SerializeToString()


def strokes(number: int, count: int | None = None, at: int = NOW) -> bytes:
    """A record whose stroke count is its own number unless said otherwise."""
    return data(number, (STROKES, Sample("strokes", at, number if count is None else count)))
