"""Which bytes are an answer: foreign, late, cut, garbled and refused ones, and none at all."""

import asyncio
import struct
from asyncio import StreamReader as Reader
from asyncio import StreamWriter as Writer
from collections.abc import Awaitable, Callable

import pytest
from machines import Talk, null_modem, talking

from edge_agent.plantfile.address import Serial, Tcp
from edge_agent.plantfile.blocks import Block
from edge_agent.sources.modbus.link import Link, NoAnswerError, RefusedError

TWO = Block("holding", 16, 2, ())
LONG = Block("holding", 0, 125, ())
VALUES = bytes.fromhex("0007 0008")
SOON_S = 0.1  # how long a test waits for an answer that does not come
REQUEST = 12  # bytes of a request over Modbus TCP

Story = Callable[[Link], Awaitable[None]]


def tcp(request: bytes, body: str | bytes, transaction: int = 0) -> bytes:
    """An answer to a request; `transaction` is how far it is off the request's own number."""
    body = bytes.fromhex(body) if isinstance(body, str) else body
    number = struct.unpack(">H", request[:2])[0] + transaction & 0xFFFF
    return struct.pack(">HHH", number, 0, len(body)) + body


def rtu(body: str) -> bytes:
    """A frame with its checksum, worked out bit by bit as Modbus over Serial Line 6.2.2 tells."""
    frame, crc = bytes.fromhex(body), 0xFFFF
    for byte in frame:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return frame + crc.to_bytes(2, "little")


def run(talk: Talk, story: Story, *, as_rtu: bool) -> None:
    """Tell a story with a link to a server that talks like this."""

    async def tell() -> None:
        async with talking(talk) as port:
            link = Link(Tcp("127.0.0.1", port, as_rtu), 5)
            try:
                await story(link)
            finally:
                link.close()

    asyncio.run(tell())


def answering(*answers: Callable[[bytes], bytes]) -> Talk:
    """Answer the first request with the first of these, and so on, over any number of calls."""
    left = list(answers)

    async def talk(reader: Reader, writer: Writer) -> None:
        while left:
            request = await reader.readexactly(REQUEST)
            writer.write(left.pop(0)(request))
        await reader.read()

    return talk


def test_an_answer_to_another_request_is_dropped_and_the_right_one_taken() -> None:
    def answer(request: bytes) -> bytes:
        foreign = tcp(request, "01 03 04 DEAD BEEF", transaction=-1)
        return foreign + tcp(request, "01 03 04 0007 0008") + foreign

    calls: list[Writer] = []
    talk = answering(answer, answer, answer)

    async def counted(reader: Reader, writer: Writer) -> None:
        calls.append(writer)
        await talk(reader, writer)

    async def story(link: Link) -> None:
        for _ in range(3):
            assert await link.ask(1, TWO, 5) == VALUES

    run(counted, story, as_rtu=False)
    assert len(calls) == 1


def test_two_of_the_longest_answers_at_once_are_not_too_much() -> None:
    def answer(request: bytes) -> bytes:
        head = bytes((1, 3, 250))
        foreign, right = head + b"\xde" * 250, head + b"\x07" * 250
        return tcp(request, foreign, transaction=7) + tcp(request, right)

    async def story(link: Link) -> None:
        assert await link.ask(1, LONG, 5) == b"\x07" * 250

    run(answering(answer), story, as_rtu=False)


def test_a_late_answer_is_never_taken_for_the_next() -> None:
    late: list[bytes] = []

    def keep(request: bytes) -> bytes:
        late.append(tcp(request, "01 03 04 DEAD BEEF"))
        return b""

    def both(request: bytes) -> bytes:
        return late[0] + tcp(request, "01 03 04 0007 0008")

    async def story(link: Link) -> None:
        with pytest.raises(NoAnswerError, match="no answer within 100 ms"):
            await link.ask(1, TWO, SOON_S)
        assert await link.ask(1, TWO, 5) == VALUES

    run(answering(keep, both), story, as_rtu=False)


def test_half_a_late_answer_does_not_shift_the_next() -> None:
    def half(request: bytes) -> bytes:
        return tcp(request, "01 03 04 DEAD BEEF")[:11]

    def whole(request: bytes) -> bytes:
        return tcp(request, "01 03 04 0007 0008")

    async def story(link: Link) -> None:
        with pytest.raises(
            NoAnswerError,
            match="only 00 01 00 00 00 07 01 03 04 de ad, which is none: 11 of 13 bytes",
        ):
            await link.ask(1, TWO, SOON_S)
        assert await link.ask(1, TWO, 5) == VALUES  # on a new connection

    run(answering(half, whole), story, as_rtu=False)


def test_transactions_are_counted_on_over_a_new_connection() -> None:
    seen: list[int] = []

    def answer(request: bytes) -> bytes:
        seen.append(struct.unpack(">H", request[:2])[0])
        return tcp(request, "01 03 04 0007 0008")

    async def story(link: Link) -> None:
        await link.ask(1, TWO, 5)
        await link.ask(1, TWO, 5)
        link.close()
        await link.ask(1, TWO, 5)

    run(answering(answer, answer, answer), story, as_rtu=False)
    assert len(set(seen)) == 3


