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
    """Register addresses of a press PLC; `words` registers of counter, low word first."""

    counter: int
    words: int
    running: int
    alarm: int
    speed: int
    tonnage: int | None = None


SHEETS = {
    "press-16bit": Sheet(counter=16, words=1, running=17, alarm=18, speed=20),
    "press-32bit-low-word-first": Sheet(
        counter=100, words=2, running=102, alarm=103, speed=106, tonnage=108
    ),
}
# Eastron SDM630, input registers, 32-bit floats, high word first.
METER_VOLTS, METER_AMPERES, METER_WATTS = (0x00, 0x02, 0x04), (0x06, 0x08, 0x0A), 0x34
METER_POWER_FACTOR, METER_HERTZ, METER_IMPORT_KWH = 0x3E, 0x46, 0x48
POWER_FACTOR = 0.86


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

    async def _read(
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
    """The PLC of a press: its counter, whether it runs, its alarm, speed and tonnage."""
    shown = 0

    def image(registers: list[int]) -> None:
        nonlocal shown
        shown = twin.strokes
        for word in range(sheet.words):
            registers[sheet.counter + word] = twin.counter >> (16 * word) & 0xFFFF
        registers[sheet.running] = int(twin.moving)
        registers[sheet.alarm] = twin.alarm
        registers[sheet.speed] = round(10 * twin.speed)
        if sheet.tonnage is not None:
            low_first = _float(twin.tonnage)[::-1]
            registers[sheet.tonnage : sheet.tonnage + 2] = low_first

    return ModbusMachine(port, image, sheet.counter, lambda: twin.answered(shown))


def meter_machine(port: int, energy: Energy) -> ModbusMachine:
    """An energy meter on three phases: total import, the power now, and what goes with it."""

    def image(registers: list[int]) -> None:
        amperes = energy.watts / POWER_FACTOR / 3 / 230
        values = {METER_IMPORT_KWH: energy.kwh, METER_WATTS: energy.watts, METER_HERTZ: 50.0}
        values |= dict.fromkeys(METER_VOLTS, 230.0) | dict.fromkeys(METER_AMPERES, amperes)
        values[METER_POWER_FACTOR] = POWER_FACTOR
        for address, value in values.items():
            registers[address : address + 2] = _float(value)

    return ModbusMachine(port, image, METER_IMPORT_KWH, lambda: None)


def _float(value: float) -> tuple[int, int]:
    high, low = struct.unpack(">HH", struct.pack(">f", value))
    return high, low
