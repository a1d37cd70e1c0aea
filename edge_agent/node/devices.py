"""The presses and meters of a node, and the node itself: channels, declarations, current values."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from edge_agent.outbox import Outbox
from edge_agent.sample import BAD, GOOD, STALE, Sample
from edge_agent.sparkplug_pb2 import Metric, Payload
from edge_agent.wire import (
    NODE_ALIASES,
    NODE_CHANNELS,
    OUTBOX_RECORD,
    QUALITY,
    Channel,
    DataType,
    Topic,
    WrongTypeError,
    write_channel,
    write_property,
    write_sample,
    write_value,
)


@dataclass
class Device:
    """One press or meter: its channels, the newest sample of each, and whether it is alive.

    The node itself is the device without a name.
    """

    name: str
    channels: dict[str, Channel]
    record_alias: int
    declaration: bytes
    data_topic: str
    current: dict[str, Sample] = field(default_factory=dict[str, Sample])
    alive: bool = False
    told: int = 0  # newest capture time (ms) that the last birth told
    refused: set[str] = field(default_factory=set[str])  # channels whose refusal was told

    def write(self, metric: Metric, channel: Channel, sample: Sample) -> str:
        """Put a sample into a metric; one that does not fit its channel is bad, for that reason."""
        reason = ""
        try:
            write_sample(metric, channel, sample)
        except WrongTypeError as error:
            reason = str(error)
            metric.Clear()
            sample = replace(sample, value=None, quality=BAD)
            write_sample(metric, channel, sample)
        self.current[channel.name] = sample
        return reason

    def write_current(self, metrics: Iterable[Metric], record: int, now: int) -> None:
        """Put the current values into the metrics of a birth."""
        self.told = 0
        for metric in metrics:
            sample = self.current.get(metric.name)
            metric.timestamp = sample.at if sample else now
            self.told = max(self.told, sample.at if sample else 0)
            if metric.name == OUTBOX_RECORD:
                metric.long_value = record
            else:
                _write_current(metric, sample)


def _write_current(metric: Metric, sample: Sample | None) -> None:
    if sample is None or sample.value is None:
        metric.is_null = True
        quality = sample.quality if sample else STALE
        write_property(metric, QUALITY, DataType.INT32, quality)
        return
    try:
        write_value(metric, DataType(metric.datatype), sample.value)
    except WrongTypeError:  # declared otherwise when this birth took its place
        metric.is_null = True
    if sample.quality != GOOD:
        write_property(metric, QUALITY, DataType.INT32, sample.quality)


class Devices:
    """Every device of a node, by name; the one without a name is the node itself."""

    def __init__(self, site: str, node: str, outbox: Outbox) -> None:
        self._site, self._node, self._outbox = site, node, outbox
        self.own = Device(
            name="",
            channels={known.name: known for known in NODE_CHANNELS},
            record_alias=NODE_ALIASES[OUTBOX_RECORD],
            declaration=b"",
            data_topic=str(Topic("NDATA", site, node)),
            alive=True,
        )
        self._known = {"": self.own}
        self._gone: dict[str, Device] = {}
        self._moduli: dict[tuple[str, str, str], int] = {}  # by device, channel and source

    def __getitem__(self, name: str) -> Device:
        return self._known[name]

    @property
    def machines(self) -> list[Device]:
        """Presses and meters of the plant file."""
        return [device for name, device in self._known.items() if name]

    def or_gone(self, name: str) -> Device:
        """A device by name; of one that the plant file no longer has, what its records need."""
        device = self._known.get(name) or self._gone.get(name)
        if device is None:
            device = self._gone[name] = self._declared(name, [])
        return device

    def get(self, name: str) -> Device | None:
        """A device of the plant file, or the node itself."""
        return self._known.get(name)

    def declare(
        self, devices: Mapping[str, Sequence[Channel]]
    ) -> tuple[list[Device], list[Device]]:
        """Take the plant file's devices in the place of those before.

        Returns those that are gone and those that are declared otherwise now. A device that stays
        keeps its life, and its channels the values that still fit them.
        """
        gone = [device for device in self.machines if device.name not in devices]
        changed: list[Device] = []
        known = {"": self.own}
        for name, channels in devices.items():
            device, before = self._declared(name, channels), self._known.get(name)
            if before:
                device.alive, device.told = before.alive, before.told
                device.current = {
                    channel: sample
                    for channel, sample in before.current.items()
                    if before.channels.get(channel) == device.channels.get(channel)
                }
                if before.declaration != device.declaration:
                    changed.append(device)
            known[name] = device
        self._known, self._gone = known, {}
        return gone, changed

    def learn(self, device: str, channel: str, modulus: int) -> Device | None:
        """A counter starts again at `modulus`; the device, when it is declared otherwise by that.

        What the plant file says counts more.
        """
        known = self._known.get(device)
        declared = known.channels.get(channel) if known else None
        if known is None or declared is None or declared.modulus is not None:
            return None
        self._moduli[device, channel, declared.source] = modulus
        changed = self._declared(device, list(known.channels.values()))
        known.channels, known.declaration = changed.channels, changed.declaration
        return known

    def _with_modulus(self, device: str, channel: Channel) -> Channel:
        found = self._moduli.get((device, channel.name, channel.source))
        counts = channel.kind == "counter" and channel.modulus is None
        return replace(channel, modulus=found) if found and counts else channel

    def _declared(self, name: str, channels: Sequence[Channel]) -> Device:
        aliases = self._outbox.aliases(name, [OUTBOX_RECORD, *(known.name for known in channels)])
        declared = {
            known.name: replace(self._with_modulus(name, known), alias=aliases[known.name])
            for known in channels
        }  # fmt: skip
        payload = Payload()
        record = payload.metrics.add()
        record.name, record.datatype = OUTBOX_RECORD, DataType.UINT64
        record.alias = aliases[OUTBOX_RECORD]
        for channel in declared.values():
            write_channel(payload.metrics.add(), channel)
        topic = str(Topic("DDATA", self._site, self._node, name))
        return Device(name, declared, aliases[OUTBOX_RECORD], payload.SerializeToString(), topic)
