"""Golden cases as folders."""

from pathlib import Path
from typing import Annotated

import typer

scenario = typer.Typer(no_args_is_help=True, help="Golden cases as folders.")


@scenario.command("run")
def scenario_run(
    folders: list[Path],
    batch: Annotated[str, typer.Option(help="Readings taken in at once: 1, N or all")] = "all",
) -> None:
    """Play folders through the real code on a fresh database and compare."""
    from pressline.scenario import run_folders

    raise typer.Exit(run_folders(folders, batch))
