"""Runs, segments, mounts and outputs, as acts make them."""

import threading

import pytest
from press_shop import Shop, clock

from database.connection import Connection, connect
from mes_bridge.refusal import Refused


@pytest.fixture
def shop(connection: Connection) -> Shop:
    return Shop(connection).furnish()


def test_a_scan_mounts_the_only_die_and_starts_with_setup(shop: Shop) -> None:
    shop.order("WO", "PIN")
    outcome = shop.do("08:00", "scan", work_order="WO")
    assert outcome["message"] == "run_opened"
    assert outcome["shown"]["die"] == "D4"
    assert outcome["shown"]["segment"] == "setup"
    assert outcome["shown"]["work_orders"] == ["WO"]
    assert outcome["shown"]["outputs"] == [
        {"item": "PIN", "work_order": "WO", "parts": "1/4", "closed_reason": None}
    ]


def test_first_article_starts_production_and_a_failed_one_does_not(shop: Shop) -> None:
    shop.order("WO", "BRK")
    shop.do("08:00", "scan", work_order="WO", die="D1")
    failed = shop.do("08:10", "first_article", passed=False)
    assert (failed["message"], failed["shown"]["segment"]) == ("first_article_failed", "setup")
    passed = shop.do("08:20", "first_article", passed=True)
    assert (passed["message"], passed["shown"]["segment"]) == ("first_article_passed", "production")
    assert shop.segments() == [("setup", "08:00", "08:20"), ("production", "08:20", None)]


def test_the_next_order_on_the_same_die_needs_no_setup(shop: Shop) -> None:
    shop.order("A", "BRK")
    shop.order("B", "BRK")
    shop.producing("08:00", "A", die="D1")
    outcome = shop.do("09:00", "scan", work_order="B")
    assert (outcome["message"], outcome["shown"]["segment"]) == ("run_opened", "production")
    assert shop.count("run") == 2
    assert shop.segments()[-1] == ("production", "09:00", None)


def test_mounting_the_die_again_means_setup_again(shop: Shop) -> None:
    shop.order("A", "BRK")
    shop.producing("08:00", "A", die="D1")
    mounted = shop.do("09:00", "mount", die="D1")
    assert mounted["shown"] == {"press": "P01", "die": "D1", "run": None}
    assert shop.do("09:10", "scan", work_order="A")["shown"]["segment"] == "setup"


def test_the_second_order_of_a_left_right_die_joins_the_run(shop: Shop) -> None:
    shop.order("L", "LEFT")
    shop.order("R", "RIGHT")
    first = shop.do("08:00", "scan", work_order="L")
    second = shop.do("08:30", "scan", work_order="R")
    again = shop.do("08:31", "scan", work_order="R")
    assert (second["message"], again["message"]) == ("run_joined", "run_running")
    assert first["run"] == second["run"] == again["run"]
    assert second["shown"]["work_orders"] == ["L", "R"]


def test_another_die_in_the_scan_closes_the_run_and_changes_the_die(shop: Shop) -> None:
    shop.order("L", "LEFT")
    shop.order("P", "PIN")
    shop.producing("08:00", "L")
    outcome = shop.do("09:00", "scan", work_order="P", die="D4")
    assert (outcome["shown"]["die"], outcome["shown"]["segment"]) == ("D4", "setup")
    assert shop.segments()[-2:] == [("production", "08:00", "09:00"), ("setup", "09:00", None)]


def test_a_die_carried_to_another_press_is_no_longer_on_the_first(shop: Shop) -> None:
    shop.order("P", "PIN")
    shop.do("08:00", "scan", work_order="P")
    with pytest.raises(Refused, match="run_open_elsewhere") as refused:
        shop.do("08:30", "mount", press="P02", die="D4")
    assert "P01" in refused.value.text("zh")
    shop.do("09:00", "finish")
    assert shop.do("09:10", "mount", press="P02", die="D4")["shown"]["die"] == "D4"
    with pytest.raises(Refused, match="no_die_mounted"):
        shop.do("09:20", "dismount")


def test_two_presses_cannot_start_the_same_die_at_once(shop: Shop, database: str) -> None:
    shop.order("P", "PIN")
    shop.order("Q", "PIN")
    shop.connection.commit()
    codes: list[str] = []
    started = threading.Barrier(2)

    def scan(press: str, order: str) -> None:
        with connect(database) as own:
            started.wait()
            try:
                Shop(own).do("08:00", "scan", press=press, work_order=order, die="D4")
                codes.append("opened")
            except Refused as refused:
                codes.append(refused.code)

    both = [threading.Thread(target=scan, args=pair) for pair in (("P01", "P"), ("P02", "Q"))]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert sorted(codes) == ["opened", "run_open_elsewhere"]


def test_dismount_ends_run_and_mounting(shop: Shop) -> None:
    shop.order("P", "PIN")
    shop.do("08:00", "scan", work_order="P")
    assert shop.do("09:00", "dismount")["shown"] == {"press": "P01", "die": None, "run": None}
    with pytest.raises(Refused, match="no_open_run"):
        shop.do("09:10", "finish")


def test_a_closed_cavity_gives_nothing_until_it_is_opened(shop: Shop) -> None:
    shop.order("L", "LEFT")
    shop.producing("08:00", "L")
    closed = shop.do("09:00", "output", item="RIGHT", open=False, reason="cavity_blocked")
    assert closed["shown"]["outputs"][1] == {
        "item": "RIGHT", "work_order": None, "parts": "0/1", "closed_reason": "cavity_blocked",
    }  # fmt: skip
    assert closed["shown"]["segment"] == "production"
    shop.do("09:10", "segment", kind="trial")
    opened = shop.do("09:20", "output", item="RIGHT", open=True)
    assert opened["shown"]["outputs"][1]["parts"] == "1/1"
    assert [each[1] for each in shop.segments()] == ["08:00", "09:00", "09:10", "09:20"]


