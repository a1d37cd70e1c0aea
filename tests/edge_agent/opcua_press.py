"""A real OPC UA press for tests, a cable to it that can be cut, and an agent reading it."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from asyncua import ua
from asyncua.common.node import Node
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_session import InternalSession
from asyncua.server.internal_subscription import InternalSubscription
from asyncua.server.server import Server
from asyncua.server.user_managers import UserManager
from asyncua.ua.status_codes import StatusCodes
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from machines import RememberingSink, Running, free_port, write_plant

from edge_agent.plantfile.entries import Plant
from edge_agent.sample import Sample
from edge_agent.sources import sources

TYPES = {
    "Strokes": (0, ua.VariantType.UInt32), "Running": (True, ua.VariantType.Boolean),
    "Alarm": (0, ua.VariantType.UInt16), "Die": ("D-7", ua.VariantType.String),
    "Speed": (60.0, ua.VariantType.Double),
}  # fmt: skip


POLICIES = [
    ua.SecurityPolicyType.NoSecurity,
    ua.SecurityPolicyType.Basic256Sha256_Sign,
    ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
    ua.SecurityPolicyType.Aes128Sha256RsaOaep_SignAndEncrypt,
    ua.SecurityPolicyType.Aes256Sha256RsaPss_SignAndEncrypt,
]
PASSWORDS = {"mes": "lehm-und-stroh"}


class Doorman(UserManager):
    """Lets in whoever is anonymous and whoever knows the password."""

    shown: Any = None  # certificate of the last one

    def get_user(
        self, iserver: InternalServer, username: str | None = None, password: str | None = None,
        certificate: Any = None,
    ) -> User | None:  # fmt: skip
        self.shown = certificate
        known = username is None or PASSWORDS.get(username) == password
        return User(role=UserRole.User) if known else None


@dataclass
class Papers:
    """A certificate (DER) and its key (PEM), made without the project's own code."""

    certificate: bytes
    key: bytes

    @staticmethod
    def of(uri: str, days: tuple[int, int] = (-1, 30)) -> "Papers":
        """Self-signed, valid from some days after now to some days after now."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, uri)])
        since, until = (datetime.now(UTC) + timedelta(days=day) for day in days)
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        made = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(since)
            .not_valid_after(until)
            .add_extension(
                x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)]), critical=False
            )
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .sign(key, hashes.SHA256())
        )
        plain = serialization.NoEncryption()
        return Papers(
            made.public_bytes(serialization.Encoding.DER),
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain),
        )


class PressServer:
    """An OPC UA press with the nodes of profile press-opcua."""

    def __init__(self) -> None:
        self.port = free_port()
        self.nodes: dict[str, Node] = {}
        self.papers = Papers.of("urn:test:press:server")
        self.doorman = Doorman()

    @property
    def url(self) -> str:
        return f"opc.tcp://127.0.0.1:{self.port}"

    async def __aenter__(self) -> "PressServer":
        self.server = Server(user_manager=self.doorman)
        await self.server.init()
        await self.server.set_application_uri("urn:test:press:server")
        self.server.set_endpoint(self.url)
        await self.server.load_certificate(self.papers.certificate, "der")
        await self.server.load_private_key(self.papers.key, None, "pem")
        self.server.set_security_policy(POLICIES)
        space = await self.server.register_namespace("urn:test:press")
        press = await self.server.nodes.objects.add_object(f"ns={space};s=Press", "Press")
        for name, (value, kind) in TYPES.items():
            node_id = f"ns={space};s=Press.{name}"
            self.nodes[name] = await press.add_variable(node_id, name, value, kind)
        await self.server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.server.stop()

    async def write(
        self, name: str, value: object, at: datetime | None = None,
        status: int = StatusCodes.Good, kind: ua.VariantType | None = None,
    ) -> None:  # fmt: skip
        at = at or datetime.now(UTC).replace(tzinfo=None)
        variant = ua.Variant(value, kind or TYPES[name][1])
        data = ua.DataValue(variant, ua.StatusCode(ua.UInt32(status)), at)  # pyright: ignore[reportArgumentType] -- asyncua's DateTime is a datetime
        await self.nodes[name].write_value(data)

    async def as_new(self) -> None:
        """Values as at the start."""
        for name, (value, _) in TYPES.items():
            await self.write(name, value)
        self.server.iserver.certificate_validator = None

    @property
    def subscriptions(self) -> list[InternalSubscription]:
        """Those alive on the server; closing a session ends its own."""
        return list(self.server.iserver.subscription_service.subscriptions.values())

    @property
    def numbers(self) -> list[int]:
        """Ids of the subscriptions."""
        found: list[Any] = [one.data for one in self.subscriptions]
        return [one.SubscriptionId for one in found]

    @property
    def sessions(self) -> list[InternalSession]:
        """Those of clients that the server still holds."""
        return list(self.server.iserver._external_sessions.values())


class Stage:
    """Plays stories against a press that stays; each finds it as new."""

    def __init__(self, runner: asyncio.Runner, press: PressServer) -> None:
        self.runner = runner
        self.press = press

    def play(self, story: Coroutine[Any, Any, None]) -> None:
        self.runner.run(self.press.as_new())
        self.runner.run(story)


class Cable:
    """A TCP cable to a server; while it is cut, what passed is gone and nobody gets through.

    While it is mute, the server hears nothing; what it says comes through.
    """

    def __init__(self, port: int) -> None:
        self.far_port = port
        self.port = free_port()
        self.cut = self.mute = False
        self.writers: list[asyncio.StreamWriter] = []
        self.joints: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"opc.tcp://127.0.0.1:{self.port}"

    async def __aenter__(self) -> "Cable":
        self.server = await asyncio.start_server(self._join, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        self.break_now()
        await asyncio.gather(*self.joints, return_exceptions=True)

    def break_now(self) -> None:
        """Cut every connection, as a switch does that loses its power."""
        for writer in self.writers:
            writer.transport.abort()
        self.writers.clear()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self.joints.add(task)
        if self.cut:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.far_port)
        self.writers += [writer, far_writer]
        await asyncio.gather(
            self._carry(reader, far_writer, up=True), self._carry(far_reader, writer)
        )

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool = False
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                if not (up and self.mute):
                    writer.write(data)
        writer.close()


def press_plant(
    folder: Path, url: str, poll_ms: int = 100, heartbeat_s: float = 10, more: str = "",
    profile: str = "press-opcua", server: str = "",
) -> Plant:  # fmt: skip
    press = f"""
        {server}
        [[press]]
        name = "P03"
        line = "L1"
        top_speed = 60
        profile = "{profile}"
        address = "{url}"
        poll_ms = {poll_ms}
        {more}
    """
    return write_plant(folder, press, heartbeat_s)


@asynccontextmanager
async def running(plant: Plant, sink: RememberingSink) -> AsyncGenerator[None]:
    background = Running([asyncio.create_task(s.run()) for s in sources(plant, "n", sink)])
    try:
        yield
    finally:
        await background.stop()


def samples_of(sink: RememberingSink, channel: str) -> list[Sample]:
    samples = [what for what in sink.of("P03") if isinstance(what, Sample)]
    return [sample for sample in samples if sample.channel == channel]


def comings(sink: RememberingSink) -> list[str]:
    """The press coming and going."""
    return [what for what in sink.of("P03") if isinstance(what, str)]
