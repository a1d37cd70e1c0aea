"""Whatever happens on the shop floor, reporting comes to rest with nothing left over."""

from math import floor
from typing import cast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from press_shop import Shop, clock

from database.connection import Connection
from mes_bridge.refusal import Refused
from mes_bridge.reporting import reporting

ORDERS = {"A": "BRK", "B": "BRK", "L": "LEFT", "R": "RIGHT", "P": "PIN"}
DIES = {"BRK": "D1", "LEFT": "DLR", "RIGHT": "DLR", "PIN": "D4"}

happenings = st.one_of(
    st.tuples(st.just("scan"), st.sampled_from(sorted(ORDERS))),
    st.tuples(st.just("first_article"), st.just(True)),
    st.tuples(st.just("segment"), st.sampled_from(["trial", "production", "setup"])),
    st.tuples(st.just("strokes"), st.integers(1, 40)),
    st.tuples(st.just("strokes"), st.integers(20, 60)),
    st.tuples(st.just("unseen"), st.integers(1, 40)),
    st.tuples(st.just("scrap"), st.integers(1, 12)),
    st.tuples(st.just("output"), st.booleans()),
    st.tuples(st.just("finish"), st.none()),
    st.tuples(st.just("assign"), st.sampled_from(sorted(ORDERS))),
    st.tuples(st.just("quarter"), st.none()),
    st.tuples(st.just("accept"), st.integers(0, 5)),
    st.tuples(
        st.just("dispose"),
        st.tuples(st.sampled_from(["order", "surplus", "scrap"]), st.integers(0, 5)),
    ),
    st.tuples(st.just("reject"), st.integers(0, 5)),
    st.tuples(st.just("reverse"), st.integers(0, 5)),
)


class Floor:
    """One press on which things happen, a minute after each other, over a shift change."""

    def __init__(self, connection: Connection) -> None:
        self.shop = Shop(connection).furnish()
        for order, item in ORDERS.items():
            self.shop.order(order, item, 30)
        self.minute = 18 * 60

    def at(self, back: int = 0) -> str:
        hours, minutes = divmod(self.minute - back, 60)
        return f"{hours:02}:{minutes:02}"

    def happen(self, what: str, how: object) -> None:
        self.minute += 7
        try:
            self._happen(what, how)
        except Refused:
            self.minute -= 7

    def _happen(self, what: str, how: object) -> None:
        shop, at = self.shop, self.at()
        match what:
            case "scan":
                shop.do(at, "scan", work_order=how, die=DIES[ORDERS[str(how)]])
            case "first_article":
                shop.do(at, what, passed=how)
            case "segment":
                shop.do(at, what, kind=how)
            case "strokes":
                shop.strokes(at, int(str(how)))
            case "unseen":
                shop.strokes(at, int(str(how)), since=self.at(20), unseen=True)
            case "scrap":
                shop.do(at, what, item=self.item(), qty=how, reason="burr")
            case "output":
                shop.do(at, what, item=self.item(), open=how, reason="cavity_blocked")
            case "assign":
                times = {"since": clock(self.at(30)), "to": clock(self.at())}
                given = {name: instant.isoformat() for name, instant in times.items()}
                shop.lead(at, what, work_order=how, **given)
            case "quarter":
                shop.report(at)
            case "dispose":
                shop.report(at)
                to, number = cast("tuple[str, int]", how)
                order = {"work_order": "B"} if to == "order" else {}
                shop.lead(at, what, press=None, report=self.report(number, "waiting"), to=to,
                          qty=number + 1, **order)  # fmt: skip
            case "accept" | "reject" | "reverse":
                shop.report(at)
                reason = {} if what == "accept" else {"reason": "count_wrong"}
                report = self.report(int(str(how)), "accepted" if what == "reverse" else "waiting")
                shop.lead(at, what, press=None, report=report, **reason)
            case _:
                shop.do(at, what)

    def item(self) -> str | None:
        row = self.shop.connection.execute(
            "select o.item from mes.run_output o order by o.run desc, o.id limit 1"
        ).fetchone()
        return row[0] if row else None

    def report(self, number: int, state: str) -> str:
        """One of the reports in this state, if there is one."""
        rows = self.shop.connection.execute(
            "select report from board.report where state = %s order by report", [state]
        ).fetchall()
        return rows[number % len(rows)][0] if rows else "A/BRK/1"

    def check(self) -> None:
        connection = self.shop.connection
        reporting.propose(connection, None, clock(self.at()))
        assert reporting.propose(connection, None, clock(self.at())) == []
        for parts, posted in connection.execute(PARTS).fetchall():
            assert floor(parts) == posted
        for reported, posted in connection.execute(REPORTED).fetchall():
            assert reported == posted
        for accepted, in_stock in connection.execute(STOCK).fetchall():
            assert accepted == in_stock
        for good, limit in connection.execute(FULL).fetchall():
            assert good <= limit


PARTS = """
  select coalesce((
      select sum(c.amount * so.parts_num::numeric / so.parts_den)
      from mes.owned_count c join mes.segment_output so on so.segment = c.segment
      where so.run_output = o.id), 0) + 1e-9,
    coalesce((select sum(p.qty) from mes.posting p where p.run_output = o.id), 0)
  from mes.run_output o
"""
REPORTED = """
  select case when r.state in ('accepted', 'waiting')
           then r.good + r.excess + r.surplus + r.transferred + r.other else 0 end,
    (select coalesce(sum(p.qty), 0) from mes.posting p where p.report = r.id)
  from erp.production_report r
"""
STOCK = """
  select coalesce((
      select sum(r.good + r.excess) from board.report r
      where r.item = i.code and r.state = 'accepted'), 0),
    coalesce((select sum(case m.to_location when 'FG' then m.qty else -m.qty end)
      from erp.stock_move m where m.item = i.code and 'FG' in (m.from_location, m.to_location)), 0)
  from erp.item i
"""
FULL = """
  select coalesce(sum(p.qty) filter (where p.kind = 'good'), 0),
    floor(w.qty * (1 + i.over_tolerance))
  from erp.work_order w join erp.item i on i.code = w.item
  join erp.work_order_operation op on op.work_order = w.code
  join mes.run_output o on o.operation = op.id
  join mes.posting p on p.run_output = o.id
  group by w.code, w.qty, i.over_tolerance
"""


@given(st.lists(happenings, min_size=3, max_size=25))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_part_is_posted_once_whatever_happens(
    connection: Connection, course: list[tuple[str, object]]
) -> None:
    with connection.transaction(force_rollback=True):
        floor_ = Floor(connection)
        for what, how in [("scan", "A"), ("first_article", True), *course]:
            floor_.happen(what, how)
        floor_.check()
