"""Holds a session with one OPC UA server for all its machines.

A short break is bridged: the session or at least its subscriptions are taken up again, and what was
missed comes first. A longer one, or anything in doubt, is told as bad and offline, and a new
session begins with the server's current values (docs/decisions/0002). What is wrong with one
machine alone is that machine's: the others go on, and it is begun again later.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaStatusCodeError

from edge_agent.plantfile.address import OpcUaAddress
from edge_agent.plantfile.entries import OpcUa
from edge_agent.shutdown import asked_to_end
from edge_agent.sources.opcua.machine import Machine
from edge_agent.sources.opcua.security import access_to, why_not, why_refused
from edge_agent.sources.opcua.session import LostError, Session
from edge_agent.sources.opcua.subscription import Subscription

BREAK_S = 20.0  # a machine unheard for longer is offline; shorter than its session's life
BREAK_HEARTBEATS = 2  # or for so many heartbeats: after three its values count as unknown
RESUME_RETRY_S = 0.5
FIRST_RETRY_S, LAST_RETRY_S = 1.0, 30.0
COMPARE_S = 10.0  # between looks whether what is notified is still true
LOOK_S = 0.5
MOST_REQUESTS = 10  # publish requests on their way
SESSION_ENDED = (  # what says that no machine can be read in this session any more
    StatusCodes.BadSessionIdInvalid, StatusCodes.BadSessionClosed,
    StatusCodes.BadSessionNotActivated, StatusCodes.BadSecureChannelIdInvalid,
    StatusCodes.BadSecureChannelClosed, StatusCodes.BadConnectionClosed, StatusCodes.BadShutdown,
    StatusCodes.BadServerHalted, StatusCodes.BadCommunicationError,
)  # fmt: skip

log = structlog.get_logger()


class BreakError(Exception):
    """The connection is gone, but what it carried may be taken up again."""


@dataclass(slots=True)
class Absence:
    """When a machine that cannot be read is tried again, and how long it was waited for that."""

    due: float = 0.0
    delay: float = 0.0


@dataclass
class OpcUaServer:
    """One OPC UA server with the machines read from it."""

    address: OpcUaAddress
    servers: Sequence[OpcUa] = ()
    heartbeat_s: float = 10.0
    machines: list[Machine] = field(default_factory=list[Machine])
    session: Session | None = None
    why: str = ""  # it was lost last time; another reason is told
    subscriptions: dict[int, Subscription] = field(default_factory=dict[int, Subscription])
    absent: dict[str, Absence] = field(default_factory=dict[str, Absence])

    @property
    def devices(self) -> list[str]:
        """Names of the machines read here."""
        return [machine.device.name for machine in self.machines]

    async def run(self) -> None:
        """Be connected until cancelled; the session is closed on the way out."""
        delay = FIRST_RETRY_S
        try:
            while not asked_to_end():
                began, bridged = _now(), False
                try:
                    await self._serve()
                except Exception as error:  # whatever a server does must not end its supervision
                    bridged = await self._lost(error)
                if _now() - began > 2 * LAST_RETRY_S:
                    delay = FIRST_RETRY_S
                if bridged:
                    await asyncio.sleep(min(RESUME_RETRY_S, delay))
                else:
                    await asyncio.sleep(delay)
                    delay = min(2 * delay, LAST_RETRY_S)
        finally:
            if self.session is not None:
                await self.session.close()

    async def _serve(self) -> None:
        """Connect, take up or begin, attend until it breaks: always ends with an error."""
        if self.session is None:
            timeout_ms = min(machine.device.timeout_ms for machine in self.machines)
            self.session = Session(access_to(self.address, self.servers), timeout_ms)
        resume = self._bridgeable()
        same = await self.session.open(resume=resume)
        before = {kept.machine.device.name: kept for kept in self.subscriptions.values()}
        self.subscriptions, self.absent = {}, {}
        for machine in self.machines:
            kept = before.get(machine.device.name) if resume else None
            if kept is not None and await kept.resume(same_session=same):
                self.subscriptions[kept.id] = kept
                continue
            if machine.online:
                machine.go_offline("the server has not kept what it notified during a break")
            await self._begin(self.session, machine, last=machine is self.machines[-1])
        if asked_to_end():
            raise asyncio.CancelledError  # asyncua took it for its own while it began
        await self._attend(self.session)

    async def _begin(self, session: Session, machine: Machine, *, last: bool = False) -> None:
        """A subscription for one machine; the error that hinders it when it hinders all."""
        kept = Subscription(session, machine)
        try:
            await kept.begin()
        except Exception as error:
            if (last and not self.subscriptions) or not await self._is_its_own(session, error):
                raise
            await self._part(session, kept, why_refused(error))
            self.machine_refused(machine, error)
        else:
            self.subscriptions[kept.id] = kept
            self.absent.pop(machine.device.name, None)

    async def _is_its_own(self, session: Session, error: Exception) -> bool:
        """Whether an error is one machine's: the session still answers what others ask."""
        if isinstance(error, UaStatusCodeError):
            return error.code not in SESSION_ENDED
        if isinstance(error, TimeoutError):
            return await session.answers()
        return not isinstance(error, OSError)

    async def _part(self, session: Session, kept: Subscription, why: str) -> None:
        """One machine is away; it is begun again within this session, later each time."""
        self.subscriptions.pop(kept.id, None)
        kept.machine.go_offline(why)
        absence = self.absent.setdefault(kept.machine.device.name, Absence())
        absence.delay = min(max(2 * absence.delay, FIRST_RETRY_S), LAST_RETRY_S)
        absence.due = _now() + absence.delay
        if kept.id:
            await session.delete_subscription(kept.id)

    def machine_refused(self, machine: Machine, error: Exception) -> None:
        """What a server says of a machine as a whole goes to the database as well."""
        if isinstance(error, UaStatusCodeError):
            machine.sink.refused(machine.device.name, "", why_refused(error))

    async def _join(self, session: Session) -> None:
        """Begin again with machines that could not be read."""
        while True:
            await asyncio.sleep(LOOK_S)
            for machine in self.machines:
                absence = self.absent.get(machine.device.name)
                if absence is not None and _now() >= absence.due:
                    await self._begin(session, machine)

    def fail(self, why: str) -> None:
        """None of its machines can be read."""
        for machine in self.machines:
            machine.go_offline(why)
        self.subscriptions = {}

    def _bridgeable(self) -> bool:
        """Whether all that is read was heard so recently that the silence can still be filled."""
        limit_s = min(BREAK_S, BREAK_HEARTBEATS * self.heartbeat_s)
        kept = self.subscriptions.values()
        whole = len(kept) + len(self.absent) == len(self.machines)
        return bool(kept) and whole and all(one.silence_s < limit_s for one in kept)

    async def _lost(self, error: Exception) -> bool:
        """Tell what ended; True when it is a break that may still be bridged."""
        session = self.session
        gone = isinstance(error, ConnectionRefusedError)  # its host is up, the server is not
        broken = isinstance(error, (BreakError, OSError, TimeoutError))
        if session is not None and broken and not gone and self._bridgeable():
            session.drop()
            return True
        why = str(error)
        if session is not None and not isinstance(error, (LostError, BreakError)):
            why = await why_not(error, session.access)
        why = why or type(error).__name__
        if why != self.why and all(machine.online is False for machine in self.machines):
            log.warning("server_not_reached", server=str(self.address), why=why)
        self.why = why
        self.fail(why)
        if session is not None and broken:
            session.drop()  # it is closed over the next connection
        elif session is not None:
            await session.close()
        if session is not None and not session.begun:
            self.session = None  # the next one reads its certificates anew
        return False

    async def _attend(self, session: Session) -> None:
        """Publish, watch and compare, until the first of them fails."""
        publishers = min(len(self.machines) + 1, MOST_REQUESTS)
        works: list[Coroutine[Any, Any, None]] = [
            self._watch(session), self._compare(session), self._join(session),
        ]  # fmt: skip
        works += [self._publish(session, first=number == 0) for number in range(publishers)]
        tasks = [asyncio.create_task(work) for work in works]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        errors = [task.exception() for task in done]
        lost = next((error for error in errors if isinstance(error, LostError)), None)
        raise lost or BreakError(str(errors[0]) or type(errors[0]).__name__) from errors[0]

    async def _publish(self, session: Session, *, first: bool) -> None:
        """One publish request after the other."""
        while True:
            try:
                subscription, message = await session.publish()
            except UaStatusCodeError as error:
                if error.code == StatusCodes.BadTimeout:
                    continue
                if error.code == StatusCodes.BadTooManyPublishRequests and not first:
                    await asyncio.Event().wait()  # the others are enough for it
                raise
            known = self.subscriptions.get(subscription)
            if known is not None:
                await self._alone(session, known, known.take(message))

    async def _alone(
        self, session: Session, kept: Subscription, work: Coroutine[Any, Any, None]
    ) -> None:
        """What is lost of one machine is lost of that one, while others are read."""
        try:
            await work
        except (LostError, UaStatusCodeError) as error:
            alone = isinstance(error, LostError) or error.code not in SESSION_ENDED
            if not alone or len(self.subscriptions) < 2:
                raise
            await self._part(session, kept, str(error))

    async def _watch(self, session: Session) -> None:
        """Heartbeats, silence and the keys of the channel."""
        while session.connected:
            for kept in list(self.subscriptions.values()):
                if kept.silence_s > kept.patience_s:
                    await self._silent(session, kept)
                kept.heartbeat()
            await session.renew_channel()
            await asyncio.sleep(LOOK_S)
        raise BreakError("the connection was lost")

    async def _silent(self, session: Session, kept: Subscription) -> None:
        """A subscription that died while others live ends alone."""
        why = f"the server said nothing for {kept.patience_s:.0f} s"
        if all(one.silence_s > one.patience_s / 2 for one in self.subscriptions.values()):
            raise BreakError(why)
        await self._part(session, kept, why)

    async def _compare(self, session: Session) -> None:
        while True:
            for kept in list(self.subscriptions.values()):
                await self._alone(session, kept, kept.compare())
            await asyncio.sleep(COMPARE_S)


def _now() -> float:
    return asyncio.get_running_loop().time()
