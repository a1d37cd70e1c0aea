"""A small shop to tell stories in: one part from one coil, half a kilogram each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from database.connection import Connection
from erp_core.production import reports, work_orders
from erp_core.production.reports import Report, Use
from erp_core.stock import ledger
from erp_core.stock.ledger import Cause

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def cause(key: str, at: datetime = NOW) -> Cause:
    return Cause("E01", "test", at, key)


def lay_floor(connection: Connection) -> None:
    """Lines L1 to L3, presses P01 to P06 and one shift."""
    connection.execute("""
        insert into plant.line select 'L' || n, n from generate_series(1, 3) n;
        insert into plant.press (name, line, position, top_spm, stop_after, stroke_channel)
        select 'P0' || n, case when n < 4 then 'L1' else 'L2' end, n, 60, '30 s', 'strokes'
        from generate_series(1, 6) n;
        insert into plant.shift (date, code, span)
        values ('2026-03-02', 'day', '[2026-03-02 00:00Z, 2026-03-03 00:00Z)');
    """)


@dataclass
class Shop:
    connection: Connection
    operation: int = 0

    def furnish(self) -> "Shop":
        ledger.make_locations(self.connection)
        self.connection.execute("""
            insert into erp.item (code, name_zh, name_en, unit, kind) values
              ('BRACKET', '支架', 'Bracket', 'pcs', 'part'), ('COIL', '卷料', 'Coil', 'kg', 'coil');
            insert into erp.die (code) values ('D1');
            insert into erp.die_output (die, item, parts_num, parts_den) values
              ('D1', 'BRACKET', 1, 1);
            insert into erp.bom (item, version) values ('BRACKET', '1');
            insert into erp.bom_line values ('BRACKET', '1', 'COIL', 0.5);
            update erp.bom set state = 'released';
            insert into mes.run (press, die, span, source)
            select 'P0' || n, 'D1', '[2026-03-02 07:00Z,)', 'scan' from generate_series(1, 2) n;
        """)
        self.operation = self.order("WO1", 100)
        return self

    def order(self, code: str, qty: int) -> int:
        """A released order; the id of its only operation."""
        work_orders.create(self.connection, code, "BRACKET", qty, who="E01", now=NOW)
        work_orders.release(self.connection, code, NOW.date())
        return work_orders.operations(self.connection, code)[0].id

    def coil(self, lot: str | None, kg: int, at: datetime = NOW) -> None:
        ledger.receive(self.connection, "COIL", lot, Decimal(kg), cause(f"coil {lot} {kg}", at))

    def report(
        self, good: int, *, excess: int = 0, other: int = 0, flags: Sequence[str] = (),
        lots: Mapping[str, str] | None = None, operation: int | None = None,
    ) -> Report:  # fmt: skip
        made = good + excess + other
        uses = [Use("COIL", (lots or {}).get("COIL"), made)] if made else []
        return reports.propose(
            self.connection, operation=operation or self.operation, run=1, shift=1, good=good,
            excess=excess, other=other, flags=flags, lot="WO1-1", uses=uses, now=NOW,
        )  # fmt: skip

    def stock(self, item: str) -> dict[tuple[str, str | None], Decimal]:
        return {(h.location, h.lot): h.qty for h in ledger.on_hand(self.connection, item)}

    def state(self, code: str = "WO1") -> str:
        return work_orders.get(self.connection, code).state
