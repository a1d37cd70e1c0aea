"""What the parts of a report were made from: the lot that was on the press at their stroke.

The parts of an output in one shift are a sequence in order of time, each with the lots of that
instant; its reports take their parts from it one after the other. So a coil changed within a
quarter hour divides the report at the instant of the change, and a change that is told late deals
the same parts anew.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple

from database.connection import Connection
from erp_core.production import reports
from erp_core.production.reports import Use


class Place(NamedTuple):
    """An output of a run in one shift, which has a sequence of reports."""

    run_output: int
    shift: int | None


class Stretch(NamedTuple):
    """So many parts in a row from one lot."""

    lot: str | None
    parts: int


class Told(NamedTuple):
    """A report with the parts that it takes from the sequence, and what it is said to use now."""

    report: int
    parts: int
    uses: Mapping[tuple[str, str | None], int]


def deal(connection: Connection, run_outputs: Sequence[int], now: datetime) -> None:
    """Let every report of these outputs use what its parts were made from; material follows."""
    told = _told(connection, run_outputs)
    steady = _steady(connection, run_outputs)
    changing = sorted({output for output, lots in steady.items() if None in lots.values()})
    stretches = _stretches(connection, changing) if changing else {}
    for place, of in told.items():
        whole = steady.get(place.run_output, {})
        components = stretches.get(place, {}) | {
            component: [each] for component, each in whole.items() if each is not None
        }
        for report, uses in _dealt(of, components):
            reports.use(connection, report, uses, now)


def _steady(
    connection: Connection, run_outputs: Sequence[int]
) -> dict[int, dict[str, Stretch | None]]:
    """By component of each output: the one stretch of a lot that was not changed; None: it was.

    Where nothing changed, no stroke has to be looked at.
    """
    found: dict[int, dict[str, Stretch | None]] = {}
    rows = connection.execute(MOUNTS.encode(), {"outputs": list(run_outputs)})
    for output, component, mounts, lot, throughout in rows:
        same = Stretch(lot, 0) if mounts == 0 or (mounts == 1 and throughout) else None
        found.setdefault(output, {})[component] = same
    return found


def _dealt(
    told: Sequence[Told], components: Mapping[str, Sequence[Stretch]]
) -> Iterator[tuple[int, list[Use]]]:
    """Reports whose uses are others than they are said to be."""
    begin = 0
    for each in told:
        end = begin + each.parts
        uses = [
            Use(component, lot, parts)
            for component, sequence in components.items()
            for lot, parts in between(sequence, begin, end).items()
        ]
        if {(use.component, use.lot): use.parts for use in uses} != each.uses:
            yield each.report, uses
        begin = end


def between(sequence: Sequence[Stretch], begin: int, end: int) -> dict[str | None, int]:
    """Parts by lot from position `begin` to `end` of a sequence; less than 0 where it goes back.

    Positions beyond the sequence are of its last lot.
    """
    if end < begin:
        return {lot: -parts for lot, parts in between(sequence, end, begin).items()}
    found: Counter[str | None] = Counter()
    at = 0
    for stretch in sequence:
        found[stretch.lot] += max(min(end, at + stretch.parts) - max(begin, at), 0)
        at += stretch.parts
    last = sequence[-1].lot if sequence else None
    found[last] += end - max(begin, at) if end > at else 0
    return {lot: parts for lot, parts in found.items() if parts}


def _told(connection: Connection, run_outputs: Sequence[int]) -> dict[Place, list[Told]]:
    """The reports of each place in their order.

    Of a rejected report the good parts were made and adjusted; its scrap is told again.
    """
    rows = connection.execute(
        """
        select o.id, r.shift, r.id,
          case r.state when 'withdrawn' then 0
            when 'rejected' then r.good + r.excess when 'reversed' then r.good + r.excess
            else r.good + r.excess + r.surplus + r.transferred + r.other end,
          u.component, u.lot, u.parts
        from mes.run_output o
        join erp.production_report r on r.run = o.run and r.operation = o.operation
        left join erp.report_use u on u.report = r.id
        where o.id = any(%s) and not o.given
        order by o.id, r.shift, r.id
        """,
        [list(run_outputs)],
    ).fetchall()
    told: dict[Place, list[Told]] = {}
    for (output, shift, report, parts), of in groupby(rows, key=lambda row: row[:4]):
        uses = {(component, lot): used for *_, component, lot, used in of if component is not None}
        told.setdefault(Place(output, shift), []).append(Told(report, parts, uses))
    return told


def _stretches(
    connection: Connection, run_outputs: Sequence[int]
) -> dict[Place, dict[str, list[Stretch]]]:
    """The parts of each place in order of time, by component of the operation, by lot."""
    given = {"outputs": list(run_outputs), "until": None}
    rows = connection.execute(STROKES.encode(), given).fetchall()
    found: dict[Place, dict[str, list[Stretch]]] = {}
    for (output, component), cells in groupby(rows, key=lambda row: row[:2]):
        for shift, lot, parts in _whole(row[2:] for row in cells):
            place = found.setdefault(Place(output, shift), {})
            place.setdefault(component, []).append(Stretch(lot, parts))
    return found


def made_from(
    connection: Connection, run_outputs: Sequence[int], of: tuple[str, str | None], until: datetime
) -> Counter[int]:
    """Parts of each output that strokes before `until` made from an item's lot (None: unknown)."""
    given = {"outputs": list(run_outputs), "until": until}
    rows = connection.execute(STROKES.encode(), given).fetchall() if run_outputs else []
    made: Counter[int] = Counter()
    for (output, component), cells in groupby(rows, key=lambda row: row[:2]):
        for _, lot, parts in _whole(row[2:] for row in cells):
            made[output] += parts if (component, lot) == of else 0
    return made


