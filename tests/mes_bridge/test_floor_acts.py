"""What goes wrong at a press: wrong papers, wrong cards, late reasons, first articles that fail."""

from typing import Any

import pytest
from notices import open_for
from press_shop import Shop, clock

from database.connection import Connection
from mes_bridge.refusal import Refused


@pytest.fixture
def shop(connection: Connection) -> Shop:
    return Shop(connection).furnish()


def refused(shop: Shop, at: str, act: str, **args: Any) -> Refused:
    """The refusal of an act; nothing may have been written."""
    before = shop.count("act"), shop.count("run"), shop.count("stop_reason")
    with pytest.raises(Refused) as raised:
        shop.do(at, act, **args)
    assert (shop.count("act"), shop.count("run"), shop.count("stop_reason")) == before
    return raised.value


def states(shop: Shop, *spans: tuple[str, str, str]) -> None:
    """What the press did; where it ends to run there is a stroke."""
    shop.connection.execute("delete from mes.press_state")
    for since, to, state in spans:
        shop.connection.execute(
            "insert into mes.press_state values ('P01', tstzrange(%s, %s), %s)",
            [clock(since), clock(to) if to else None, state],
        )
        if state == "running" and to:
            shop.strokes(to, 1)


@pytest.mark.parametrize(("act", "args"), [
    ("stop_reason", {"reason": "nope"}), ("stop_reason", {"reason": "burr"}),
    ("stop_reason", {"reason": "<b>material</b>"}), ("scrap", {"qty": 1, "reason": "material"}),
    ("scrap", {"qty": 1, "reason": "nope"}), ("scrap", {"qty": 1, "reason": "Burr"}),
    ("output", {"item": "BRK", "open": False, "reason": "burr"}),
    ("output", {"item": "BRK", "open": True, "reason": "<i>"}),
])  # fmt: skip
def test_a_reason_that_the_plant_does_not_know_for_this_is_refused(
    shop: Shop, act: str, args: dict[str, Any]
) -> None:
    shop.order("A", "BRK")
    shop.producing("08:00", "A", die="D1")
    shop.strokes("08:10", 50)
    assert refused(shop, "08:20", act, **args).code == "reason_unknown"


@pytest.mark.parametrize("act", ["reject", "reverse"])
def test_a_report_is_not_declined_for_an_unknown_reason(shop: Shop, act: str) -> None:
    shop.order("A", "BRK", 10)
    shop.producing("08:00", "A", die="D1")
    shop.strokes("08:10", 50)
    shop.report("08:15")
    with pytest.raises(Refused, match="reason_unknown"):
        shop.lead("08:20", act, press=None, report="A/BRK/1", reason="because")


def test_a_plants_own_reason_is_known(shop: Shop) -> None:
    shop.connection.execute("insert into erp.reason (kind, code) values ('stop', '设备点检')")
    states(shop, ("09:00", "", "stopped"))
    done = shop.do("09:10", "stop_reason", reason="设备点检")
    assert (done["from"], done["to"]) == (clock("09:00").isoformat(), None)


def test_a_card_scanned_while_the_press_stands_means_that_stop(shop: Shop) -> None:
    states(shop, ("08:00", "09:00", "running"), ("09:00", "", "stopped"))
    done = shop.do("09:10", "stop_reason", reason="material")
    assert (done["message"], done["from"], done["to"]) == ("stop_reason", iso("09:00"), None)


def test_a_card_scanned_late_means_the_last_stop_that_nobody_explained(shop: Shop) -> None:
    states(
        shop, ("08:00", "08:20", "stopped"), ("08:20", "09:00", "running"),
        ("09:00", "09:08", "stopped"), ("09:08", "09:20", "running"),
        ("09:20", "09:20:10", "stopped"), ("09:20:10", "", "running"),
    )  # fmt: skip
    first = shop.do("09:30", "stop_reason", reason="material")
    assert (first["message"], first["from"], first["to"]) == (
        "stop_reason_late", iso("09:00"), iso("09:08"),
    )  # fmt: skip
    second = shop.do("09:31", "stop_reason", reason="meal")
    assert (second["from"], second["to"]) == (iso("08:00"), iso("08:20"))
    assert refused(shop, "09:32", "stop_reason", reason="meal").code == "no_stop"


def test_a_card_of_an_offline_terminal_means_the_stop_of_its_own_time(shop: Shop) -> None:
    states(shop, ("09:00", "09:08", "stopped"), ("09:08", "10:00", "running"))
    done = shop.do("09:05", "stop_reason", now="10:30", reason="material")
    assert (done["from"], done["to"]) == (iso("09:00"), iso("09:08"))


def test_time_in_which_the_press_ran_is_no_stop(shop: Shop) -> None:
    states(shop, ("08:00", "09:00", "running"), ("09:00", "", "stopped"))
    ran: dict[str, Any] = {"since": iso("08:10"), "reason": "material"}
    assert refused(shop, "09:10", "stop_reason", **ran).code == "no_stop_then"
    assert refused(shop, "09:10", "stop_reason", to=iso("08:30"), **ran).code == "no_stop_then"
    shop.do("09:10", "stop_reason", to=iso("09:05"), **ran)  # part of it was a stop


def test_the_beginning_of_a_stop_may_be_explained_before_it_is_known_to_be_one(shop: Shop) -> None:
    states(shop, ("08:00", "09:00", "running"))
    shop.connection.execute("update mes.press_state set span = tstzrange(lower(span), null)")
    shop.do("09:00:20", "stop_reason", since=iso("09:00:05"), reason="material")


