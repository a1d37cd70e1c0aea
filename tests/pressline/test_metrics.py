"""Every process tells Prometheus how it is: real processes, real scrapes, figures that are true."""

import asyncio
import re
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import structlog
import yaml
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from database.connection import connect
from pressline.__main__ import app
from pressline.demo.processes import Children
from tests.broker import Mosquitto, free_port, mosquitto_server
from tests.edge_agent.machines import Plc, Unit
from tests.ingest.floor import lock_watermarks

TOP = Path(__file__).parents[2]
PATIENCE_S = 40.0

pytestmark = pytest.mark.wire
one_flavour = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")

PLANT = """
site = "dongguan-1"
node = "edge-1"
time_zone = "Asia/Shanghai"
heartbeat_s = 0.2
[mqtt]
port = {broker}
[metrics]
port = {metrics}
[[line]]
name = "L1"
[[press]]
name = "P01"
line = "L1"
top_speed = 60
poll_ms = 100
address = "modbus://127.0.0.1:{plc}/1"
[[press.channel]]
name = "strokes"
kind = "counter"
register = "holding:0:uint16"
[[press]]
name = "P02"
line = "L1"
top_speed = 60
poll_ms = 100
address = "modbus://127.0.0.1:{nobody}/1"
[[press.channel]]
name = "strokes"
kind = "counter"
register = "holding:0:uint16"
"""


@contextmanager
def plc() -> Generator[int]:
    """A press's PLC in a thread of its own; its port."""
    machine, done, loop = Plc(u1=Unit({0: 7})), asyncio.Event(), asyncio.new_event_loop()

    async def live() -> None:
        async with machine:
            await done.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(live()))
    thread.start()
    try:
        yield machine.port
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()
        loop.close()


