"""Takes the plant over: its layout, and what the bridge has to do when it changes."""

from datetime import datetime

from database.connection import Connection
from mes_bridge import attention
from mes_bridge.errors import OtherSiteError
from plant import layout
from plant.layout import Plant


def store(connection: Connection, plant: Plant, now: datetime, *, renamed: bool = False) -> None:
    """Take the plant over; again with the same plant changes nothing.

    Presses and meters that the plant no longer names stay, with their history. A changed shift
    pattern holds for shifts that begin after `now`. Raises OtherSiteError when the database is in
    use by a site of another name, unless that one was `renamed`.
    """
    if not renamed:
        _refuse_other_site(connection, plant.site)
    before = layout.calendar(connection)
    _forget_unit(connection, plant)
    layout.store(connection, plant)
    attention.explain_signals(connection, now)
    if before != (plant.time_zone, plant.shift_date, layout.pattern_rows(plant.shifts)):
        layout.store_pattern(connection, plant, now)
        _drop_unused_shifts(connection, now)


def _refuse_other_site(connection: Connection, site: str) -> None:
    row = connection.execute(IN_USE_BY, [site]).fetchone()
    if row is not None:
        raise OtherSiteError(
            f"This database belongs to site {row[0]} and holds what was made there; the file is of "
            f"site {site}, and nothing was written. Each site has a database of its own: check "
            f"DATABASE_URL. If {row[0]} itself is called {site} now, load it with --renamed."
        )


IN_USE_BY = """
select site from plant.site where site <> %s and (
  exists (select from mes.counter) or exists (select from people.act)
  or exists (select from erp.work_order) or exists (select from erp.stock_move))
"""


def _forget_unit(connection: Connection, plant: Plant) -> None:
    """Another unit of reports: the next boundary is found anew."""
    connection.execute(
        """
        delete from mes.timer where name = 'boundary' and exists (
          select from plant.site where report_every <> %(report_every)s)
        """,
        {"report_every": plant.report_every},
    )


def _drop_unused_shifts(connection: Connection, now: datetime) -> None:
    """Shifts made ahead from an older pattern go, unless something names them."""
    connection.execute(
        """
        delete from plant.shift s
        where lower(s.span) > %s
          and not exists (select from mes.posting p where p.shift = s.id)
          and not exists (select from mes.disposition d where d.shift = s.id)
          and not exists (select from erp.production_report r where r.shift = s.id)
        """,
        [now],
    )
