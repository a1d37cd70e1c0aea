"""A machine's subscription: its notifications each once and in order, over broken connections too.

A server numbers its notification messages 1, 2, 3… and keeps them until they are acknowledged. One
that did not arrive is asked for again (Republish) before any later one is handed on; one that the
server has no longer ends the subscription, since a value that is still true may have been in it.
"""

import asyncio
from collections.abc import Sequence

import structlog
from asyncua import ua
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaStatusCodeError

from edge_agent.plantfile.profile import Channel
from edge_agent.sources.opcua.machine import Machine
from edge_agent.sources.opcua.places import Place, Places, find_places
from edge_agent.sources.opcua.session import (
    UNDECODABLE,
    Asked,
    Item,
    ItemGiven,
    LostError,
    Message,
    Session,
)

KEEPALIVE_S = 2.0  # the server says at least this often that it is there
SILENCE_S = 4 * KEEPALIVE_S  # without a word for so long, the connection is given up
SETTLE_S = 2.0  # a change that was read must be notified within this, at least
SAMPLES = 5  # of a value in one publishing interval
QUEUE = 32  # changes kept by the server between two publishes, per channel
UNKNOWN = StatusCodes.BadNodeIdUnknown
NUMBERS = 2**32 - 1  # sequence numbers run from 1 to this, then from 1 again (OPC 10000-4, 7.11)

log = structlog.get_logger()


