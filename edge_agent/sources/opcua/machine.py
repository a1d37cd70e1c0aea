"""One press or meter of a server: what it notifies, and its coming and going."""

import asyncio
from collections.abc import Iterable, Sequence

import structlog
from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from edge_agent.clock import Clock
from edge_agent.plantfile.entries import Meter, Press
from edge_agent.sample import BAD, Sample, Sink
from edge_agent.sources.changes import EventChanges
from edge_agent.sources.opcua.places import Place, Places
from edge_agent.sources.opcua.values import OVERFLOW, sample_of, status_name, turns_at
from edge_agent.sources.tally import Tally

TOGETHER_MS = 1000  # changes of one channel that come together keep their order by 1 ms each

log = structlog.get_logger()


class Machine:
    """Takes notifications in their order, hands on what is news."""

    def __init__(
        self, device: Press | Meter, heartbeat_s: float, sink: Sink, clock: Clock,
        tally: Tally | None = None,
    ) -> None:  # fmt: skip
        self.device = device
        self.tally = tally or Tally()
        self.sink = sink
        self.clock = clock
        self.changes = EventChanges(heartbeat_s)
        self.online: bool | None = None
        self.notified_at: dict[str, float] = {}
        self._last_at: dict[str, int] = {}
        self._complained: set[tuple[str, str]] = set()
        self._untyped = {
            c.name
            for c in device.channels
            if c.kind == "counter" and c.type is None and c.modulus is None and not c.field
        }

    def take(self, notified: Iterable[tuple[Place, ua.DataValue]]) -> None:
        """What came in one notification message, in its order."""
        at, now = self.clock.now(), asyncio.get_running_loop().time()
        samples: list[Sample] = []
        notified = list(notified)
        if self._untyped:
            self.learn(notified)
        for place, data in notified:
            last = self._last_at.get(place.channel.name, 0)
            mine = last + 1 if 0 <= last - at < TOGETHER_MS else at
            sample = sample_of(place.channel, data, mine, place.layout)
            samples.append(sample)
            self._last_at[sample.channel], self.notified_at[sample.channel] = mine, now
            if sample.status is not None or (data.StatusCode and data.StatusCode.value):
                self._complain(sample, data)
        self.tally.notifications += len(samples)
        news = self.changes.tell(samples, now)
        if news and self.online:
            self.sink.samples(self.device.name, news)

    def learn(self, told: Iterable[tuple[Place, ua.DataValue]]) -> None:
        """Where the plant file leaves a counter's type open, the server's tells where it wraps."""
        for place, data in told:
            name = place.channel.name
            modulus = turns_at(data) if name in self._untyped else None
            if modulus is not None:
                self._untyped.discard(name)
            if modulus:
                log.info("modulus_found", device=self.device.name, channel=name, modulus=modulus)
                self.sink.modulus_found(self.device.name, name, modulus)

    def _complain(self, sample: Sample, data: ua.DataValue) -> None:
        said = data.StatusCode.value if data.StatusCode else 0
        status = sample.status or said
        if sample.quality == BAD:
            self._once("channel_bad", sample.channel, status=status_name(status))
            if said >> 30 < 2:  # the server does not call it bad: it is the channel that lacks room
                why = f"a value that it cannot hold ({status_name(status)}); kept as bad"
                self.sink.refused(self.device.name, sample.channel, why)
        elif status & OVERFLOW == OVERFLOW:
            self.tally.overflows += 1
            cure = "its queue was too short: give it a longer one or fewer changes"
            self._once("changes_dropped_by_server", sample.channel, cure=cure)
            why = f"the server dropped changes before this one; {cure}"
            self.sink.refused(self.device.name, sample.channel, why)

    def _once(self, event: str, channel: str, **details: str) -> None:
        key = (channel, str(details))
        if key not in self._complained:
            self._complained.add(key)
            log.warning(event, device=self.device.name, channel=channel, **details)

    def refuse(self, told: Sequence[tuple[Place, ua.DataValue]]) -> None:
        """Channels that the server does not let us watch are bad, with its reason."""
        self.take(told)
        for place, data in told:
            status = data.StatusCode.value if data.StatusCode else 0
            why = f"the server refuses it: {status_name(status)}"
            self.sink.refused(self.device.name, place.channel.name, why)

    def take_nowhere(self, places: Places) -> None:
        """Channels that the server has no place for are bad, those that had one too."""
        at = self.clock.now()
        unknown = StatusCodes.BadNodeIdUnknown
        news = {name: why for name, why in places.nowhere.items() if not self._is_bad(name)}
        bad = [Sample(name, at, None, BAD, status=unknown) for name in news]
        for name, why in news.items():
            self._once("channel_nowhere", name, why=why)
            self.sink.refused(self.device.name, name, why)
        told = self.changes.tell(bad, asyncio.get_running_loop().time())
        if told:
            self.sink.samples(self.device.name, told)

    def _is_bad(self, channel: str) -> bool:
        last = self.changes.last.get(channel)
        return last is not None and last.quality == BAD

    def heartbeat(self) -> None:
        """Repeat what is due; only while the server is heard."""
        due = self.changes.tell_due(self.clock.now(), asyncio.get_running_loop().time())
        if due:
            self.sink.samples(self.device.name, due)

    def differs(self, place: Place, data: ua.DataValue) -> bool:
        """Whether a value that was read is good and not the one notified last."""
        read = sample_of(place.channel, data, 0, place.layout)
        told = self.changes.last.get(place.channel.name)
        return read.quality != BAD and (told is None or told.value != read.value)

    def go_online(self) -> None:
        """The server serves this machine."""
        log.info("device_online", device=self.device.name)
        self.online = True
        self.changes.forget()
        self.notified_at.clear()
        self._complained.clear()
        self.sink.device_online(self.device.name)

    def go_offline(self, why: str) -> None:
        """Every channel is bad, then the machine is gone."""
        self.tally.no_answer += 1
        if self.online is False:
            return
        self.online = False
        at = self.clock.now()
        status = StatusCodes.BadNoCommunication
        bad = [Sample(c.name, at, None, BAD, status=status) for c in self.device.channels]
        log.warning("device_offline", device=self.device.name, why=why)
        now = asyncio.get_running_loop().time()
        self.sink.samples(self.device.name, self.changes.tell(bad, now) or bad)
        self.sink.device_offline(self.device.name, at)
