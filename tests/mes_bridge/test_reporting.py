"""Reports told as stories; every number is worked out beside it."""

import threading

import pytest
from notices import open_for
from press_shop import Shop, clock

from database.connection import Connection, connect
from erp_core.production import work_orders
from mes_bridge import attention
from mes_bridge.refusal import Refused
from mes_bridge.reporting import reporting


@pytest.fixture
def shop(connection: Connection) -> Shop:
    return Shop(connection).furnish()


def test_a_plain_run_is_reported_each_quarter_hour_and_at_its_end(shop: Shop) -> None:
    """40 by 08:15, 25 more by the finish; the stroke at 08:15 itself belongs to the next report."""
    shop.order("WO", "BRK")
    shop.producing("08:00", "WO", die="D1")
    shop.strokes("08:14:59", 40)
    shop.strokes("08:15", 25)
    assert [r.good for r in shop.report("08:15")] == [40]
    assert shop.report("08:15") == []
    finished = shop.do("08:20", "finish")
    assert [(r["report"], r["good"], r["state"]) for r in finished["reports"]] == [
        ("WO/BRK/2", 25, "accepted")
    ]
    assert shop.report("08:30") == []
    assert shop.posted("WO") == {"good": 65}
    assert shop.in_stock("BRK") == 65


def test_a_quarter_hour_that_comes_after_the_finish_takes_nothing_back(shop: Shop) -> None:
    """The timer of 08:15 fires with grace, after a finish at 08:15:02 was told."""
    shop.order("WO", "BRK")
    shop.producing("08:00", "WO", die="D1")
    shop.strokes("08:10", 40)
    shop.strokes("08:15:01", 2)
    shop.do("08:15:02", "finish")
    reporting.propose(shop.connection, clock("08:15"), clock("08:15:05"))
    assert shop.reports("WO") == [(1, 42, 0, 0, "accepted")]


def test_a_backlog_that_comes_after_the_end_is_reported_later(shop: Shop) -> None:
    shop.order("WO", "BRK")
    shop.producing("08:00", "WO", die="D1")
    shop.do("08:10", "finish")
    shop.strokes("08:09", 33)
    shop.report("08:15")
    assert shop.reports("WO") == [(1, 33, 0, 0, "accepted")]


def test_left_and_right_join_and_the_right_part_counts_from_the_start(shop: Shop) -> None:
    """30 strokes before the right order is scanned at 08:20, 12 after: 42 of each."""
    shop.order("L", "LEFT")
    shop.order("R", "RIGHT")
    shop.producing("08:00", "L")
    shop.strokes("08:10", 30)
    shop.report("08:15")
    assert shop.posted() == {"good": 30, "unattributed": 30}
    shop.do("08:20", "scan", work_order="R")
    shop.strokes("08:25", 12)
    shop.report("08:30")
    assert shop.posted("L") == {"good": 42}
    assert shop.posted("R") == {"good": 42}
    assert shop.reports("R") == [(1, 42, 0, 0, "accepted")]


def test_one_part_per_four_strokes_over_segments_and_two_shifts(shop: Shop) -> None:
    """10 strokes in setup: 2.5 -> 2. 7 more: 17/4 -> 4, so 2 good. 9 at night: 26/4 -> 6, so 2."""
    shop.order("P", "PIN")
    shop.do("19:00", "scan", work_order="P")
    shop.strokes("19:10", 10)
    shop.do("19:20", "first_article", passed=True)
    shop.strokes("19:30", 7)
    shop.strokes("20:05", 9)
    shop.report("20:15")
    assert shop.posted(shift="day") == {"setup": 2, "good": 2}
    assert shop.posted(shift="night") == {"good": 2}
    assert shop.reports("P") == [(1, 2, 0, 2, "accepted"), (2, 2, 0, 0, "accepted")]


