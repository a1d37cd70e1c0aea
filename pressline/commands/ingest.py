"""The Sparkplug host, and live messages for people."""

from typing import Annotated

import typer

from pressline.commands.options import (
    Database,
    HostId,
    MetricsHost,
    MetricsPort,
    MqttHost,
    MqttPort,
    finite,
)

ingest = typer.Typer(no_args_is_help=True, help="Take records from the broker into the database.")
top = typer.Typer()


@top.command()
def tap(
    topic: Annotated[str, typer.Argument(metavar="FILTER")] = "spBv1.0/#",
    mqtt_host: MqttHost = "127.0.0.1",
    mqtt_port: MqttPort = 1883,
) -> None:
    """Print live messages, decoded."""
    from ingest.tap import run

    run(topic, mqtt_host, mqtt_port)


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
            envvar="PRESSLINE_REORDER_S",
            min=0,
            max=60,
            callback=finite,
            help="Wait of foreign nodes' messages",
        ),
    ] = 2.0,
    most_nodes: Annotated[
        int,
        typer.Option(envvar="PRESSLINE_MOST_NODES", min=1, help="With more, a new one is refused"),
    ] = 2000,
    quarantine_mb: Annotated[
        float,
        typer.Option(
            envvar="PRESSLINE_QUARANTINE_MB", min=64, callback=finite, help="Room of quarantine"
        ),
    ] = 512,
    quarantine_days: Annotated[
        float,
        typer.Option(
            envvar="PRESSLINE_QUARANTINE_DAYS",
            min=1,
            max=36_500,
            callback=finite,
            help="A message is kept so long",
        ),
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
    from ingest.metrics import REGISTRY
    from ingest.quarantine_bounds import Bounds
    from pressline.metrics import serve

    serve(REGISTRY, metrics_host, metrics_port)
    bounds = Bounds(quarantine_mb, quarantine_days, quarantine_per_minute)
    run(
        database_url(database), mqtt_host, mqtt_port, host_id, nodes or (), reorder_seconds, bounds,
        most_nodes,
    )  # fmt: skip
