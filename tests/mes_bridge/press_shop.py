"""A press shop to tell stories in: two lines, three presses, three dies, four people.

Times are "HH:MM" or "HH:MM:SS" of one day in UTC; the day shift runs 08:00-20:00, the night shift
20:00-08:00. Strokes are booked as counted rows, as if the bridge had read them.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4

from database.connection import Connection
from erp_core.production import reports, work_orders
from erp_core.production.reports import Report
from erp_core.stock import ledger
from mes_bridge import acts
from mes_bridge.acts import Act
from mes_bridge.reporting import reporting
from mes_bridge.states import facts
from plant import shifts

DAY = date(2026, 3, 2)


def clock(text: str) -> datetime:
    """An instant of the day; "+1 07:00" is on the next one."""
    days, _, hours = text.rpartition(" ")
    return datetime.combine(DAY, time.fromisoformat(hours), UTC) + timedelta(days=int(days or 0))


@dataclass
class Shop:
    connection: Connection

    def furnish(self) -> "Shop":
        ledger.make_locations(self.connection)
        self.connection.execute("""
            insert into plant.site (site, time_zone, silence) values ('s', 'UTC', '30 s');
            insert into plant.shift_pattern (code, start_time, end_time) values
              ('day', '08:00', '20:00'), ('night', '20:00', '08:00');
            insert into plant.line values ('L1', 1), ('L2', 2);
            insert into plant.press (name, line, position, top_spm, stop_after, stroke_channel)
            values
              ('P01', 'L1', 1, 60, '30 s', 'strokes'), ('P02', 'L1', 2, 60, '30 s', 'strokes'),
              ('P11', 'L2', 1, 60, '30 s', 'strokes');
            insert into people.person (code, name, role, lines, active) values
              ('W1', 'Li Wei', 'operator', '{L1}', true), ('S1', 'Chen', 'leader', '{L1}', true),
              ('W2', 'Wang', 'operator', '{L2}', true), ('X1', 'Gone', 'operator', '{}', false);
            insert into erp.item (code, name_zh, name_en, unit, kind, over_tolerance) values
              ('BRK', '支架', 'Bracket', 'pcs', 'part', 0.1),
              ('LEFT', '左', 'Left', 'pcs', 'part', 0), ('RIGHT', '右', 'Right', 'pcs', 'part', 0),
              ('PIN', '销', 'Pin', 'pcs', 'part', 0), ('COIL', '卷料', 'Coil', 'kg', 'coil', 0);
            insert into erp.bom values ('BRK', '1');
            insert into erp.bom_line values ('BRK', '1', 'COIL', 0.5);
            update erp.bom set state = 'released';
            insert into erp.die (code) values ('D1'), ('DLR'), ('D4'), ('D9');
            insert into erp.die_output (die, item, parts_num, parts_den) values
              ('D1', 'BRK', 1, 1), ('DLR', 'LEFT', 1, 1), ('DLR', 'RIGHT', 1, 1),
              ('D4', 'PIN', 1, 4), ('D9', 'BRK', 2, 1);
            insert into erp.die_press values ('D9', 'P11');
        """)
        shifts.ensure(self.connection, clock("00:00"), clock("+2 00:00"))
        return self

    def order(self, code: str, item: str, qty: int = 1000) -> str:
        work_orders.create(self.connection, code, item, qty, who="W1", now=clock("06:00"))
        work_orders.release(self.connection, code, clock("06:00").date())
        return code

    def do(
        self, at: str, act: str, *, press: str | None = "P01", who: str = "W1",
        number: UUID | None = None, now: str | None = None, **args: Any,
    ) -> dict[str, Any]:  # fmt: skip
        """Record an act; `since` stands for `from`, `passed` for `pass`, `of` for `act`."""
        names = {"since": "from", "passed": "pass", "of": "act"}
        given = {names.get(name, name): value for name, value in args.items()}
        done = Act(number or uuid4(), who, press, clock(at), act, given)
        return acts.record(self.connection, done, clock(now or at))

    def lead(self, at: str, act: str, **args: Any) -> dict[str, Any]:
        return self.do(at, act, who="S1", **args)

    def producing(self, at: str, order: str, press: str = "P01", **args: Any) -> dict[str, Any]:
        """Start an order and release its first article at once."""
        self.do(at, "scan", press=press, work_order=order, **args)
        return self.do(at, "first_article", press=press, passed=True)

    def strokes(
        self, at: str, number: int, press: str = "P01", since: str | None = None,
        unseen: bool = False,
    ) -> None:  # fmt: skip
        """So many strokes counted at an instant (since the reading before)."""
        self.connection.execute(
            "insert into mes.count (channel, press, measure, from_at, at, amount, kind, unseen) "
            "values (1, %s, 'stroke', %s, %s, %s, %s, %s)",
            [press, clock(since or at) - timedelta(seconds=0 if since else 1), clock(at), number,
             "gap" if unseen else "step", unseen],
        )  # fmt: skip
        facts.refresh(self.connection, press, clock(since or at), clock(at))

    def report(self, at: str, *, press: str | None = None) -> list[Report]:
        """What the quarter hour, or the end of a shift, does at `at`."""
        return reporting.propose(self.connection, clock(at), clock(at), press=press)

    def posted(self, order: str | None = None, shift: str | None = None) -> dict[str, int]:
        """Sum of all postings by kind; scrap as `scrap:reason`; of an order, of a shift."""
        rows = self.connection.execute(
            """
            select p.kind || coalesce(':' || p.reason, ''), p.qty
            from mes.posting p
            join mes.run_output o on o.id = p.run_output
            left join erp.work_order_operation op on op.id = o.operation
            left join plant.shift s on s.id = p.shift
            where (%(order)s::text is null or op.work_order = %(order)s)
              and (%(shift)s::text is null or s.code = %(shift)s)
            """,
            {"order": order, "shift": shift},
        )
        sums: Counter[str] = Counter()
        for kind, qty in rows:
            sums[kind] += qty
        return {kind: qty for kind, qty in sums.items() if qty}

    def reports(self, order: str) -> list[tuple[int, int, int, int, str]]:
        """Number, good, excess, other and state of each report of an order."""
        rows = self.connection.execute(
            """
            select r.id from erp.production_report r
            join erp.work_order_operation o on o.id = r.operation
            where o.work_order = %s order by r.n
            """,
            [order],
        )
        found = [reports.get(self.connection, number) for (number,) in rows.fetchall()]
        return [(r.n, r.good, r.excess, r.other, r.state) for r in found]

    def in_stock(self, item: str) -> int:
        there = ledger.on_hand(self.connection, item, ledger.FINISHED)
        return sum(int(each.qty) for each in there)

    def segments(self) -> list[tuple[str, str, str | None]]:
        """Kind, begin and end of every segment that lasted."""
        rows = self.connection.execute(
            "select kind, lower(span), upper(span) from mes.run_segment "
            "where not isempty(span) order by lower(span)"
        )
        return [(k, f"{a:%H:%M}", f"{b:%H:%M}" if b else None) for k, a, b in rows]

    def count(self, table: str) -> int:
        row = self.connection.execute(
            "select case %s when 'act' then (select count(*) from people.act) "
            "when 'run' then (select count(*) from mes.run) "
            "when 'posting' then (select count(*) from mes.posting) end",
            [table],
        ).fetchone()
        assert row is not None
        return row[0]
