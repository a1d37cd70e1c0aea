"""What a person did is undone by an act of its own, and the books are as if it had not been."""

from typing import Any
from uuid import UUID

import pytest
from press_shop import Shop, clock

from database.connection import Connection
from mes_bridge.refusal import Refused


@pytest.fixture
def shop(connection: Connection) -> Shop:
    return Shop(connection).furnish()


def undo(shop: Shop, at: str, done: dict[str, object], who: str = "W1", **args: Any) -> str:
    """Undo what an act's outcome tells of; the kind of what was undone."""
    outcome = shop.do(at, "undo", press=None, who=who, of=str(done["act"]), **args)
    assert outcome["message"] == "undone"
    return outcome["undone"]


def code(shop: Shop, at: str, done: dict[str, object], who: str = "W1", **args: Any) -> str:
    with pytest.raises(Refused) as refused:
        undo(shop, at, done, who, **args)
    return refused.value.code


def making(shop: Shop, strokes: int = 100) -> None:
    shop.order("WO", "BRK")
    shop.producing("08:00", "WO", die="D1")
    shop.strokes("08:05", strokes)


def test_scrap_is_undone_by_who_told_it_and_counts_where_it_was_told(shop: Shop) -> None:
    making(shop)
    told = shop.do("08:06", "scrap", qty=50, reason="burr")
    assert undo(shop, "08:07", told) == "scrap"
    shop.report("08:15")
    assert shop.posted("WO") == {"good": 100}
    assert code(shop, "08:16", told) == "undo_twice"


def test_after_ten_minutes_the_leader_undoes_it_with_a_reason(shop: Shop) -> None:
    making(shop)
    told = shop.do("08:06", "scrap", qty=50, reason="burr")
    shop.report("08:15")
    assert code(shop, "08:17", told) == "undo_too_late"
    assert code(shop, "08:17", told, "S1") == "reason_missing"
    undo(shop, "08:18", told, "S1", reason="it was 5")
    shop.do("08:18", "scrap", qty=5, reason="burr")
    shop.report("08:30")
    assert shop.posted("WO") == {"good": 95, "scrap:burr": 5}


def test_the_reason_of_scrap_is_changed_by_undoing_and_declaring_anew(shop: Shop) -> None:
    """By who told it at once, later by the leader; what was posted for the old one is reversed."""
    making(shop)
    told = shop.do("08:06", "scrap", qty=5, reason="burr")
    undo(shop, "08:07", told)
    told = shop.do("08:07", "scrap", qty=5, reason="crack")
    shop.report("08:15")
    assert shop.posted("WO") == {"good": 95, "scrap:crack": 5}
    undo(shop, "08:20", told, "S1", reason="it was a burr")
    shop.lead("08:20", "scrap", qty=5, reason="burr", work_order="WO")
    shop.report("08:30")
    assert shop.posted("WO") == {"good": 95, "scrap:burr": 5}


def test_scrap_that_a_leader_took_back_is_not_undone_as_well(shop: Shop) -> None:
    making(shop)
    told = shop.do("08:06", "scrap", qty=50, reason="burr")
    shop.lead("08:07", "scrap", qty=-45, reason="burr")
    assert code(shop, "08:08", told) == "scrap_less_told"


def test_a_leader_takes_back_no_more_scrap_than_was_told_for_the_reason(shop: Shop) -> None:
    making(shop)
    shop.do("08:06", "scrap", qty=5, reason="burr")
    for qty, reason in ((-6, "burr"), (-1, "crack")):
        with pytest.raises(Refused) as refused:
            shop.lead("08:07", "scrap", qty=qty, reason=reason)
        assert refused.value.code == "scrap_less_told"


def test_a_wrong_order_scanned_is_as_if_it_had_not_been(shop: Shop) -> None:
    """20 strokes of the wrong order are the right one's again, reported ones too."""
    making(shop, 40)
    shop.order("WRONG", "BRK")
    wrong = shop.do("08:06", "scan", work_order="WRONG")
    shop.strokes("08:10", 20)
    shop.report("08:15")
    assert (shop.posted("WO"), shop.posted("WRONG")) == ({"good": 40}, {"good": 20})
    undo(shop, "08:15", wrong)
    assert shop.do("08:16", "scan", work_order="WO")["message"] == "run_running"
    shop.strokes("08:17", 5)
    shop.report("08:30")
    assert (shop.posted("WO"), shop.posted("WRONG")) == ({"good": 65}, {})
    assert shop.in_stock("BRK") == 65


def test_a_scan_with_another_die_gives_the_die_back(shop: Shop) -> None:
    making(shop, 40)
    shop.order("OTHER", "LEFT")
    wrong = shop.do("08:06", "scan", work_order="OTHER", die="DLR")
    undo(shop, "08:07", wrong)
    mounts = "select die, lower(span), upper(span) from mes.die_mount where not isempty(span)"
    assert shop.connection.execute(mounts).fetchall() == [("D1", clock("08:00"), None)]


