"""The lab's proxy: what each of its moods does to the frames of a connection."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bench.proxy import Leg, Mood, frames
from pressline.demo.shopfloor import free_ports

Read = asyncio.StreamReader
Write = asyncio.StreamWriter
LIMIT = 10.0


def modbus(transaction: int, body: bytes = b"\x01\x03\x02\x00\x07") -> bytes:
    return transaction.to_bytes(2) + b"\0\0" + len(body).to_bytes(2) + body


async def echo(reader: Read, writer: Write) -> None:
    while data := await reader.read(1000):
        writer.write(data)
    writer.close()


Story = Callable[[Leg, Read, Write], Awaitable[None]]


def through_a_leg(story: Story, speaks: str = "modbus") -> None:
    """Play a story on a leg before a server that sends everything back."""

    async def play() -> None:
        listen, to = free_ports(2)
        server = await asyncio.start_server(echo, "127.0.0.1", to)
        leg = Leg("P01", speaks, listen, to)
        await leg.open()
        reader, writer = await asyncio.open_connection("127.0.0.1", listen)
        try:
            async with asyncio.timeout(LIMIT):
                await story(leg, reader, writer)
        finally:
            writer.close()
            leg.shut()
            leg.reset()
            server.close()

    asyncio.run(play())


async def answered(reader: Read, writer: Write, transaction: int) -> bytes:
    writer.write(modbus(transaction))
    return await reader.readexactly(len(modbus(transaction)))


def test_frames_are_told_apart_by_their_lengths() -> None:
    buffer = bytearray(modbus(1) + modbus(2)[:5])
    assert frames("modbus", buffer) == [modbus(1)]
    buffer += modbus(2)[5:]
    assert frames("modbus", buffer) == [modbus(2)]
    long = b"\x30\xc8\x01" + bytes(200)  # a remaining length of 200 takes two bytes
    assert frames("mqtt", bytearray(long + b"\xc0\x00\x30")) == [long, b"\xc0\x00"]
    hello = b"HELF" + (10).to_bytes(4, "little") + b"ab"
    assert frames("opcua", bytearray(hello + b"MSG")) == [hello]


def test_what_passes_is_as_it_came() -> None:
    async def story(leg: Leg, reader: Read, writer: Write) -> None:
        assert await answered(reader, writer, 1) == modbus(1)

    through_a_leg(story)


def test_a_held_frame_comes_when_the_line_is_back() -> None:
    async def story(leg: Leg, reader: Read, writer: Write) -> None:
        await leg.change(Mood("hold"))
        writer.write(modbus(1))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.05)
        assert await leg.change(Mood()) == 1
        assert await reader.readexactly(len(modbus(1))) == modbus(1)

    through_a_leg(story)


def test_a_dropped_frame_never_comes_and_the_connection_stays() -> None:
    async def story(leg: Leg, reader: Read, writer: Write) -> None:
        assert await answered(reader, writer, 1) == modbus(1)
        await leg.change(Mood("drop", way="down"))
        writer.write(modbus(2))
        while not leg.mood.struck:
            await asyncio.sleep(0)
        await leg.change(Mood())
        assert await answered(reader, writer, 3) == modbus(3)

    through_a_leg(story)


def test_only_publications_of_qos_0_get_lost_of_mqtt() -> None:
    leg = Leg("edge-broker", "mqtt", 0, 0)
    assert leg.may_lose(b"\x30\x03\x00\x01a")
    assert not leg.may_lose(b"\x32\x05\x00\x01a\x00\x01")
    assert not leg.may_lose(b"\x82\x06")
    assert not Leg("P06", "opcua", 0, 0).may_lose(b"MSGF")


@pytest.mark.parametrize("end", ["rst", "fin"])
def test_a_frame_is_cut_and_the_connection_ends(end: str) -> None:
    async def story(leg: Leg, reader: Read, writer: Write) -> None:
        await leg.change(Mood("cut", way="down", part=0.5, end=end))
        writer.write(modbus(1) + modbus(2))  # nothing of the second may follow half of the first
        assert await reader.readexactly(5) == modbus(1)[:5]
        if end == "rst":
            with pytest.raises(ConnectionResetError):
                await reader.read(1)
        else:
            assert await reader.read(1) == b""

    through_a_leg(story)


def test_a_reply_is_exchanged_for_the_one_before_or_comes_twice() -> None:
    async def story(leg: Leg, reader: Read, writer: Write) -> None:
        assert await answered(reader, writer, 1) == modbus(1)
        await leg.change(Mood("stale", way="down"))
        assert await answered(reader, writer, 2) == modbus(1)
        await leg.change(Mood("double", way="down"))
        assert await answered(reader, writer, 3) == modbus(3)
        assert await reader.readexactly(len(modbus(3))) == modbus(3)

    through_a_leg(story)


def test_a_line_open_in_one_direction_is_reset_when_it_is_back() -> None:
    async def story(leg: Leg, reader: Read, writer: Write) -> None:
        assert await answered(reader, writer, 1) == modbus(1)
        await leg.change(Mood("half", way="up"))
        writer.write(modbus(2))
        while not leg.mood.struck:
            await asyncio.sleep(0)
        await leg.change(Mood())
        with pytest.raises(ConnectionResetError):
            await reader.read(1)

    through_a_leg(story)


def test_a_refused_client_is_let_in_again_afterwards() -> None:
    async def story(leg: Leg, reader: Read, writer: Write) -> None:
        assert await answered(reader, writer, 1) == modbus(1)
        await leg.change(Mood("refuse"))
        with pytest.raises(ConnectionResetError):
            await reader.read(1)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", leg.listen)
        assert await leg.change(Mood()) == 1
        again = await asyncio.open_connection("127.0.0.1", leg.listen)
        assert await answered(*again, 2) == modbus(2)
        again[1].close()

    through_a_leg(story)


def test_late_and_slow_frames_keep_their_order() -> None:
    async def story(leg: Leg, reader: Read, writer: Write) -> None:
        loop = asyncio.get_running_loop()
        await leg.change(Mood("delay", low=0.01, high=0.1, seed=3))
        sent, began = [modbus(n) for n in range(20)], loop.time()
        writer.writelines(sent)
        assert await reader.readexactly(20 * len(sent[0])) == b"".join(sent)
        assert loop.time() - began >= 0.02  # twice through the leg
        await leg.change(Mood("throttle", way="down", rate=1000))
        began = loop.time()
        writer.write(modbus(1) * 10)
        await reader.readexactly(10 * len(modbus(1)))
        assert loop.time() - began >= 10 * len(modbus(1)) / 1000 - 0.01

    through_a_leg(story)


def asking(transaction: int, register: int, count: int = 2) -> bytes:
    """A request; the echo sends it back as its own reply."""
    return modbus(transaction, b"\x01\x03" + register.to_bytes(2) + count.to_bytes(2))


async def reply(reader: Read, writer: Write, request: bytes) -> bytes:
    writer.write(request)
    head = await reader.readexactly(6)
    return head + await reader.readexactly(int.from_bytes(head[4:]))


def test_a_device_is_deaf_at_first_and_answers_then() -> None:
    async def story(leg: Leg, reader: Read, writer: Write) -> None:
        assert await answered(reader, writer, 1) == modbus(1)
        await leg.change(Mood("deaf", low=0.1))
        with pytest.raises(ConnectionResetError):
            await reader.read(1)
        reader, writer = await asyncio.open_connection("127.0.0.1", leg.listen)
        begun = asyncio.get_running_loop().time()
        while not leg.mood.struck:
            writer.write(modbus(2))
            await asyncio.sleep(0)
        writer.write(modbus(3))
        while asyncio.get_running_loop().time() < begun + 0.15:
            await asyncio.sleep(0.01)
        assert await answered(reader, writer, 4) == modbus(4)
        writer.close()

    through_a_leg(story)


def test_a_device_closes_after_each_reply() -> None:
    async def story(leg: Leg, reader: Read, writer: Write) -> None:
        await leg.change(Mood("closing"))
        assert await answered(reader, writer, 1) == modbus(1)
        assert await reader.read(1) == b""

    through_a_leg(story)


@pytest.mark.parametrize(
    ("instead", "came"),
    [("code", "0003 01 83 04"), ("short", "0003 01 03"), ("close", "")],
)
def test_one_register_spoils_every_reply_that_holds_it(instead: str, came: str) -> None:
    async def story(leg: Leg, reader: Read, writer: Write) -> None:
        await leg.change(Mood("mute", registers="18", instead=instead))
        for good in (asking(1, 16), asking(2, 19)):
            assert await reply(reader, writer, good) == good
        writer.write(asking(3, 17))
        if came:
            assert (await reader.read(100))[4:].startswith(bytes.fromhex(came))
        else:
            assert await reader.read(1) == b""
        assert leg.mood.struck == 1

    through_a_leg(story)


def test_replies_become_exceptions_or_lose_their_number() -> None:
    async def story(leg: Leg, reader: Read, writer: Write) -> None:
        await leg.change(Mood("excuse", way="down", code=6))
        assert await reply(reader, writer, asking(1, 16)) == modbus(1, b"\x01\x83\x06")
        await leg.change(Mood("number", way="down"))
        assert await reply(reader, writer, asking(2, 16)) == modbus(0, asking(2, 16)[6:])

    through_a_leg(story)
