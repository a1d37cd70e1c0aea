"""Arguments and options that several commands share."""

import math
from pathlib import Path
from typing import Annotated

import typer


def finite(value: float | None) -> float | None:
    """A number that can be counted with; `nan` and `inf` pass every limit."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is no number to count with; write one, such as 60")
    return value


PlantFile = Annotated[Path, typer.Argument(help="plant.toml")]
Database = Annotated[str | None, typer.Option(help="postgresql://…; default: DATABASE_URL")]
MqttHost = Annotated[str, typer.Option(envvar="MQTT_HOST", help="Broker")]
MqttPort = Annotated[int, typer.Option(envvar="MQTT_PORT", min=1, max=65535, help="Its port")]
MetricsPort = Annotated[
    int | None,
    typer.Option(envvar="PRESSLINE_METRICS_PORT", min=1, max=65535, help="Prometheus text; off"),
]
MetricsHost = Annotated[
    str, typer.Option(envvar="PRESSLINE_METRICS_HOST", help="Where that port listens")
]
HostId = Annotated[str, typer.Option(envvar="PRESSLINE_HOST_ID", help="Sparkplug host id")]
