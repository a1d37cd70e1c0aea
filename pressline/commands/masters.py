"""Master data from a file."""

from datetime import UTC, datetime
from pathlib import Path

import typer

from pressline.commands.options import Database

masters = typer.Typer(no_args_is_help=True, help="Items, BOMs, dies, orders, people.")


@masters.command("load")
def masters_load(file: Path, database: Database = None) -> None:
    """Load items, BOMs, dies, routings, work orders, stock and people from a TOML file."""
    from database.connection import connect, database_url
    from erp_core.masters import load

    with connect(database_url(database)) as connection:
        typer.echo(str(load(connection, file, datetime.now(UTC))))
