"""What a plant file says: the plant, its lines, presses, meters and shifts."""

from datetime import time
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from edge_agent.connection import Version
from edge_agent.plantfile.address import (
    Address,
    OpcUaAddress,
    check_host,
    opcua_address,
    parse_address,
)
from edge_agent.plantfile.profile import (
    Channel,
    Entry,
    Hole,
    Longest,
    LongestBits,
    Name,
    Nodes,
    Pause,
    Positive,
    Retries,
    Transaction,
)

DAY = 24 * 60
Seconds = Annotated[float, Field(gt=0, le=60 * DAY)]  # at most a day: nothing waits longer
Slot = Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)]


def _parse_time(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return time.fromisoformat(value)
    except ValueError:
        raise ValueError(f'{value!r} is not a time of day; write it as "08:00"') from None


def _parse_break(value: object) -> object:
    if isinstance(value, str) and value.count("-") == 1:
        start, end = value.split("-")
        return {"start": start.strip(), "end": end.strip()}
    raise ValueError(f'{value!r} is not a break; write it as "12:00-13:00"')


def _check_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f'{name!r} is not a time zone; write one like "Asia/Shanghai"') from None
    return name


def _check_address(text: str) -> str:
    if text:
        parse_address(text)
    return text


def _check_opcua(text: str) -> str:
    opcua_address(text)
    return text


def _path(value: object) -> object:
    return Path(value) if isinstance(value, str) else value


Host = Annotated[str, AfterValidator(check_host)]
Time = Annotated[time, BeforeValidator(_parse_time)]
FilePath = Annotated[Path, BeforeValidator(_path)]


class Mqtt(Entry):
    """The broker; with `ca_file` the connection is TLS. Files are relative to the plant file."""

    host: Host = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    user: str | None = None
    password_file: FilePath | None = None
    ca_file: FilePath | None = None
    cert_file: FilePath | None = None
    key_file: FilePath | None = None
    version: Version = "3.1.1"
    host_id: Name = "pressline"

    @model_validator(mode="after")
    def _check(self) -> "Mqtt":
        if self.cert_file and not (self.ca_file and self.key_file):
            raise ValueError("has a client certificate that cannot be used; add ca_file, key_file")
        return self


Policy = Literal[
    "None", "Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"
]  # fmt: skip


class OpcUa(Entry):
    """How an OPC UA server is reached safely; one that has no such entry is asked without.

    `server_certificate_file` is the one certificate that the server may show. Files are relative
    to the plant file.
    """

    address: Annotated[str, AfterValidator(_check_opcua)]
    policy: Policy = "None"
    mode: Literal["Sign", "SignAndEncrypt"] = "SignAndEncrypt"
    certificate_file: FilePath = Path("opcua.der")
    key_file: FilePath = Path("opcua.key")
    server_certificate_file: FilePath | None = None
    user: str | None = None
    password_file: FilePath | None = None
    user_certificate_file: FilePath | None = None
    user_key_file: FilePath | None = None

    @model_validator(mode="after")
    def _check(self) -> "OpcUa":
        if self.policy != "None" and self.server_certificate_file is None:
            raise ValueError(
                f"policy {self.policy} needs server_certificate_file; name a file and fetch it "
                "with: pressline edge trust"
            )
        if (self.user is None) != (self.password_file is None):
            raise ValueError("has one of user and password_file; give both or neither")
        if (self.user_certificate_file is None) != (self.user_key_file is None):
            raise ValueError("has one of user_certificate_file and user_key_file; give both")
        if self.user and self.user_certificate_file:
            raise ValueError("has a password and a user certificate; keep one of them")
        return self

    @property
    def where(self) -> OpcUaAddress:
        """The server's address taken apart."""
        return opcua_address(self.address)


class Outbox(Entry):
    """Where readings wait until the database has them: a file beside the plant file.

    It keeps at most `max_mb` (million bytes), and records for `max_days` days of running.
    """

    path: FilePath = Path("outbox.sqlite")
    max_mb: Annotated[int, Field(ge=1, le=1_000_000)] = 8000
    max_days: Annotated[float, Field(gt=0, le=3660)] = 90


