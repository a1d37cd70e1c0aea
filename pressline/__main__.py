"""`pressline`: the command line.

Each command imports its room when called, so that an edge box needs the base install only.
"""

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

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
    new,
    people,
    plant,
    quarantine,
    scenario,
    tls,
    web,
)

# What an edge box does not have: the modules of the extra `plant`.
PLANT_PARTS = (
    "argon2", "fastapi", "jinja2", "prometheus_client", "psycopg", "psycopg_pool", "segno",
    "uvicorn",
)  # fmt: skip

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
for top in (database.top, bridge.top, demo.top, ingest.top):
    app.add_typer(top)
for name, group in {
    "edge": edge.edge, "ingest": ingest.ingest, "bridge": bridge.bridge, "web": web.web,
    "plant": plant.plant, "masters": masters.masters, "people": people.people,
    "quarantine": quarantine.quarantine, "scenario": scenario.scenario, "broker": broker.broker,
    "tls": tls.tls, "new": new.new,
}.items():  # fmt: skip
    app.add_typer(group, name=name)


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(f"pressline {version('pressline')}")
        raise typer.Exit


@app.callback()
def start(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Which one this is."),
    ] = False,
) -> None:
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
    except ModuleNotFoundError as error:
        part = (error.name or "").partition(".")[0]
        if part not in PLANT_PARTS:
            raise
        cure = "install the wheel with its extra: pip install 'pressline-….whl[plant]'"
        _refuse(f"this command needs {part}, which is missing; {cure} (docs/install.md)")
    except Exception as error:
        told = _told(error)
        if told is None:
            raise
        _refuse(told)


def _refuse(told: str) -> None:
    typer.echo(f"pressline: {told}", err=True)
    sys.exit(2)


def _told(error: Exception) -> str | None:
    """What a person can mend, in a sentence; None for a fault of ours."""
    if isinstance(error, tuple(_there(OUR_ERRORS))):
        return str(error)
    if isinstance(error, tuple(_there([("psycopg", "Error")]))):
        from database.refusals import refusal  # noqa: PLC0415 - an edge box has no psycopg

        return str(refusal(error))  # pyright: ignore[reportArgumentType] - a psycopg.Error
    return None


OUR_ERRORS = (
    ("edge_agent.errors", "EdgeError"),
    ("database.errors", "DatabaseError"),
    ("people.errors", "RuleError"),
    ("people.refusal", "Refused"),
    ("plant.errors", "PlantNotLoadedError"),
    ("mes_bridge.errors", "BridgeError"),
    ("pressline.errors", "PresslineError"),
)


def _there(names: Sequence[tuple[str, str]]) -> list[type[Exception]]:
    """Those of the classes that are here: an edge box has the base install only."""
    found: list[type[Exception]] = []
    for room, name in names:
        try:
            module = __import__(room, fromlist=[name])
        except ImportError:
            continue
        found.append(getattr(module, name))
    return found


if __name__ == "__main__":
    main()