def test_setup_first_article_trial_and_maintenance_make_no_good_part(shop: Shop) -> None:
    shop.order("WO", "BRK")
    shop.do("08:00", "scan", work_order="WO", die="D1")
    for at, kind, strokes in [
        ("08:05", "first_article", 5), ("08:10", "trial", 1), ("08:15", "maintenance", 4),
        ("08:20", "production", 3), ("08:25", "setup", 20),
    ]:  # fmt: skip
        shop.strokes(at, strokes)  # at the border: the later segment's
        shop.do(at, "segment", kind=kind)
    shop.do("08:30", "finish")
    assert shop.posted("WO") == {
        "sample": 5, "trial": 1, "maintenance": 4, "good": 3, "setup": 20,
    }  # fmt: skip
    assert shop.reports("WO") == [(1, 3, 0, 30, "accepted")]
    assert shop.in_stock("BRK") == 3


def test_scrap_told_after_the_report_takes_good_parts_back(shop: Shop) -> None:
    """50 made and reported, then 4 burrs; after the run 2 cracks. 50 - 6 = 44."""
    shop.order("WO", "BRK")
    shop.producing("08:00", "WO", die="D1")
    shop.strokes("08:10", 50)
    shop.report("08:15")
    shop.do("08:20", "scrap", qty=4, reason="burr")
    shop.do("08:25", "finish")
    shop.do("08:40", "scrap", qty=2, reason="crack")
    shop.report("08:45")
    assert shop.posted("WO") == {"good": 44, "scrap:burr": 4, "scrap:crack": 2}
    assert shop.reports("WO") == [
        (1, 50, 0, 0, "accepted"), (2, -4, 0, 4, "accepted"), (3, -2, 0, 2, "accepted"),
    ]  # fmt: skip
    assert shop.in_stock("BRK") == 44


def test_scrap_at_the_quarter_hour_waits_for_the_next_report(shop: Shop) -> None:
    shop.order("WO", "BRK")
    shop.producing("08:00", "WO", die="D1")
    shop.strokes("08:10", 50)
    shop.do("08:15", "scrap", qty=4, reason="burr")
    shop.report("08:15")
    assert shop.posted("WO") == {"good": 50}
    shop.report("08:30")
    assert shop.posted("WO") == {"good": 46, "scrap:burr": 4}


def test_over_production_waits_and_scrap_frees_room_for_it(shop: Shop) -> None:
    """Order 100, tolerance 10 %: good up to 110. Made 118: 8 excess. 5 scrap: 3 excess."""
    shop.order("WO", "BRK", 100)
    shop.producing("08:00", "WO", die="D1")
    shop.strokes("08:10", 118)
    shop.report("08:15")
    assert shop.reports("WO") == [(1, 110, 0, 0, "accepted"), (2, 0, 8, 0, "waiting")]
    assert shop.in_stock("BRK") == 110
    with pytest.raises(Refused, match="report_excess"):
        shop.lead("08:16", "accept", press=None, report="WO/BRK/2")
    shop.do("08:20", "scrap", qty=5, reason="burr")
    shop.report("08:30")
    assert shop.posted("WO") == {"good": 110, "excess": 3, "scrap:burr": 5}
    assert shop.reports("WO")[1:] == [(2, 0, 3, 0, "waiting"), (3, 0, 0, 5, "accepted")]
    assert shop.in_stock("BRK") == 110


def test_excess_that_waits_grows_and_is_withdrawn_when_the_order_wants_it(shop: Shop) -> None:
    """Good up to 110: 118 made, then 130: one report of 20 waits. Ordered 200: nothing does."""
    shop.order("WO", "BRK", 100)
    shop.producing("08:00", "WO", die="D1")
    shop.strokes("08:10", 118)
    shop.report("08:15")
    shop.strokes("08:20", 12)
    shop.report("08:30")
    assert shop.reports("WO") == [(1, 110, 0, 0, "accepted"), (2, 0, 20, 0, "waiting")]
    work_orders.change(shop.connection, "WO", 200, None)
    shop.report("08:45")
    assert shop.reports("WO")[1:] == [(2, 0, 0, 0, "withdrawn"), (3, 20, 0, 0, "accepted")]
    assert open_for(shop.connection, "leader", ["L1"]) == []


