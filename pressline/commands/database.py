"""The database: schema, board role, who is at work."""

from collections.abc import Mapping
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
    from database.migrate import migrate as run
    from database.roles import make_board_role

    if not password.strip():
        raise typer.BadParameter(
            "it is empty, and nobody could sign in with it; set BOARD_PASSWORD"
        )
    _refuse_samples({"BOARD_PASSWORD": password})
    make_board_role(database_url(database), password)
    run(database_url(database))  # grants


@top.command()
def roles(
    owner: Annotated[str, typer.Option(envvar="OWNER_PASSWORD", hidden=True)] = "",
    ingest: Annotated[str, typer.Option(envvar="INGEST_PASSWORD", hidden=True)] = "",
    bridge: Annotated[str, typer.Option(envvar="BRIDGE_PASSWORD", hidden=True)] = "",
    web: Annotated[str, typer.Option(envvar="WEB_PASSWORD", hidden=True)] = "",
    board: Annotated[str, typer.Option(envvar="BOARD_PASSWORD", hidden=True)] = "",
    grafana: Annotated[str, typer.Option(envvar="GRAFANA_ADMIN_PASSWORD", hidden=True)] = "",
    database: Database = None,
) -> None:
    """Make a role with least rights for each program, and bring the schema up to date as the owner.

    The passwords are read from OWNER_PASSWORD, INGEST_PASSWORD, BRIDGE_PASSWORD, WEB_PASSWORD and
    BOARD_PASSWORD; none may be a sample's, nor GRAFANA_ADMIN_PASSWORD, for which nobody else would
    look. The database is that of a superuser; nobody else needs one.
    """
    from database.connection import database_url
    from database.migrate import migrate as run
    from database.roles import BOARD, OWNER, PROGRAMS, as_owner, make_roles

    _refuse_samples({
        "OWNER_PASSWORD": owner, "INGEST_PASSWORD": ingest, "BRIDGE_PASSWORD": bridge,
        "WEB_PASSWORD": web, "BOARD_PASSWORD": board, "GRAFANA_ADMIN_PASSWORD": grafana,
    })  # fmt: skip
    address = database_url(database)
    given = {OWNER: owner, BOARD: board}
    given |= dict(zip(PROGRAMS.values(), (ingest, bridge, web), strict=True))
    for name in make_roles(address, {role: word for role, word in given.items() if word}):
        typer.echo(f"role {name}")
    for name in run(as_owner(address)):
        typer.echo(f"applied {name}")


def _refuse_samples(passwords: Mapping[str, str]) -> None:
    from database.connection import is_sample

    if names := [name for name, password in passwords.items() if is_sample(password)]:
        raise typer.BadParameter(
            f"{', '.join(names)} is still the sample's, which everybody knows; set one of your own "
            "(in .env, where compose reads it)"
        )


@top.command()
def health(
    process: Annotated[str | None, typer.Argument(help="ingest, bridge or web")] = None,
    database: Database = None,
) -> None:
    """Exit 0 while a process is at work on this database, else 1; for health checks.

    Without a process: who is at work, with which rights, and what the board role may; 1 when
    anything of it is not well.
    """
    from database.connection import database_url
    from database.health import findings, is_at_work

    if process is not None:
        raise typer.Exit(0 if is_at_work(database_url(database), process) else 1)
    found = findings(database_url(database))
    for each in found:
        typer.echo(str(each))
    raise typer.Exit(1 if any(each.cure for each in found) else 0)
