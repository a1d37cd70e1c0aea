"""The audit finds nothing where nothing is wrong, and names whatever was tampered with."""

from collections.abc import Generator
from contextlib import contextmanager

import pytest
from machine_hall import Hall
from press_shop import clock

from database.connection import Connection
from mes_bridge.proof.audit import audit


@pytest.fixture
def hall(connection: Connection) -> Hall:
    """A finished run of 40 parts, 5 of them scrap, over a quarter hour; then strokes of no run."""
    hall = Hall.opened(connection)
    hall.shop.order("WO1", "BRK")
    hall.shop.producing("07:55", "WO1", die="D1")
    hall.advance("08:00:00")
    hall.stroke("08:00:00", 40, first=100)
    hall.advance("08:00:41")
    hall.shop.do("08:01", "scrap", qty=5, reason="burr")
    hall.timers("08:15:00")
    hall.shop.do("08:16", "finish")
    hall.stroke("08:20:00", 7, first=140)
    hall.timers("08:40:00")
    return hall


@contextmanager
def unguarded(connection: Connection) -> Generator[None]:
    """Somebody who may switch the append-only triggers off."""
    connection.execute("set session_replication_role = replica")
    yield
    connection.execute("set session_replication_role = origin")


def wrong(hall: Hall) -> set[str]:
    return {row.equation for row in hall.audit().wrong}


def test_an_untouched_plant_has_no_residual(hall: Hall) -> None:
    result = hall.audit()
    assert result.residual == 0
    assert {row.equation for row in result.rows} == {
        "strokes", "parts", "reports", "stock", "made", "wear", "coil", "balance",
    }  # fmt: skip
    assert str(result).endswith("residual 0")


def test_it_leaves_nothing_behind_and_can_be_asked_twice(hall: Hall) -> None:
    assert str(hall.audit()) == str(hall.audit())


def test_a_deleted_count_is_found_and_named(hall: Hall) -> None:
    hall.connection.execute("delete from mes.count where at = '2026-03-02 08:00:10Z'")
    result = hall.audit()
    assert result.residual == 1
    assert "P01 run 1 2026-03-02 strokes: 40 recounted, 39 in the books" in str(result)


def test_a_running_sum_that_does_not_fit_is_found(hall: Hall) -> None:
    hall.connection.execute("update mes.die_wear set strokes = strokes + 3")
    assert [(row.equation, row.residual) for row in hall.audit().wrong] == [("wear", 3)]
    hall.connection.execute("update mes.run_made set strokes = strokes + 2, idle_wh = 7")
    assert {(row.equation, row.residual) for row in hall.audit().wrong} == {
        ("wear", 3), ("made", 2), ("made", 7),
    }  # fmt: skip


def test_a_count_moved_to_another_time_is_found(hall: Hall) -> None:
    hall.connection.execute(
        "update mes.count set at = '2026-03-02 08:25Z' where at = '2026-03-02 08:00:10Z'"
    )
    assert hall.audit().residual == 2  # one is missing in the run, one too many belongs to nobody


def test_a_doubled_posting_is_found(hall: Hall) -> None:
    hall.connection.execute(
        "insert into mes.posting (run_output, shift, kind, qty, report, idempotency_key, at, who) "
        "select run_output, shift, kind, qty, report, 'twice', at, who from mes.posting "
        "where kind = 'good' order by id limit 1"
    )
    assert wrong(hall) == {"parts", "reports"}


def test_a_posting_that_is_gone_is_found(hall: Hall) -> None:
    with unguarded(hall.connection):
        hall.connection.execute("delete from mes.posting where kind = 'scrap'")
    assert wrong(hall) == {"parts", "reports"}


def test_a_changed_stock_move_is_found(hall: Hall) -> None:
    with unguarded(hall.connection):
        hall.connection.execute("update erp.stock_move set qty = qty + 1 where item = 'BRK'")
    assert wrong(hall) == {"stock", "balance"}


def test_material_taken_beside_the_backflush_is_found(hall: Hall) -> None:
    with unguarded(hall.connection):
        hall.connection.execute("update erp.stock_move set qty = qty / 2 where item = 'COIL'")
    assert wrong(hall) == {"stock", "balance"}