def test_excess_becomes_another_orders_part_by_part_and_never_ordinary_stock(shop: Shop) -> None:
    """30 too many: 12 for WO2, which wants 12; 10 scrap; 8 surplus."""
    shop.order("WO", "BRK", 100)
    shop.order("WO2", "BRK", 12)
    shop.order("L", "LEFT", 50)
    shop.producing("08:00", "WO", die="D1")
    shop.strokes("08:10", 140)
    shop.report("08:15")

    def decide(report: str, to: str, **args: object) -> dict[str, object]:
        return shop.lead("08:16", "dispose", press=None, report=report, to=to, **args)

    for code, args in (
        ("excess_no_room", {"work_order": "WO2"}), ("excess_other_item", {"work_order": "L"}),
        ("excess_same_order", {"work_order": "WO"}), ("work_order_unknown", {"work_order": "NO"}),
        ("args_wrong", {}), ("excess_less", {"work_order": "WO2", "qty": 31}),
    ):  # fmt: skip
        with pytest.raises(Refused, match=code):
            decide("WO/BRK/2", "order", **args)
    with pytest.raises(Refused, match="report_wrong_state"):
        decide("WO/BRK/1", "surplus")
    decide("WO/BRK/2", "order", work_order="WO2", qty=12)
    decide("WO/BRK/3", "scrap", qty=10)
    decide("WO/BRK/4", "surplus")
    assert shop.posted("WO") == {"good": 110, "transfer": 12, "scrap:overrun": 10, "surplus": 8}
    assert shop.posted("WO2") == {"good": 12, "transfer": -12}
    assert shop.in_stock("BRK") == 110 + 12  # the surplus lies apart
    ordinary = shop.connection.execute(
        "select sum(in_stock) from board.work_order_progress where item = 'BRK'"
    ).fetchone()
    assert ordinary == (122,)
    shop.lead("08:20", "reverse", press=None, report="WO/BRK/2", reason="order_wrong")
    assert shop.posted("WO2") == {}
    assert shop.reports("WO")[-1] == (5, 0, 12, 0, "waiting")
    assert shop.report("08:30") == []


def test_a_full_order_may_change_its_coil_and_take_missed_strokes_but_not_start_again(
    shop: Shop,
) -> None:
    """Order 38, good up to 41: 38 in the run, 2 before it."""
    shop.connection.execute("insert into erp.lot values ('COIL', 'C-1', %s)", [clock("06:00")])
    shop.order("WO", "BRK", 38)
    shop.do("07:50", "mount", die="D1")
    shop.producing("08:00", "WO")
    shop.strokes("08:10", 38)
    shop.report("08:15")
    assert shop.do("08:16", "scan", work_order="WO", lot="C-1")["message"] == "run_running"
    shop.strokes("07:55", 2)
    shop.do("08:20", "finish")
    with pytest.raises(Refused, match="work_order_finished"):
        shop.do("08:21", "scan", work_order="WO")
    given = {"since": clock("07:50").isoformat(), "to": clock("08:00").isoformat()}
    shop.lead("08:22", "assign", work_order="WO", **given)
    assert shop.posted("WO") == {"good": 40}


def test_an_order_on_two_presses_is_full_once(shop: Shop) -> None:
    """Order 100 (good up to 110): 80 on P01 from 08:10, 50 on P02 from 08:12: 110 good, 20 over."""
    shop.order("WO", "BRK", 100)
    shop.connection.execute("insert into erp.die (code) values ('D2')")
    shop.connection.execute("insert into erp.die_output values ('D2', 'BRK', '-infinity', 1, 1)")
    shop.producing("08:00", "WO", die="D1")
    shop.producing("08:00", "WO", press="P02", die="D2")
    shop.strokes("08:10", 80)
    shop.strokes("08:12", 50, press="P02")
    shop.report("08:15")
    assert shop.posted("WO") == {"good": 110, "excess": 20}
    assert sorted(shop.reports("WO")) == [
        (1, 80, 0, 0, "accepted"), (2, 30, 0, 0, "accepted"), (3, 0, 20, 0, "waiting"),
    ]  # fmt: skip


