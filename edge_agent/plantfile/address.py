"""Addresses of machines: Modbus over TCP, over a serial line or over RTU in TCP, and OPC UA.

modbus://192.168.1.20:502/1                            Modbus TCP: host, port, unit id
modbus-rtu:///dev/ttyUSB0/1?baud=9600&parity=N&stop=1  a serial line: device, unit id, its settings
modbus-rtu+tcp://192.168.1.30:4001/1                   RTU frames through a serial server
opc.tcp://192.168.1.40:4840                            OPC UA
"""

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

CURE = 'write "modbus://192.168.1.20:502/1" (host, port, unit id) or "opc.tcp://192.168.1.30:4840"'
SERIAL_CURE = 'write "modbus-rtu:///dev/ttyUSB0/1?baud=9600&parity=N&stop=1" (device, unit id)'
RTU_TCP_CURE = 'write "modbus-rtu+tcp://192.168.1.30:4001/1" (host, port, unit id)'
CURES = {"modbus-rtu": SERIAL_CURE, "modbus-rtu+tcp": RTU_TCP_CURE}
# Modbus over Serial Line 2.2: units are 1 to 247, and 0 is a broadcast, which nobody answers.
TCP_UNITS, RTU_UNITS = (0, 255, CURE), (1, 247, RTU_TCP_CURE)
LABEL = re.compile(r"^[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?$")
BAUDS = (300, 115_200)

Parity = Literal["N", "E", "O"]


