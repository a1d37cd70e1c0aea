"""Asks Modbus machines over one TCP connection or serial line: the only file that knows pymodbus.

pymodbus opens, sends and receives; which bytes are an answer is decided here, more strictly. On
TCP an answer carries the transaction number of its request, and one that carries another is
dropped. An RTU frame carries no number: it must come from the unit that was asked, with the
function and the number of bytes that were asked for, and a checksum that fits. A device that
carries no number over TCP either (`transaction = "loose"`) is held to the same.
"""

import asyncio
import errno
import importlib.util
import logging
import os
from dataclasses import dataclass, field
from struct import Struct
from typing import Any

from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerRTU, FramerSocket, FramerType
from pymodbus.pdu import DecodePDU, ModbusPDU

from edge_agent.errors import EdgeError
from edge_agent.plantfile.address import Serial, Tcp
from edge_agent.plantfile.blocks import Block

GATEWAY_PATH, GATEWAY_TARGET = 10, 11  # the gateway answers for a machine that does not
FUNCTIONS = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
MEANINGS = {
    1: "illegal function", 2: "illegal address", 3: "illegal value", 4: "device failure",
    5: "still working on it", 6: "busy", 8: "memory fault",
}  # fmt: skip
HEADER = Struct(">HHH")  # transaction, protocol, length: Modbus Messaging on TCP/IP 3.1.3
SHORTEST, LONGEST = 3, 254  # bytes after the header
CRC = 2
BUFFER = 4096  # bytes waiting to be an answer; pymodbus drops more at once
SHOWN = 12  # bytes of what came instead of an answer

logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)  # we tell each loss once


class NoAnswerError(Exception):
    """The machine did not answer this read."""


class NoConnectionError(NoAnswerError):
    """There is no connection or line to ask over."""


class ClosedError(NoAnswerError):
    """The connection was closed while an answer was awaited."""


