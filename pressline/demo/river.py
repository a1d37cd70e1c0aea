"""Every process of the demo plant, started in the order that makes it ready soonest."""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from database.connection import Connection, connect
from database.migrate import migrate
from database.roles import OWNER, PROGRAMS, make_roles
from database.server import Server, embedded_binaries
from mes_bridge import readings
from pressline.demo import shopfloor
from pressline.demo.broker import answers, broker_command, find_mosquitto
from pressline.demo.crew import get_status
from pressline.demo.processes import Child, Children, DemoError, Steered
from pressline.masters import load as load_masters
from pressline.plant import load as load_plant

START_LIMIT = 60.0  # seconds; a loaded machine is slow, a broken one is slower
SETTLE_LIMIT = 60.0  # seconds for the last reading to arrive and be counted
AT_REST = 2.5  # seconds without a new posting
EDGE_BROKER, INGEST_BROKER = "edge-broker", "ingest-broker"


class FactoryControl(Steered):
    """The demo's hand on the simulated machines; it never hears how many strokes were made."""

    def order(self, do: str, press: str | None = None, **more: float) -> dict[str, Any]:
        """Give one order and return its answer; raises DemoError when the factory is gone."""
        return self.ask(do=do, press=press, **more)

    def is_read(self) -> bool:
        """Whether every press has been read at least once."""
        return all(each["read"] for each in self.order("look").values())

    def is_settled(self, *presses: str) -> bool:
        """Whether these presses (default: all) stand, and were read since they stand."""
        seen = self.order("look")
        return all(seen[press]["settled"] for press in presses or seen)

    def is_known_again(self, press: str) -> bool:
        """Whether a counter that was lost has been read since."""
        return bool(self.order("look")[press]["known"])


def directly(ports: Mapping[str, int]) -> Mapping[str, int]:
    """Everything is reached where it listens."""
    return ports


@dataclass(frozen=True)
class Setting:
    """What a plant may have otherwise than by itself.

    `through` is given where each machine listens, and the broker as EDGE_BROKER and INGEST_BROKER;
    it says where the edge and ingest reach them. The rest goes to the edge's process.
    """

    through: Callable[[Mapping[str, int]], Mapping[str, int]] = directly
    edge_arguments: tuple[str, ...] = ()
    edge_environment: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass
