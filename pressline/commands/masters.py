"""Master data from a file."""

from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pressline.commands.options import Database

masters = typer.Typer(no_args_is_help=True, help="Items, BOMs, dies, orders, people.")

Reset = Annotated[
    bool, typer.Option("--reset", help="What the file leaves out falls back to its default")
]
Distinct = Annotated[
    bool,
    typer.Option("--distinct", help="New codes that are written like others are others"),
]


@masters.command("load")
def masters_load(
    file: Path, reset: Reset = False, distinct: Distinct = False, database: Database = None
) -> None:
    """Load items, BOMs, dies, routings, work orders, stock and people from a TOML file."""
    from database.connection import connect, database_url
    from pressline.masters import load

    with connect(database_url(database)) as connection:
        loaded = load(connection, file, datetime.now(UTC), reset=reset, distinct=distinct)
    typer.echo(str(loaded))


@masters.command("check")
def masters_check(
    file: Path,
    plant: Annotated[
        Path | None, typer.Option(help="Compare presses and lines with this plant file")
    ] = None,
    reset: Reset = False,
    distinct: Distinct = False,
    database: Annotated[
        str | None, typer.Option(envvar="DATABASE_URL", help="Compare with what it has, too")
    ] = None,
) -> None:
    """Tell every fault of a file, with line and cure; writes nothing, needs no database."""
    from database.connection import connect
    from pressline.masters import check_file

    with connect(database) if database else nullcontext() as connection:
        compared = check_file(
            connection, file, plant, datetime.now(UTC), reset=reset, distinct=distinct
        )
    typer.echo(f"{file}: all right (checked {', '.join(compared)})")
