"""Whatever bytes a machine answers with: no crash, no stall, and its neighbour goes on."""

import asyncio
import struct
from asyncio import StreamReader as Reader
from asyncio import StreamWriter as Writer
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from machines import Plc, RememberingSink, Running, Unit, talking, write_plant
from pymodbus.framer import FramerRTU
from structlog.testing import capture_logs

from edge_agent.sample import BAD, GOOD, Sample
from edge_agent.sources import sources
from edge_agent.sources.modbus import polls, unit

EXAMPLES = 25
UNHELPFUL = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
Answer = Callable[[bytes, bool], bytes]  # to a request; RTU or Modbus TCP


def framed(request: bytes, body: bytes, as_rtu: bool, off: int = 0, lie: int = 0) -> bytes:
    """A frame around a body; transaction number or checksum may be off, and the length a lie."""
    if as_rtu:
        return body + (FramerRTU.compute_CRC(body) + off & 0xFFFF).to_bytes(2, "big")
    number = struct.unpack(">H", request[:2])[0] + off & 0xFFFF
    return struct.pack(">HHH", number, 0, max(len(body) + lie, 0)) + body


def good(request: bytes, as_rtu: bool) -> bytes:
    """What a well machine answers: register 16 holds 7, the others 0."""
    pdu = request[:6] if as_rtu else request[6:12]
    first, function, address, count = struct.unpack(">BBHH", pdu)
    words = [7 if n == 16 else 0 for n in range(address, address + count)]
    body = struct.pack(f">BBB{count}H", first, function, 2 * count, *words)
    return framed(request, body, as_rtu)


@st.composite
def mangled(draw: st.DrawFn) -> Answer:
    """A right answer with some of its bytes changed, cut out, doubled or put in."""
    places = draw(st.lists(st.tuples(st.integers(0, 25), st.binary(max_size=3)), max_size=4))
    cut = draw(st.integers(0, 30))

    def answer(request: bytes, as_rtu: bool) -> bytes:
        data = bytearray(good(request, as_rtu))
        for place, new in places:
            data[place : place + 1] = new
        return bytes(data[:cut])

    return answer


@st.composite
def foreign(draw: st.DrawFn) -> Answer:
    """A sound frame of any unit and function, with any content, perhaps to another request."""
    body = draw(st.binary(min_size=0, max_size=260))
    head = draw(st.binary(min_size=2, max_size=2) | st.sampled_from([b"\1\3", b"\1\x83", b"\2\3"]))
    off, lie = draw(st.sampled_from([0, 0, 1, -1])), draw(st.sampled_from([0, 0, 1, -2, 300]))
    return lambda request, as_rtu: framed(request, head + body, as_rtu, off, lie)


noise: st.SearchStrategy[Answer] = st.binary(max_size=300).map(lambda data: lambda _r, _rtu: data)
answers = st.lists(st.lists(mangled() | foreign() | noise, max_size=3), min_size=1, max_size=3)


def machine(name: str, address: str, timeout_ms: int = 50) -> str:
    return (
        f'[[press]]\nname = "{name}"\nline = "L1"\ntop_speed = 60\nprofile = "press-16bit"\n'
        f'address = "{address}"\npoll_ms = 50\ntimeout_ms = {timeout_ms}\n'
    )


async def first_this_then_well(bad: list[list[Answer]], folder: Path, as_rtu: bool) -> None:
    """The first requests are answered with rubbish, later ones well: the press comes back."""
    left = list(bad)

    async def talk(reader: Reader, writer: Writer) -> None:
        while request := await reader.readexactly(8 if as_rtu else 12):
            pieces = left.pop(0) if left else [good]
            writer.write(b"".join(piece(request, as_rtu) for piece in pieces))

    sink = RememberingSink()
    async with talking(talk) as port:
        scheme = "modbus-rtu+tcp" if as_rtu else "modbus"
        plant = write_plant(folder, machine("P01", f"{scheme}://127.0.0.1:{port}/1"))
        running = Running([asyncio.create_task(s.run()) for s in sources(plant, "n", sink)])
        await sink.until(lambda: sink.values("P01", "strokes")[-1:] == [7])
        await running.stop()
    told = [s for s in sink.of("P01") if isinstance(s, Sample)]
    assert all((s.quality == BAD) == (s.value is None) for s in told)
    assert all(s.quality in (GOOD, BAD) for s in told)


@pytest.mark.parametrize("as_rtu", [False, True])
def test_any_bytes_for_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_rtu: bool
) -> None:
    monkeypatch.setattr(polls, "FIRST_RETRY_S", 0.01)
    monkeypatch.setattr(unit, "FIRST_TRIAL_S", 0.01)
    neighbour, sink, unhandled = Unit({16: 1}), RememberingSink(), list[object]()
    plc = Plc(u1=neighbour)
    (tmp_path / "other").mkdir()

    async def neighbourhood() -> Running:
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: unhandled.append(context)
        )
        await plc.__aenter__()
        plant = write_plant(tmp_path / "other", machine("P02", plc.address(1), 20_000))
        return Running([asyncio.create_task(s.run()) for s in sources(plant, "n", sink)])

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=UNHELPFUL)
    @given(answers)
    def story(bad: list[list[Answer]]) -> None:
        with capture_logs() as logs:
            runner.run(first_this_then_well(bad, tmp_path, as_rtu))
        losses = [entry for entry in logs if entry["event"] == "device_offline"]
        assert {entry["device"] for entry in losses} <= {"P01"}
        assert all(entry["why"] for entry in losses)
        assert len(losses) <= len(bad)
        assert not [entry for entry in logs if entry["event"] == "poll_failed"]

    with asyncio.Runner() as runner:
        running = runner.run(neighbourhood())
        try:
            story()
            runner.run(neighbour.asked_again())
        finally:
            runner.run(running.stop())
            runner.run(plc.__aexit__())
    assert len(neighbour.asked) >= EXAMPLES
    assert set(sink.values("P02", "strokes")) == {1}
    assert "offline" not in sink.of("P02")
    assert not unhandled
