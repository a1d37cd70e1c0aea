"""The read-only login role of Grafana and other onlookers: views of schema board, nothing else."""

from psycopg import sql

from database.connection import connect
from database.migrate import migrate


def make_board_role(url: str, password: str) -> None:
    """Create role `board`, or change its password; it may open few connections and only read."""
    with connect(url) as connection:
        row = connection.execute("select from pg_roles where rolname = 'board'").fetchone()
        verb = sql.SQL("create" if row is None else "alter")
        connection.execute(
            sql.SQL("{} role board login password {} connection limit 20").format(
                verb, sql.Literal(password)
            )
        )
        connection.execute("alter role board set statement_timeout = '10s'")
        connection.execute("alter role board set default_transaction_read_only = on")
        connection.execute("alter role board set jit = off")  # plans take longer than the queries
    migrate(url)  # the views' grants