class Scraped:
    """One process's metrics, as Prometheus would see them."""

    def __init__(self, port: int) -> None:
        self.port = port

    def families(self) -> dict[str, str]:
        """Names of the families with their types."""
        return {family.name: family.type for family in self._parsed()}

    def value(self, name: str, **labels: str) -> float:
        """One sample; the sum where several have these labels."""
        return sum(
            sample.value
            for family in self._parsed()
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def until(self, holds: Callable[["Scraped"], bool], what: str) -> None:
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                if holds(self):
                    return
            except httpx.TransportError:
                pass  # not up yet
            assert time.monotonic() < end, f"waited in vain for {what}"
            time.sleep(0.1)

    def _parsed(self):
        answer = httpx.get(f"http://127.0.0.1:{self.port}/metrics", timeout=20)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain; version=")
        return list(text_string_to_metric_families(answer.text))


class Works:
    """The whole river, each process with a port for its metrics."""

    def __init__(self, database: str, broker: Mosquitto, plc_port: int, folder: Path) -> None:
        self.database, self.broker = database, broker
        self.ports = {name: free_port() for name in ("edge", "ingest", "bridge", "web")}
        self.web = free_port()
        self.children = Children(folder)
        self.plant = folder / "plant.toml"
        self.plant.write_text(
            PLANT.format(
                broker=broker.port, metrics=self.ports["edge"], plc=plc_port, nobody=free_port()
            )
        )

    def scraped(self, name: str) -> Scraped:
        return Scraped(self.ports[name])

    def start(self) -> None:
        self._run("edge", "run", str(self.plant))
        self._run("ingest", "run", "--mqtt-port", str(self.broker.port))
        self._run("bridge", "run")
        self._run("web", "run", "--port", str(self.web))

    def _run(self, *command: str) -> None:
        name = command[0]
        environment = {"DATABASE_URL": self.database}
        if name != "edge":  # it has the port of its plant file
            environment["PRESSLINE_METRICS_PORT"] = str(self.ports[name])
        self.children.start(name, *command, environment=environment)


@pytest.fixture
def call() -> Iterator[CliRunner]:
    """Calls the command line; logs go back to where they went before."""
    yield CliRunner()
    structlog.reset_defaults()


@pytest.fixture
def works(database: str, call: CliRunner, tmp_path: Path) -> Iterator[Works]:
    with mosquitto_server() as broker, plc() as port:
        made = Works(database, broker, port, tmp_path)
        result = call.invoke(app, ["plant", "load", str(made.plant), "--database", database])
        assert result.exit_code == 0, result.output
        try:
            made.start()
            yield made
        finally:
            made.children.stop("web", "bridge", "ingest", "edge")


@one_flavour
def test_figures_are_true_while_things_break(works: Works) -> None:
    edge, ingest = works.scraped("edge"), works.scraped("ingest")
    bridge, web = works.scraped("bridge"), works.scraped("web")

    # All is well: what the edge kept is acknowledged, committed and taken in.
    edge.until(lambda m: m.value("pressline_edge_records_acknowledged_total") > 5, "records")
    assert edge.value("pressline_edge_device_online", device="P01") == 1
    assert edge.value("pressline_edge_device_online", device="P02") == 0
    assert edge.value("pressline_edge_errors_total", device="P02", kind="no_answer") >= 1
    assert edge.value("pressline_edge_errors_total", device="P01") == 0
    trips = edge.value("pressline_edge_round_trips_total", device="P01")
    late = edge.value("pressline_edge_poll_lateness_seconds_count")
    assert trips - 2 <= late + 1 <= trips + 20  # the first poll of a machine is not late
    ingest.until(lambda m: m.value("pressline_ingest_readings_total") > 5, "readings")
    with connect(works.database) as connection:
        row = connection.execute("select count(*) from signal.reading").fetchone()
        assert row is not None
        assert ingest.value("pressline_ingest_readings_total") >= row[0]
    assert ingest.value("pressline_ingest_host_online") == 1
    assert ingest.value("pressline_ingest_acknowledgements_total") > 0
    assert abs(ingest.value("pressline_ingest_node_clock_offset_seconds", node="edge-1")) < 2
    bridge.until(lambda m: m.value("pressline_bridge_records_total") > 5, "the bridge")
    assert bridge.value("pressline_bridge_mark_lag_seconds", node="edge-1") < 10

    # The broker is away: records wait on the edge, and the oldest one ages.
    works.broker.stop()
    edge.until(lambda m: m.value("pressline_edge_outbox_records") > 5, "a growing outbox")
    edge.until(lambda m: m.value("pressline_edge_outbox_oldest_age_seconds") > 1, "its age")
    assert edge.value("pressline_edge_connected") == 0
    assert edge.value("pressline_edge_device_online", device="P01") == 1
    works.broker.start()
    edge.until(lambda m: m.value("pressline_edge_outbox_records") <= 2, "a drained outbox")
    assert edge.value("pressline_edge_connected") == 1

    # Ingest is killed with records in flight: they are sent again, and counted as such.
    before = edge.value("pressline_edge_records_resent_total")
    with lock_watermarks(works.database):
        edge.until(lambda m: m.value("pressline_edge_records_in_flight") >= 3, "a full flight")
        works.children.all["ingest"].kill()
    works.children.all["ingest"].start()
    edge.until(lambda m: m.value("pressline_edge_records_resent_total") >= before + 3, "resends")
    edge.until(lambda m: m.value("pressline_edge_outbox_records") <= 2, "a drained outbox")

    # The bridge stands still: its lag is told all the same, by the database.
    works.children.all["bridge"].kill()
    for path in ("/", "/wall", "/no-such-page-1", "/no-such-page-2"):
        httpx.get(f"http://127.0.0.1:{works.web}{path}", timeout=20)
    assert web.value("pressline_web_requests_total", route="/wall", status="2xx") == 1
    assert web.value("pressline_web_requests_total", route="other", status="4xx") == 2
    _every_metric_is_told_on_the_page(works)


def _every_metric_is_told_on_the_page(works: Works) -> None:
    works.children.all["bridge"].start()
    works.scraped("bridge").until(lambda m: bool(m.families()), "the bridge")
    exposed = {
        name + ("_total" if kind == "counter" else "")
        for process in works.ports
        for name, kind in works.scraped(process).families().items()
    }
    page = (TOP / "docs/metrics.md").read_text()
    told = set(re.findall(r"^\| `([a-z_]+)`", page, re.MULTILINE))
    own = {name for name in exposed if name.startswith("pressline_")}
    assert own == {name for name in told if name.startswith("pressline_")}
    assert {name for name in told if name.startswith("process_")} <= exposed
    rules = (TOP / "config/prometheus/alerts.yml").read_text()
    asked = set(re.findall(r"pressline_[a-z_]+", rules))
    assert asked <= own | {f"{name}_{part}" for name in own for part in ("bucket", "count", "sum")}


def test_the_scrape_configuration_and_the_rules_are_well_formed() -> None:
    scrape = yaml.safe_load((TOP / "config/prometheus/prometheus.yml").read_text())
    assert [job["job_name"] for job in scrape["scrape_configs"]] == [
        "pressline-edge", "pressline-ingest", "pressline-bridge", "pressline-web",
    ]  # fmt: skip
    assert scrape["rule_files"] == ["alerts.yml"]
    rules = yaml.safe_load((TOP / "config/prometheus/alerts.yml").read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            assert {"alert", "expr", "for", "labels", "annotations"} <= rule.keys()
            assert rule["annotations"]["summary"]


@one_flavour
def test_a_port_that_is_taken_is_told_with_the_cure(database: str, call: CliRunner) -> None:
    taken = free_port()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", taken))
        holder.listen()
        result = call.invoke(
            app, ["bridge", "run", "--database", database, "--metrics-port", str(taken)]
        )
    assert "Choose another port" in str(result.exception)
