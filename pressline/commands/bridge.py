"""The bridge, and the audit of what it did."""

import typer

from pressline.commands.options import Database, MetricsHost, MetricsPort

bridge = typer.Typer(no_args_is_help=True, help="Turn readings into counts, runs, reports.")
top = typer.Typer()


@top.command()
def audit(database: Database = None) -> None:
    """Recount everything from the readings; exit 1 when anything does not fit."""
    from database.connection import connect, database_url
    from mes_bridge.proof.audit import audit as recount

    with connect(database_url(database)) as connection:
        result = recount(connection)
    typer.echo(str(result))
    raise typer.Exit(1 if result.residual else 0)


@bridge.command("run")
def bridge_run(
    database: Database = None,
    metrics_host: MetricsHost = "127.0.0.1",
    metrics_port: MetricsPort = None,
) -> None:
    """Count, derive and report, and do what waits to be done (jobs), until stopped."""
    from database.connection import database_url
    from mes_bridge.bridge import run
    from mes_bridge.metrics import REGISTRY, follow
    from people import worker
    from pressline.house import JOBS
    from pressline.metrics import serve

    follow(database_url(database))
    serve(REGISTRY, metrics_host, metrics_port)
    with worker.running(database_url(database), JOBS):
        run(database_url(database))
