"""How large the births of a plant's machines are: a broker may take no message of that size."""

from collections.abc import Mapping, Sequence

from edge_agent.sparkplug_pb2 import Payload
from edge_agent.wire import FIRST_CHANNEL_ALIAS, OUTBOX_RECORD, Channel, DataType, write_channel

VALUE = 24  # bytes of a current value with its time and quality, for each metric
USUAL_LIMIT = 1_000_000  # EMQX as it comes; mosquitto has none, Azure takes 256 kB, AWS 128 kB


def birth_sizes(devices: Mapping[str, Sequence[Channel]]) -> dict[str, int]:
    """Bytes of each machine's DBIRTH, its values included, by name."""
    return {name: _size(channels) for name, channels in devices.items()}


def _size(channels: Sequence[Channel]) -> int:
    payload = Payload(timestamp=1 << 40, seq=255)
    record = payload.metrics.add()
    record.name, record.datatype, record.alias = OUTBOX_RECORD, DataType.UINT64, 1 << 14
    for number, channel in enumerate(channels):
        metric = payload.metrics.add()
        write_channel(metric, channel)
        metric.alias = FIRST_CHANNEL_ALIAS + 128 + number
    return len(payload.SerializeToString()) + VALUE * (1 + len(channels))
