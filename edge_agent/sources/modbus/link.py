"""Asks Modbus machines over one TCP connection or serial line: the only file that knows pymodbus.

pymodbus opens, sends and receives; which bytes are an answer is decided here, more strictly. On
TCP an answer carries the transaction number of its request, and one that carries another is
dropped. An RTU frame carries no number: it must come from the unit that was asked, with the
function and the number of bytes that were asked for, and a checksum that fits.
"""

import asyncio
import errno
import importlib.util
import logging
import os
from dataclasses import dataclass
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
    """What the next answer must fit."""

    function: int = 0
    bytes: int = 0


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
            if transaction == exp_tid:
                found = Answer(exp_devid, exp_tid)
                _fill(found, data[begin:end], self.asked)
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
        good = bytes((exp_devid, asked.function, asked.bytes)), 3 + asked.bytes
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
    elif frame[2] != asked.bytes or len(frame) != 3 + asked.bytes:
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
        """Open it unless it is open; raises NoAnswerError with the reason."""
        if not self.client.connected and not await self.client.connect():
            raise NoAnswerError(f"no connection ({self.why or 'no answer'})")

    def close(self) -> None:
        """Close it; what is still on its way is lost with it."""
        self.client.close()

    async def ask(self, unit: int, block: Block, timeout_s: float, pause_s: float = 0.0) -> bytes:
        """The bytes of a block's registers or coils.

        Raises NoAnswerError (nothing, or nothing that is an answer to this request) and
        RefusedError.
        """
        await self._ready(pause_s)
        self.asked.function, self.asked.bytes = FUNCTIONS[block.table], block.bytes
        self.asking = True
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self.functions[block.table](
                    block.start, count=block.count, device_id=unit
                )
        except TimeoutError:
            raise NoAnswerError(
                f"no answer within {timeout_s * 1000:.0f} ms{self._stray()}"
            ) from None
        except ModbusException as error:
            raise NoAnswerError(str(error)) from error
        finally:
            self.asking = False
            self.transaction = self.context.next_tid
            self.quiet_at = asyncio.get_running_loop().time()
        return self._content(answer)

    def _content(self, answer: object) -> bytes:
        assert isinstance(answer, Answer)
        if answer.garbled:
            self.close()  # what follows cannot be trusted either
            raise NoAnswerError(answer.garbled)
        if answer.refused in (GATEWAY_PATH, GATEWAY_TARGET):
            raise NoAnswerError(f"the gateway cannot reach it (code {answer.refused})")
        if answer.refused is not None:
            raise RefusedError(answer.refused)
        return answer.data

    async def _ready(self, pause_s: float) -> None:
        """Keep the pause, and begin anew when half a late answer lies in front of the next one."""
        wait = self.quiet_at + max(pause_s, self.silence) - asyncio.get_running_loop().time()
        if wait > 0:
            await asyncio.sleep(wait)
        if self.context.recv_buffer and not self.rtu:
            self.close()
        await self.open()

    def _stray(self) -> str:
        """What came instead of an answer: on a serial line it tells of wrong settings."""
        came: bytes = self.context.recv_buffer
        if not came:
            return ""
        hint = "; check baud, parity, stop" if isinstance(self.where, Serial) else ""
        return f", only {_shown(came)}, which is none{hint}"

    async def _create(self) -> object:
        """Open the transport, and keep why that failed: pymodbus only says that it did."""
        self.why = ""
        try:
            return await self._open()
        except OSError as error:
            self.why = _reason(error)
            raise

    def _changed(self, up: bool) -> None:
        """Go on counting transactions; a link lost while an answer is awaited fails that read."""
        if up:
            self.context.next_tid = self.transaction
            return
        awaited: asyncio.Future[ModbusPDU] = self.context.response_future
        if self.asking and not awaited.done():
            awaited.set_exception(NoAnswerError("the connection was lost"))


def require_serial(needed_by: str) -> None:
    """Raises EdgeError with the cure when serial lines cannot be used here."""
    if importlib.util.find_spec("serial") is None:
        cure = "install it with: pip install 'pressline[serial]'"
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


def _reason(error: OSError) -> str:
    """Why a link could not be opened, in words that lead to the cure."""
    if error.errno == errno.EACCES:
        return "permission denied: let this program's user into the group of the device, dialout"
    if error.errno in (errno.EAGAIN, errno.EBUSY):
        return "another program holds it"
    return os.strerror(error.errno).lower() if error.errno else str(error)


def _shown(data: bytes) -> str:
    more = f" … {len(data)} bytes" if len(data) > SHOWN else ""
    return f"{data[:SHOWN].hex(' ')}{more}"