def test_three_stray_strokes_wait_alone_and_hold_no_report(shop: Shop) -> None:
    """3 strokes before the scan, 900 after it: the 900 are in stock, the 3 wait. Assigned: 903."""
    shop.order("WO", "BRK")
    shop.do("07:50", "mount", die="D1")
    shop.strokes("08:05", 3)
    shop.producing("08:06", "WO")
    shop.strokes("08:10", 900)
    report = shop.report("08:15")[0]
    assert (report.state, report.flags) == ("accepted", [])
    assert shop.in_stock("BRK") == 900
    attention.raise_due(shop.connection, clock("08:15"))
    waiting = open_for(shop.connection, "leader", ["L1"])
    assert [(each.kind, each.subject) for each in waiting] == [("unattributed", "P01")]
    assigned = shop.lead(
        "08:20", "assign", work_order="WO",
        since=clock("08:00").isoformat(), to=clock("08:06").isoformat(),
    )  # fmt: skip
    assert [(r["good"], r["state"]) for r in assigned["reports"]] == [(3, "accepted")]
    assert shop.posted("WO") == {"good": 903}
    assert shop.in_stock("BRK") == 903
    attention.raise_due(shop.connection, clock("08:21"))
    assert open_for(shop.connection, "leader", ["L1"]) == []


def test_a_report_that_waits_says_so_at_the_press(shop: Shop) -> None:
    shop.order("WO", "BRK", 10)
    shop.producing("08:06", "WO", die="D1")
    shop.strokes("08:10", 40)
    finished = shop.do("08:12", "finish")
    assert finished["message"] == "reported_waiting"
    assert [report["flags"] for report in finished["reports"]] == [[], ["excess"]]


def hold(shop: Shop, since: str, at: str) -> None:
    shop.connection.execute(
        "insert into mes.counter_event (press, n, channel, kind, from_at, at, amount, held) "
        "values ('P01', 1, 1, 'jump', %s, %s, 9000, true)",
        [clock(since), clock(at)],
    )


def test_a_held_count_makes_the_report_of_its_own_run_wait(shop: Shop) -> None:
    shop.order("WO", "BRK")
    shop.producing("08:00", "WO", die="D1")
    shop.strokes("08:10", 40)
    hold(shop, "08:09", "08:10")
    assert shop.report("08:15")[0].flags == ["held"]


@pytest.mark.parametrize("since", ["05:00", "07:40"])
def test_a_held_count_of_an_earlier_shift_or_run_holds_nothing(shop: Shop, since: str) -> None:
    shop.order("WO", "BRK")
    shop.order("WO2", "BRK")
    shop.producing("04:00", "WO2", die="D1")
    shop.do("07:55", "finish")
    hold(shop, since, "07:45")
    shop.producing("08:00", "WO")
    shop.strokes("08:10", 40)
    assert [report.flags for report in shop.report("08:15")] == [[]]


def test_a_rejected_report_is_adjusted_and_its_scrap_told_again(shop: Shop) -> None:
    """75 made, 5 scrap: 70 good rejected. Next: only the 5 scrap. Then 10 more good."""
    shop.order("WO", "BRK")
    shop.producing("08:02", "WO", die="D1")
    hold(shop, "08:09", "08:10")
    shop.strokes("08:10", 75)
    shop.do("08:11", "scrap", qty=5, reason="burr")
    shop.report("08:15")
    shop.lead("08:16", "reject", press=None, report="WO/BRK/1", reason="order_wrong")
    assert shop.posted("WO") == {"adjust": 70}
    shop.report("08:30")
    assert shop.posted("WO") == {"adjust": 70, "scrap:burr": 5}
    shop.strokes("08:40", 10)
    shop.report("08:45")
    assert shop.posted("WO") == {"adjust": 70, "scrap:burr": 5, "good": 10}
    assert shop.reports("WO") == [
        (1, 70, 0, 5, "rejected"), (2, 0, 0, 5, "accepted"), (3, 10, 0, 0, "accepted"),
    ]  # fmt: skip
    assert shop.report("08:45") == []


def test_a_reversed_report_leaves_stock_and_waits_until_it_is_rejected(shop: Shop) -> None:
    shop.order("WO", "BRK")
    shop.producing("08:00", "WO", die="D1")
    shop.strokes("08:10", 60)
    shop.do("08:11", "scrap", qty=3, reason="burr")
    shop.report("08:15")
    assert shop.in_stock("BRK") == 57
    done = shop.lead("08:20", "reverse", press=None, report="WO/BRK/1", reason="order_wrong")
    assert done["message"] == "report_reversed"
    assert shop.in_stock("BRK") == 0
    assert shop.report("08:30") == []
    assert shop.posted("WO") == {"good": 57, "scrap:burr": 3}
    shop.lead("08:35", "reject", press=None, report="WO/BRK/1", reason="order_wrong")
    shop.report("08:45")
    assert shop.posted("WO") == {"adjust": 57, "scrap:burr": 3}
    assert shop.report("09:00") == []


