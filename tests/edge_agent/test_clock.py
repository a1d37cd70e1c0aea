"""The edge's clock when the wall clock is set."""

import asyncio
from pathlib import Path

from machines import Plc, RememberingSink, Running, Unit, write_plant

from edge_agent.clock import STEP_MS, Clock
from edge_agent.sample import Sample
from edge_agent.sources import sources


class Set(Clock):
    """A clock whose wall and monotonic times the test sets (ms)."""

    wall, steady = 1_000_000, 5000

    def _wall(self) -> int:
        return self.wall

    def _steady(self) -> int:
        return self.steady

    def pass_(self, ms: int, wall_ms: int) -> int:
        self.steady += ms
        self.wall += wall_ms
        return self.now()


def test_a_step_is_followed_and_told_once() -> None:
    told: list[tuple[int, int]] = []
    clock = Set(lambda by, at: told.append((by, at)))
    assert clock.pass_(1000, 1000) == 1_001_000
    assert clock.pass_(1000, 1000 + 3_600_000) == 4_602_000
    assert clock.pass_(1000, 1000) == 4_603_000
    assert clock.pass_(1000, 1000 - 3_600_000) == 1_004_000
    assert told == [(3_600_000, 4_602_000), (-3_600_000, 1_004_000)]


def test_what_ntp_slews_is_not_a_step_until_it_adds_up() -> None:
    told: list[tuple[int, int]] = []
    clock = Set(lambda by, at: told.append((by, at)))
    assert clock.pass_(1000, 1000 + STEP_MS) == 1_001_000  # the monotonic clock goes on
    assert told == []
    assert clock.pass_(1000, 1001) == 1_002_201
    assert told == [(STEP_MS + 1, 1_002_201)]


def test_a_mark_tells_by_how_much_the_clock_was_set_since_within_one_boot() -> None:
    clock = Set()
    mark = clock.mark
    clock.pass_(60_000, 60_000 + STEP_MS)
    assert clock.set_since(mark) == 0
    clock.pass_(1000, 1000 - 3_600_000)
    assert clock.set_since(mark) == STEP_MS - 3_600_000
    assert clock.set_since("") == 0
    assert clock.set_since(f"another-boot {mark.split()[1]}") == 0


def test_a_step_is_told_once_by_all_sources_and_before_any_reading_with_the_new_time(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with Plc(u1=Unit({16: 1})) as one, Plc(u1=Unit({16: 1})) as other:
            plcs = {"P01": one, "P02": other}
            plant = write_plant(tmp_path, "".join(map(press, plcs, plcs.values())))
            sink, clock = RememberingSink(), Set()

            def stepped(by: int, at: int) -> None:
                sink.told.append(("", Sample("step", at, by)))

            clock.stepped = stepped
            tasks = [asyncio.create_task(s.run()) for s in sources(plant, "n", sink, clock)]
            running = Running(tasks)
            await sink.until(lambda: all(sink.values(name, "strokes") for name in plcs))
            clock.wall += 3_600_000
            for plc in plcs.values():
                plc.units[1].registers[16] = 2
            await sink.until(lambda: all(sink.values(name, "strokes")[-1] == 2 for name in plcs))
            await running.stop()
            samples = [(name, what) for name, what in sink.told if isinstance(what, Sample)]
            assert sink.values("", "step") == [3_600_000]
            new = [name for name, sample in samples if sample.at >= Set.wall + 3_600_000]
            assert new[0] == ""
            assert {"P01", "P02"} == set(new[1:])

    asyncio.run(story())


def press(name: str, plc: Plc) -> str:
    return f"""
        [[press]]
        name = "{name}"
        line = "L1"
        top_speed = 60
        poll_ms = 50
        address = "{plc.address(1)}"
        [[press.channel]]
        name = "strokes"
        kind = "counter"
        register = "holding:16:uint16"
    """
