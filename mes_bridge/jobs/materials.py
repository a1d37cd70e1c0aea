"""Coils and other lots on a press: what a run takes its material from."""

from uuid import UUID

from database.connection import Connection
from erp_core import codes
from mes_bridge.moment import Moment
from mes_bridge.refusal import Refused


def mount(moment: Moment, work_order: str, lot: str) -> str:
    """Put a lot of one of the order's materials on the press, as scanned; returns the item.

    The lot of the same item that was there ends. Raises Refused lot_unknown.
    """
    lot = codes.meant(moment.connection, "lot", lot) or lot
    item = _item_of(moment.connection, work_order, lot)
    given = {"press": moment.press, "item": item, "lot": lot, "at": moment.at, "act": moment.act}
    moment.connection.execute(
        """
        update mes.material_mount set span = span * tstzrange(null, %(at)s)
        where press = %(press)s and item = %(item)s and span @> %(at)s::timestamptz
        """,
        given,
    )
    moment.connection.execute(
        """
        insert into mes.material_mount (press, item, lot, span, act)
        select %(press)s, %(item)s, %(lot)s, tstzrange(%(at)s, min(lower(m.span))), %(act)s
        from mes.material_mount m
        where m.press = %(press)s and m.item = %(item)s and lower(m.span) > %(at)s
        """,
        given,
    )
    return item


def forget(moment: Moment, act: UUID) -> bool:
    """Take a scanned lot back: the one that was there before goes on; False: there was none."""
    row = moment.connection.execute(
        "select id, item, lower(span), upper(span) from mes.material_mount "
        "where press = %s and act = %s and not isempty(span)",
        [moment.press, act],
    ).fetchone()
    if row is None:
        return False
    mount, item, since, until = row
    moment.connection.execute("update mes.material_mount set span = 'empty' where id = %s", [mount])
    moment.connection.execute(
        "update mes.material_mount set span = tstzrange(lower(span), %s) "
        "where press = %s and item = %s and not isempty(span) and upper(span) = %s",
        [until, moment.press, item, since],
    )
    return True


def takes(connection: Connection, work_order: str, item: str, lot: str | None) -> bool:
    """Whether the order takes that item, and the lot is one of it."""
    row = connection.execute(
        "select from erp.work_order_material m where m.work_order = %(order)s "
        "and m.component = %(item)s and (%(lot)s::text is null or exists "
        "(select from erp.lot l where l.item = m.component and l.code = %(lot)s))",
        {"order": work_order, "item": item, "lot": lot},
    ).fetchone()
    return row is not None


def _item_of(connection: Connection, work_order: str, lot: str) -> str:
    row = connection.execute(
        """
        select m.component from erp.work_order_material m
        join erp.lot l on l.item = m.component and l.code = %s
        where m.work_order = %s order by m.component
        """,
        [lot, work_order],
    ).fetchone()
    if row is None:
        raise Refused("lot_unknown", lot=lot, items=_components(connection, work_order))
    return row[0]


def _components(connection: Connection, work_order: str) -> list[str]:
    rows = connection.execute(
        "select component from erp.work_order_material where work_order = %s", [work_order]
    )
    return [component for (component,) in rows]
