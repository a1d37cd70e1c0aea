"""The demo plant."""

from pathlib import Path
from typing import Annotated

import typer

from pressline.commands.options import finite

top = typer.Typer()


@top.command()
def demo(
    seconds: Annotated[
        float | None,
        typer.Option(min=1, callback=finite, help="Stop after this long, reconcile, exit"),
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write the reconciliation as JSON")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the data folder")] = False,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the pages")] = 8080,
) -> None:
    """A whole plant on this machine: six simulated presses, the river, the pages."""
    from pressline.demo.demo import run

    if report is not None:
        _check_writable(report)
    raise typer.Exit(run(seconds=seconds, report=report, keep=keep, port=port))


def _check_writable(report: Path) -> None:
    """Told before the plant has run for an hour, not after."""
    try:
        with report.open("a"):
            pass
    except OSError as error:
        raise typer.BadParameter(
            f"{report} cannot be written ({error.strerror}); name a file in a folder of yours"
        ) from None
