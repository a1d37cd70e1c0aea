"""Users of the broker."""

from pathlib import Path
from typing import Annotated

import typer

from pressline.commands.options import HostId, PlantFile

broker = typer.Typer(no_args_is_help=True, help="Who may speak at the broker, and what.")


@broker.command("users")
def broker_users(
    file: PlantFile,
    folder: Annotated[Path, typer.Option(help="Where passwords, access and secrets/ are kept")],
    node: Annotated[
        list[str] | None, typer.Option(help="One more node, as of another supplier; repeatable")
    ] = None,
    host_id: HostId = "pressline",
) -> None:
    """Make a user for ingest and for each node of the plant, with the list of what each may say.

    Users that are there keep their passwords: call it again after a node was added.
    """
    from edge_agent.plantfile.plant import load_plant
    from ingest.broker_users import make

    nodes = [*load_plant(file).nodes, *(node or ())]
    new = make(folder, nodes, host_id)
    typer.echo(f"new users: {', '.join(new) or 'none'}. Passwords are in {folder / 'secrets'}.")
    if new:
        typer.echo("A broker that runs takes them with SIGHUP (docker compose kill -s HUP broker).")
