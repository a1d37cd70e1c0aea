"""What the simulated machines answer over Modbus TCP, served by pymodbus.

The register maps are written here once more, by hand, as a maker's data sheet would give them:
a mistake in config/profiles must not repeat itself in the ground truth.
pymodbus renames its API in minor releases; its server half is touched by this file alone.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from pressline.demo.twin import Energy, Twin

REGISTERS = 128

Image = Callable[[list[int]], None]  # writes what the machine shows now into its registers


@dataclass(frozen=True)
class Sheet:
    """Where a press PLC keeps its counter (`words` registers, low word first) and its signals."""

    counter: int
    words: int
    running: int


SHEETS = {
    "press-16bit": Sheet(counter=0, words=1, running=1),
    "press-32bit-low-word-first": Sheet(counter=0, words=2, running=2),
}
METER_ENERGY = 0x0048  # Eastron SDM630: total import kWh, 32-bit float, big-endian
METER_POWER = 0x0034  # total system power, W


class ModbusMachine:
    """One machine behind one port; power and network can be taken away from it."""

    def __init__(self, port: int, image: Image, watched: int, answered: Callable[[], None]) -> None:
        self.port = port
        self.reachable = True
        self._image = image
        self._watched = watched  # the register whose leaving `answered` is told of
        self._answered = answered
        self._asked = False
        self._server: ModbusTcpServer | None = None

    async def power_on(self) -> None:
        """Listen on the port."""
        device = SimDevice(
            id=0,
            simdata=SimData(0, count=REGISTERS, values=0, datatype=DataType.REGISTERS),
            action=self._read,
        )
        self._server = ModbusTcpServer(
            device, address=("127.0.0.1", self.port), trace_packet=self._packet
        )
        await self._server.serve_forever(background=True)

    async def power_off(self) -> None:
        """Close the port and every connection to it."""
        if self._server is not None:
            await self._server.shutdown()
            self._server = None

    async def _read(  # noqa: PLR0917 - pymodbus's signature
        self,
        function_code: int,
        start: int,
        address: int,
        count: int,
        registers: list[int],
        values: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        if values is not None:
            return ExcCodes.ILLEGAL_FUNCTION  # nothing is written to a machine
        self._image(registers)
        self._asked = address <= self._watched < address + count
        return None

    def _packet(self, sending: bool, data: bytes) -> bytes:
        """A network that is away swallows both directions; connections stay as they are."""
        if not self.reachable:
            return b""
        if sending and self._asked:
            self._asked = False
            self._answered()
        return data


def press_machine(port: int, sheet: Sheet, twin: Twin) -> ModbusMachine:
    """The PLC of a press: its counter and whether it runs."""
    shown = 0

    def image(registers: list[int]) -> None:
        nonlocal shown
        shown = twin.strokes
        for word in range(sheet.words):
            registers[sheet.counter + word] = twin.counter >> (16 * word) & 0xFFFF
        registers[sheet.running] = int(twin.moving)

    return ModbusMachine(port, image, sheet.counter, lambda: twin.answered(shown))


def meter_machine(port: int, energy: Energy) -> ModbusMachine:
    """An energy meter: total import and the power now."""

    def image(registers: list[int]) -> None:
        registers[METER_ENERGY : METER_ENERGY + 2] = _float(energy.kwh)
        registers[METER_POWER : METER_POWER + 2] = _float(energy.watts)

    return ModbusMachine(port, image, METER_ENERGY, lambda: None)


def _float(value: float) -> tuple[int, int]:
    high, low = struct.unpack(">HH", struct.pack(">f", value))
    return high, low
