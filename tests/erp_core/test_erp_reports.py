from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from notices import open_for
from stamping_shop import NOW, Shop, cause, lay_floor

from database.connection import Connection, connect
from erp_core.production import backflush, reports, work_orders
from erp_core.production.reports import Report
from erp_core.stock import ledger
from people.errors import ArgumentError, StateError, UnknownError


@pytest.fixture
def shop(connection: Connection) -> Shop:
    return Shop(connection).furnish()


def test_a_report_without_flags_puts_parts_into_stock_and_takes_the_coil(shop: Shop) -> None:
    shop.coil("C-1", 100)
    report = shop.report(40, other=2)
    assert (report.name, report.state, report.decided_by) == (
        "WO1/BRACKET/1", "accepted", "pressline",
    )  # fmt: skip
    assert shop.stock("BRACKET") == {("FG", "WO1-1"): 40}
    assert shop.stock("COIL") == {("RAW", "C-1"): 79}  # 42 made, half a kilogram each
    assert shop.state() == "running"


def test_every_move_of_a_report_names_it_its_order_and_who(shop: Shop) -> None:
    report = shop.report(10)
    rows = shop.connection.execute(
        "select item, report, work_order, who, reason, idempotency_key from erp.stock_move "
        "order by id"
    ).fetchall()
    assert rows == [
        ("BRACKET", report.id, "WO1", "pressline", "report", f"report/{report.id}/accept/output"),
        ("COIL", report.id, "WO1", "pressline", "report", "backflush/WO1/COIL/1"),
    ]


def test_a_flagged_report_waits_for_the_leader_and_moves_nothing(shop: Shop) -> None:
    report = shop.report(40, flags=["held"])
    assert (report.state, report.decided_by) == ("waiting", None)
    assert shop.stock("BRACKET") == {}
    assert shop.state() == "released"
    (waiting,) = open_for(shop.connection, "leader")
    assert (waiting.kind, waiting.subject) == ("report", "WO1/BRACKET/1")
    accepted = reports.accept(shop.connection, report.id, "L01", NOW)
    assert (accepted.state, accepted.decided_by) == ("accepted", "L01")
    assert accepted == reports.find(shop.connection, "WO1/BRACKET/1")
    assert shop.stock("BRACKET") == {("FG", "WO1-1"): 40}
    assert open_for(shop.connection, "leader") == []


def test_excess_is_never_accepted_into_ordinary_stock(shop: Shop) -> None:
    """38 good and 2 too many, in one report as earlier versions wrote it."""
    report = shop.report(38, excess=2, flags=["excess"])
    with pytest.raises(StateError, match="2 parts are more than was ordered; say what becomes"):
        reports.accept(shop.connection, report.id, "L01", NOW)
    with pytest.raises(ArgumentError, match="it has 2 parts in excess; give at most that"):
        reports.dispose(shop.connection, report.id, "L01", NOW, reason=None, surplus=3)
    done = reports.dispose(shop.connection, report.id, "L01", NOW, reason=None, surplus=2)
    assert done == reports.find(shop.connection, "WO1/BRACKET/1")
    assert shop.stock("BRACKET") == {("FG", "WO1-1"): 38, ("SURPLUS", "WO1-1"): 2}
    assert shop.stock("COIL") == {("RAW", None): -20}
    reports.reverse(shop.connection, report.id, "L01", "counted again", NOW)
    assert shop.stock("BRACKET") == {}


def test_accepting_twice_is_refused_and_moves_nothing_more(shop: Shop) -> None:
    report = shop.report(40)
    with pytest.raises(StateError, match=r"^report WO1/BRACKET/1: cannot accept while accepted; "):
        reports.accept(shop.connection, report.id, "L01", NOW)
    assert shop.stock("BRACKET") == {("FG", "WO1-1"): 40}
    assert shop.stock("COIL") == {("RAW", None): -20}


def test_a_rejected_report_stays_rejected(shop: Shop) -> None:
    report = shop.report(40, flags=["held"])
    reports.reject(shop.connection, report.id, "L01", "counted by hand: 38", NOW)
    with pytest.raises(StateError, match="cannot accept while rejected"):
        reports.accept(shop.connection, report.id, "L01", NOW)
    with pytest.raises(StateError, match="cannot reverse while rejected"):
        reports.reverse(shop.connection, report.id, "L01", "no", NOW)
    assert shop.connection.execute("select count(*) from erp.stock_move").fetchone() == (0,)
    assert open_for(shop.connection, "leader") == []


@pytest.mark.parametrize(("decide", "flags"), [(reports.reject, ["excess"]), (reports.reverse, [])])
def test_a_decision_against_a_report_needs_a_reason(
    shop: Shop, decide: Callable[..., Report], flags: Sequence[str]
) -> None:
    report = shop.report(40, flags=flags)
    with pytest.raises(ArgumentError, match="report WO1/BRACKET/1: no reason given; say why"):
        decide(shop.connection, report.id, "L01", "  ", NOW)


