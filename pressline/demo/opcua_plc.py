"""What a simulated press answers over OPC UA, served by asyncua; imported only where needed."""

import time
from datetime import UTC, datetime
from typing import cast

from asyncua import ua
from asyncua.common.callback import CallbackType
from asyncua.common.node import Node
from asyncua.server.server import Server

from pressline.demo.twin import Twin

CONNECTIONS = 3  # a small PLC has no more; one that is not closed is missed later
PUBLISHED = 2.0  # seconds after which a subscriber has been sent what changed before


class OpcuaMachine:
    """A press that reports by itself: an OPC UA server with its counter and whether it runs."""

    def __init__(self, port: int, twin: Twin) -> None:
        self.port = port
        self._twin = twin
        self._server: Server | None = None
        self._nodes: dict[str, Node] = {}
        self._shown: dict[str, ua.Variant] = {}
        self._subscribed = self._changed = 0.0

    async def power_on(self) -> None:
        """Listen on the port, with everything as it is after a start."""
        self._shown.clear()
        self._subscribed = 0.0
        server = Server()
        await server.init()
        server.iserver.max_connections = CONNECTIONS
        server.set_endpoint(f"opc.tcp://127.0.0.1:{self.port}")
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        space = await server.register_namespace("urn:pressline:demo:press")
        press = await server.nodes.objects.add_object(f"ns={space};s=Press", "Press")
        for name, value in self._image().items():
            self._nodes[name] = await press.add_variable(f"ns={space};s=Press.{name}", name, value)
        server.subscribe_server_callback(CallbackType.ItemSubscriptionCreated, self._note)
        await server.start()
        self._server = server
        await self.show()

    async def power_off(self) -> None:
        """Close the port and every session."""
        server, self._server = self._server, None
        if server is not None:
            await server.stop()

    async def show(self) -> None:
        """Write what changed into the nodes, with the machine's own time."""
        if self._server is None:
            return
        now = datetime.now(UTC).replace(tzinfo=None)  # asyncua wants naive UTC
        for name, value in self._image().items():
            if self._shown.get(name) != value:
                self._shown[name], self._changed = value, time.monotonic()
                await self._nodes[name].write_value(
                    ua.DataValue(value, SourceTimestamp=cast(ua.DateTime, now))
                )
        since = max(self._changed, self._subscribed)
        if self._subscribed and time.monotonic() > since + PUBLISHED and self._is_acknowledged():
            self._twin.answered(self._twin.strokes)

    def _is_acknowledged(self) -> bool:
        """Whether a client is there that has said of everything published that it came."""
        assert self._server is not None
        known = self._server.iserver.subscription_service.subscriptions.values()
        clients = [vars(one) for one in known if one.pub_request_callback is not None]
        return any(  # asyncua tells it nowhere else
            not (one["_not_acknowledged_results"] or one["_triggered_datachanges"])
            for one in clients
        )

    def _image(self) -> dict[str, ua.Variant]:
        twin = self._twin
        return {
            "Strokes": ua.Variant(twin.counter, ua.VariantType.UInt32),
            "Running": ua.Variant(twin.moving, ua.VariantType.Boolean),
            "Alarm": ua.Variant(twin.alarm, ua.VariantType.UInt16),
            "Die": ua.Variant(twin.die, ua.VariantType.String),
            "Speed": ua.Variant(twin.speed, ua.VariantType.Double),
        }

    async def _note(self, event: object, service: object) -> None:
        self._subscribed = time.monotonic()
