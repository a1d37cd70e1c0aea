"""What should have been posted by now: the target of every run output, from facts and acts."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

from psycopg.rows import class_row

from database.connection import Connection
from mes_bridge.reporting import yields
from mes_bridge.reporting.yields import Cell, Decided, Key, Scrap, Share, Target

LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Source:
    """A run output with all that its target depends on beside the strokes."""

    id: int
    run: int
    press: str
    item: str
    operation: int | None
    work_order: str | None
    ordered: int | None
    over_tolerance: Decimal
    since: datetime
    closed: bool
    given: bool
    container: int | None

    @property
    def limit(self) -> int:
        """Most parts that are not excess: ordered quantity plus the item's tolerance."""
        return int((self.ordered or 0) * (1 + self.over_tolerance))


@dataclass(frozen=True, slots=True)
class Figures:
    """What was counted and declared for each run output."""

    cells: Mapping[int, Sequence[Cell]]
    scraps: Mapping[int, Sequence[Scrap]]
    adjusted: Mapping[int, Mapping[int | None, int]]
    decided: Mapping[int, Sequence[Decided]]


def sources(connection: Connection, run_outputs: Sequence[int]) -> list[Source]:
    """These run outputs and every other one of the same operations: they share its quantity."""
    with connection.cursor(row_factory=class_row(Source)) as cursor:
        return cursor.execute(
            """
            select o.id, o.run, r.press, o.item, o.operation, op.work_order, w.qty as ordered,
              i.over_tolerance, not upper_inf(r.span) as closed, o.given,
              coalesce(lower(r.span), '0001-01-01Z') as since, i.container
            from mes.run_output o
            join mes.run r on r.id = o.run
            join erp.item i on i.code = o.item
            left join erp.work_order_operation op on op.id = o.operation
            left join erp.work_order w on w.code = op.work_order
            where o.id = any(%(outputs)s) or o.operation in (
              select operation from mes.run_output where id = any(%(outputs)s))
            order by o.id
            """,
            {"outputs": list(run_outputs)},
        ).fetchall()


def wanted(
    connection: Connection, of: Sequence[Source], counted: Collection[int], posted: Target,
    boundary: datetime | None,
) -> Target:  # fmt: skip
    """What should be posted for these outputs; those not `counted` again are taken as posted.

    Counts strokes, and scrap told, before `boundary` (None: all). A run that has ended counts as
    a whole: it was reported when it ended, and an earlier boundary takes nothing back.
    """
    figures = read(connection, [source for source in of if source.id in counted], boundary)
    target = _at_rest(posted, counted)
    for source in of:
        if source.id in counted:
            target |= _target(source, figures)
    return _with_excess(of, target, posted, _shift_starts(connection))


def good_made(connection: Connection, run_output: int) -> int:
    """Good parts of one output counted until now, less what was scrapped, rejected, reversed."""
    source = next(each for each in sources(connection, [run_output]) if each.id == run_output)
    made = _target(source, read(connection, [source], None))
    return sum(qty for key, qty in made.items() if key.kind in {"good", "unattributed"})


def good_of(connection: Connection, run_outputs: Sequence[int]) -> int:
    """Good parts of these outputs together, counted until now."""
    of = [each for each in sources(connection, run_outputs) if each.id in set(run_outputs)]
    figures = read(connection, of, None)
    made = [_target(source, figures) for source in of]
    return sum(qty for each in made for key, qty in each.items() if key.kind == "good")


def _target(source: Source, figures: Figures) -> Target:
    return yields.target(
        source.id,
        figures.cells.get(source.id, ()),
        figures.scraps.get(source.id, ()),
        figures.adjusted.get(source.id, {}),
        figures.decided.get(source.id, ()),
        ordered=source.operation is not None,
    )


def _at_rest(posted: Target, counted: Collection[int]) -> Target:
    """Postings of outputs that are not counted again, before excess is split off."""
    rest: Counter[Key] = Counter()
    for key, qty in posted.items():
        if key.run_output not in counted:
            rest[key._replace(kind="good") if key.kind == "excess" else key] += qty
    return dict(rest)


def _with_excess(
    of: Sequence[Source], target: Target, posted: Target,
    shift_starts: Mapping[int | None, datetime],
) -> Target:  # fmt: skip
    split = {key: qty for key, qty in target.items() if key.kind != "good"}
    for operation, limit in {(s.operation, s.limit) for s in of if s.operation is not None}:
        since = {source.id: source.since for source in of if source.operation == operation}
        shares = [
            Share(key, max(since[key.run_output], shift_starts.get(key.shift, LONG_AGO)), qty)
            for key, qty in target.items()
            if key.kind == "good" and key.run_output in since
        ]
        split |= yields.split_excess(shares, limit, posted)
    return split


def _shift_starts(connection: Connection) -> dict[int | None, datetime]:
    return dict(connection.execute("select id, lower(span) from plant.shift").fetchall())


