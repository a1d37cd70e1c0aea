"""The demo plant."""

from pathlib import Path
from typing import Annotated

import typer

top = typer.Typer()


@top.command()
def demo(
    seconds: Annotated[
        float | None, typer.Option(help="Stop after this long, reconcile, exit")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write the reconciliation as JSON")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the data folder")] = False,
    port: Annotated[int, typer.Option(help="Port of the pages")] = 8080,
) -> None:
    """A whole plant on this machine: six simulated presses, the river, the pages."""
    from pressline.demo.demo import run

    raise typer.Exit(run(seconds=seconds, report=report, keep=keep, port=port))
