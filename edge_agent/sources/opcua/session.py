"""One session on one OPC UA server: the only place that handles asyncua's client.

Its supervisor, its publish loop and its high-level subscriptions are not used; why stands in
docs/decisions/0002.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import Any, TypeVar

import structlog
from asyncua import ua
from asyncua.client.client import Client
from asyncua.client.ua_client import UaClientState
from asyncua.client.ua_session import UaSession
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaStatusCodeError

from edge_agent.sources.opcua.security import Access

SESSION_S = 30.0  # a session that was not closed is gone after this, before a PLC runs out of them
CLOSE_S = 2.0
RENEW_SHARE = 0.75  # of the channel's life, when its keys are renewed (OPC 10000-4, 5.5.2)
CALL_TIMEOUT_S = 1.0  # at least, for one answer
MOST_NOTIFICATIONS = 1000  # in one message
CLOCK_S = 5  # by how much a server's clock may differ before it is told
NAMESPACES, READ_LIMIT, ITEM_LIMIT, CURRENT_TIME = (
    ua.NodeId(ua.Int32(number)) for number in (2255, 11705, 11714, 2258)
)

T = TypeVar("T")

log = structlog.get_logger()
logging.getLogger("asyncua").setLevel(logging.CRITICAL)  # we tell each loss once


class LostError(Exception):
    """The session, or what was asked of it, is of no use any more."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How often a subscription shall publish what changed, and at least say that it is there."""

    publishing_ms: float
    keepalive_s: float


@dataclass(frozen=True, slots=True)
class Given:
    """A subscription as the server made it."""

    id: int
    publishing_ms: float
    keepalive_s: float


@dataclass(frozen=True, slots=True)
class Item:
    """A node to be watched: sampled so often, with so many changes kept between publishes."""

    handle: int
    node: ua.NodeId
    sampling_ms: float
    queue: int


@dataclass(frozen=True, slots=True)
class ItemGiven:
    """The server's answer for one item: a StatusCode, how often it samples, how many it keeps."""

    status: int
    sampling_ms: float
    queue: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """A notification message; an empty one is a sign of life with the number of the next.

    `changes` are values by the handle of their item, `ended` is why the server ended it all.
    """

    number: int
    empty: bool
    changes: list[tuple[int, ua.DataValue]]
    ended: str


class QuietSession(UaSession):
    """asyncua's session without its publish loop: acknowledging is ours."""

    def ensure_publish_loop(self) -> None:
        """Publish requests are sent by `Session.publish` only."""


