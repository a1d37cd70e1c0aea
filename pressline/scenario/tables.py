"""The tables as they are found in the database after a story was played.

Each query gives the finest rows with every column that an expected row may name.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, LiteralString, cast

from psycopg.rows import dict_row

from database.connection import Connection, connect
from pressline.scenario.expected import Row

COUNT: LiteralString = """
select p.name as press, coalesce(c.read, 0) + coalesce(e.held, 0) as strokes,
       coalesce(c.unattributed, 0) as unattributed, coalesce(e.held, 0) as held
from plant.press p
left join (select press, sum(amount) as read,
                  sum(amount) filter (where segment is null) as unattributed
           from mes.owned_count where measure = 'stroke' group by press) c on c.press = p.name
left join (select press, sum(amount) filter (where held) as held
           from mes.counter_event where press is not null group by press) e on e.press = p.name
order by 1
"""

EVENT: LiteralString = """
select coalesce(press, meter) as press, n, kind, amount as strokes, held::int as held,
       decided_count as decided
from mes.counter_event order by 1, 2
"""

POSTING: LiteralString = """
select coalesce(op.work_order, '') as work_order, ro.item, p.kind,
       coalesce(s.date || '/' || s.code, '') as shift, coalesce(p.reason, '') as reason, p.qty
from mes.posting p
join mes.run_output ro on ro.id = p.run_output
left join erp.work_order_operation op on op.id = ro.operation
left join plant.shift s on s.id = p.shift
order by p.id
"""

REPORT: LiteralString = """
select op.work_order, w.item, r.n, r.good, r.excess, r.surplus, r.transferred,
       coalesce(r.to_order, '') as to_order, r.other, r.state
from erp.production_report r
join erp.work_order_operation op on op.id = r.operation
join erp.work_order w on w.code = op.work_order
order by r.id
"""

STOCK: LiteralString = """
select m.item, l.code as location, coalesce(m.lot, '') as lot,
       sum(case when l.code = m.to_location then m.qty else -m.qty end) as qty
from erp.stock_move m
join erp.location l on l.code in (m.from_location, m.to_location) and l.kind = 'stock'
group by 1, 2, 3 order by 1, 2, 3
"""

DIE: LiteralString = "select die, strokes from board.die_life order by die"

ENERGY: LiteralString = """
select work_order, round(wh + idle_wh + unknown_wh, 3) as wh, round(wh, 3) as run_wh,
       round(idle_wh, 3) as idle_wh, round(unknown_wh, 3) as unknown_wh
from board.work_order_progress order by work_order
"""

STATE: LiteralString = """
select s.press, s.state, lower(s.span) as "from", least(upper(s.span), %(as_of)s) as "to",
       coalesce((select r.reason from mes.stop_reason r
                 where r.press = s.press and r.span @> lower(s.span)), '') as reason
from mes.press_state s where lower(s.span) < %(as_of)s order by s.press, s.span
"""

KPI: LiteralString = """
select press, line, shift_date || '/' || shift_code as shift, pbt_s, apt_s, known_s, ideal_s,
       ideal_good_s, too_fast
from board.press_shift('-infinity', %(as_of)s)
"""

NOTIFICATION: LiteralString = "select kind, coalesce(press, '') as press from people.notice"

QUERIES: Mapping[str, LiteralString] = {
    "count": COUNT, "event": EVENT, "posting": POSTING, "report": REPORT, "stock": STOCK,
    "state": STATE, "die": DIE, "energy": ENERGY, "kpi": KPI, "notification": NOTIFICATION,
}  # fmt: skip
SUMS = ("pbt_s", "apt_s", "known_s", "ideal_s", "ideal_good_s")
SHARES = {
    "availability": ("apt_s", "known_s"), "performance": ("ideal_s", "apt_s"),
    "quality": ("ideal_good_s", "ideal_s"), "oee": ("ideal_good_s", "known_s"),
    "coverage": ("known_s", "pbt_s"),
}  # fmt: skip
FOUR_PLACES = Decimal("0.0001")


def found(
    database: str, as_of: datetime, names: Iterable[str], refused: Sequence[tuple[str, str]]
) -> Mapping[str, Sequence[Row]]:
    """These tables as the database shows them at `as_of`; `refused` are the refused acts."""
    with connect(database) as connection:
        return {name: _found(connection, name, as_of, refused) for name in names}


def _found(
    connection: Connection, name: str, as_of: datetime, refused: Sequence[tuple[str, str]]
) -> Sequence[Row]:
    if name == "refused":
        return [{"act": act, "code": code} for act, code in refused]
    rows = _select(connection, QUERIES[name], as_of)
    return {"state": _merged, "kpi": _kpi}.get(name, list)(rows)


def _select(connection: Connection, query: LiteralString, as_of: datetime) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, {"as_of": as_of}).fetchall()


def _merged(spans: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Spans that meet in the same state, for the same reason, are one."""
    merged: list[dict[str, Any]] = []
    for span in spans:
        last = merged[-1] if merged else {}
        meets = last.get("to") == span["from"]
        if meets and all(last[name] == span[name] for name in ("press", "state", "reason")):
            last["to"] = span["to"]
        else:
            merged.append(span)
    return merged


def _kpi(rows: Sequence[dict[str, Any]]) -> list[Row]:
    """Figures of presses and, from their sums, of lines; by `date/code` and by the bare code.

    A bare code means the newest shift of that code.
    """
    groups: dict[tuple[str, str, str], dict[str, Decimal]] = {}
    causes: dict[tuple[str, str, str], set[str]] = {}
    newest = {code: max(r["shift"] for r in rows if _code(r) == code) for code in map(_code, rows)}
    for row in rows:
        names = [row["shift"], *([_code(row)] if newest[_code(row)] == row["shift"] else [])]
        for owner in ("press", "line"):
            for shift in names:
                key = (owner, row[owner], shift)
                sums = groups.setdefault(key, dict.fromkeys(SUMS, Decimal(0)))
                causes.setdefault(key, set()).update({row["too_fast"]} - {None})
                for name in SUMS:
                    sums[name] += row[name]
    return [
        {
            "press": None,
            "line": None,
            owner: name,
            "shift": shift,
            **_figures(sums),
            "too_fast": " ".join(sorted(causes[owner, name, shift])),
        }
        for (owner, name, shift), sums in groups.items()
    ]


def _code(row: Mapping[str, Any]) -> str:
    return cast("str", row["shift"]).partition("/")[2]


def _figures(sums: Mapping[str, Decimal]) -> dict[str, Decimal | None]:
    shares = {name: _share(sums[a], sums[b]) for name, (a, b) in SHARES.items()}
    return {"pbt_s": sums["pbt_s"], "apt_s": sums["apt_s"], **shares}


def _share(part: Decimal, whole: Decimal) -> Decimal | None:
    """Four decimals, halves up; nothing divided by nothing is null."""
    return (part / whole).quantize(FOUR_PLACES, ROUND_HALF_UP) if whole else None