def test_a_hidden_jump_is_found(hall: Hall) -> None:
    for second, value in ((0, 147), (5, 9000), (9, 9001)):
        hall.read(f"08:50:0{second}", value)
    hall.advance("08:50:10")
    assert hall.audit().residual == 0
    hall.connection.execute("update mes.counter_event set held = false where kind = 'jump'")
    assert wrong(hall) == {"strokes"}


def test_a_balance_that_is_not_the_sum_of_its_moves_is_found(hall: Hall) -> None:
    row = hall.connection.execute("select item, location, lot from erp.balance limit 1").fetchone()
    assert row is not None
    hall.connection.execute(
        "update erp.balance set qty = qty + 3 where (item, location) = (%s, %s) "
        "and lot is not distinct from %s",
        row,
    )
    broken = [each for each in hall.audit().rows if each.residual]
    assert {each.equation for each in broken} == {"balance"}
    assert " ".join(part for part in row if part) in {each.subject for each in broken}
    assert max(each.residual for each in broken) == 3


def test_what_is_not_reported_yet_is_no_residual(hall: Hall) -> None:
    hall.shop.do("08:41", "scan", work_order="WO1")
    hall.stroke("08:42:00", 5, first=147)
    hall.advance("08:42:10")
    result = hall.audit()
    assert result.residual == 0
    waits = [(row.equation, int(row.waits)) for row in result.rows if row.waits]
    assert waits == [("parts", 5), ("coil", 5)]


def test_strokes_alone_can_be_recounted_up_to_an_instant(hall: Hall) -> None:
    result = audit(hall.connection, clock("08:00:20"))
    assert result.residual == 0
    strokes = [row for row in result.rows if row.equation == "strokes"]
    assert sum(row.recounted for row in strokes) == 20


@pytest.fixture
def over(hall: Hall) -> Hall:
    """The day shift is over: planned maintenance in it, a break worked through, and silence."""
    hall.connection.execute("""
        insert into erp.reason (kind, code, planned) values ('stop', 'TPM', true);
        insert into plant.shift_break (shift, span)
          select id, '[2026-03-02 08:00:20Z, 2026-03-02 08:10Z)' from plant.shift
          where span @> '2026-03-02 08:00:20Z'::timestamptz;
    """)
    hall.shop.do("08:41", "stop_reason", since=clock("08:05").isoformat(),
                 to=clock("08:19").isoformat(), reason="TPM")  # fmt: skip
    hall.timers("20:05:00")
    return hall


def test_seconds_of_a_shift_that_is_over_fit(over: Hall) -> None:
    rows = [row for row in over.audit().rows if row.equation == "time"]
    found = {row.subject.partition(" ")[2]: row.booked for row in rows if row.press == "P01"}
    assert [str(row) for row in rows if row.residual] == []
    assert found["seconds planned and off"] == 12 * 3600
    assert found["seconds running"] > 0
    assert found["seconds in production"] > 0


@pytest.mark.parametrize(
    ("tampered", "named"),
    [
        ("update mes.fact_minute set running_s = running_s + 7 where running_s > 30 "
         "and minute < '2026-03-02 08:01Z'",
         {"seconds running", "seconds of the shift", "seconds seen of the planned",
          "seconds in production"}),
        ("update mes.press_state set span = tstzrange(lower(span) + interval '9 s', upper(span)) "
         "where press = 'P01' and state = 'unknown' and span @> '2026-03-02 09:00Z'::timestamptz",
         {"seconds unknown"}),
        ("delete from mes.fact_minute where minute = '2026-03-02 09:00Z'",
         {"seconds unknown", "seconds of the shift"}),
        ("update mes.fact_minute set segment = null where segment is not null",
         {"seconds in production"}),
    ],
)  # fmt: skip
def test_seconds_that_do_not_fit_are_named_with_press_and_shift(
    over: Hall, tampered: str, named: set[str]
) -> None:
    over.connection.execute(tampered.encode())
    wrong = [row for row in over.audit().wrong if row.equation == "time"]
    assert {row.subject.partition(" ")[2] for row in wrong} == named
    assert {(row.press, row.subject.partition(" ")[0]) for row in wrong} == {("P01", "day")}