def read(connection: Connection, of: Sequence[Source], boundary: datetime | None) -> Figures:
    """Read what was counted and declared for these outputs."""
    outputs = [source.id for source in of]
    running = [] if boundary is None else [source.id for source in of if not source.closed]
    presses = sorted({source.press for source in of})
    bound: dict[str, object] = {
        "outputs": outputs,
        "running": running,
        "boundary": boundary,
        "presses": presses,
    }
    return Figures(
        _cells(connection, bound),
        _scraps(connection, bound),
        _adjusted(connection, bound),
        _decided(connection, bound),
    )


def _cells(connection: Connection, bound: Mapping[str, object]) -> dict[int, list[Cell]]:
    """From the facts, which are minutes, not strokes; boundaries and shifts begin with a minute.

    Only for what was counted over unseen time, which has no minute, the strokes are read, and for
    the first one of each cell.
    """
    rows = connection.execute(
        """
        with output as (
          select so.run_output, so.segment, s.kind, s.span, r.press, so.parts_num, so.parts_den,
                 case when so.run_output = any(%(running)s) then %(boundary)s::timestamptz
                      else 'infinity' end as until
          from mes.segment_output so
          join mes.run_segment s on s.id = so.segment
          join mes.run r on r.id = s.run
          where so.run_output = any(%(outputs)s)
        ), seen as (
          select o.run_output, o.segment, sh.id as shift, sum(f.strokes) as strokes,
                 min(f.minute) as minute
          from output o
          join mes.fact_minute f on f.segment = o.segment and f.minute < o.until and f.strokes > 0
          left join plant.shift sh on sh.span @> f.minute
          group by o.run_output, o.segment, sh.id
        ), counted as (
          select n.run_output, n.segment, n.shift, n.strokes, coalesce(first.at, n.minute) as at
          from seen n
          join output o using (run_output, segment)
          cross join lateral (
            select min(c.at) as at from mes.owned_count c
            where c.press = o.press and c.measure = 'stroke' and not c.unseen
              and c.at >= n.minute and c.at < n.minute + interval '1 minute'
              and c.segment = n.segment
          ) first
          union all
          select o.run_output, o.segment, c.shift, c.amount, c.at
          from output o
          join mes.owned_count c on c.press = o.press and c.unseen and c.measure = 'stroke'
                                and c.segment = o.segment and c.at < o.until
          where exists (
            select from mes.fact_minute f where f.segment = o.segment and f.minute is null)
        )
        select run_output, o.kind, c.shift, sum(c.strokes)::bigint, o.parts_num, o.parts_den,
          min(c.at)
        from counted c join output o using (run_output, segment)
        group by run_output, segment, o.kind, o.span, c.shift, o.parts_num, o.parts_den
        order by run_output, lower(o.span), min(c.at)
        """,
        bound,
    )
    cells: dict[int, list[Cell]] = {}
    for output, kind, shift, strokes, parts_num, parts_den, first in rows:
        cell = Cell(kind, shift, strokes, Fraction(parts_num, parts_den), first)
        cells.setdefault(output, []).append(cell)
    return cells


def _scraps(connection: Connection, bound: Mapping[str, object]) -> dict[int, list[Scrap]]:
    rows = connection.execute(
        """
        select t.run_output, t.at, t.qty, t.reason,
          (select s.id from plant.shift s where s.span @> t.at)
        from mes.scrap_told t
        where t.run_output = any(%(outputs)s)
          and (t.run_output <> all(%(running)s) or t.at < %(boundary)s)
        order by t.at, t.act
        """,
        bound,
    )
    scraps: dict[int, list[Scrap]] = {}
    for output, *scrap in rows:
        scraps.setdefault(output, []).append(Scrap(*scrap))
    return scraps


def _adjusted(
    connection: Connection, bound: Mapping[str, object]
) -> dict[int, Mapping[int | None, int]]:
    rows = connection.execute(
        "select run_output, shift, sum(qty)::bigint from mes.posting "
        "where kind = 'adjust' and run_output = any(%(outputs)s) group by run_output, shift",
        bound,
    )
    adjusted: dict[int, Counter[int | None]] = {}
    for output, shift, qty in rows:
        adjusted.setdefault(output, Counter())[shift] += qty
    return dict(adjusted)


def _decided(connection: Connection, bound: Mapping[str, object]) -> dict[int, list[Decided]]:
    rows = connection.execute(
        "select run_output, shift, kind, reason, sum(qty)::bigint from mes.disposition "
        "where run_output = any(%(outputs)s) group by run_output, shift, kind, reason "
        "order by run_output, shift, kind, reason",
        bound,
    )
    decided: dict[int, list[Decided]] = {}
    for output, *of in rows:
        decided.setdefault(output, []).append(Decided(*of))
    return decided