class Subscription:
    """What one machine's server side tells, from `begin` to the end of the session or beyond."""

    def __init__(self, session: Session, machine: Machine) -> None:
        self.session = session
        self.machine = machine
        self.id = 0
        self.due = 1  # number of the next notification message
        self.heard_at = 0.0
        self.spoken = False  # since the connection began
        self.patience_s = SILENCE_S
        self.settle_s = SETTLE_S
        self._watched: dict[int, Place] = {}
        self._refused: list[Place] = []
        self._nowhere: list[Channel] = []
        self._handle = 0
        self._lock = asyncio.Lock()

    async def begin(self) -> None:
        """Ask the server to tell every change; what it refuses is bad with the server's reason."""
        device = self.machine.device
        places = await find_places(self.session, device)
        asked = Asked(min(device.poll_ms, 1000 * KEEPALIVE_S), KEEPALIVE_S)
        given = await self.session.create_subscription(asked)
        self.id = given.id
        self.heard_at = asyncio.get_running_loop().time()
        self.patience_s = max(SILENCE_S, 3 * given.keepalive_s)
        values = await self._read(places.found)
        self.machine.learn(zip(places.found, values, strict=True))  # before its birth is written
        self.machine.go_online()
        self._lack(places)
        sampling_ms = await self._watch(self._decodable(places.found, values))
        self.settle_s = max(SETTLE_S, 3 * (given.publishing_ms + sampling_ms) / 1000)
        if (given.publishing_ms, sampling_ms) != (asked.publishing_ms, self._sampling_ms):
            log.info(
                "intervals_revised", device=device.name, publishing_ms=given.publishing_ms,
                sampling_ms=sampling_ms,
            )  # fmt: skip

    @property
    def _sampling_ms(self) -> float:
        poll_ms = self.machine.device.poll_ms
        return poll_ms / SAMPLES if poll_ms <= 1000 * KEEPALIVE_S else poll_ms

    async def _watch(self, places: Sequence[Place]) -> float:
        """Monitored items for the places; the slowest sampling interval that the server gave."""
        items = [self._item(place) for place in places]
        most = self.machine.device.nodes_per_call
        results = await self.session.create_items(self.id, items, most)
        refused: list[tuple[Place, ua.DataValue]] = []
        for place, item, result in zip(places, items, results, strict=True):
            if result.status >> 30:
                del self._watched[item.handle]
                status = ua.StatusCode(ua.UInt32(result.status))
                refused.append((place, ua.DataValue(StatusCode=status)))
        self._refuse(refused)
        self._tell_queues(places, results)
        return max((result.sampling_ms for result in results), default=self._sampling_ms)

    def _tell_queues(self, places: Sequence[Place], results: Sequence[ItemGiven]) -> None:
        """A server may keep fewer changes than were asked for; beyond them it drops the oldest."""
        pairs = zip(places, results, strict=True)
        short = {
            p.channel.name: r.queue for p, r in pairs if not r.status >> 30 and r.queue < QUEUE
        }
        if short:
            fewest = min(short.values())
            log.info(
                "queue_revised", device=self.machine.device.name, asked=QUEUE, kept=fewest,
                channels=[name for name, kept in short.items() if kept == fewest],
                told="changes beyond it between two publishes are dropped, the oldest first",
            )  # fmt: skip

    def _lack(self, places: Places) -> None:
        """Channels without a place are bad; they are looked for with each comparison."""
        self._nowhere = [c for c in self.machine.device.channels if c.name in places.nowhere]
        self.machine.take_nowhere(places)

    async def _look_again(self) -> None:
        """A server may be up before its nodes, and a PLC program that is new has others."""
        if not self._nowhere:
            return
        await self.session.ask_namespaces()
        places = await find_places(self.session, self.machine.device, self._nowhere)
        if len(places.nowhere) < len(self._nowhere):
            names = [place.channel.name for place in places.found]
            log.info("channels_found", device=self.machine.device.name, channels=names)
        self._nowhere = [c for c in self._nowhere if c.name in places.nowhere]
        self.machine.take_nowhere(places)
        await self._watch(self._decodable(places.found, await self._read(places.found)))

    def _move_gone(self, places: Sequence[Place], values: Sequence[ua.DataValue]) -> None:
        """Nodes found by name that are no more: they may be others now."""
        gone = {
            place.channel.name: place.channel
            for place, data in zip(places, values, strict=True)
            if place.channel.path and data.StatusCode and data.StatusCode.value == UNKNOWN
        }
        self._nowhere += gone.values()
        self._watched = {n: p for n, p in self._watched.items() if p.channel.name not in gone}
        self._refused = [place for place in self._refused if place.channel.name not in gone]

    def _decodable(self, places: Sequence[Place], values: Sequence[ua.DataValue]) -> list[Place]:
        """Those whose values can be decoded; another would spoil every message that it is in."""
        odd = [
            (place, data)
            for place, data in zip(places, values, strict=True)
            if data.StatusCode and data.StatusCode.value == UNDECODABLE
        ]
        self._refuse(odd)
        left_out = {place.channel.name for place, _ in odd}
        return [place for place in places if place.channel.name not in left_out]

    def _refuse(self, told: list[tuple[Place, ua.DataValue]]) -> None:
        """Channels that are not watched are bad; they are tried again with each comparison."""
        self._refused += [place for place, _ in told]
        if told:
            self.machine.refuse(told)

    def _item(self, place: Place) -> Item:
        self._handle += 1
        self._watched[self._handle] = place  # before the call: its value may come first
        return Item(self._handle, place.node, self._sampling_ms, QUEUE)

    async def take(self, message: Message) -> None:
        """A notification or a sign of life; LostError when one before it is lost for good."""
        async with self._lock:
            self.heard_at = asyncio.get_running_loop().time()
            self.spoken = True
            while 0 < (message.number - self.due) % NUMBERS < NUMBERS // 2:
                missed = await self.session.republish(self.id, self.due)
                if missed is None:
                    what = f"notification {self.due} was lost, and the server has it no more"
                    raise LostError(what)
                self._hand_on(missed)
            if message.number == self.due and not message.empty:
                self._hand_on(message)

    def _hand_on(self, message: Message) -> None:
        self.due = self.due % NUMBERS + 1
        self.session.acknowledge(self.id, message.number)
        watched = self._watched
        notified = [(watched[n], data) for n, data in message.changes if n in watched]
        if notified:
            self.machine.take(notified)
        if message.ended:
            raise LostError(f"the server ended the subscription: {message.ended}")

    async def resume(self, *, same_session: bool) -> bool:
        """Go on after a break, with everything that was missed; False when that cannot be had."""
        self.spoken = False
        try:
            if not same_session and not await self.session.take_over(self.id):
                return False
            async with self._lock:
                while (missed := await self.session.republish(self.id, self.due)) is not None:
                    self._hand_on(missed)
        except (UaStatusCodeError, LostError):
            return False
        return True

    @property
    def silence_s(self) -> float:
        """How long the server has said nothing here."""
        return asyncio.get_running_loop().time() - self.heard_at

    def heartbeat(self) -> None:
        """Repeat what is due while the server is heard: silence is never a value."""
        if self.spoken and self.silence_s < 2 * KEEPALIVE_S:
            self.machine.heartbeat()

    async def compare(self) -> None:
        """Hold what the server says when asked against what it notified.

        A subscription can be alive and tell nothing of a channel: then LostError. A channel that
        was refused and can be read now is watched again; one that had no place is looked for.
        """
        watched = list(self._watched.values())
        values = await self._read(watched)
        self._move_gone(watched, values)
        suspects = self._other(watched, values)
        asked_at = asyncio.get_running_loop().time()
        if suspects:
            await asyncio.sleep(self.settle_s)
            notified_at = self.machine.notified_at
            quiet = [p for p in suspects if notified_at.get(p.channel.name, 0.0) < asked_at]
            for place in await self._differing(quiet):
                if notified_at.get(place.channel.name, 0.0) < asked_at:
                    raise LostError(
                        f"{place.channel.name} changes at the server, and the subscription does "
                        "not tell it"
                    )
        refused = list(self._refused)
        values = await self._read(refused)
        self._move_gone(refused, values)
        again = self._other(refused, values)
        if again:
            self._refused = [place for place in self._refused if place not in again]
            await self._watch(again)
        await self._look_again()

    async def _differing(self, places: list[Place]) -> list[Place]:
        return self._other(places, await self._read(places))

    async def _read(self, places: Sequence[Place]) -> list[ua.DataValue]:
        if not places:
            return []
        nodes = [place.node for place in places]
        return await self.session.read(nodes, self.machine.device.nodes_per_call)

    def _other(self, places: Sequence[Place], values: Sequence[ua.DataValue]) -> list[Place]:
        """Those whose values are not those that were told last."""
        pairs = zip(places, values, strict=True)
        return [place for place, data in pairs if self.machine.differs(place, data)]