class Session:
    """Opened, re-activated over a new connection, closed on every way out."""

    def __init__(self, access: Access, timeout_ms: int) -> None:
        self.access = access
        self.client = Client(access.url, timeout=max(timeout_ms / 1000, CALL_TIMEOUT_S))
        self.client.name = self.client.description = "pressline"
        self.client.session_timeout = int(1000 * SESSION_S)
        self.client.uaclient.session = QuietSession(self.client.uaclient)
        self.namespaces: list[str] = []
        self.read_limit = self.item_limit = 0
        self.renew_at: float = 0.0
        self._acks: list[ua.SubscriptionAcknowledgement] = []
        self.begun = False  # a session of ours may be there
        self._equipped = False

    @property
    def connected(self) -> bool:
        """Whether the connection stands, as far as TCP knows."""
        return self.client.state is UaClientState.CONNECTED

    async def open(self, *, resume: bool) -> bool:
        """Connect; True when the earlier session goes on, False when a new one began.

        An earlier session that shall not go on is closed, so that none is left on the server.
        Raises OSError, TimeoutError, ua.UaError or EdgeError.
        """
        if not self._equipped:
            await self.access.equip(self.client)
            self._equipped = True
        try:
            await self._connect()
            if self.begun and await self._reactivated():
                if resume:
                    return True
                await self._service.close_session(delete_subscriptions=True)
                self.begun = False
            await self._begin()
        except BaseException as error:
            if self.begun and isinstance(error, (OSError, TimeoutError)):
                self.drop()  # the session may still be taken up again
            else:
                await self.close()
            raise
        return False

    @property
    def _service(self) -> UaSession:
        return self.client.uaclient.session

    async def _connect(self) -> None:
        await self.client.connect_socket()
        await self.client.send_hello()
        await self.client.open_secure_channel()
        self._renew_later()

    def _renew_later(self) -> None:
        client: Any = self.client
        life_s = float(client.secure_channel_timeout) / 1000
        self.renew_at = asyncio.get_running_loop().time() + RENEW_SHARE * life_s

    async def _reactivated(self) -> bool:
        self._service.rebind_authentication_token()
        try:
            await self._activate()
        except UaStatusCodeError:
            self._service.reset_authentication_token()
            self.begun = False
            return False
        return True

    async def _begin(self) -> None:
        await self.client.create_session()
        await self._activate()
        self.begun = True
        await self._ask_about()

    async def _activate(self) -> None:
        await self.client.activate_session(
            username=self.access.user,
            password=self.access.password,
            certificate=self.client.user_certificate,
        )

    async def _ask_about(self) -> None:
        """Namespaces and limits of the server; a small one may have no limits to tell."""
        names, reads, items, clock = await self._service.read_attributes(
            [NAMESPACES, READ_LIMIT, ITEM_LIMIT, CURRENT_TIME], AttributeIds.Value
        )
        self._compare_clocks(clock.Value.Value if clock.Value else None)
        found: Any = names.Value.Value if names.Value else None
        self.namespaces = [str(uri) for uri in found or ()]
        self.read_limit, self.item_limit = _limit(reads), _limit(items)

    def _compare_clocks(self, theirs: object) -> None:
        """Its source times stand as they are; a clock that was never set is told."""
        if isinstance(theirs, datetime):
            aware = theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)
            ahead_s = round((aware - _wall()).total_seconds())
            if abs(ahead_s) > CLOCK_S:
                log.warning("server_clock_differs", server=self.access.url, ahead_s=ahead_s)

    def drop(self) -> None:
        """Leave the connection as it is broken; the session stays on the server for a while."""
        protocol = self.client.uaclient.protocol
        if protocol is not None:
            protocol.on_connection_lost = None  # its end, minutes later, says nothing of the next
            if protocol.transport:
                protocol.transport.abort()
        self.client.disconnect_socket()

    async def close(self) -> None:
        """Close the session, so that it is free again; a dead server is not waited for."""
        with suppress(Exception):
            async with asyncio.timeout(CLOSE_S):
                await self._service.close_session(delete_subscriptions=True)
                await self.client.close_secure_channel()
        with suppress(Exception):
            self.client.disconnect_socket()
        self.begun = False

    async def renew_channel(self) -> None:
        """Take new keys before those of the channel run out."""
        if asyncio.get_running_loop().time() >= self.renew_at:
            await self.client.open_secure_channel(renew=True)
            self.client.uaclient.revolve_security_token()
            self._renew_later()

    async def read(
        self, nodes: Sequence[ua.NodeId], most: int,
        attribute: AttributeIds = AttributeIds.Value,
    ) -> list[ua.DataValue]:  # fmt: skip
        """One attribute of each node, with at most so many nodes asked for at once.

        A value that cannot be decoded is bad (BadDecodingError) and leaves the others alone.
        """
        found: list[ua.DataValue] = []
        for part in _parts(nodes, _least(most, self.read_limit)):
            found += await self._read(part, attribute)
        return found

    async def _read(
        self, nodes: Sequence[ua.NodeId], attribute: AttributeIds
    ) -> list[ua.DataValue]:
        try:
            return await self._service.read_attributes(list(nodes), attribute)
        except UaStatusCodeError as error:
            if error.code not in TOO_MUCH:
                raise
            if len(nodes) == 1:
                return [ua.DataValue(StatusCode=ua.StatusCode(ua.UInt32(error.code)))]
            self.read_limit = len(nodes) // 2  # it has a limit that it does not tell
            found: list[ua.DataValue] = []
            for part in _parts(nodes, self.read_limit):
                found += await self._read(part, attribute)
            return found
        except (OSError, TimeoutError):
            raise
        except Exception:  # asyncua decodes all values or none, and fails in any way it likes
            if len(nodes) == 1:
                return [ua.DataValue(StatusCode=ua.StatusCode(UNDECODABLE))]
        half = len(nodes) // 2
        first = await self._read(nodes[:half], attribute)
        return first + await self._read(nodes[half:], attribute)

    async def children(self, node: ua.NodeId) -> list[tuple[str, ua.NodeId]]:
        """Browse names, without their namespaces, and ids of what stands below a node."""
        below: Any = await self.client.get_node(node).get_children_descriptions()
        return [(str(child.BrowseName.Name), child.NodeId) for child in below]

    async def create_subscription(self, asked: Asked) -> Given:
        """A subscription without items; what it publishes is for whoever calls `publish`."""
        parameters = ua.CreateSubscriptionParameters(
            RequestedPublishingInterval=ua.Double(asked.publishing_ms),
            RequestedLifetimeCount=ua.UInt32(ceil(1000 * SESSION_S / asked.publishing_ms)),
            RequestedMaxKeepAliveCount=ua.UInt32(
                max(1, round(1000 * asked.keepalive_s / asked.publishing_ms))
            ),
            MaxNotificationsPerPublish=ua.UInt32(MOST_NOTIFICATIONS),
            PublishingEnabled=True,
        )
        given: Any = await self._service.create_subscription(parameters, lambda: None)
        interval_ms = float(given.RevisedPublishingInterval)
        keepalive_s = interval_ms * given.RevisedMaxKeepAliveCount / 1000
        return Given(int(given.SubscriptionId), interval_ms, keepalive_s)

    async def create_items(
        self, subscription: int, items: Sequence[Item], most: int
    ) -> list[ItemGiven]:
        """Monitored items in as many calls as the server needs, one answer for each.

        A call that is too much for it as a whole is halved until single items are refused.
        """
        found: list[ItemGiven] = []
        for part in _parts(items, _least(most, self.item_limit)):
            found += await self._create_items(subscription, part)
        return found

    async def _create_items(self, subscription: int, items: Sequence[Item]) -> list[ItemGiven]:
        parameters = ua.CreateMonitoredItemsParameters(
            SubscriptionId=ua.UInt32(subscription),
            TimestampsToReturn=ua.TimestampsToReturn.Both,
            ItemsToCreate=[_request(item) for item in items],
        )
        try:
            results: Any = await self._service.create_monitored_items(parameters)
        except UaStatusCodeError as error:
            if error.code not in TOO_MUCH:
                raise
            if len(items) == 1:
                return [ItemGiven(error.code, 0.0)]
        else:
            return [
                ItemGiven(
                    int(one.StatusCode.value),
                    float(one.RevisedSamplingInterval),
                    int(one.RevisedQueueSize),
                )
                for one in results
            ]
        half = len(items) // 2
        first = await self._create_items(subscription, items[:half])
        return first + await self._create_items(subscription, items[half:])

    async def delete_subscription(self, subscription: int) -> None:
        """Let the server forget one; it may have done so already."""
        with suppress(UaStatusCodeError):
            await self._service.delete_subscriptions([subscription])

    async def answers(self) -> bool:
        """Whether the server still answers something simple."""
        try:
            await self._service.read_attributes([CURRENT_TIME], AttributeIds.Value)
        except (OSError, TimeoutError, ua.UaError):
            return False
        return True

    async def ask_namespaces(self) -> None:
        """Which namespaces there are now: a server may be up before its own are."""
        (names,) = await self._service.read_attributes([NAMESPACES], AttributeIds.Value)
        found: Any = names.Value.Value if names.Value else None
        self.namespaces = [str(uri) for uri in found or self.namespaces]

    def acknowledge(self, subscription: int, number: int) -> None:
        """Let the server forget a notification message, with the next publish request."""
        self._acks.append(
            ua.SubscriptionAcknowledgement(ua.UInt32(subscription), ua.UInt32(number))
        )

    async def publish(self) -> tuple[int, Message]:
        """A subscription's next notification or sign of life; waits for it as long as it takes."""
        acks, self._acks = self._acks, []
        try:
            response: Any = await self._service.publish(acks)
        except BaseException:  # unheard, perhaps: said again, or the server keeps them for ever
            self._acks = acks + self._acks
            raise
        result = response.Parameters
        return int(result.SubscriptionId), _message(result.NotificationMessage)

    async def take_over(self, subscription: int) -> bool:
        """TransferSubscriptions to this session; False when the server refuses."""
        parameters = ua.TransferSubscriptionsParameters(
            SubscriptionIds=[ua.UInt32(subscription)], SendInitialValues=False
        )
        try:
            results: Any = await self._service.transfer_subscriptions(parameters)
        except UaStatusCodeError:
            return False
        return len(results) == 1 and bool(results[0].StatusCode.is_good())

    async def republish(self, subscription: int, number: int) -> Message | None:
        """A notification message that is still kept by the server; None when it is not.

        Raises ua.UaError when the server does not know the subscription.
        """
        try:
            message = _message(await self._service.republish(subscription, number))
        except UaStatusCodeError as error:
            if error.code == StatusCodes.BadMessageNotAvailable:
                return None
            raise
        return message if message.number == number and not message.empty else None