@pytest.mark.parametrize("as_rtu", [False, True])
def test_an_answer_that_comes_byte_by_byte(as_rtu: bool) -> None:
    async def talk(reader: Reader, writer: Writer) -> None:
        request = await reader.readexactly(8 if as_rtu else REQUEST)
        body = "01 03 04 0007 0008"
        for byte in rtu(body) if as_rtu else tcp(request, body):
            writer.write(bytes((byte,)))
            await writer.drain()
            await asyncio.sleep(0)
        await reader.read()

    async def story(link: Link) -> None:
        assert await link.ask(1, TWO, 5) == VALUES

    run(talk, story, as_rtu=as_rtu)


def test_a_refusal_tells_its_code_and_the_link_goes_on() -> None:
    def refusal(request: bytes) -> bytes:
        return tcp(request, "01 83 02")

    def answer(request: bytes) -> bytes:
        return tcp(request, "01 03 04 0007 0008")

    async def story(link: Link) -> None:
        with pytest.raises(RefusedError, match="exception code 2, illegal address"):
            await link.ask(1, TWO, 5)
        assert await link.ask(1, TWO, 5) == VALUES

    run(answering(refusal, answer), story, as_rtu=False)


def test_a_refusal_without_a_code_is_a_refusal() -> None:
    async def story(link: Link) -> None:
        with pytest.raises(RefusedError, match="exception code 0, not in the standard"):
            await link.ask(1, TWO, 5)

    run(answering(lambda request: tcp(request, "01 83 00")), story, as_rtu=False)


def test_a_gateway_that_answers_for_a_silent_machine_is_no_answer() -> None:
    async def story(link: Link) -> None:
        with pytest.raises(NoAnswerError, match=r"gateway cannot reach it \(code 11\)"):
            await link.ask(1, TWO, 5)

    run(answering(lambda request: tcp(request, "01 83 0B")), story, as_rtu=False)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("02 03 04 0007 0008", "unit 2 answered instead of unit 1"),
        ("01 04 04 0007 0008", "it answered function 4 instead of 3"),
        ("01 84 02", "it answered function 132 instead of 3"),
        ("01 03 02 0007", "another length"),
        ("01 03 06 0007 0008 0009", "another length"),
        ("01 03 0A 0007 0008", "another length"),
    ],
)
def test_an_answer_to_the_right_number_that_does_not_fit_is_told_at_once(
    body: str, why: str
) -> None:
    async def story(link: Link) -> None:
        with pytest.raises(NoAnswerError, match=why):
            await link.ask(1, TWO, 5)
        assert await link.ask(1, TWO, 5) == VALUES

    good = "01 03 04 0007 0008"
    run(answering(lambda r: tcp(r, body), lambda r: tcp(r, good)), story, as_rtu=False)


@pytest.mark.parametrize(
    "junk", [b"HTTP/1.1 400 Bad Request", b"\xff" * 300, bytes(6), bytes((0, 1, 0, 0, 0, 255))]
)
def test_what_is_not_modbus_is_told_at_once(junk: bytes) -> None:
    async def story(link: Link) -> None:
        with pytest.raises(NoAnswerError, match="what came is not Modbus TCP"):
            await link.ask(1, TWO, 5)

    run(answering(lambda _: junk), story, as_rtu=False)


def test_a_connection_lost_while_an_answer_is_awaited_fails_that_read_at_once() -> None:
    async def talk(reader: Reader, writer: Writer) -> None:
        await reader.readexactly(REQUEST)
        writer.close()

    async def story(link: Link) -> None:
        with pytest.raises(NoAnswerError, match="the connection was lost"):
            await link.ask(1, TWO, 5)

    run(talk, story, as_rtu=False)


def test_the_pause_counts_from_the_connection_too() -> None:
    """Closed after each answer, so that each request has a connection of its own."""
    waited: list[float] = []

    async def talk(reader: Reader, writer: Writer) -> None:
        opened = asyncio.get_running_loop().time()
        request = await reader.readexactly(REQUEST)
        waited.append(asyncio.get_running_loop().time() - opened)
        writer.write(tcp(request, "01 03 04 0007 0008"))
        writer.close()

    async def story(link: Link) -> None:
        for _ in range(3):
            assert await link.ask(1, TWO, 5, 0.05) == VALUES
            while link.client.connected:
                await asyncio.sleep(0)

    run(talk, story, as_rtu=False)
    assert min(waited) >= 0.045


def test_a_late_answer_to_an_earlier_try_of_the_same_request_is_taken() -> None:
    late: list[bytes] = []

    def keep(request: bytes) -> bytes:
        late.append(tcp(request, "01 03 04 0007 0008"))
        return b""

    async def story(link: Link) -> None:
        with pytest.raises(NoAnswerError):
            await link.ask(1, TWO, SOON_S)
        assert await link.ask(1, TWO, 5, again=True) == VALUES

    run(answering(keep, lambda _: late[0]), story, as_rtu=False)


