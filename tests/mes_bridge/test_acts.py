"""Acts: once per UUID, refused with nothing written, by people who may, on their line."""

import threading
from typing import Any
from uuid import UUID, uuid4

import pytest
from press_shop import Shop, clock

from database.connection import Connection, connect
from mes_bridge import acts
from mes_bridge.acts import Act
from mes_bridge.refusal import Refused

ONE = UUID("00000000-0000-4000-8000-000000000001")


@pytest.fixture
def shop(connection: Connection) -> Shop:
    return Shop(connection).furnish()


def refused(shop: Shop, at: str, act: str, **args: Any) -> str:
    """The code with which an act is refused; nothing may have been written."""
    before = shop.count("act"), shop.count("run"), shop.count("posting")
    with pytest.raises(Refused) as raised:
        shop.do(at, act, **args)
    assert (shop.count("act"), shop.count("run"), shop.count("posting")) == before
    return raised.value.code


def test_the_same_id_again_returns_the_first_outcome_and_does_nothing(shop: Shop) -> None:
    shop.order("WO", "PIN")
    first = shop.do("08:00", "scan", number=ONE, work_order="WO")
    again = shop.do("08:00", "scan", number=ONE, now="09:00", work_order="WO")
    assert again == first
    assert first["act"] == str(ONE)
    assert (shop.count("act"), shop.count("run")) == (1, 1)


def test_the_same_id_for_something_else_is_refused(shop: Shop) -> None:
    shop.order("WO", "PIN")
    shop.do("08:00", "scan", number=ONE, work_order="WO")
    assert refused(shop, "08:01", "finish", number=ONE) == "act_id_taken"