def test_a_report_reversed_by_mistake_is_accepted_again(shop: Shop) -> None:
    shop.order("WO", "BRK")
    shop.producing("08:00", "WO", die="D1")
    shop.strokes("08:10", 60)
    shop.report("08:15")
    shop.lead("08:20", "reverse", press=None, report="WO/BRK/1", reason="order_wrong")
    shop.lead("08:21", "accept", press=None, report="WO/BRK/1")
    assert (shop.in_stock("BRK"), shop.posted("WO")) == (60, {"good": 60})


def test_a_report_rejected_by_mistake_comes_again_when_it_is_accepted(shop: Shop) -> None:
    shop.order("WO", "BRK")
    shop.producing("08:00", "WO", die="D1")
    shop.strokes("08:10", 60)
    shop.do("08:11", "scrap", qty=3, reason="burr")
    shop.report("08:15")
    shop.lead("08:20", "reverse", press=None, report="WO/BRK/1", reason="order_wrong")
    shop.lead("08:21", "reject", press=None, report="WO/BRK/1", reason="order_wrong")
    shop.report("08:30")
    done = shop.lead("08:31", "accept", press=None, report="WO/BRK/1")
    assert (done["message"], done["good"]) == ("report_accepted", 57)
    assert (shop.in_stock("BRK"), shop.posted("WO")) == (57, {"good": 57, "scrap:burr": 3})
    assert shop.report("08:45") == []


def test_rejected_excess_makes_no_room_and_no_more_excess(shop: Shop) -> None:
    """Good up to 110; 120 made, the 10 rejected. 5 more made: in excess, the order is full."""
    shop.order("WO", "BRK", 100)
    shop.producing("08:00", "WO", die="D1")
    shop.strokes("08:10", 120)
    shop.report("08:15")
    shop.lead("08:16", "reject", press=None, report="WO/BRK/2", reason="order_wrong")
    shop.strokes("08:20", 5)
    shop.report("08:30")
    assert shop.posted("WO") == {"adjust": 10, "good": 110, "excess": 5}


def test_a_late_correction_of_the_kind_posts_only_the_difference(shop: Shop) -> None:
    """30 good posted by 08:15; then it turns out that from 08:08 it was a trial: 20 of them."""
    shop.order("WO", "BRK")
    shop.producing("08:00", "WO", die="D1")
    shop.strokes("08:05", 10)
    shop.strokes("08:10", 20)
    shop.report("08:15")
    shop.do("08:08", "segment", kind="trial", now="08:20")
    shop.report("08:30")
    assert shop.posted("WO") == {"good": 10, "trial": 20}
    assert shop.reports("WO") == [(1, 30, 0, 0, "accepted"), (2, -20, 0, 20, "accepted")]


def test_a_gap_over_the_run_border_belongs_to_nobody_until_assigned(shop: Shop) -> None:
    shop.order("WO", "BRK")
    shop.do("07:50", "mount", die="D1")
    shop.producing("08:10", "WO")
    shop.strokes("08:12", 50, since="08:02", unseen=True)
    assert shop.report("08:15") == []
    given = {"since": clock("08:02").isoformat(), "to": clock("08:12").isoformat()}
    assigned = shop.lead("08:20", "assign", work_order="WO", **given)
    assert [r["good"] for r in assigned["reports"]] == [50]
    assert shop.posted("WO") == {"good": 50}


def test_an_output_without_an_order_is_posted_without_a_report(shop: Shop) -> None:
    shop.order("L", "LEFT")
    shop.producing("08:00", "L")
    shop.strokes("08:10", 30)
    shop.do("08:11", "scrap", item="RIGHT", qty=2, reason="burr")
    shop.report("08:15")
    assert shop.posted() == {"good": 30, "unattributed": 28, "scrap:burr": 2}
    row = shop.connection.execute(
        "select count(*) from mes.posting where report is null and kind <> 'good'"
    ).fetchone()
    assert row == (2,)


