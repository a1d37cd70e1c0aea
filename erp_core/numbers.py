"""Numbers of documents: a series per kind and year, drawn in the transaction of its document.

Who is refused, or looks at a preview, uses no number up; so a series has no gaps of its own.
"""

from datetime import datetime

from database.connection import Connection


def draw(connection: Connection, series: str, now: datetime) -> str:
    """The next number of the series in this (UTC) year: `WO-2026-00042`."""
    row = connection.execute(
        """
        insert into erp.number_series as s (series, year, last) values (%s, %s, 1)
        on conflict (series, year) do update set last = s.last + 1 returning last
        """,
        [series, now.year],
    ).fetchone()
    assert row is not None
    return f"{series}-{now.year}-{row[0]:05}"