class Metrics(Entry):
    """Where the agent tells Prometheus how it is; off without a port."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] | None = None


class Break(Entry):
    """A pause within a shift."""

    start: Time
    end: Time


class Shift(Entry):
    """A shift of every day; one whose end is not after its start ends on the next day."""

    code: Name
    start: Time
    end: Time
    breaks: Annotated[
        tuple[Annotated[Break, BeforeValidator(_parse_break)], ...], Field(strict=False)
    ] = ()

    @property
    def span(self) -> tuple[int, int]:
        """Minutes of the day, the end counted on beyond midnight where needed."""
        start, end = minute(self.start), minute(self.end)
        return start, end if end > start else end + DAY


class Line(Entry):
    """Presses that work together."""

    name: Name


class Device(Entry):
    """A machine with an address, a press or a meter.

    Its channels are those of its profile, with its own added or laid over by name.
    """

    name: Name
    node: Name = ""
    profile: str = ""
    address: Annotated[str, AfterValidator(_check_address)] = ""
    timeout_ms: Annotated[int, Field(ge=50, le=60_000)] = 1000
    longest_read: Longest = 125
    longest_bit_read: LongestBits = 2000
    widest_hole: Hole = 8
    pause_ms: Pause = 0
    retries: Retries = 2
    transaction: Transaction = "strict"
    nodes_per_call: Nodes = 100
    object: str = ""
    channels: Annotated[tuple[Channel, ...], Field(strict=False)] = Field((), alias="channel")

    @property
    def where(self) -> Address | None:
        """The address taken apart; None when the plant file was read without addresses."""
        return parse_address(self.address) if self.address else None

    def channel(self, name: str) -> Channel | None:
        """The channel of that name."""
        return next((channel for channel in self.channels if channel.name == name), None)


class Press(Device):
    """A press: `top_speed` in strokes per minute; stopped after `stop_after_s` without a stroke."""

    line: str
    top_speed: Positive
    stop_after_s: Seconds = 30
    poll_ms: Annotated[int, Field(ge=50, le=3_600_000)] = 500
    stroke_counter: str = "strokes"
    run_signal: str | None = None


class Meter(Device):
    """An energy meter of one press or of a whole line; `top_kw` bounds what it can count."""

    press: str | None = None
    line: str | None = None
    top_kw: Positive
    poll_ms: Annotated[int, Field(ge=50, le=3_600_000)] = 1000
    energy: str = "energy_import"

    @model_validator(mode="after")
    def _check(self) -> "Meter":
        if (self.press is None) == (self.line is None):
            raise ValueError('measures neither or both; give either press = "…" or line = "…"')
        return self


class Plant(Entry):
    """Everything the plant file says, complete: nodes filled in, profiles resolved.

    Polls begin together, `poll_slot_s` apart; with 0 they are spread over their periods. A shift
    that crosses midnight belongs to the date on which it began or ended (`shift_date`).
    """

    site: Name
    node: Name
    time_zone: Annotated[str, AfterValidator(_check_zone)]
    heartbeat_s: Seconds = 10
    report_every: Literal["quarter_hour", "hour", "shift", "container"] = "quarter_hour"
    poll_slot_s: Slot = 0.2
    shift_date: Literal["began", "ended"] = "began"
    mqtt: Mqtt = Mqtt()
    outbox: Outbox = Outbox()
    metrics: Metrics = Metrics()
    shifts: tuple[Shift, ...] = Field((), alias="shift")
    lines: tuple[Line, ...] = Field((), alias="line")
    presses: tuple[Press, ...] = Field((), alias="press")
    meters: tuple[Meter, ...] = Field((), alias="meter")
    servers: tuple[OpcUa, ...] = Field((), alias="opcua")

    @property
    def devices(self) -> tuple[Press | Meter, ...]:
        """Presses, then meters."""
        return (*self.presses, *self.meters)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Every edge node that has a device, in the file's order."""
        return tuple(dict.fromkeys(device.node for device in self.devices))


def minute(at: time) -> int:
    """Minutes since midnight."""
    return at.hour * 60 + at.minute