class RefusedError(Exception):
    """The machine answered with an exception code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exception code {code}, {MEANINGS.get(code, 'not in the standard')}")
        self.code = code


class Answer(ModbusPDU):
    """What came: the bytes of the registers, an exception code, or why it is no answer."""

    def __init__(self, unit: int, transaction: int) -> None:
        self.dev_id, self.transaction_id = unit, transaction
        self.data, self.garbled, self.retries = b"", "", 0
        self.refused: int | None = None


@dataclass(slots=True)
class Asked:
    """What the next answer must fit.

    `before`: numbers of earlier tries of the same request, whose answer is as good. `stray`: the
    number that an answer carried which was dropped for it.
    """

    unit: int = 0
    function: int = 0
    length: int = 0  # bytes of the registers
    loose: bool = False
    before: set[int] = field(default_factory=set[int])
    stray: int | None = None

    def fits(self, transaction: int, number: int, frame: bytes) -> bool:
        """Whether a frame answers request `number`, or may be taken to."""
        if transaction == number or transaction in self.before:
            return True
        self.stray = transaction
        if not self.loose:
            return False
        good = bytes((self.function, self.length)), 3 + self.length
        refusal = bytes((self.function | 0x80,)), 3
        mine = self.unit in (0, frame[0])
        return mine and any(
            frame.startswith(head, 1) and len(frame) == length for head, length in (good, refusal)
        )


class TcpFrames(FramerSocket):
    """Finds the answer in what came over Modbus TCP."""

    def __init__(self, asked: Asked) -> None:
        super().__init__(DecodePDU(False))
        self.asked = asked

    def handleFrame(  # noqa: N802 -- pymodbus calls it so
        self, data: bytes, exp_devid: int, exp_tid: int
    ) -> tuple[int, Answer | None]:
        """How many bytes are done with, and the answer if it is among them."""
        used, found = 0, None
        while len(data) - used >= HEADER.size:
            transaction, protocol, length = HEADER.unpack_from(data, used)
            if protocol or not SHORTEST <= length <= LONGEST:
                return used, found or self._garbled(data[used:], exp_devid, exp_tid)
            begin, end = used + HEADER.size, used + HEADER.size + length
            if end > len(data):
                break
            used = end
            frame = data[begin:end]
            if self.asked.fits(transaction, exp_tid, frame):
                found = Answer(exp_devid, exp_tid)
                _fill(found, frame, self.asked)
        return used, found

    def _garbled(self, data: bytes, unit: int, transaction: int) -> Answer:
        answer = Answer(unit, transaction)
        answer.garbled = f"what came is not Modbus TCP ({_shown(data)})"
        return answer


class RtuFrames(FramerRTU):
    """Finds the answer in what came as RTU frames, noise and answers of others around it."""

    def __init__(self, asked: Asked) -> None:
        super().__init__(DecodePDU(False))
        self.asked = asked

    def handleFrame(  # noqa: N802 -- pymodbus calls it so
        self, data: bytes, exp_devid: int, exp_tid: int
    ) -> tuple[int, Answer | None]:
        """How many bytes are done with (none before the answer is whole), and the answer."""
        asked = self.asked
        good = bytes((exp_devid, asked.function, asked.length)), 3 + asked.length
        refusal = bytes((exp_devid, asked.function | 0x80)), 3
        for head, length in (good, refusal):
            frame = self._sound(data, head, length)
            if frame:
                answer = Answer(exp_devid, exp_tid)
                _fill(answer, frame, asked)
                return len(data), answer
        return 0, None

    def _sound(self, data: bytes, head: bytes, length: int) -> bytes:
        """The first frame of this head and length whose checksum fits."""
        start = data.find(head)
        while start >= 0 and start + length + CRC <= len(data):
            frame, crc = data[start : start + length], data[start + length :][:CRC]
            if self.check_CRC(frame, int.from_bytes(crc, "big")):
                return frame
            start = data.find(head, start + 1)
        return b""


def _fill(answer: Answer, frame: bytes, asked: Asked) -> None:
    """Read unit, function and what follows it into the answer."""
    unit, function = frame[0], frame[1]
    if answer.dev_id and unit != answer.dev_id:
        answer.garbled = f"unit {unit} answered instead of unit {answer.dev_id}"
    elif function == asked.function | 0x80:
        answer.refused = frame[2]
    elif function != asked.function:
        answer.garbled = f"it answered function {function} instead of {asked.function}"
    elif frame[2] != asked.length or len(frame) != 3 + asked.length:
        answer.garbled = "the answer has another length than was asked for"
    else:
        answer.data = frame[3:]


class Link:
    """One connection or line. Requests follow each other; the units behind it share it."""

    def __init__(self, where: Tcp | Serial, patience_s: float) -> None:
        self.where = where
        self.why = ""  # it could not be opened
        self.asking = False
        self.quiet_at = 0.0  # when the last exchange ended
        self.opened_at = 0.0
        self.heard = False  # an answer came over this connection
        self.transaction = 0
        self.asked = Asked()
        self.rtu = isinstance(where, Serial) or where.rtu
        self.silence = where.silence if isinstance(where, Serial) else 0.0
        self.client = _client(where, patience_s, self._changed)
        context: Any = self.client.ctx
        self.context = context
        context.framer = RtuFrames(self.asked) if self.rtu else TcpFrames(self.asked)
        context.max_buffer_size = BUFFER
        self._open = context.call_create
        context.call_create = self._create
        self.functions = {
            "coil": self.client.read_coils,
            "discrete": self.client.read_discrete_inputs,
            "holding": self.client.read_holding_registers,
            "input": self.client.read_input_registers,
        }

    async def open(self) -> None:
        """Open it unless it is open; raises NoConnectionError with the reason."""
        if self.client.connected:
            return
        if not await self.client.connect():
            raise NoConnectionError(f"no connection ({self.why or 'no answer'})")
        self.opened_at, self.heard = asyncio.get_running_loop().time(), False

    def close(self) -> None:
        """Close it; what is still on its way is lost with it."""
        self.client.close()

    async def ask(
        self, unit: int, block: Block, timeout_s: float, pause_s: float = 0.0,
        *, again: bool = False, loose: bool = False,
    ) -> bytes:  # fmt: skip
        """The bytes of a block's registers or coils.

        `again`: as just before; an answer to that is one to this. `loose`: whatever transaction
        number it carries. Raises NoAnswerError (nothing, or nothing that is an answer to this
        request) and RefusedError.
        """
        await self._ready(pause_s)
        self._expect(unit, block, again=again, loose=loose)
        self.asking = True
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self.functions[block.table](
                    block.start, count=block.count, device_id=unit
                )
        except TimeoutError:
            why = f"no answer within {timeout_s * 1000:.0f} ms{self._stray()}"
            if loose:
                self.close()  # what comes late could be taken for the next answer
            raise NoAnswerError(why) from None
        except ModbusException as error:
            raise NoAnswerError(str(error)) from error
        finally:
            self.asking = False
            self.transaction = self.context.next_tid
            self.quiet_at = asyncio.get_running_loop().time()
        return self._content(answer)

    def _expect(self, unit: int, block: Block, *, again: bool, loose: bool) -> None:
        asked = self.asked
        asked.unit, asked.function, asked.length = unit, FUNCTIONS[block.table], block.bytes
        asked.loose = loose
        asked.stray = None
        if again:
            asked.before.add(self.transaction)
        else:
            asked.before.clear()

    def _content(self, answer: object) -> bytes:
        assert isinstance(answer, Answer)
        self.heard = True
        if answer.garbled:
            self.close()  # what follows cannot be trusted either
            raise NoAnswerError(answer.garbled)
        if answer.refused in (GATEWAY_PATH, GATEWAY_TARGET):
            raise NoAnswerError(f"the gateway cannot reach it (code {answer.refused})")
        if answer.refused is not None:
            raise RefusedError(answer.refused)
        return answer.data

    async def _ready(self, pause_s: float) -> None:
        """Begin anew when half a late answer lies in front of the next one, and keep the pause.

        A device may need the pause after it took the connection, too.
        """
        if self.context.recv_buffer and not self.rtu:
            self.close()
        await self.open()
        since = max(self.quiet_at, self.opened_at)
        wait = since + max(pause_s, self.silence) - asyncio.get_running_loop().time()
        if wait > 0:
            await asyncio.sleep(wait)
            await self.open()

    def _stray(self) -> str:
        """What came instead of an answer: on a serial line it tells of wrong settings."""
        came: bytes = self.context.recv_buffer
        if self.asked.stray is not None:
            return f", only {self._of_another(self.asked.stray)}"
        if not came:
            return ""
        if not self.rtu and len(came) > HEADER.size:
            whole = HEADER.size + HEADER.unpack_from(came)[2]
            return f", only {_shown(came)}, which is none: {len(came)} of {whole} bytes"
        hint = "; check baud, parity, stop" if isinstance(self.where, Serial) else ""
        return f", only {_shown(came)}, which is none{hint}"

    def _of_another(self, stray: int) -> str:
        """What an answer with another transaction number tells."""
        number = self.context.next_tid
        if 0 < stray < number:
            return f"a late one to an earlier request ({stray}, not {number}); raise timeout_ms"
        cure = 'if this device always does so, set transaction = "loose"'
        return f"one that carries transaction {stray} instead of {number}; {cure}"

    async def _create(self) -> object:
        """Open the transport, and keep why that failed: pymodbus only says that it did."""
        self.why = ""
        try:
            return await self._open()
        except Exception as error:
            self.why = reason(error)
            raise

    def _changed(self, up: bool) -> None:
        """Go on counting transactions; a link lost while an answer is awaited fails that read."""
        if up:
            self.context.next_tid = self.transaction
            return
        awaited: asyncio.Future[ModbusPDU] = self.context.response_future
        if self.asking and not awaited.done():
            awaited.set_exception(ClosedError("the connection was lost"))


def require_serial(needed_by: str) -> None:
    """Raises EdgeError with the cure when serial lines cannot be used here."""
    if importlib.util.find_spec("serial") is None:
        cure = "install the wheel with its extra: pip install 'pressline-….whl[serial]'"
        raise EdgeError(
            f"{needed_by} is on a serial line, which needs pyserial, which is missing; {cure}"
        )


def _client(
    where: Tcp | Serial, patience_s: float, changed: Any
) -> AsyncModbusTcpClient | AsyncModbusSerialClient:
    if isinstance(where, Serial):
        return AsyncModbusSerialClient(
            where.device, baudrate=where.baud, parity=where.parity, stopbits=where.stop,
            timeout=patience_s, retries=0, reconnect_delay=0, trace_connect=changed,
        )  # fmt: skip
    return AsyncModbusTcpClient(
        where.host, port=where.port, framer=FramerType.RTU if where.rtu else FramerType.SOCKET,
        timeout=patience_s, retries=0, reconnect_delay=0, trace_connect=changed,
    )  # fmt: skip


def reason(error: Exception) -> str:
    """Why a link could not be opened, in words that lead to the cure."""
    if isinstance(error, UnicodeError):
        return f"its address is no name: {error}"
    if not isinstance(error, OSError):  # termios.error of an adapter, ValueError of a driver
        told = error.args[-1] if error.args else type(error).__name__
        return f"the device does not take its settings: {told}; check baud, parity and stop bits"
    if error.errno == errno.EACCES:
        return "permission denied: let this program's user into the group of the device, dialout"
    if error.errno in (errno.EAGAIN, errno.EBUSY):
        return "another program holds it"
    return os.strerror(error.errno).lower() if error.errno else str(error)


def _shown(data: bytes) -> str:
    more = f" … {len(data)} bytes" if len(data) > SHOWN else ""
    return f"{data[:SHOWN].hex(' ')}{more}"
