"""Messages that could not be taken."""

from typing import Annotated

import typer

from pressline.commands.options import Database

quarantine = typer.Typer(no_args_is_help=True, help="Messages that could not be taken.")


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
