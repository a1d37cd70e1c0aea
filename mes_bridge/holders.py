"""Which documents have files, and who sees each: as its own page does."""

from collections.abc import Callable
from functools import partial
from typing import LiteralString

from database.connection import Connection
from people.attachments import Holder, Holders
from people.staff import Person


def _there(connection: Connection, _person: Person, code: str, *, rows: LiteralString) -> bool:
    return connection.execute(rows, [code]).fetchone() is not None


def _rows(rows: LiteralString) -> Callable[[Connection, Person, str], bool]:
    return partial(_there, rows=rows)


def _on_lines(connection: Connection, person: Person, code: str) -> bool:
    """An order is seen by who works on a line that it runs or can run on."""
    row = connection.execute(
        "select %(lines)s::text[] is null or board.order_on_lines(w.code, %(lines)s) "
        "from erp.work_order w where w.code = %(code)s",
        {"code": code, "lines": person.scope},
    ).fetchone()
    return row is not None and row[0]


HOLDERS: Holders = {
    "item": Holder("item.see", _rows("select from erp.item where code = %s")),
    "die": Holder("die.see", _rows("select from erp.die where code = %s")),
    "partner": Holder("partner.see", _rows("select from erp.partner where code = %s")),
    "work_order": Holder("work_order.see", _on_lines),
}