def test_parts_per_stroke_change_on_their_date_within_the_run(shop: Shop) -> None:
    shop.order("B", "BRK")
    shop.connection.execute(
        "insert into erp.die_output values ('D1', 'BRK', %s, 2, 1)", [clock("10:00")]
    )
    shop.do("08:00", "scan", work_order="B", die="D1")
    shop.do("08:30", "first_article", passed=True)
    assert shop.segments() == [
        ("setup", "08:00", "08:30"), ("production", "08:30", "10:00"), ("production", "10:00", None)
    ]  # fmt: skip
    late = shop.do("10:30", "segment", kind="trial")
    assert late["shown"]["outputs"][0]["parts"] == "2/1"


def test_a_terminal_that_was_offline_tells_its_acts_later(shop: Shop) -> None:
    """Scan and finish of 08:00-09:00 arrive when the next order has been running since 09:30."""
    shop.order("A", "BRK")
    shop.order("B", "BRK")
    shop.do("07:00", "mount", die="D1")
    shop.producing("09:30", "B")
    shop.do("08:00", "scan", work_order="A", now="10:00")
    shop.do("08:05", "first_article", passed=True, now="10:00")
    finished = shop.do("09:00", "finish", now="10:00")
    assert finished["message"] == "finished"
    assert shop.segments() == [
        ("setup", "08:00", "08:05"), ("production", "08:05", "09:00"),
        ("production", "09:30", None),
    ]  # fmt: skip


def test_a_late_act_that_contradicts_what_is_there_is_refused(shop: Shop) -> None:
    shop.order("A", "BRK")
    shop.order("B", "BRK")
    shop.producing("08:00", "A", die="D1")
    shop.do("10:00", "finish")
    with pytest.raises(Refused, match="run_overlap"):
        shop.do("09:00", "scan", work_order="B", now="11:00")
    with pytest.raises(Refused, match="run_overlap"):
        shop.do("09:00", "finish", now="11:00")
    with pytest.raises(Refused, match="run_overlap"):
        shop.do("09:00", "mount", die="D4", now="11:00")
    assert shop.segments()[-1] == ("production", "08:00", "10:00")


def test_a_finish_before_someones_later_act_is_refused(shop: Shop) -> None:
    shop.order("A", "BRK")
    shop.do("08:00", "scan", work_order="A", die="D1")
    shop.do("09:30", "first_article", passed=True)
    with pytest.raises(Refused, match="run_overlap"):
        shop.do("09:00", "finish", now="10:00")


def test_a_late_change_of_kind_holds_until_the_next_one(shop: Shop) -> None:
    shop.order("L", "LEFT")
    shop.producing("08:00", "L")
    shop.do("09:00", "output", item="RIGHT", open=False, reason="cavity_blocked")
    shop.do("10:00", "segment", kind="maintenance")
    shop.do("08:30", "segment", kind="trial", now="10:30")
    assert [(kind, since) for kind, since, _ in shop.segments()] == [
        ("production", "08:00"), ("trial", "08:30"), ("trial", "09:00"), ("maintenance", "10:00"),
    ]  # fmt: skip


def test_two_scans_in_the_same_second_leave_an_empty_run(shop: Shop) -> None:
    shop.order("A", "BRK")
    shop.order("B", "BRK")
    shop.do("08:00", "scan", work_order="A", die="D1")
    outcome = shop.do("08:00", "scan", work_order="B")
    assert outcome["shown"]["work_orders"] == ["B"]
    assert shop.segments() == [("setup", "08:00", None)]


def test_a_coil_is_mounted_with_the_scan_and_changed_by_the_next(shop: Shop) -> None:
    shop.connection.execute("insert into erp.lot values ('COIL', 'C-1', %s)", [clock("06:00")])
    shop.connection.execute("insert into erp.lot values ('COIL', 'C-2', %s)", [clock("06:00")])
    shop.order("B", "BRK")
    first = shop.do("08:00", "scan", work_order="B", die="D1", lot="C-1")
    assert first["material"] == "COIL"
    second = shop.do("09:00", "scan", work_order="B", lot="C-2")
    assert second["message"] == "run_running"
    mounts = "select lot, lower(span), upper(span) from mes.material_mount order by id"
    assert shop.connection.execute(mounts).fetchall() == [
        ("C-1", clock("08:00"), clock("09:00")), ("C-2", clock("09:00"), None),
    ]  # fmt: skip


def test_an_assigned_interval_takes_the_die_that_was_mounted(shop: Shop) -> None:
    shop.order("L", "LEFT")
    shop.order("R", "RIGHT")
    shop.do("07:00", "mount", die="DLR")
    shop.strokes("08:30", 5)
    given = {"since": clock("08:00").isoformat(), "to": clock("09:00").isoformat()}
    left = shop.lead("10:00", "assign", work_order="L", **given)
    right = shop.lead("10:01", "assign", work_order="R", **given)
    assert left["run"] == right["run"]
    assert shop.segments() == [("production", "08:00", "09:00")]
    shop.order("L2", "LEFT")
    with pytest.raises(Refused, match="run_overlap"):
        shop.lead("10:02", "assign", work_order="L2", **given)


def test_intervals_that_cannot_be_assigned(shop: Shop) -> None:
    shop.order("P", "PIN")
    for since, to, code in [
        ("08:00", "08:00", "interval_empty"), ("08:00", "12:00", "interval_future"),
    ]:  # fmt: skip
        given = {"since": clock(since).isoformat(), "to": clock(to).isoformat()}
        with pytest.raises(Refused, match=code):
            shop.lead("10:00", "assign", work_order="P", **given)
