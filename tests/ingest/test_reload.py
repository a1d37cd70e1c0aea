"""A plant file that is changed while the agent runs: nothing lost, nothing doubled."""

import asyncio
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from floor import Ingest, Watcher

from edge_agent.agent import reload
from edge_agent.errors import EdgeError, PlantError
from edge_agent.outbox import Outbox
from tests.broker import PATIENCE_S, Mosquitto
from tests.edge_agent.machines import Plc, Unit

pytestmark = pytest.mark.wire
START = (
    "import sys; from pathlib import Path; from edge_agent.agent import run; run(Path(sys.argv[1]))"
)
EXTRA = """
    [[press.channel]]
    name = "force"
    kind = "gauge"
    register = "holding:17:uint16"
"""


def write_plant(folder: Path, port: int, plc: Plc, *, presses: int, extra: str = "") -> Path:
    path = folder / "plant.toml"
    head = f'site = "plant"\nnode = "edge-1"\ntime_zone = "UTC"\n[mqtt]\nport = {port}\n'
    machines = "".join(
        f"""
    [[press]]
    name = "P0{number}"
    line = "L1"
    top_speed = 60
    poll_ms = 50
    address = "{plc.address(number)}"
    [[press.channel]]
    name = "strokes"
    kind = "counter"
    register = "holding:16:uint16"
    {extra}
    """
        for number in range(1, presses + 1)
    )
    path.write_text(f'{head}[[line]]\nname = "L1"\n{machines}')
    return path


@contextmanager
def stamping() -> Generator[tuple[Plc, threading.Event]]:
    """Two presses that make a stroke every 20 ms until the event is set."""
    plc = Plc(u1=Unit({16: 0, 17: 500}), u2=Unit({16: 0, 17: 700}))
    ready, stop, end = threading.Event(), threading.Event(), threading.Event()

    async def live() -> None:
        async with plc:
            ready.set()
            while not end.is_set():
                await asyncio.sleep(0.02)
                for unit in plc.units.values():
                    unit.registers[16] += not stop.is_set()

    thread = threading.Thread(target=lambda: asyncio.run(live()))
    thread.start()
    assert ready.wait(PATIENCE_S)
    try:
        yield plc, stop
    finally:
        end.set()
        thread.join()


class Agent:
    """An edge agent as a process, whose words can be waited for."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", START, str(path)], stdout=subprocess.PIPE, text=True
        )
        self._said: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._listen).start()
        self.until_said("edge agent")

    def _listen(self) -> None:
        assert self.process.stdout
        with self.process.stdout as said:
            for line in said:
                self._said.put(line)

    def until_said(self, words: str) -> str:
        while words not in (line := self._said.get(timeout=PATIENCE_S)):
            pass
        return line

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


@contextmanager
def agent(path: Path) -> Generator[Agent]:
    running = Agent(path)
    try:
        yield running
    finally:
        with suppress(ProcessLookupError):
            running.process.kill()
        running.process.wait()


@pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")
def test_ten_changes_while_a_counter_runs_and_the_broker_is_away(
    tmp_path: Path, broker: Mosquitto, ingest: Ingest, watcher: Watcher
) -> None:
    with stamping() as (plc, stop):
        path = write_plant(tmp_path, broker.port, plc, presses=1)
        with agent(path) as edge:
            watcher.until_number(5)
            broker.stop()
            for turn in range(10):
                if turn == 4:
                    path.write_text("[[press]]\nname = 1\n")
                    edge.process.send_signal(signal.SIGHUP)
                    assert "site" in edge.until_said("the plant file is wrong")
                    continue
                extra, presses = EXTRA if turn % 2 else "", 1 + turn // 5
                write_plant(tmp_path, broker.port, plc, presses=presses, extra=extra)
                assert reload(path) == edge.process.pid
                edge.until_said("read anew")
                for _ in range(presses):
                    edge.until_said("device_online")
            write_plant(tmp_path, broker.port, plc, presses=2)  # a restart takes it as well
            assert edge.stop() == 0
        with agent(path) as edge:
            edge.until_said("device_online")
            edge.until_said("device_online")
            stop.set()
            broker.start()
            made = plc.units[1].registers[16]
            newest = "select bool_and(count = %s) from signal.newest l join signal.channel c "
            newest += "on c.id = l.channel and c.name = 'strokes'"
            watcher.until(newest, made)
            assert edge.stop() == 0
        kept = Outbox(tmp_path / "outbox.sqlite")
        last = kept.last
        kept.close()
        watcher.until_number(last)
    every_record_is_there_once(watcher, last)
    assert watcher.rows(
        "select device, name, count(*) > 0, bool_and(quality = 192 or value is null) "
        "from (select c.device, c.name, r.quality, r.count as value from signal.reading r "
        "join signal.channel c on c.id = r.channel where c.device <> '') told "
        "group by device, name order by device, name"
    ) == [(device, name, True, True) for device in ("P01", "P02") for name in ("force", "strokes")]


def every_record_is_there_once(watcher: Watcher, last: int) -> None:
    assert watcher.rows(
        "select count(distinct number), min(number), max(number), "
        "count(*) = count(distinct (number, channel)) from signal.reading"
    ) == [(last, 1, last, True)]
    assert watcher.value(
        "select bool_and(step >= 0) from (select count - lag(count) over "
        "(partition by channel order by number) as step from signal.reading r "
        "join signal.channel c on c.id = r.channel and c.name = 'strokes' "
        "where count is not null) steps"
    )
    assert watcher.rows("select * from signal.gap") == []
    assert watcher.rows("select * from signal.quarantine") == []


@pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")
def test_what_waited_under_another_scale_keeps_it(
    tmp_path: Path, broker: Mosquitto, ingest: Ingest, watcher: Watcher
) -> None:
    """A force of 500 is read as 500, then in tenths, with the broker away in between."""
    with stamping() as (plc, _):
        path = write_plant(tmp_path, broker.port, plc, presses=1, extra=EXTRA)
        with agent(path) as edge:
            watcher.until_number(5)
            broker.stop()
            assert edge.stop() == 0
        with agent(path) as edge:  # what it reads now waits
            edge.until_said("device_online")
            assert edge.stop() == 0
        plc.units[1].registers[17] = 5000
        write_plant(tmp_path, broker.port, plc, presses=1, extra=EXTRA + "    scale = 0.1\n")
        with agent(path) as edge:
            edge.until_said("device_online")
            broker.start()
            watcher.until("select true from signal.channel where scale = 0.1")
            watcher.until("select count(*) > 3 from signal.reading where count = 5000")
    assert watcher.rows(
        "select distinct scale, count * scale from signal.reading r join signal.channel c "
        "on c.id = channel where name = 'force' and quality = 192 order by scale"
    ) == [(0.1, 500), (1, 500)]


def test_reload_says_what_is_wrong_before_it_asks_the_agent(tmp_path: Path) -> None:
    plc = Plc(u1=Unit())
    path = write_plant(tmp_path, 1, plc, presses=1)
    with pytest.raises(EdgeError, match="No agent runs with the outbox"):
        reload(path)
    path.write_text("[[press]]\n")
    with pytest.raises(PlantError, match="site"):
        reload(path)