def _message(given: Any) -> Message:
    changes: list[tuple[int, ua.DataValue]] = []
    ended = ""
    for part in given.NotificationData or ():
        told: Any = part
        if isinstance(part, ua.DataChangeNotification):
            changes += [(item.ClientHandle, item.Value) for item in told.MonitoredItems]
        elif isinstance(part, ua.StatusChangeNotification):
            ended = str(told.Status.name)
    return Message(int(given.SequenceNumber), not given.NotificationData, changes, ended)


def _request(item: Item) -> ua.MonitoredItemCreateRequest:
    """No filter: a small PLC has no deadband, and every change counts here."""
    return ua.MonitoredItemCreateRequest(
        ItemToMonitor=ua.ReadValueId(NodeId=item.node, AttributeId=AttributeIds.Value),
        MonitoringMode=ua.MonitoringMode.Reporting,
        RequestedParameters=ua.MonitoringParameters(
            ClientHandle=ua.UInt32(item.handle),
            SamplingInterval=ua.Double(item.sampling_ms),
            QueueSize=ua.UInt32(item.queue),
            DiscardOldest=True,
        ),
    )


UNDECODABLE = ua.UInt32(StatusCodes.BadDecodingError)
TOO_MUCH = (
    StatusCodes.BadTooManyOperations, StatusCodes.BadTooManyMonitoredItems,
    StatusCodes.BadEncodingLimitsExceeded, StatusCodes.BadRequestTooLarge,
    StatusCodes.BadResponseTooLarge, StatusCodes.BadOutOfMemory,
    StatusCodes.BadResourceUnavailable,
)  # fmt: skip


def _wall() -> datetime:
    return datetime.now(UTC)


def _parts(items: Sequence[T], most: int) -> Iterable[Sequence[T]]:
    return (items[start : start + most] for start in range(0, len(items), most))


def _least(most: int, limit: int) -> int:
    return min(most, limit) if limit else most


def _limit(data: ua.DataValue) -> int:
    value = data.Value.Value if data.Value else None
    return value if isinstance(value, int) and value > 0 else 0