@pytest.mark.parametrize(
    ("transaction", "why"),
    [
        (-2, 'carries transaction 0 instead of 2; .* set transaction = "loose"'),
        (1, 'carries transaction 3 instead of 2; .* set transaction = "loose"'),
        (-1, r"a late one to an earlier request \(1, not 2\); raise timeout_ms"),
    ],
)
def test_an_answer_with_another_number_is_told_as_what_it_is(transaction: int, why: str) -> None:
    good = "01 03 04 0007 0008"

    async def story(link: Link) -> None:
        await link.ask(1, TWO, 5)
        with pytest.raises(NoAnswerError, match=why):
            await link.ask(1, TWO, SOON_S)

    def foreign(request: bytes) -> bytes:
        return tcp(request, good, transaction)

    run(answering(lambda request: tcp(request, good), foreign), story, as_rtu=False)


@pytest.mark.parametrize("transaction", [-1, 1, 0])
def test_a_loose_device_is_read_by_unit_function_and_length(transaction: int) -> None:
    def answer(request: bytes) -> bytes:
        foreign = [tcp(request, body, 9) for body in ("02 03 04 DEAD BEEF", "01 03 02 DEAD")]
        return b"".join(foreign) + tcp(request, "01 03 04 0007 0008", transaction)

    def refusal(request: bytes) -> bytes:
        return tcp(request, "01 83 02", transaction)

    async def story(link: Link) -> None:
        assert await link.ask(1, TWO, 5, loose=True) == VALUES
        with pytest.raises(RefusedError):
            await link.ask(1, TWO, 5, loose=True)

    run(answering(answer, refusal), story, as_rtu=False)


def test_a_late_answer_of_a_loose_device_dies_with_its_connection() -> None:
    calls = 0

    async def talk(reader: Reader, writer: Writer) -> None:
        nonlocal calls
        calls += 1
        request = await reader.readexactly(REQUEST)
        if calls == 2:
            writer.write(tcp(request, "01 03 04 0007 0008", 5))
        await reader.read()

    async def story(link: Link) -> None:
        with pytest.raises(NoAnswerError):
            await link.ask(1, TWO, SOON_S, loose=True)
        assert await link.ask(1, TWO, 5, loose=True) == VALUES

    run(talk, story, as_rtu=False)
    assert calls == 2


OURS = rtu("01 03 04 0007 0008")
BEFORE = {
    "a late answer of another unit": rtu("02 03 04 DEAD BEEF"),
    "a late answer to another function": rtu("01 04 04 DEAD BEEF"),
    "a late answer of another length": rtu("01 03 02 DEAD"),
    "another unit's refusal": rtu("02 83 02"),
    "the echo of the request": rtu("01 03 0010 0002"),
    "noise": bytes.fromhex("FF 00 01 03 04 00"),
    "a frame with a wrong checksum": OURS[:-1] + bytes((OURS[-1] ^ 1,)),
}


@pytest.mark.parametrize("before", BEFORE)
def test_the_right_rtu_frame_is_found_behind(before: str) -> None:
    async def talk(reader: Reader, writer: Writer) -> None:
        await reader.readexactly(8)
        writer.write(BEFORE[before] + OURS)
        await reader.read()

    async def story(link: Link) -> None:
        assert await link.ask(1, TWO, 5) == VALUES

    run(talk, story, as_rtu=True)


def test_an_rtu_refusal_tells_its_code() -> None:
    async def talk(reader: Reader, writer: Writer) -> None:
        await reader.readexactly(8)
        writer.write(rtu("01 83 03"))
        await reader.read()

    async def story(link: Link) -> None:
        with pytest.raises(RefusedError, match="exception code 3, illegal value"):
            await link.ask(1, TWO, 5)

    run(talk, story, as_rtu=True)


def test_rubbish_on_a_serial_line_is_told_with_what_to_check() -> None:
    async def story() -> None:
        async with null_modem() as (near, far):
            link = Link(Serial(near), 5)
            with open(far, "r+b", buffering=0) as other_end:
                loop = asyncio.get_running_loop()
                loop.add_reader(
                    other_end, lambda: other_end.write(b"\xf8" * len(other_end.read(64)))
                )
                with pytest.raises(NoAnswerError, match=r"only f8 f8 .* check baud, parity, stop"):
                    await link.ask(1, TWO, SOON_S)
                loop.remove_reader(other_end)
            link.close()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("where", "why"),
    [
        (Serial("/dev/ttyNOT_THERE"), "no such file or directory"),
        (Tcp("127.0.0.1", 1), "connection refused"),
    ],
)
def test_a_link_that_cannot_be_opened_says_why(where: Tcp | Serial, why: str) -> None:
    async def story() -> None:
        with pytest.raises(NoAnswerError, match=rf"no connection \({why}\)"):
            await Link(where, 1).ask(1, TWO, 1)

    asyncio.run(story())


def test_a_line_that_another_program_holds_is_told() -> None:
    async def story() -> None:
        async with null_modem() as (near, _):
            holder, link = Link(Serial(near), 1), Link(Serial(near), 1)
            await holder.open()
            with pytest.raises(NoAnswerError, match="another program holds it"):
                await link.open()
            holder.close()

    asyncio.run(story())
