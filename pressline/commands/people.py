"""Who is here: people who leave, new badges and new PINs."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import uuid4

import typer

from pressline.commands.options import Database

people = typer.Typer(no_args_is_help=True, help="Who is here, who leaves, new badges and PINs.")

By = Annotated[str, typer.Option("--by", help="Your own code; IT and the manager may do this")]


def _done(database: str | None, by: str, act: str, args: dict[str, str]) -> None:
    """Do it and say what became of it; a refusal ends the program with its sentence."""
    from database.connection import connect, database_url
    from people.acts import Act
    from pressline.house import record
    from pressline.web.shell import words

    now = datetime.now(UTC)
    with connect(database_url(database)) as connection:
        outcome = record(connection, Act(uuid4(), by, None, now, act, args), now)
    typer.echo(words.say("en", f"done.{outcome['message']}", **outcome))


@people.command("leave")
def leave(person: str, by: By, database: Database = None) -> None:
    """Somebody leaves: badge, PIN and sessions end together; what they did stays."""
    _done(database, by, "person.leave", {"person": person})


@people.command("badge")
def badge(
    person: str, by: By,
    new: Annotated[str, typer.Option("--badge", help="Its number; none: it is lost")] = "",
    database: Database = None,
) -> None:  # fmt: skip
    """Another badge, or none for one that is lost; who is signed in has to sign in again."""
    _done(database, by, "person.badge", {"person": person, "badge": new})


@people.command("pin")
def pin(
    person: str,
    by: By,
    new: Annotated[str, typer.Option("--pin", prompt="PIN", hide_input=True, help="Asked for")],
    database: Database = None,
) -> None:
    """A new PIN; whoever is signed in as this person has to sign in again."""
    _done(database, by, "person.pin", {"person": person, "pin": new})
