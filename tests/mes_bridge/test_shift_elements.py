"""The elements of a shift sum to its window, whatever happens in it.

The model here is an hour second by second: what the press did, whether that second was off (a break
or a planned stop), and what job it had. It knows nothing of ranges, minutes and views.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from press_shop import Shop, clock

from database.connection import Connection
from mes_bridge.states import facts

BEGIN, BORDER, END = 0, 1800, 3600  # 07:30, the change of shifts, 08:30
STROKE_S = 2  # ideal, at 30 strokes a minute
NIGHT_S = 12 * 3600

instants = st.integers(BEGIN, END)
spans = st.tuples(instants, instants).map(lambda two: (min(two), max(two)))
minutes = st.tuples(st.integers(0, 60), st.integers(0, 60)).map(
    lambda two: (60 * min(two), 60 * max(two))
)
states = st.sampled_from(["running", "running", "stopped", "alarm", "unknown"])


@dataclass(frozen=True)
class Hour:
    """What happens in the hour: seconds since 07:30. `states`: from each second on, until the next.

    `job`: when it was scanned, released and finished; `closed`: when one of two cavities was
    closed, and opened. `strokes`: at a second, so many, seen or not.
    """

    states: list[tuple[int, str]]
    breaks: list[tuple[int, int]]
    planned: list[tuple[int, int]]
    unplanned: list[tuple[int, int]]
    job: tuple[int, int, int]
    closed: tuple[int, int]
    strokes: list[tuple[int, int, bool]]
    scrap: list[tuple[int, int]]


hours = st.builds(
    Hour,
    states=st.lists(st.tuples(instants, states), max_size=12),
    breaks=st.lists(minutes, max_size=3),
    planned=st.lists(spans, max_size=2),
    unplanned=st.lists(spans, max_size=1),
    job=st.tuples(instants, instants, instants).map(lambda three: tuple(sorted(three))),
    closed=spans,
    strokes=st.lists(st.tuples(instants, st.integers(1, 90), st.booleans()), max_size=12),
    scrap=st.lists(st.tuples(instants, st.integers(1, 90)), max_size=3),
)


def at(second: int) -> datetime:
    return clock("07:30") + timedelta(seconds=second)


def span(of: tuple[int, int]) -> tuple[datetime, datetime]:
    return at(of[0]), at(of[1])


def happen(shop: Shop, hour: Hour) -> None:
    """Write the hour as bridge and people leave it, and its facts."""
    execute = shop.connection.execute
    execute("update erp.die set ideal_spm = 30 where code = 'DLR'")
    execute("insert into erp.reason (kind, code, planned) values ('stop', 'TPM', true)")
    for begin, end, state in pieces(hour):
        execute(
            "insert into mes.press_state (press, span, state) "
            "values ('P01', tstzrange(%s, %s), %s)",
            [*span((begin, end)), state],
        )
    for each in hour.breaks:
        execute(
            "insert into plant.shift_break (shift, span) select id, span * tstzrange(%(a)s, %(b)s) "
            "from plant.shift where not isempty(span * tstzrange(%(a)s, %(b)s)) "
            "on conflict do nothing",
            dict(zip("ab", span(each), strict=True)),
        )
    explain(shop, hour)
    work(shop, hour)
    facts.refresh(shop.connection, "P01", at(BEGIN), at(END))


def explain(shop: Shop, hour: Hour) -> None:
    """Stops and their reasons; of one second there is one reason."""
    said: dict[int, str] = dict.fromkeys(seconds(hour.unplanned), "material")
    said |= dict.fromkeys(seconds(hour.planned), "TPM")
    for reason in ("material", "TPM"):
        shop.connection.execute(
            "insert into mes.stop_reason (press, span, reason) "
            "select 'P01', unnest(range_agg(tstzrange(s, s + interval '1 second'))), %s "
            "from unnest(%s::timestamptz[]) s",
            [reason, [at(second) for second, why in said.items() if why == reason]],
        )


def work(shop: Shop, hour: Hour) -> None:
    """The job, its cavities, strokes and scrap."""
    shop.order("L", "LEFT", 100_000)
    row = shop.connection.execute(
        """
        with run as (insert into mes.run (press, die, span, source)
                     values ('P01', 'DLR', tstzrange(%(scan)s, %(end)s), 'scan') returning id),
        made as (insert into mes.run_output (run, item, operation)
                 select run.id, 'LEFT', o.id from run, erp.work_order_operation o
                 union all select id, 'RIGHT', null from run returning id, item)
        select run.id, (select id from made where item = 'LEFT'),
               (select id from made where item = 'RIGHT') from run
        """,
        dict(zip(("scan", "pass", "end"), map(at, hour.job), strict=True)),
    ).fetchone()
    assert row is not None
    run, left, right = row
    for begin, end, kind, shut in segments(hour):
        shop.connection.execute(
            """
            with segment as (insert into mes.run_segment (run, kind, span)
                             values (%s, %s, tstzrange(%s, %s)) returning id)
            insert into mes.segment_output (segment, run_output, parts_num, parts_den)
            select id, %s, 1, 1 from segment union all select id, %s, %s, 1 from segment
            """,
            [run, kind, *span((begin, end)), left, right, 0 if shut else 1],
        )
    count(shop, hour, left)


def count(shop: Shop, hour: Hour, left: int) -> None:
    """Strokes and scrap."""
    for second, number, unseen in hour.strokes:
        shop.connection.execute(
            "insert into mes.count (channel, press, measure, from_at, at, amount, kind, unseen) "
            "values (1, 'P01', 'stroke', %(at)s, %(at)s, %(n)s, %(kind)s, %(unseen)s)",
            {"at": at(second), "n": number, "kind": "gap" if unseen else "step", "unseen": unseen},
        )
    for second, number in hour.scrap:
        shop.connection.execute(
            """
            insert into people.act (id, who, press, at, act, args, outcome)
            select gen_random_uuid(), 'W1', 'P01', %(at)s, 'scrap',
              jsonb_build_object('item', 'LEFT', 'qty', %(n)s::int, 'reason', 'burr'),
              jsonb_build_object('run_output', %(left)s::bigint, 'qty', %(n)s::int)
            """,
            {"at": at(second), "n": number, "left": left},
        )


def pieces(hour: Hour) -> list[tuple[int, int, str]]:
    """The states as spans that meet; before the first nothing is known of the press."""
    since = dict(sorted(hour.states))
    ends = [*list(since)[1:], END]
    spans = zip(since.items(), ends, strict=True) if since else ()
    return [(begin, end, state) for (begin, state), end in spans if begin < end]


def segments(hour: Hour) -> list[tuple[int, int, str, bool]]:
    """Setup, then production, which is cut where the cavity was closed and opened."""
    scan, passed, finish = hour.job
    cuts = sorted({passed, finish, *(c for c in hour.closed if passed < c < finish)})
    found = [(scan, passed, "setup", False)]
    for begin, end in pairwise(cuts):
        found.append((begin, end, "production", hour.closed[0] <= begin < hour.closed[1]))
    return [piece for piece in found if piece[0] < piece[1]]


def seconds(of: list[tuple[int, int]]) -> set[int]:
    return {second for begin, end in of for second in range(begin, end)}


def model(hour: Hour, begin: int, end: int) -> dict[str, Decimal]:
    """The elements of [begin, end), counted second by second."""
    did = {s: state for a, b, state in pieces(hour) for s in range(a, b)}
    off = seconds(hour.breaks) | seconds(hour.planned)
    job = {s: (kind, shut) for a, b, kind, shut in segments(hour) for s in range(a, b)}
    sums: dict[str, Decimal] = dict.fromkeys(("pbt_s", "known_s", "apt_s", "ideal_s"), Decimal(0))
    for s in range(begin, end):
        ran, stood = did.get(s) == "running", did.get(s) in ("stopped", "alarm")
        sums["pbt_s"] += ran or s not in off
        sums["known_s"] += ran or (stood and s not in off)
        sums["apt_s"] += ran and s in job and job[s][0] == "production"
    for s, number, unseen in hour.strokes:
        kind, shut = job.get(s, ("", False))
        if begin <= s < end and kind == "production" and not unseen:
            sums["ideal_s"] += Decimal(number * STROKE_S) / (2 if shut else 1)
    return sums


def figures(connection: Connection, code: str) -> tuple[dict[str, Decimal], Decimal, str | None]:
    """The elements of the shift that the hour is in, the ideal time of good parts, and the flag."""
    row = connection.execute(
        """
        select pbt_s, known_s, apt_s, ideal_s, ideal_good_s, too_fast
        from board.press_shift(%(begin)s, %(end)s) where press = 'P01' and shift_code = %(code)s
        """,
        {"begin": at(BEGIN), "end": at(END), "code": code},
    ).fetchone()
    assert row is not None
    pbt, known, apt, ideal, good, too_fast = row
    elements = {"pbt_s": pbt, "known_s": known, "apt_s": apt, "ideal_s": ideal}
    return elements, good, too_fast


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(hour=hours)
@example(  # a planned stop begins in a break, is worked through, and its strokes are all unseen
    Hour(
        states=[(0, "stopped"), (1900, "running"), (2100, "alarm"), (2200, "unknown")],
        breaks=[(1860, 2040), (1980, 2160)], planned=[(2000, 2300)], unplanned=[],
        job=(0, 10, 3500), closed=(1950, 2250), strokes=[(2050, 90, True)], scrap=[(2060, 90)],
    )
)  # fmt: skip
def test_the_elements_of_a_shift_sum_to_its_window(connection: Connection, hour: Hour) -> None:
    with connection.transaction(force_rollback=True):
        shop = Shop(connection).furnish()
        happen(shop, hour)
        for code, begin, end, before in (
            ("night", BEGIN, BORDER, NIGHT_S - BORDER),
            ("day", BORDER, END, 0),
        ):
            found, good, too_fast = figures(connection, code)
            expected = model(hour, begin, end)
            expected["pbt_s"] += before  # of the night until 07:30 nothing is known
            assert found == expected
            assert 0 <= found["apt_s"] <= found["known_s"] <= found["pbt_s"] <= before + end - begin
            assert 0 <= good <= found["ideal_s"]
            assert (too_fast is not None) == (found["ideal_s"] > found["apt_s"] * Decimal("1.05"))


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(hour=hours, second=st.integers(BORDER + 1, END))
@example(hour=Hour([(0, "running")], [], [], [], (0, 10, END), (0, 0), [], []), second=BORDER + 1)
def test_shares_of_a_running_shift_are_shares_at_any_instant(
    connection: Connection, hour: Hour, second: int
) -> None:
    """A board asks as of an instant within a minute, also of the past."""
    with connection.transaction(force_rollback=True):
        shop = Shop(connection).furnish()
        happen(shop, hour)
        rows = connection.execute(
            "select shift_code, availability, quality, coverage "
            "from board.line_shift_at(%s) where line = 'L1'",
            [at(second)],
        ).fetchall()
        assert [code for code, *_ in rows] == ["day"]
        assert all(share is None or 0 <= share <= 1 for share in rows[0][1:])
