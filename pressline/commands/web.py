"""The pages."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pressline.tls import Served

from pressline.commands.options import Database, MetricsHost, MetricsPort

web = typer.Typer(no_args_is_help=True, help="Wall board, terminals, work orders.")


@web.command("run")
def web_run(
    database: Database = None,
    host: Annotated[str, typer.Option(envvar="PRESSLINE_WEB_HOST")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="PRESSLINE_WEB_PORT", min=1, max=65535)] = 8080,
    names: Annotated[
        str,
        typer.Option(
            "--names",
            envvar="PRESSLINE_WEB_NAMES",
            help="Host names by which browsers ask for the pages, with commas between.",
        ),
    ] = "",
    proxy: Annotated[
        str,
        typer.Option(
            envvar="PRESSLINE_WEB_PROXY",
            help="Address of the proxy in front, whose X-Forwarded-For and -Proto are believed.",
        ),
    ] = "",
    tls: Annotated[
        Path | None,
        typer.Option(
            envvar="PRESSLINE_WEB_TLS",
            help="Serve HTTPS with what `pressline tls make` wrote into this folder.",
        ),
    ] = None,
    cert: Annotated[
        Path | None,
        typer.Option(envvar="PRESSLINE_WEB_CERT", help="Serve HTTPS with this certificate (PEM)."),
    ] = None,
    key: Annotated[
        Path | None, typer.Option(envvar="PRESSLINE_WEB_KEY", help="The key of --cert (PEM).")
    ] = None,
    http_port: Annotated[
        int | None,
        typer.Option(
            envvar="PRESSLINE_WEB_HTTP_PORT",
            min=1,
            max=65535,
            help="Beside HTTPS: tells devices how to trust it, and leads there.",
        ),
    ] = None,
    metrics_host: MetricsHost = "127.0.0.1",
    metrics_port: MetricsPort = None,
) -> None:
    """Serve the pages; loopback unless told otherwise."""
    from database.connection import database_url
    from pressline import metrics
    from pressline.web.shell.application import Doors, serve
    from pressline.web.shell.metrics import REGISTRY

    metrics.serve(REGISTRY, metrics_host, metrics_port)
    known = tuple(name.strip() for name in names.split(",") if name.strip())
    served = _served(tls, cert, key)
    serve(database_url(database), Doors(host, port, known, proxy, served, http_port))


def _served(folder: Path | None, cert: Path | None, key: Path | None) -> "Served | None":
    from pressline import tls as certificates

    if (cert is None) != (key is None) or (folder and cert):
        raise typer.BadParameter("give --tls FOLDER, or --cert FILE and --key FILE together")
    if folder is not None:
        return certificates.served(folder)
    return certificates.files(cert, key) if cert and key else None
