"""The pages."""

from typing import Annotated

import typer

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
    metrics_host: MetricsHost = "127.0.0.1",
    metrics_port: MetricsPort = None,
) -> None:
    """Serve the pages; loopback unless told otherwise."""
    from database.connection import database_url
    from pressline import metrics
    from pressline.web.shell.application import serve
    from pressline.web.shell.metrics import REGISTRY

    metrics.serve(REGISTRY, metrics_host, metrics_port)
    known = [name.strip() for name in names.split(",") if name.strip()]
    serve(database_url(database), host, port, names=known, proxy=proxy)
