"""The plant file in the database."""

from typing import Annotated

import typer

from pressline.commands.options import Database, PlantFile

plant = typer.Typer(no_args_is_help=True, help="Lines, presses, meters and shifts from plant.toml.")


@plant.command("load")
def plant_load(
    file: PlantFile,
    renamed: Annotated[
        bool, typer.Option("--renamed", help="The site of this database has the file's name now")
    ] = False,
    database: Database = None,
) -> None:
    """Take lines, presses, meters and shifts of a plant file into the database."""
    from database.connection import database_url
    from pressline.plant import load

    load(database_url(database), file, renamed=renamed)
