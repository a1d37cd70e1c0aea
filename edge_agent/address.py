"""Addresses of machines: `modbus://host:port/unit` and `opc.tcp://host:port/path`."""

from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

CURE = 'write "modbus://192.168.1.20:502/1" (host, port, unit id) or "opc.tcp://192.168.1.30:4840"'


@dataclass(frozen=True, slots=True)
class ModbusAddress:
    """One unit behind one Modbus TCP connection."""

    host: str
    port: int
    unit: int

    def __str__(self) -> str:
        return f"modbus://{self.host}:{self.port}/{self.unit}"


@dataclass(frozen=True, slots=True)
class OpcUaAddress:
    """An OPC UA endpoint."""

    url: str

    def __str__(self) -> str:
        return self.url


Address = ModbusAddress | OpcUaAddress


def parse_address(text: str) -> Address:
    """The machine that an address names.

    Raises ValueError with the cure when it names none.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{text!r} is not an address ({error}); {CURE}") from None
    if parts.scheme not in ("modbus", "opc.tcp") or not parts.hostname:
        raise ValueError(f"{text!r} is not a machine's address; {CURE}")
    if parts.scheme == "opc.tcp":
        return OpcUaAddress(text if port else _with_port(parts))
    return ModbusAddress(parts.hostname, 502 if port is None else port, _unit(parts))


def _with_port(parts: SplitResult) -> str:
    return parts._replace(netloc=f"{parts.netloc.rstrip(':')}:4840").geturl()


def _unit(parts: SplitResult) -> int:
    text = parts.path.strip("/") or "1"
    if not text.isdecimal() or int(text) > 255:
        raise ValueError(f"unit id {text!r} is not a number from 0 to 255; {CURE}")
    return int(text)