def test_reversing_takes_the_parts_out_and_gives_the_coil_back(shop: Shop) -> None:
    shop.coil("C-1", 100)
    report = shop.report(40)
    reports.reverse(shop.connection, report.id, "L01", "wrong order scanned", NOW)
    assert shop.stock("BRACKET") == {}
    assert shop.stock("COIL") == {("RAW", "C-1"): 100}
    assert shop.state() == "running"
    named = shop.connection.execute(
        "select old.item, new.reason from erp.stock_move new "
        "join erp.stock_move old on old.id = new.reverses"
    )
    assert named.fetchall() == [("BRACKET", "wrong order scanned")]


def test_the_order_is_produced_when_full_and_runs_again_when_a_report_is_reversed(
    shop: Shop,
) -> None:
    shop.report(60)
    second = shop.report(40, flags=["held"])
    assert shop.state() == "running"
    reports.accept(shop.connection, second.id, "L01", NOW)
    assert shop.state() == "produced"
    reports.reverse(shop.connection, second.id, "L01", "double count", NOW)
    assert shop.state() == "running"


def test_a_correction_takes_parts_out_of_the_same_lot(shop: Shop) -> None:
    shop.report(40)
    shop.report(-3, other=3)
    assert shop.stock("BRACKET") == {("FG", "WO1-1"): 37}
    assert shop.stock("COIL") == {("RAW", None): -20}  # scrap used its material all the same


def test_the_coil_on_the_press_is_charged_beyond_its_weight_and_the_warehouse_is_told(
    shop: Shop,
) -> None:
    shop.coil("UNOPENED", 5, NOW.replace(day=1))
    shop.coil("MOUNTED", 7)
    shop.report(30, lots={"COIL": "MOUNTED"})  # 15 kg, 8 more than its paper says
    assert shop.stock("COIL") == {("RAW", "MOUNTED"): -8, ("RAW", "UNOPENED"): 5}
    (told,) = open_for(shop.connection, "warehouse")
    assert (told.kind, told.subject) == ("coil_over_weight", "COIL/MOUNTED")
    ledger.count(shop.connection, "COIL", "MOUNTED", Decimal(0), cause("weighed"), location="RAW")
    assert open_for(shop.connection, "warehouse") == []


def test_without_a_coil_at_the_press_the_oldest_is_used_then_nothing_is_left(shop: Shop) -> None:
    shop.coil("OLD", 5, NOW.replace(day=1))
    shop.coil("NEW", 7)
    shop.report(30)  # 15 kg: 5 old, 7 new, 3 from nowhere
    assert shop.stock("COIL") == {("RAW", None): -3}
    (told,) = open_for(shop.connection, "warehouse")
    assert (told.kind, told.subject) == ("stock_below_zero", "COIL")
    shop.report(-16)  # 8 kg back, newest issue first: 3, then 5 to the new lot
    assert shop.stock("COIL") == {("RAW", "NEW"): 5}
    assert open_for(shop.connection, "warehouse") == []


def test_an_order_without_material_is_told_to_the_planner(shop: Shop) -> None:
    shop.connection.execute("delete from erp.work_order_material")
    shop.report(40)
    (told,) = open_for(shop.connection, "planner")
    assert (told.kind, told.subject) == ("order_without_material", "WO1")
    work_orders.close(shop.connection, "WO1", NOW)
    assert open_for(shop.connection, "planner") == []


def test_only_the_last_operation_posts_parts_and_the_first_one_takes_the_material(
    shop: Shop,
) -> None:
    first = shop.operation
    second = shop.connection.execute(
        "insert into erp.work_order_operation (work_order, seq, name, last) "
        "values ('WO1', 20, 'form', true) returning id"
    ).fetchone()
    assert second is not None
    shop.connection.execute("update erp.work_order_operation set last = seq = 20")
    shop.report(40, operation=first)
    assert (shop.stock("BRACKET"), shop.stock("COIL")) == ({}, {("RAW", None): -20})
    reports.propose(
        shop.connection, operation=second[0], run=2, shift=1, good=30, excess=0, other=0,
        flags=[], lot="WO1-2", now=NOW,
    )  # fmt: skip
    assert shop.stock("BRACKET") == {("FG", "WO1-2"): 30}
    assert shop.stock("COIL") == {("RAW", None): -20}


def test_what_waits_again_after_a_reversal_is_accepted_once_more(shop: Shop) -> None:
    report = shop.report(40)
    for _ in range(2):
        waits = reports.reverse(shop.connection, report.id, "L01", "wrong line", NOW)
        assert (waits.state, waits.flags, waits.decided_by) == ("waiting", ["reversed"], None)
        assert (shop.stock("BRACKET"), shop.stock("COIL")) == ({}, {})
        assert reports.accept(shop.connection, report.id, "L01", NOW).state == "accepted"
        assert shop.stock("BRACKET") == {("FG", "WO1-1"): 40}
        assert shop.stock("COIL") == {("RAW", None): -20}