def test_without_a_shift_pattern_reports_have_no_shift(shop: Shop) -> None:
    shop.connection.execute("delete from plant.shift_break")
    shop.connection.execute("delete from plant.shift")
    shop.order("WO", "BRK")
    shop.producing("08:00", "WO", die="D1")
    shop.strokes("08:10", 40)
    assert [(r.shift, r.good) for r in shop.report("08:15")] == [(None, 40)]
    assert shop.report("08:15") == []


def test_one_press_alone_is_reported_when_asked_for(shop: Shop) -> None:
    shop.order("WO", "BRK")
    shop.order("P", "PIN")
    shop.producing("08:00", "WO", die="D1")
    shop.producing("08:00", "P", press="P02")
    shop.strokes("08:10", 40)
    shop.strokes("08:10", 40, press="P02")
    assert [r.name for r in shop.report("08:15", press="P02")] == ["P/PIN/1"]
    assert [r.name for r in shop.report("08:15")] == ["WO/BRK/1"]


def test_a_correction_of_an_old_run_is_reported_when_someone_asks_or_the_figures_differ(
    shop: Shop,
) -> None:
    """Made 40 on day 0. Day 5: a backlog brings 3 more. Day 30: 2 of the old parts are scrap."""
    shop.order("WO", "BRK")
    shop.producing("08:00", "WO", die="D1")
    shop.strokes("08:10", 40)
    shop.do("08:20", "finish")
    assert shop.report("5 08:15") == []
    shop.strokes("08:12", 3)
    assert [r.good for r in shop.report("5 08:30")] == [3]
    shop.do("30 09:00", "scrap", qty=2, reason="crack")
    assert shop.report("30 09:15") == []
    timers = shop.connection.execute("select name, due from mes.timer").fetchall()
    assert timers == [("run:1", clock("30 09:15"))]
    reporting.propose(shop.connection, None, clock("30 09:15"), run=1)
    assert shop.posted("WO") == {"good": 41, "scrap:crack": 2}


def test_scrap_of_an_old_run_makes_room_for_the_excess_of_a_later_one(shop: Shop) -> None:
    """Good up to 110: 100 on day 0, 20 on day 1: 10 excess. On day 2, 4 of the first are scrap."""
    shop.order("WO", "BRK", 100)
    shop.producing("08:00", "WO", die="D1")
    shop.strokes("08:10", 100)
    shop.do("08:20", "finish")
    shop.connection.execute("update erp.work_order set state = 'running'")
    shop.do("1 08:00", "scan", work_order="WO")
    shop.strokes("1 08:10", 20)
    shop.do("1 08:20", "finish")
    assert shop.posted("WO") == {"good": 110, "excess": 10}
    shop.do("08:20", "scrap", qty=4, reason="crack", now="3 08:00")
    shop.report("3 08:15")
    assert shop.posted("WO") == {"good": 110, "excess": 6, "scrap:crack": 4}


def test_two_proposers_at_once_write_one_report(shop: Shop, database: str) -> None:
    shop.order("WO", "BRK")
    shop.producing("08:00", "WO", die="D1")
    shop.strokes("08:10", 40)
    shop.connection.commit()
    made: list[int] = []
    started = threading.Barrier(2)

    def propose() -> None:
        with connect(database) as own:
            started.wait()
            made.append(len(reporting.propose(own, clock("08:15"), clock("08:15"))))

    both = [threading.Thread(target=propose) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert sorted(made) == [0, 1]
    assert shop.reports("WO") == [(1, 40, 0, 0, "accepted")]


def test_the_lot_names_order_and_run_and_material_comes_from_the_mounted_coil(shop: Shop) -> None:
    shop.connection.execute("insert into erp.lot values ('COIL', 'C-1', %s)", [clock("06:00")])
    shop.order("WO", "BRK")
    started = shop.do("08:00", "scan", work_order="WO", die="D1", lot="C-1")
    shop.strokes("08:10", 40)
    report = shop.report("08:15")[0]
    assert report.lot == f"WO-{started['run']}"
    uses = "select component, lot, parts from erp.report_use where report = %s"
    assert shop.connection.execute(uses, [report.id]).fetchall() == [("COIL", "C-1", 40)]
