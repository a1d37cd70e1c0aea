"""The database: schema, board role, who is at work."""

from typing import Annotated

import typer

from pressline.commands.options import Database

top = typer.Typer()


@top.command()
def migrate(database: Database = None) -> None:
    """Bring the database to this program's schema."""
    from database.connection import database_url
    from database.migrate import migrate as run

    for name in run(database_url(database)):
        typer.echo(f"applied {name}")


@top.command("board-role")
def board_role(
    password: Annotated[str, typer.Argument(envvar="BOARD_PASSWORD")], database: Database = None
) -> None:
    """Make the read-only role that Grafana uses; it sees the views of schema board."""
    from database.connection import database_url
    from database.role import make_board_role

    make_board_role(database_url(database), password)


@top.command()
def health(
    process: Annotated[str, typer.Argument(help="ingest or bridge")], database: Database = None
) -> None:
    """Exit 0 while a process is at work on this database, else 1; for health checks."""
    from database.connection import database_url
    from database.health import is_at_work

    raise typer.Exit(0 if is_at_work(database_url(database), process) else 1)