def test_reports_are_numbered_within_their_order(shop: Shop) -> None:
    other = shop.order("WO2", 10)
    names = [
        shop.report(1).name,
        shop.report(1).name,
        shop.report(1, operation=other).name,
    ]
    assert names == ["WO1/BRACKET/1", "WO1/BRACKET/2", "WO2/BRACKET/1"]


def test_an_unknown_report_or_operation_is_named(shop: Shop) -> None:
    with pytest.raises(UnknownError, match="report WO1/BRACKET/9: there is no such report"):
        reports.find(shop.connection, "WO1/BRACKET/9")
    with pytest.raises(UnknownError, match="operation 4711: there is no such operation"):
        shop.report(1, operation=4711)


def test_a_late_report_does_not_reopen_a_closed_order(shop: Shop) -> None:
    shop.report(40)
    shop.connection.execute("update erp.work_order set state = 'closed'")
    shop.report(-2, other=2)
    assert shop.state() == "closed"
    assert shop.stock("BRACKET") == {("FG", "WO1-1"): 38}


def attempt(database: str, report: int, who: str) -> str:
    with connect(database) as own:
        try:
            return reports.accept(own, report, who, NOW).decided_by or ""
        except StateError as error:
            return error.what


def test_of_two_leaders_who_accept_at_once_one_is_told_so(database: str) -> None:
    with connect(database) as first:
        lay_floor(first)
        shop = Shop(first).furnish()
        report = shop.report(40, flags=["held"])
        first.commit()
        reports.accept(first, report.id, "L01", NOW)
        with ThreadPoolExecutor(1) as pool:
            second = pool.submit(attempt, database, report.id, "L02")
            wait_until_blocked(database)
            first.commit()
            assert second.result() == "cannot accept while accepted"
        assert shop.stock("BRACKET") == {("FG", "WO1-1"): 40}


def wait_until_blocked(database: str) -> None:
    """Return when some session of this database waits for a lock."""
    with connect(database, autocommit=True) as watcher:
        while watcher.execute(
            "select count(*) from pg_stat_activity "
            "where datname = current_database() and wait_event_type = 'Lock'"
        ).fetchone() == (0,):
            watcher.execute("select pg_sleep(0.01)")


PARTS = st.integers(-20, 40)
Made = tuple[int, int, int, bool]
STEPS = st.lists(
    st.one_of(
        st.tuples(PARTS, PARTS, PARTS, st.booleans()),
        st.tuples(st.sampled_from(["accept", "reject", "reverse", "dispose"]), st.integers(0, 5)),
    ),
    max_size=12,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_whatever_the_order_of_decisions_stock_is_what_was_accepted(
    shop: Shop, steps: Sequence[Made | tuple[str, int]]
) -> None:
    with shop.connection.transaction(force_rollback=True):
        shop.coil("C-1", 30)
        shop.coil("C-2", 30, NOW.replace(day=1))
        ids: list[int] = []
        for step in steps:
            ids += play(shop, ids, step)
            check_stock(shop)


def play(shop: Shop, ids: Sequence[int], step: Made | tuple[str, int]) -> list[int]:
    if len(step) == 4:
        good, excess, other, flagged = step
        flags = ["held"] if flagged else []
        lots = {"COIL": "C-1"} if excess > 0 else {}
        return [shop.report(good, excess=excess, other=other, flags=flags, lots=lots).id]
    act, index = step
    if index < len(ids):
        decide(shop.connection, act, ids[index])
    return []


def decide(connection: Connection, act: str, report: int) -> None:
    before = connection.execute("select count(*) from erp.stock_move").fetchone()
    try:
        match act:
            case "accept":
                reports.accept(connection, report, "L01", NOW)
            case "dispose":
                excess = reports.get(connection, report).excess
                reports.dispose(connection, report, "L01", NOW, reason=None, surplus=excess)
            case "reject":
                reports.reject(connection, report, "L01", "test", NOW)
            case _:
                reports.reverse(connection, report, "L01", "test", NOW)
    except (StateError, ArgumentError):
        assert connection.execute("select count(*) from erp.stock_move").fetchone() == before


def check_stock(shop: Shop) -> None:
    made = shop.connection.execute(
        "select good + excess + surplus, other, state, 'excess' = any(flags) "
        "from erp.production_report"
    ).fetchall()
    finished = sum((h.qty for h in ledger.on_hand(shop.connection, "BRACKET")), Decimal(0))
    assert finished == sum(parts for parts, _, state, _ in made if state == "accepted")
    used = sum(
        parts + other
        for parts, other, state, excess in made
        if state == "accepted" or (excess and state in {"waiting", "rejected"})
    )
    due = Decimal("0.5") * max(0, used)
    (line,) = backflush.materials(shop.connection, "WO1")
    assert sum(line.issued.values()) == due
    coils = sum((h.qty for h in ledger.on_hand(shop.connection, "COIL")), Decimal(0))
    assert coils == 60 - due
    assert all(h.qty <= 30 for h in ledger.on_hand(shop.connection, "COIL") if h.lot)
