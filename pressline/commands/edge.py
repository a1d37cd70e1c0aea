"""The edge agent: check, read, certificates, run, reload."""

from pathlib import Path
from typing import Annotated

import typer

from pressline.commands.options import MetricsPort, PlantFile

edge = typer.Typer(
    no_args_is_help=True, help="Read presses and meters; keep readings until the database has them."
)


@edge.command("check")
def edge_check(file: PlantFile) -> None:
    """Validate a plant file and its profiles without touching the network."""
    from edge_agent.agent import channel
    from edge_agent.births import USUAL_LIMIT, birth_sizes
    from edge_agent.plantfile.plant import load_plant
    from edge_agent.plantfile.questions import questions
    from edge_agent.sources import lack

    loaded = load_plant(file)
    typer.echo(f"{file}: {len(loaded.presses)} presses, {len(loaded.meters)} meters: all right")
    declared = {d.name: [channel(known) for known in d.channels] for d in loaded.devices}
    for name, size in birth_sizes(declared).items():
        much = ": more than many brokers take in one message" if size > USUAL_LIMIT else ""
        typer.echo(f"  {name}: {len(declared[name])} channels, birth {size:,} bytes{much}")
    for question in questions(loaded):
        typer.echo(f"asked: {question}")
    for why in filter(None, map(lack, loaded.devices)):
        typer.echo(f"asked: {why}")


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
    mqtt_port: Annotated[int | None, typer.Option(envvar="MQTT_PORT", min=1, max=65535)] = None,
    mqtt_secrets: Annotated[
        Path | None,
        typer.Option(envvar="MQTT_SECRETS", help="Passwords that `broker users` made, by node"),
    ] = None,
    metrics_host: Annotated[str | None, typer.Option(envvar="PRESSLINE_METRICS_HOST")] = None,
    metrics_port: MetricsPort = None,
) -> None:
    """Read the machines of one node and deliver until stopped."""
    from edge_agent.agent import run

    run(
        file, node, outbox=outbox, mqtt_host=mqtt_host, mqtt_port=mqtt_port,
        mqtt_secrets=mqtt_secrets,
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