def test_what_was_done_after_it_comes_first(shop: Shop) -> None:
    making(shop, 40)
    shop.order("WRONG", "BRK")
    wrong = shop.do("08:06", "scan", work_order="WRONG")
    finish = shop.do("08:08", "finish")
    assert code(shop, "08:09", wrong) == "undo_followed"
    undo(shop, "08:09", finish)
    undo(shop, "08:09", wrong)
    assert shop.do("08:10", "scan", work_order="WO")["message"] == "run_running"


def test_an_order_that_was_finished_too_early_goes_on(shop: Shop) -> None:
    making(shop, 40)
    finish = shop.do("08:06", "finish")
    shop.strokes("08:08", 10)
    undo(shop, "08:09", finish)
    shop.report("08:15")
    assert shop.posted("WO") == {"good": 50}


def test_a_coil_scanned_by_mistake_gives_the_press_back_to_the_one_before(shop: Shop) -> None:
    for lot in ("C-1", "C-2"):
        shop.connection.execute(
            "insert into erp.lot values ('COIL', %s, %s)", [lot, clock("06:00")]
        )
    shop.order("WO", "BRK")
    shop.producing("08:00", "WO", die="D1", lot="C-1")
    wrong = shop.do("08:02", "scan", work_order="WO", lot="C-2")
    shop.strokes("08:05", 40)
    undo(shop, "08:06", wrong)
    shop.report("08:15")
    uses = "select lot, parts from erp.report_use"
    assert shop.connection.execute(uses).fetchall() == [("C-1", 40)]


def test_kinds_of_segments_come_back(shop: Shop) -> None:
    shop.order("WO", "BRK")
    shop.do("08:00", "scan", work_order="WO", die="D1")
    passed = shop.do("08:01", "first_article", passed=True)
    shop.strokes("08:02", 10)
    undo(shop, "08:03", passed)
    trial = shop.do("08:04", "segment", kind="trial")
    undo(shop, "08:05", trial)
    shop.report("08:15")
    assert shop.posted("WO") == {"setup": 10}


def test_a_closed_cavity_is_open_again_from_then_on(shop: Shop) -> None:
    shop.order("L", "LEFT")
    shop.producing("08:00", "L", die="DLR")
    closed = shop.do("08:01", "output", item="LEFT", open=False, reason="cavity_blocked")
    shop.strokes("08:02", 10)
    undo(shop, "08:03", closed)
    shop.report("08:15")
    assert shop.posted("L") == {"good": 10}


def test_a_stop_is_said_to_be_what_was_said_before(shop: Shop) -> None:
    shop.do("08:30", "stop_reason", since=clock("08:00").isoformat(),
            to=clock("08:20").isoformat(), reason="material")  # fmt: skip
    wrong = shop.do("08:31", "stop_reason", since=clock("08:10").isoformat(),
                    to=clock("08:25").isoformat(), reason="die_repair")  # fmt: skip
    undo(shop, "08:32", wrong)
    rows = shop.connection.execute(
        "select reason, lower(span), upper(span) from mes.stop_reason order by span"
    ).fetchall()
    assert {reason for reason, _, _ in rows} == {"material"}
    assert (rows[0][1], rows[-1][2]) == (clock("08:00"), clock("08:20"))


def test_assigned_strokes_belong_to_nobody_again(shop: Shop) -> None:
    shop.order("WO", "BRK")
    shop.do("07:59", "mount", die="D1")
    shop.strokes("08:05", 30)
    span = {"since": clock("08:00").isoformat(), "to": clock("08:10").isoformat()}
    given = shop.lead("08:11", "assign", work_order="WO", **span)
    assert shop.posted("WO") == {"good": 30}
    undo(shop, "08:12", given, "S1")
    assert (shop.posted("WO"), shop.in_stock("BRK")) == ({}, 0)


def test_decisions_are_undone_by_who_decides(shop: Shop) -> None:
    making(shop)
    shop.report("08:15")
    back = shop.lead("08:16", "reverse", press=None, report="WO/BRK/1", reason="order_wrong")
    assert shop.in_stock("BRK") == 0
    assert code(shop, "08:17", back) == "not_allowed"
    undo(shop, "08:17", back, "S1")
    assert shop.in_stock("BRK") == 100
    assert code(shop, "08:18", back, "S1") == "undo_twice"


def test_what_cannot_be_undone_says_so(shop: Shop) -> None:
    making(shop)
    mounted = shop.do("08:06", "mount", die="DLR")
    assert code(shop, "08:07", mounted) == "undo_cannot"
    with pytest.raises(Refused) as refused:
        shop.do("08:07", "undo", press=None, of=str(UUID(int=7)))
    assert refused.value.code == "undo_unknown"


def test_others_do_not_undo_it(shop: Shop) -> None:
    making(shop)
    shop.connection.execute("update people.person set lines = '{}' where code = 'W2'")
    told = shop.do("08:06", "scrap", qty=5, reason="burr")
    assert code(shop, "08:07", told, "W2") == "undo_not_yours"