def _whole(
    cells: Iterable[tuple[int | None, str | None, int, int, int]],
) -> Iterator[tuple[int | None, str | None, int]]:
    """Whole parts of each cell: differences of the floor of the running sum (yields.py)."""
    total, before = Fraction(0), 0
    for shift, lot, strokes, parts_num, parts_den in cells:
        total += strokes * Fraction(parts_num, parts_den)
        floor = total.numerator // total.denominator
        yield shift, lot, floor - before
        before = floor


COMPONENT = """
with component as (
  select o.id as run_output, o.run, m.component
  from mes.run_output o
  join erp.work_order_operation op on op.id = o.operation
  join erp.work_order_material m on m.work_order = op.work_order
  where o.id = any(%(outputs)s) and not o.given
    and op.seq = erp.operation_using(op.work_order, m.seq)
)
"""
MOUNTS = f"""{COMPONENT}
select k.run_output, k.component, count(mm.id), min(mm.lot), bool_and(mm.span @> r.span)
from component k
join mes.run r on r.id = k.run
left join mes.material_mount mm on mm.press = r.press and mm.item = k.component
  and mm.span && r.span
group by k.run_output, k.component
"""  # noqa: S608 - put together from constants
STROKES = f"""{COMPONENT}
select k.run_output, k.component, c.shift, mm.lot, sum(c.amount)::bigint, so.parts_num,
  so.parts_den
from component k
join mes.run r on r.id = k.run
join mes.owned_count c on c.press = r.press and c.measure = 'stroke' and c.run = k.run
  and c.at >= lower(r.span) and c.at < coalesce(%(until)s::timestamptz, 'infinity')
join mes.run_segment s on s.id = c.segment
join mes.segment_output so on so.segment = s.id and so.run_output = k.run_output
left join mes.material_mount mm on mm.press = r.press and mm.item = k.component
  and mm.span @> c.at
group by k.run_output, k.component, s.id, c.shift, mm.id, mm.lot, so.parts_num, so.parts_den
order by k.run_output, k.component, lower(s.span), min(c.at)
"""  # noqa: S608 - put together from constants