@dataclass(frozen=True, slots=True)
class Tcp:
    """A TCP connection that carries Modbus TCP or, through a serial server, RTU frames."""

    host: str
    port: int
    rtu: bool = False

    @property
    def name(self) -> str:
        """Where it leads, for people and to tell whether two are one."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Serial:
    """A serial line with RTU frames of 8 data bits."""

    device: str
    baud: int = 9600
    parity: Parity = "N"
    stop: int = 1

    @property
    def name(self) -> str:
        """Where it leads, for people and to tell whether two are one."""
        return self.device

    @property
    def silence(self) -> float:
        """Seconds without a byte that end a frame: Modbus over Serial Line 2.5.1.1."""
        return max(self.seconds(3.5), 0.00175)

    def seconds(self, count: float) -> float:
        """How long `count` bytes take on the line."""
        bits = 1 + 8 + (self.parity != "N") + self.stop
        return count * bits / self.baud


@dataclass(frozen=True, slots=True)
class ModbusAddress:
    """One unit behind a TCP connection or on a serial line."""

    link: Tcp | Serial
    unit: int

    def __str__(self) -> str:
        link = self.link
        if isinstance(link, Tcp):
            return f"modbus{'-rtu+tcp' if link.rtu else ''}://{link.name}/{self.unit}"
        settings = f"baud={link.baud}&parity={link.parity}&stop={link.stop}"
        return f"modbus-rtu://{link.device}/{self.unit}?{settings}"


@dataclass(frozen=True, slots=True)
class OpcUaAddress:
    """An OPC UA endpoint; `user` and `password` only where the address has them."""

    url: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return self.url


Address = ModbusAddress | OpcUaAddress


def parse_address(text: str) -> Address:
    """The machine that an address names.

    Raises ValueError with the cure when it names none.
    """
    try:
        parts = urlsplit(text)
        if parts.scheme == "modbus-rtu":
            return _serial(parts)
        port = parts.port
    except ValueError as error:
        what, _, cure = str(error).partition("; ")
        cure = cure or (SERIAL_CURE if text.startswith("modbus-rtu:") else CURE)
        raise ValueError(f"{text!r} is not an address ({what}); {cure}") from None
    if parts.scheme not in ("modbus", "modbus-rtu+tcp", "opc.tcp") or not parts.hostname:
        cure = CURES.get(parts.scheme, CURE)
        raise ValueError(f"{text!r} is not a machine's address; {cure}")
    check_host(parts.hostname)
    if port == 0:
        raise ValueError(f"{text!r} has port 0, where nobody listens; give the machine's port")
    if parts.scheme == "opc.tcp":
        return _opcua(parts)
    rtu = parts.scheme == "modbus-rtu+tcp"
    if rtu and port is None:
        raise ValueError(f"{text!r} names no port, and serial servers differ; {RTU_TCP_CURE}")
    unit = _unit(parts.path.strip("/") or "1", *RTU_UNITS if rtu else TCP_UNITS)
    return ModbusAddress(Tcp(parts.hostname, 502 if port is None else port, rtu), unit)


def check_host(host: str) -> str:
    """A name or address that can be asked for; ValueError with the cure when it is neither."""
    cure = 'write an address like "192.168.1.20" or a name that the network knows'
    if ":" in host:
        return _ip(host, cure)
    labels = host.removesuffix(".").split(".")
    if labels[-1].isdecimal():  # no name ends in a number, and resolvers guess what it means
        return _ip(host, f"{cure}; four numbers up to 255, without zeros before them")
    try:
        encoded = host.encode("idna").decode("ascii").removesuffix(".")
    except UnicodeError:
        raise ValueError(f"{host!r} is not a host's name; {cure}") from None
    if not all(LABEL.match(label) for label in encoded.split(".")) or len(encoded) > 253:
        raise ValueError(f"{host!r} is not a host's name; {cure}")
    return host


def _ip(host: str, cure: str) -> str:
    try:
        ip_address(host)
    except ValueError:
        raise ValueError(f"{host!r} is not an IP address; {cure}") from None
    return host


def opcua_address(text: str) -> OpcUaAddress:
    """The OPC UA server that an address names; ValueError with the cure when it names none."""
    address = parse_address(text)
    if isinstance(address, OpcUaAddress):
        return address
    raise ValueError(f'{text!r} is not an OPC UA server; write "opc.tcp://192.168.1.30:4840"')


def _opcua(parts: SplitResult) -> OpcUaAddress:
    credentials, _, host = parts.netloc.rpartition("@")
    host = host.rstrip(":") if parts.port else f"{host.rstrip(':')}:4840"
    user, has_password, password = credentials.partition(":")
    return OpcUaAddress(
        parts._replace(netloc=host).geturl(),
        unquote(user) if user else None,
        unquote(password) if has_password else None,
    )


def _unit(text: str, first: int, last: int, cure: str) -> int:
    if not text.isdecimal() or not first <= int(text) <= last:
        raise ValueError(f"unit id {text!r} is not a number from {first} to {last}; {cure}")
    return int(text)


def _serial(parts: SplitResult) -> ModbusAddress:
    """A path of a device and a unit id; on Windows the device stands where a host would."""
    device, _, unit = f"{parts.netloc}{parts.path}".rpartition("/")
    if not device.strip("/") or not unit.isdecimal():
        raise ValueError(f"device and unit id are not both there; {SERIAL_CURE}")
    told = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    baud, parity, stop = told.pop("baud", "9600"), told.pop("parity", "N"), told.pop("stop", "1")
    if told:
        raise ValueError(f"{', '.join(told)} is no setting of a serial line; {SERIAL_CURE}")
    if not baud.isdecimal() or not BAUDS[0] <= int(baud) <= BAUDS[1]:
        low, high = BAUDS
        raise ValueError(f"baud {baud!r} is not a number from {low} to {high}; {SERIAL_CURE}")
    if parity not in ("N", "E", "O"):
        raise ValueError(f"parity {parity!r} is not N (none), E (even) or O (odd); {SERIAL_CURE}")
    if stop not in ("1", "2"):
        raise ValueError(f"stop {stop!r} is not 1 or 2 bits; {SERIAL_CURE}")
    line = Serial(device, int(baud), parity, int(stop))
    return ModbusAddress(line, _unit(unit, 1, 247, SERIAL_CURE))