def test_two_terminals_that_send_the_same_id_at_once_have_one_effect(
    shop: Shop, database: str
) -> None:
    shop.order("WO", "PIN")
    shop.connection.commit()
    scan = Act(ONE, "W1", "P01", clock("08:00"), "scan", {"work_order": "WO"})
    outcomes: list[dict[str, Any]] = []
    started = threading.Barrier(2)

    def send() -> None:
        with connect(database) as own:
            started.wait()
            outcomes.append(acts.record(own, scan, clock("08:00")))

    both = [threading.Thread(target=send) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert len(outcomes) == 2
    assert outcomes[0] == outcomes[1]
    assert (shop.count("act"), shop.count("run")) == (1, 1)


def test_an_act_is_undone_with_the_callers_transaction(shop: Shop) -> None:
    shop.order("WO", "PIN")
    shop.connection.commit()
    shop.do("08:00", "scan", work_order="WO")
    shop.connection.rollback()
    assert shop.count("act") == 0


def test_an_act_wakes_those_who_listen(shop: Shop, database: str) -> None:
    shop.order("WO", "PIN")
    with connect(database, autocommit=True) as listener:
        listener.execute("listen act")
        shop.do("08:00", "scan", work_order="WO")
        shop.connection.commit()
        heard = next(listener.notifies(timeout=10, stop_after=1))
    assert heard.payload == "P01"


def test_work_orders_that_cannot_be_scanned(shop: Shop) -> None:
    shop.order("DONE", "PIN")
    shop.connection.execute("update erp.work_order set state = 'closed' where code = 'DONE'")
    shop.order("DRAFT", "PIN")
    shop.connection.execute("update erp.work_order set state = 'draft' where code = 'DRAFT'")
    shop.order("WO", "PIN")
    assert refused(shop, "08:00", "scan", work_order="NO") == "work_order_unknown"
    assert refused(shop, "08:00", "scan", work_order="DONE") == "work_order_finished"
    assert refused(shop, "08:00", "scan", work_order="DRAFT") == "work_order_not_released"
    assert refused(shop, "08:00", "scan", who="W2", work_order="WO") == "work_order_wrong_line"
    assert refused(shop, "08:00", "scan", work_order="WO", lot="C-9") == "lot_unknown"


def test_dies_that_do_not_fit(shop: Shop) -> None:
    shop.order("B", "BRK")
    shop.order("P", "PIN")
    assert refused(shop, "08:00", "scan", work_order="P", die="NO") == "die_unknown"
    assert refused(shop, "08:00", "mount", die="NO") == "die_unknown"
    assert refused(shop, "08:00", "mount", die="D9") == "die_does_not_fit"  # it is for P11
    assert refused(shop, "08:00", "scan", work_order="B", die="D9") == "die_does_not_fit"
    assert refused(shop, "08:00", "scan", work_order="B", die="D4") == "die_does_not_fit"
    shop.do("08:01", "mount", die="D4")
    with pytest.raises(Refused, match="Dies that do: D1") as raised:
        shop.do("08:02", "scan", work_order="B")
    assert raised.value.facts["job"] == "B (BRK)"


def test_a_part_with_two_dies_asks_which_one_is_mounted(shop: Shop) -> None:
    shop.order("B", "BRK")
    assert refused(shop, "08:00", "scan", press="P11", who="W2", work_order="B") == "die_missing"
    shop.do("08:01", "mount", press="P11", who="W2", die="D9")
    assert shop.do("08:02", "scan", press="P11", who="W2", work_order="B")["shown"]["die"] == "D9"


def test_people_do_what_their_role_allows_on_their_own_line(shop: Shop) -> None:
    shop.order("P", "PIN")
    shop.do("08:00", "scan", work_order="P")
    assert refused(shop, "08:01", "finish", who="NOBODY") == "person_unknown"
    assert refused(shop, "08:01", "finish", who="X1") == "person_unknown"
    assert refused(shop, "08:01", "finish", who="W2") == "press_wrong_line"
    assert refused(shop, "08:01", "decide", event="P01/1", count=1) == "not_allowed"
    assert refused(shop, "08:01", "finish", press="P99") == "press_unknown"
    assert refused(shop, "08:01", "finish", press=None) == "press_unknown"


IMPOSSIBLE: list[tuple[str, dict[str, Any], str]] = [
    ("dance", {}, "act_unknown"),
    ("mount", {}, "args_wrong"),
    ("mount", {"die": "  "}, "args_wrong"),
    ("mount", {"die": "D4", "speed": 3}, "args_wrong"),
    ("segment", {"kind": "pause"}, "args_wrong"),
    ("first_article", {"passed": "maybe"}, "args_wrong"),
    ("stop_reason", {"since": "yesterday", "reason": "material"}, "args_wrong"),
    ("scrap", {"qty": "many", "reason": "burr"}, "qty_not_a_number"),
    ("scrap", {"qty": 1.5, "reason": "burr"}, "qty_not_a_number"),
    ("scrap", {"qty": True, "reason": "burr"}, "qty_not_a_number"),
    ("scrap", {"qty": 10**30, "reason": "burr"}, "no_open_run"),
    ("scrap", {"reason": "burr"}, "args_wrong"),
    ("scrap", {"qty": 1, "reason": "x" * 201}, "args_wrong"),
    ("mount", {"die": "D\x00"}, "args_wrong"),
    ("scrap", {"qty": 1}, "reason_missing"),
    ("scrap", {"qty": 1, "reason": " "}, "reason_missing"),
    ("scrap", {"qty": -1, "reason": "burr"}, "scrap_not_positive"),
    ("scrap", {"qty": 0, "reason": "burr"}, "scrap_not_positive"),
    ("scrap", {"qty": 1, "reason": "burr"}, "no_open_run"),
    ("finish", {}, "no_open_run"),
    ("output", {"item": "PIN", "open": False}, "reason_missing"),
]


def test_arguments_that_cannot_be_meant(shop: Shop) -> None:
    for act, args, code in IMPOSSIBLE:
        assert (act, args, refused(shop, "08:00", act, **args)) == (act, args, code)


def test_a_wrong_argument_is_named(shop: Shop) -> None:
    with pytest.raises(Refused, match="die: ") as raised:
        shop.do("08:00", "mount", die=7)
    assert raised.value.facts["argument"] == "die"


def test_an_act_of_the_future_is_refused_but_a_clock_slightly_ahead_means_now(shop: Shop) -> None:
    shop.order("P", "PIN")
    assert refused(shop, "08:02", "scan", now="08:00", work_order="P") == "act_in_future"
    shop.do("08:00:20", "scan", now="08:00", work_order="P")
    assert shop.segments() == [("setup", "08:00", None)]


def test_scrap_needs_to_know_which_part_of_a_left_right_die(shop: Shop) -> None:
    shop.order("L", "LEFT")
    shop.producing("08:00", "L")
    shop.strokes("08:10", 10)
    assert refused(shop, "08:11", "scrap", qty=1, reason="burr") == "item_missing"
    assert refused(shop, "08:11", "scrap", item="BRK", qty=1, reason="burr") == "item_unknown"
    told = shop.do("08:12", "scrap", item="LEFT", qty=4, reason="burr")
    assert (told["qty"], told["good"], told["work_order"]) == (4, 6, "L")
    assert (
        refused(shop, "08:13", "scrap", item="LEFT", qty=7, reason="burr") == "scrap_more_than_made"
    )


def test_scrap_told_after_the_other_side_changed_its_order_lay_in_the_box_before(
    shop: Shop,
) -> None:
    """30 of R beside L, then 5 beside L2: 14 are told. 31 more than either of both is refused."""
    for order, item in (("L", "LEFT"), ("L2", "LEFT"), ("R", "RIGHT")):
        shop.order(order, item)
    shop.producing("08:00", "L")
    shop.do("08:05", "scan", work_order="R")
    shop.strokes("08:10", 30)
    shop.do("08:20", "scan", work_order="L2")
    shop.strokes("08:21", 5)
    assert (
        refused(shop, "08:22", "scrap", item="RIGHT", qty=31, reason="burr")
        == "scrap_more_than_made"
    )
    told = shop.do("08:22", "scrap", item="RIGHT", qty=14, reason="burr")
    assert (told["work_order"], told["good"]) == ("R", 16)
    last = shop.do("08:23", "scrap", item="RIGHT", qty=2, reason="burr")
    assert (last["work_order"], last["good"]) == ("R", 3)
    shop.report("08:30")
    assert shop.posted("R") == {"good": 19, "scrap:burr": 16}


def test_scrap_is_never_taken_from_another_order_than_the_newest(shop: Shop) -> None:
    shop.order("A", "BRK")
    shop.order("B", "BRK")
    shop.producing("08:00", "A")
    shop.strokes("08:05", 100)
    shop.producing("08:10", "B")
    shop.strokes("08:15", 5)
    assert refused(shop, "08:16", "scrap", qty=50, reason="burr") == "scrap_more_than_made"


def test_setup_parts_cannot_be_declared_as_scrap(shop: Shop) -> None:
    shop.order("P", "BRK")
    shop.do("08:00", "scan", work_order="P", die="D1")
    shop.strokes("08:10", 10)
    assert refused(shop, "08:11", "scrap", qty=1, reason="burr") == "scrap_more_than_made"


def labels(shop: Shop) -> list[tuple[str, str, str | None]]:
    rows = shop.connection.execute(
        "select reason, lower(span), upper(span) from mes.stop_reason order by lower(span)"
    )
    return [(reason, f"{a:%H:%M}", f"{b:%H:%M}" if b else None) for reason, a, b in rows]


def test_a_stop_reason_without_an_end_holds_until_that_stop_ends(shop: Shop) -> None:
    shop.do("09:05", "stop_reason", since=clock("09:00").isoformat(), reason="material")
    assert labels(shop) == [("material", "09:00", None)]
    shop.connection.execute("delete from mes.press_state")
    for since, to, state in [("09:00", "09:30", "stopped"), ("09:30", "10:00", "running")]:
        shop.connection.execute(
            "insert into mes.press_state values ('P01', tstzrange(%s, %s), %s)",
            [clock(since), clock(to), state],
        )
    done = shop.do("10:00", "stop_reason", since=clock("09:20").isoformat(), reason="die_jam")
    assert done["to"] == clock("09:30").isoformat()
    assert labels(shop) == [("material", "09:00", "09:20"), ("die_jam", "09:20", "09:30")]


def test_a_stop_reason_ends_with_its_stop_at_the_next_quarter_hour(shop: Shop) -> None:
    shop.do("09:05", "stop_reason", since=clock("09:00").isoformat(), reason="material")
    shop.connection.execute("delete from mes.press_state")
    shop.connection.execute(
        "insert into mes.press_state values ('P01', tstzrange(%s, null), 'running')",
        [clock("09:07")],
    )
    shop.report("09:15")
    assert labels(shop) == [("material", "09:00", "09:07")]


def test_a_stop_reason_is_about_the_past(shop: Shop) -> None:
    at = {name: clock(name).isoformat() for name in ("08:00", "09:00", "10:00")}
    given = {"reason": "material"}
    assert refused(shop, "09:00", "stop_reason", since=at["10:00"], **given) == "interval_future"
    assert refused(shop, "09:00", "stop_reason", since=at["08:00"], to=at["10:00"], **given) \
        == "interval_future"  # fmt: skip
    assert refused(shop, "09:00", "stop_reason", since=at["09:00"], to=at["08:00"], **given) \
        == "interval_empty"  # fmt: skip


def held_jump(shop: Shop) -> None:
    shop.connection.execute(
        "insert into mes.counter (channel, press, measure) values (1, 'P01', 'stroke')"
    )
    shop.connection.execute(
        "insert into mes.counter_event (press, n, channel, kind, from_at, at, old_value, "
        "new_value, amount, held) values ('P01', 1, 1, 'jump', %s, %s, 100, 9100, 9000, true)",
        [clock("08:09"), clock("08:10")],
    )


def test_a_held_event_is_decided_once(shop: Shop) -> None:
    shop.order("P", "BRK")
    shop.producing("08:00", "P", die="D1")
    held_jump(shop)
    for event in ("P01/2", "P01/x"):
        with pytest.raises(Refused, match="event_unknown"):
            shop.lead("08:20", "decide", event=event, count=30)
    with pytest.raises(Refused, match="qty_not_a_number"):
        shop.lead("08:20", "decide", event="P01/1", count=10**30)
    with pytest.raises(Refused, match="decision_too_large"):
        shop.lead("08:20", "decide", event="P01/1", count=100_000)
    outcome = shop.lead("08:20", "decide", event="P01/1", count=30)
    assert (outcome["message"], outcome["count"]) == ("decided", 30)
    with pytest.raises(Refused, match="event_decided"):
        shop.lead("08:21", "decide", event="P01/1", count=30)
    assert shop.report("08:30")[0].good == 30


def test_reports_that_cannot_be_decided(shop: Shop) -> None:
    with pytest.raises(Refused, match="report_unknown"):
        shop.lead("08:20", "accept", press=None, report="P/BRK/1")
    shop.order("P", "BRK")
    shop.producing("08:00", "P", die="D1")
    shop.strokes("08:10", 10)
    shop.report("08:15")
    with pytest.raises(Refused, match="report_wrong_state"):
        shop.lead("08:20", "accept", press=None, report="P/BRK/1")
    shop.connection.execute("update people.person set lines = '{L2}' where code = 'S1'")
    with pytest.raises(Refused, match="press_wrong_line"):
        shop.lead("08:20", "reverse", press=None, report="P/BRK/1", reason="count_wrong")


def test_a_swap_names_a_counter_of_the_press(shop: Shop) -> None:
    with pytest.raises(Refused, match="channel_unknown"):
        shop.lead("08:20", "swap", channel="parts", old=10, new=0, number=uuid4())
