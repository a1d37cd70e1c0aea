"""Who is here: people who leave, new badges and new PINs."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import uuid4

import typer

from pressline.commands.options import Database

people = typer.Typer(no_args_is_help=True, help="Who is here, who leaves, new badges and PINs.")

By = Annotated[str, typer.Option("--by", help="Your own code; IT and the manager may do this")]


@people.command("leave")
def leave(person: str, by: By, database: Database = None) -> None:
    """Somebody leaves: badge, PIN and sessions end together; what they did stays."""
    from database.connection import connect, database_url
    from people import staff

    with connect(database_url(database)) as connection:
        staff.leave(connection, staff.PersonAct(uuid4(), by, person, datetime.now(UTC)))
    typer.echo(f"{person} has left: badge, PIN and sessions have ended")


@people.command("badge")
def badge(
    person: str, by: By,
    new: Annotated[str, typer.Option("--badge", help="Its number; none: it is lost")] = "",
    database: Database = None,
) -> None:  # fmt: skip
    """Another badge, or none for one that is lost; who is signed in has to sign in again."""
    from database.connection import connect, database_url
    from people import staff

    with connect(database_url(database)) as connection:
        act = staff.PersonAct(uuid4(), by, person, datetime.now(UTC))
        staff.set_badge(connection, act, new or None)
    typer.echo(f"{person} has {'another' if new else 'no'} badge; sessions have ended")


@people.command("pin")
def pin(
    person: str,
    by: By,
    new: Annotated[str, typer.Option("--pin", prompt="PIN", hide_input=True, help="Asked for")],
    database: Database = None,
) -> None:
    """A new PIN; whoever is signed in as this person has to sign in again."""
    from database.connection import connect, database_url
    from people import staff

    with connect(database_url(database)) as connection:
        staff.set_pin(connection, staff.PersonAct(uuid4(), by, person, datetime.now(UTC)), new)
    typer.echo(f"{person} has a new PIN; sessions have ended")
