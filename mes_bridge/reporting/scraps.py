"""Scrap that people told, of an output of a run; what was taken back counts as less."""

from datetime import datetime

from database.connection import Connection


def told(connection: Connection, run_output: int, reason: str) -> int:
    """Parts of the output that are told to be scrap for that reason."""
    row = connection.execute(
        "select coalesce(sum(qty), 0)::bigint from mes.scrap_told "
        "where run_output = %s and reason = %s",
        [run_output, reason],
    ).fetchone()
    assert row is not None
    return row[0]


def last(connection: Connection, run_output: int, reason: str) -> datetime:
    """When it was last told that such parts are scrap: what is taken back is taken from there."""
    row = connection.execute(
        "select max(at) from mes.scrap_told where run_output = %s and reason = %s and qty > 0",
        [run_output, reason],
    ).fetchone()
    assert row is not None
    return row[0]
