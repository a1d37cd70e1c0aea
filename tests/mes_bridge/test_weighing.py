"""Coils weighed, and material gone beside the formula: declared, trued up, held by the audit."""

from decimal import Decimal

import pytest
from machine_hall import Hall
from press_shop import clock

from database.connection import Connection
from erp_core.stock import ledger
from erp_core.stock.ledger import Cause

ORDER = "O-1"


@pytest.fixture
def hall(connection: Connection) -> Hall:
    """O-1 runs from coil C1 of 100 kg: 100 strokes of 0.5 kg, read from 08:01 on."""
    hall = Hall.opened(connection)
    got = Cause("S1", "bought", clock("06:00"), "got/C1")
    ledger.receive(connection, "COIL", "C1", Decimal(100), got)
    hall.shop.producing("08:00", hall.shop.order(ORDER, "BRK"), lot="C1")
    hall.stroke("08:01", 100)
    hall.timers("08:05")
    return hall


def left(hall: Hall) -> Decimal:
    return sum((each.qty for each in ledger.on_hand(hall.connection, "COIL", "RAW")), Decimal(0))


def test_what_a_scale_shows_is_what_the_books_say(hall: Hall) -> None:
    """50 kg by the formula; the report that is not made yet takes its 50 after the weighing."""
    told = hall.shop.lead("08:05", "weigh", lot="C1", qty=48.25)
    assert (told["message"], Decimal(told["difference"])) == ("weighed", Decimal("-1.75"))
    hall.timers("08:15")
    assert left(hall) == Decimal("48.25")
    assert not hall.audit().residual


def test_strokes_that_come_later_leave_what_was_weighed(hall: Hall) -> None:
    """Ten strokes before the weighing are read after it: 5 kg that the scale saw."""
    hall.shop.lead("08:05", "weigh", lot="C1", qty=40)
    hall.read("08:03", 110, arrived="08:06")
    hall.timers("08:15")
    assert hall.counted() == 110
    assert left(hall) == 40
    assert not hall.audit().residual


def test_a_weight_that_the_moves_do_not_bear_out_is_named(hall: Hall) -> None:
    hall.shop.lead("08:05", "weigh", lot="C1", qty=48)
    hall.timers("08:15")
    hall.connection.execute("set local session_replication_role = replica")
    hall.connection.execute("update mes.coil_weight set qty = qty + 1")
    (row,) = [row for row in hall.audit().rows if row.residual]
    assert (row.equation, row.subject[:7], row.residual) == ("weighed", "COIL C1", 1)


def test_what_was_declared_to_be_gone_comes_back_by_an_act(hall: Hall) -> None:
    hall.timers("08:15")
    gone = hall.shop.lead(
        "08:16", "consume", work_order=ORDER, item="COIL", lot="C1", qty=2.5, reason="burr"
    )
    assert left(hall) == Decimal("47.5")
    assert not hall.audit().residual
    hall.shop.lead("08:17", "undo", of=gone["act"], reason="told twice")
    assert left(hall) == 50
    assert not hall.audit().residual


def test_what_strokes_without_a_coil_took_is_in_the_scale_already(connection: Connection) -> None:
    """50 kg of no known coil come from C1; then it is on, 10 kg are made of it, 80 kg weighed."""
    hall = Hall.opened(connection)
    got = Cause("S1", "bought", clock("06:00"), "got/C1")
    ledger.receive(connection, "COIL", "C1", Decimal(100), got)
    hall.shop.producing("08:00", hall.shop.order(ORDER, "BRK"))
    hall.stroke("08:01", 100)
    hall.timers("08:05")
    hall.timers("08:15")
    assert left(hall) == 50
    hall.shop.do("08:16", "scan", work_order=ORDER, lot="C1")
    hall.read("08:17", 120)
    hall.advance("08:18")
    weighed = hall.shop.lead("08:20", "weigh", lot="C1", qty=80)
    hall.timers("08:30")
    assert left(hall) == 80
    assert not hall.audit().residual
    # Taken off once more, as it was before: the audit names it.
    ledger.move(
        connection,
        ledger.Move("COIL", "C1", Decimal(50), "RAW", "COUNT"),
        Cause("S1", "weighed", clock("08:20"), f"weigh/{weighed['act']}/9"),
    )
    (row,) = [row for row in hall.audit().rows if row.residual]
    assert (row.equation, row.subject[:7], row.residual) == ("weighed", "COIL C1", 50)