def test_a_reason_can_be_changed(shop: Shop) -> None:
    states(shop, ("09:00", "09:08", "stopped"), ("09:08", "", "running"))
    shop.do("09:10", "stop_reason", reason="material")
    shop.do("09:12", "stop_reason", since=iso("09:00"), to=iso("09:08"), reason="die_jam")
    rows = shop.connection.execute("select reason from mes.stop_reason").fetchall()
    assert rows == [("die_jam",)]


def test_a_wrong_paper_does_not_end_a_running_job_unless_it_is_said_to(shop: Shop) -> None:
    for code, item in (("A", "BRK"), ("B", "BRK"), ("L", "LEFT")):
        shop.order(code, item)
    shop.producing("08:00", "A", die="D1")
    told = refused(shop, "08:10", "scan", work_order="B", end=False)
    assert told.code == "job_running"
    assert "A" in told.text("zh")
    assert "B" in told.text("en")
    assert refused(shop, "08:10", "mount", die="D4", end=False).code == "job_running_die"
    assert refused(shop, "08:10", "dismount", end=False).code == "job_running_die"
    assert refused(shop, "08:10", "scan", work_order="X", end=False).code == "work_order_unknown"
    again = shop.do("08:11", "scan", work_order="A", end=False)
    assert again["message"] == "run_running"
    ended = shop.do("08:12", "scan", work_order="B", end=True)
    assert (ended["message"], ended["work_order"]) == ("run_opened", "B")


def test_the_other_part_of_the_die_joins_without_a_question(shop: Shop) -> None:
    shop.order("L", "LEFT")
    shop.order("R", "RIGHT")
    shop.producing("08:00", "L")
    joined = shop.do("08:10", "scan", work_order="R", end=False)
    assert joined["message"] == "run_joined"


def test_orders_dies_and_coils_are_read_as_they_are_scanned(shop: Shop) -> None:
    shop.order("A-1", "BRK")
    shop.connection.execute("insert into erp.lot values ('COIL', 'K7', '2026-03-01Z')")
    done = shop.do("08:00", "scan", work_order="ＷＯ：ａ－１", die="die:d1", lot="LOT:k7")
    assert (done["work_order"], done["material"]) == ("A-1", "COIL")
    assert shop.connection.execute("select die from mes.run").fetchone() == ("D1",)
    assert shop.connection.execute("select lot from mes.material_mount").fetchone() == ("K7",)


def test_a_first_article_that_fails_in_production_ends_the_good_parts_and_tells_people(
    shop: Shop,
) -> None:
    shop.order("A", "BRK")
    shop.producing("08:00", "A", die="D1")
    shop.strokes("08:10", 50)
    failed = shop.do("08:20", "first_article", passed=False)
    assert (failed["message"], failed["shown"]["segment"]) == ("production_stopped", "setup")
    shop.strokes("08:30", 7)
    told = [open_for(shop.connection, role, ["L1"]) for role in ("leader", "quality")]
    assert [[(n.kind, n.press) for n in some] for some in told] == [[("first_article", "P01")]] * 2
    shop.do("08:40", "first_article", passed=True)
    shop.strokes("08:50", 20)
    shop.report("09:00")
    assert shop.posted("A") == {"good": 70, "setup": 7}
    assert open_for(shop.connection, "quality", ["L1"]) == []


def test_ending_the_job_does_not_make_a_failed_first_article_pass(shop: Shop) -> None:
    shop.order("A", "BRK")
    shop.order("B", "BRK")
    shop.producing("08:00", "A", die="D1")
    shop.do("08:20", "first_article", passed=False)
    shop.do("08:21", "finish")
    assert shop.do("08:22", "scan", work_order="B")["shown"]["segment"] == "setup"
    shop.do("08:30", "first_article", passed=True)
    shop.do("08:31", "finish")
    assert shop.do("08:32", "scan", work_order="A")["shown"]["segment"] == "production"


def with_inspector(shop: Shop, lines: str = "{L1}") -> None:
    shop.connection.execute(
        "insert into people.person (code, name, role, lines) "
        "values ('Q1', 'Zhou Jing', 'quality', %s)",
        [lines],
    )


def test_where_an_inspector_works_operators_do_not_release_production(shop: Shop) -> None:
    with_inspector(shop)
    shop.order("A", "BRK")
    shop.do("08:00", "scan", work_order="A", die="D1")
    told = refused(shop, "08:10", "first_article", passed=True)
    assert told.code == "not_released_by"
    assert "Zhou Jing" in told.text("zh")
    assert refused(shop, "08:10", "segment", kind="production").code == "not_released_by"
    shop.do("08:11", "segment", kind="trial")
    assert refused(shop, "08:12", "segment", kind="production").code == "not_released_by"
    shop.do("08:13", "first_article", passed=False)  # anybody may say that it is wrong
    for who in ("Q1", "S1"):
        done = shop.do("08:14", "first_article", who=who, passed=True)
        assert done["shown"]["segment"] == "production"
    shop.do("08:15", "segment", kind="production")  # it is already: nothing is released


@pytest.mark.parametrize("lines", ["{L2}", None])
def test_where_no_inspector_works_operators_release_production(
    shop: Shop, lines: str | None
) -> None:
    if lines:
        with_inspector(shop, lines)
    shop.order("A", "BRK")
    shop.do("08:00", "scan", work_order="A", die="D1")
    passed = shop.do("08:10", "first_article", passed=True)
    assert passed["shown"]["segment"] == "production"


def iso(text: str) -> str:
    return clock(text).isoformat()