class River:
    """One demo plant in one folder. `tell` prints a line of progress."""

    folder: Path
    port: int
    wrap_after_s: float
    tell: Callable[[str], None]
    setting: Setting = field(default_factory=Setting)

    def __post_init__(self) -> None:
        logs = self.folder / "logs"
        logs.mkdir()
        self.children = Children(logs)
        self.server = Server(
            embedded_binaries(), self.folder / "data", settings=("track_commit_timestamp=on",)
        )
        self.places = shopfloor.places(self.wrap_after_s)
        self.mqtt_port = shopfloor.free_ports(1)[0]
        now = datetime.now(UTC)
        machines = shopfloor.machines(self.places)
        ports = shopfloor.free_ports(len(machines), besides=[self.mqtt_port, self.port])
        listening = dict(zip(machines, ports, strict=True))
        brokers = dict.fromkeys((EDGE_BROKER, INGEST_BROKER), self.mqtt_port)
        self.reached = self.setting.through(listening | brokers)
        self.files = shopfloor.write_files(
            self.folder, self.places, listening, self.reached, self.reached[EDGE_BROKER], now
        )
        self.web_port = shopfloor.first_free_port(self.port)
        if self.web_port != self.port:
            self.tell(f"port {self.port} is taken; the pages are on {self.web_port}")
        self.url = f"http://127.0.0.1:{self.web_port}"

    def start(self) -> None:
        """Start everything; returns when every press is read and the pages answer."""
        broker = broker_command(self.folder, self.mqtt_port, find_mosquitto())
        self.children.start_program("broker", broker)
        module = ["-m", "pressline.demo.factory", str(self.files.factory)]
        factory = self.children.start_program("factory", [sys.executable, *module], piped=True)
        self.factory = FactoryControl(factory)
        self.server.start()
        self.tell("PostgreSQL is up")
        make_roles(self.server.url, {})
        owner = self.server.url_as(OWNER)
        migrate(owner)
        load_plant(owner, self.files.plant)
        self._wait("the broker", lambda: answers(self.mqtt_port))
        self.tell(f"broker ({Path(broker[0]).name if 'mosquitto' in broker[0] else 'amqtt'}) is up")
        self._start_rooms()
        self.factory.wait_ready()
        meters = len(shopfloor.METERS)
        self.tell(f"factory: {len(self.places)} presses on two lines, {meters} energy meters")
        self.start_edge("edge", environment=self.setting.edge_environment)
        self._load_masters()  # meanwhile the others are coming up
        self._wait("the pages", lambda: get_status(f"{self.url}/healthz") == 200)
        self.tell("pages answer")
        self._wait("the first poll of every press", self.factory.is_read)
        self._wait("the first reading of every press", self._every_press_is_known)
        self.tell("every press has been read, the readings are in the database")

    def connection(self) -> Connection:
        """A connection to the demo's database, outside any transaction."""
        return connect(self.server.url, autocommit=True, application="demo")

    def restart_killed(self, name: str) -> tuple[int, int]:
        """SIGKILL a process and start it again a second later; its pids before and after."""
        return self.children.restart_killed(name, 1.0)

    def wait_delivered(self, since: datetime) -> bool:
        """Wait until a reading of every press, taken after `since`, has been counted.

        Records arrive in order, so everything before it has been, too. False when time is up.
        """
        with self.connection() as connection:
            return self._until(lambda: _all_counted(connection, since), SETTLE_LIMIT)

    def wait_at_rest(self) -> None:
        """Wait until the bridge has posted what there was to post."""
        with self.connection() as connection:
            seen, since = _posted(connection), time.monotonic()
            end = since + SETTLE_LIMIT
            while time.monotonic() < min(since + AT_REST, end):
                time.sleep(0.2)
                self.children.check()
                now = _posted(connection)
                if now != seen:
                    seen, since = now, time.monotonic()

    def stop_rooms(self) -> None:
        """Stop everything but the database, in the order of the river, from its end."""
        self.children.stop("broker", "factory", "edge", "ingest", "bridge", "web")

    def stop(self) -> None:
        """Stop everything, the database last."""
        self.children.stop()
        self.server.stop()

    def _load_masters(self) -> None:
        with connect(self.server.url_as(OWNER)) as connection:
            load_masters(connection, self.files.masters, datetime.now(UTC))
        self.tell("schema, plant and master data are loaded")

    def _start_rooms(self) -> None:
        self.start_ingest("ingest")
        self.children.start("bridge", "bridge", "run", environment=self._database_as("bridge"))
        self.children.start(
            "web", "web", "run", "--port", str(self.web_port), environment=self._database_as("web")
        )

    def _database_as(self, program: str) -> dict[str, str]:
        """Each program is let in as a role of its own."""
        return {"DATABASE_URL": self.server.url_as(PROGRAMS[program])}

    def start_ingest(self, name: str) -> Child:
        """Start ingest as a process of this name; beside another it stands by."""
        mqtt = {"MQTT_HOST": "127.0.0.1", "MQTT_PORT": str(self.reached[INGEST_BROKER])}
        environment = self._database_as("ingest") | mqtt
        return self.children.start(name, "ingest", "run", environment=environment)

    def start_edge(
        self, name: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> Child:
        """Start the agent as a process of this name; later arguments win."""
        command = ("edge", "run", str(self.files.plant), *self.setting.edge_arguments, *arguments)
        return self.children.start(name, *command, environment=environment)

    def _wait(self, what: str, met: Callable[[], bool]) -> None:
        if not self._until(met, START_LIMIT):
            raise DemoError(
                f"Waited {START_LIMIT:.0f} s for {what}. The logs in {self.children.logs} say why; "
                "run again with --keep to keep them."
            )

    def _until(self, met: Callable[[], bool], limit: float) -> bool:
        end = time.monotonic() + limit
        while not met():
            self.children.check()
            if time.monotonic() > end:
                return False
            time.sleep(0.1)
        return True

    def _every_press_is_known(self) -> bool:
        with self.connection() as connection:
            counters = [channel for channel, _ in connection.execute(COUNTERS)]
            return len(readings.first_good(connection, counters)) == len(self.places)


def _all_counted(connection: Connection, since: datetime) -> bool:
    """Whether a reading after `since` of every press was counted, and none waits."""
    presses = connection.execute(COUNTERS).fetchall()
    marks: dict[int, int] = dict(
        connection.execute("select outbox, number from mes.mark").fetchall()
    )
    first = readings.first_good(connection, [channel for channel, _ in presses], since)
    passed = {
        channel for channel, (outbox, number) in first.items() if number <= marks.get(outbox, 0)
    }
    return bool(presses) and all(known and channel in passed for channel, known in presses)


def _posted(connection: Connection) -> object:
    return connection.execute("select count(*), max(id) from mes.posting").fetchone()


COUNTERS = """
select c.id, k.pend_value is null and not exists (select from mes.press_behind)
from plant.press p
join signal.channel c on c.device = p.name and c.name = p.stroke_channel
left join mes.counter k on k.channel = c.id
"""
