"""Certificates of the plant's pages."""

from pathlib import Path
from typing import Annotated

import typer

tls = typer.Typer(no_args_is_help=True, help="The plant's own certificates, for HTTPS.")
Folder = Annotated[
    Path, typer.Option(envvar="PRESSLINE_WEB_TLS", help="Where certificates and keys are kept.")
]
DEFAULT = Path("tls")


@tls.command("make")
def tls_make(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Host names and addresses by which devices ask for the pages"),
    ] = None,
    folder: Folder = DEFAULT,
) -> None:
    """Make the plant's authority (once) and a certificate for its pages (anew each time)."""
    from pressline import tls as certificates

    made = certificates.make(folder, names or [])
    typer.echo(f"{made.certificate}: {', '.join(made.names)}, until {made.until:%Y-%m-%d}")
    _tell_authority(made.authority)
    typer.echo(f"Serve the pages with it: pressline web run --tls {folder}")


@tls.command("show")
def tls_show(folder: Folder = DEFAULT) -> None:
    """What there is: names, last day, and the fingerprint that devices show."""
    from pressline import tls as certificates

    found = certificates.served(folder)
    typer.echo(f"{found.certificate}: {', '.join(found.names)}, until {found.until:%Y-%m-%d}")
    _tell_authority(found.authority)


def _tell_authority(authority: Path | None) -> None:
    from pressline import tls as certificates

    if authority is not None:
        typer.echo(f"{authority}: SHA-256 {certificates.fingerprint(authority)}")
        typer.echo("Devices learn to trust it at /trust. Keep ca.key away from the server.")
