"""The terminal in a rough day: scanners of every make, wrong papers, no network, two presses."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from web_screen import TERMINAL, scan, screen, terminal
from web_shop import Site, WebShop, shop_at

pytestmark = [
    pytest.mark.page,
    pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session"),
]

Pair = tuple[WebShop, Site]


@pytest.fixture
def opened(database: str) -> Iterator[Pair]:
    with shop_at(database) as pair:
        yield pair


def inspector(shop: WebShop) -> None:
    shop.connection.execute(
        "insert into people.person (code, name, role, lines, badge) "
        "values ('jing', '周静', 'quality', '{L1}', '0004521939')"
    )
    shop.connection.commit()


def type_code(page: Page, code: str, end: str = "Enter") -> None:
    """Like a scanner of another make: it ends its code in its own way."""
    page.keyboard.type(code, delay=5)
    for key in end.split():
        page.keyboard.press(key)


SECONDS_UNTIL_TOLD = """([key, text]) => new Promise(told => {
  const begun = performance.now();
  document.querySelector(key).click();
  const look = () => document.querySelector(".net")?.textContent.includes(text)
    ? told((performance.now() - begun) / 1000) : requestAnimationFrame(look);
  look();
})"""
AN_INPUT_METHOD_TYPES = """code => [...code].forEach(key =>
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true })))"""


def done(page: Page) -> Locator:
    return page.locator("[data-note=done]")


def refused(page: Page) -> Locator:
    return page.locator("[data-note=refused]")


def test_badges_and_orders_are_read_as_they_are_printed_and_scanned(
    chromium: Browser, opened: Pair
) -> None:
    shop, site = opened
    inspector(shop)
    shop.pass_time(5, {"P01": 0})
    with screen(chromium, site, "/terminal/P01", TERMINAL) as page:
        type_code(page, "4521939", "Tab")  # the card's number, without its zeros
        expect(page.locator("[data-act=person].who")).to_have_text("周静")
        type_code(page, "b-101", "Enter Enter")  # another badge without a prefix; CR and LF
        expect(page.locator("[data-act=person].who")).to_have_text("张伟")
        expect(page.locator("[data-act=start]")).to_be_visible()
        page.evaluate(AN_INPUT_METHOD_TYPES, "ＷＯ：ＷＯ－２６０１")
        page.keyboard.press("Control+j")  # a line feed
        expect(done(page)).to_have_text("已开工：WO-2601")
        type_code(page, "wo-2601", "Control+m")  # bare
        expect(done(page)).to_have_text("WO-2601 正在生产")


def test_the_second_end_of_a_code_presses_no_key(chromium: Browser, opened: Pair) -> None:
    _, site = opened
    with terminal(chromium, site) as page:
        page.locator("[data-act=scrap]").focus()
        type_code(page, "WO:WO-2601", "Enter Enter")
        expect(done(page)).to_have_text("已开工：WO-2601")
        expect(page.locator(".sheet")).to_have_count(0)


def test_a_code_of_nothing_is_told_and_changes_nobody(chromium: Browser, opened: Pair) -> None:
    _, site = opened
    with terminal(chromium, site) as page:
        scan(page, "4006381333931")
        expect(refused(page)).to_contain_text("无法识别 4006381333931")
        expect(page.locator("[data-act=person].who")).to_have_text("张伟")


def test_cards_mean_what_they_are_for(chromium: Browser, opened: Pair) -> None:
    shop, site = opened
    shop.producing("P01", "WO-2601")
    shop.run("P01", 60, 55)
    with terminal(chromium, site) as page:
        expect(page.locator("[data-figure=good]")).to_have_text("55")
        scan(page, "RSN:nope")
        expect(refused(page)).to_contain_text("nope 不能用在这里")
        scan(page, "RSN:material")  # the press runs and has not stood
        expect(refused(page)).to_contain_text("没有需要填写原因的停机")
        scan(page, "RSN:burr")  # a scrap card asks how many
        page.locator(".sheet.scrap [data-act=send]").click()
        expect(done(page)).to_contain_text("已报废 1 件")
        page.locator("[data-act=scrap]").click()
        scan(page, "RSN:material")  # a stop card is no scrap
        expect(refused(page)).to_contain_text("不能用在这里")


def test_a_stop_card_scanned_late_says_which_stop_it_labelled(
    chromium: Browser, opened: Pair
) -> None:
    shop, site = opened
    shop.producing("P01", "WO-2601")
    shop.run("P01", 60, 55)
    shop.run("P01", 120, 0)
    shop.run("P01", 60, 55)
    with terminal(chromium, site) as page:
        scan(page, "RSN:material")
        expect(done(page)).to_contain_text("09:01–09:03 的停机已记录：缺料")
        page.locator("[data-act=stop]").click()
        page.locator("[data-act=past]").click()  # it can be changed
        page.locator("[data-reason=die_jam]").click()
        expect(done(page)).to_have_text("停机原因已记录：卡料")
    shop.connection.commit()
    rows = shop.connection.execute("select reason from mes.stop_reason").fetchall()
    assert rows == [("die_jam",)]


def test_a_wrong_paper_asks_before_it_ends_the_job(chromium: Browser, opened: Pair) -> None:
    shop, site = opened
    shop.order("WO-2609", "BRK-210", 100)
    shop.producing("P01", "WO-2601")
    shop.run("P01", 60, 55)
    with terminal(chromium, site) as page:
        for code in ("WO:WO-2609", "DIE:D-WSH"):
            scan(page, code)
            expect(page.locator(".sheet.switch")).to_contain_text("正在生产 WO-2601")
            page.locator("[data-act=keep]").click()
            expect(page.locator(".sheet")).to_have_count(0)
        shop.connection.commit()
        runs = shop.connection.execute("select count(*) from mes.run").fetchone()
        assert runs == (1,)
        scan(page, "DIE:D-WSH")
        page.locator("[data-act=end]").click()
        expect(done(page)).to_contain_text("D-WSH")


def test_without_a_network_the_terminal_itself_asks(chromium: Browser, opened: Pair) -> None:
    shop, site = opened
    shop.producing("P01", "WO-2601")
    shop.run("P01", 60, 55)
    with terminal(chromium, site) as page:
        expect(page.locator("[data-figure=good]")).to_have_text("55")
        page.context.set_offline(True)
        expect(page.locator("[data-queue='0']")).to_be_visible()
        scan(page, "DIE:D-WSH")
        expect(page.locator(".sheet.switch")).to_contain_text("正在生产 WO-2601")
        page.locator("[data-act=end]").click()
        expect(page.locator("[data-queue='1']")).to_be_visible()
        scan(page, "WO:WO-2604")  # nothing runs any more, as far as is known here
        expect(page.locator("[data-queue='2']")).to_be_visible()
        page.context.set_offline(False)
        expect(page.locator("[data-queue]")).to_have_count(0)
        expect(page.locator(".fact.output")).to_contain_text("WO-2604")


def test_what_was_refused_stays_listed_until_it_is_read(chromium: Browser, opened: Pair) -> None:
    shop, site = opened
    shop.pass_time(5, {"P01": 0})
    with terminal(chromium, site) as page:
        for code in ("WO:WO-9998", "WO:WO-9999"):
            scan(page, code)
            expect(refused(page)).to_contain_text(code[3:])
        page.reload()
        page.locator("[data-act=refused]").click()
        row = page.locator("[data-refused=scan]")
        expect(row).to_have_count(2)
        expect(row.first).to_contain_text("没有工单 WO-9998")
        expect(row.first).to_contain_text("张伟")
        row.first.locator("[data-act=read]").click()
        expect(row).to_have_count(1)
        row.first.locator("[data-act=read]").click()
        expect(page.locator(".sheet")).to_have_count(0)
        page.reload()
        expect(page.locator("[data-act=scrap]")).to_be_visible()
        expect(page.locator("[data-act=refused]")).to_have_count(0)


def test_who_signed_on_here_before_can_work_without_a_network(
    chromium: Browser, opened: Pair
) -> None:
    shop, site = opened
    shop.producing("P01", "WO-2601")
    shop.run("P01", 60, 55)
    with terminal(chromium, site) as page:
        expect(page.locator("[data-figure=good]")).to_have_text("55")
        sign_off(page)
        page.context.set_offline(True)
        scan(page, "EMP:B-106")  # she was never here
        expect(refused(page)).to_contain_text("只有在本机登录过的人")
        scan(page, "b-101")
        expect(page.locator("[data-act=person].who")).to_have_text("张伟")
        page.locator("[data-act=scrap]").click()
        page.locator("[data-act=pad]").click()
        page.locator("[data-act=key-2]").click()
        page.locator("[data-act=key-ok]").click()
        page.locator("[data-reason=burr]").click()
        expect(page.locator("[data-queue='1']")).to_be_visible()
        page.context.set_offline(False)
        expect(page.locator("[data-queue]")).to_have_count(0)
        expect(page.locator("[data-figure=good]")).to_have_text("53")
        assert "B-101" not in page.evaluate("JSON.stringify(localStorage)")
    shop.connection.commit()
    rows = shop.connection.execute("select who from people.act where act = 'scrap'").fetchall()
    assert rows == [("zhang",)]


def test_a_wrong_pin_without_a_network_sends_nothing(chromium: Browser, opened: Pair) -> None:
    shop, site = opened
    shop.producing("P01", "WO-2601")
    with terminal(chromium, site) as page:
        sign_off(page)
        page.context.set_offline(True)
        page.evaluate("dispatchEvent(new Event('offline'))")
        page.locator("[data-person=zhang]").click()
        for digit in "9999":
            page.locator(f"[data-act=key-{digit}]").click()
        page.locator("[data-act=key-ok]").click()
        expect(page.locator("[data-act=person].who")).to_have_text("张伟")
        page.locator("[data-act=first]").click()
        page.locator("[data-act=fail]").click()
        expect(page.locator("[data-queue='1']")).to_be_visible()
        page.context.set_offline(False)
        expect(page.locator("[data-waiting='1']")).to_contain_text("张伟")
        scan(page, "EMP:B-101")  # the real one comes: it was an act in this name, and goes out
        expect(page.locator("[data-queue]")).to_have_count(0)


def sign_off(page: Page) -> None:
    page.locator("[data-act=person].who").click()
    page.locator("[data-act=sign-off]").click()
    expect(page.locator("[data-act=person].who")).to_have_count(0)


def test_two_presses_in_one_browser_keep_their_people(chromium: Browser, opened: Pair) -> None:
    shop, site = opened
    shop.producing("P01", "WO-2601")
    shop.producing("P02", "WO-2604")
    shop.pass_time(60, {"P01": 50, "P02": 20})
    with terminal(chromium, site) as first:
        second = first.context.new_page()
        second.goto("/terminal/P02")
        scan(second, "EMP:B-106")
        expect(second.locator("[data-act=person].who")).to_have_text("Anna Smith")
        for page in (first, second, first):
            page.bring_to_front()
            page.locator("[data-act=scrap]").click()
            page.locator("[data-reason=burr]").click()
            expect(done(page)).to_be_visible()
            done(page).click()
        sign_off(second)
        first.reload()
        expect(first.locator("[data-act=person].who")).to_have_text("张伟")
    shop.connection.commit()
    rows = shop.connection.execute(
        "select press, who from people.act where act = 'scrap' order by recorded_at"
    ).fetchall()
    assert rows == [("P01", "zhang"), ("P02", "smith"), ("P01", "zhang")]


def test_an_operator_of_another_line_is_told_so(chromium: Browser, opened: Pair) -> None:
    _, site = opened
    with screen(chromium, site, "/terminal/P06", TERMINAL) as page:
        scan(page, "EMP:B-101")
        expect(refused(page)).to_have_text("冲床 P06 属于 L2 线，张伟 负责 L1 线。请找 L2 线班长。")
        expect(page.locator("[data-act=person].who")).to_have_count(0)


def test_nobody_sees_a_key_that_is_not_for_them(chromium: Browser, opened: Pair) -> None:
    shop, site = opened
    inspector(shop)
    shop.producing("P01", "WO-2601")
    keys = {
        "EMP:B-101": ["start", "scrap", "stop", "first", "die", "finish", "more"],
        "4521939": ["scrap", "first", "more"],
        "EMP:B-401": ["more"],
    }
    with screen(chromium, site, "/terminal/P01", TERMINAL) as page:
        for badge, shown in keys.items():
            scan(page, badge)
            expect(page.locator(".actions [data-act]")).to_have_count(len(shown))
            acts = page.locator(".actions [data-act]").all()
            assert [act.get_attribute("data-act") for act in acts] == shown


def test_only_who_may_release_a_first_article_can(chromium: Browser, opened: Pair) -> None:
    shop, site = opened
    inspector(shop)
    shop.pass_time(5, {"P01": 0})
    shop.do("scan", "P01", work_order="WO-2601")
    with terminal(chromium, site) as page:
        expect(page.locator(".next")).to_contain_text("请 周静, 刘洋, 周总 检验放行")
        page.locator("[data-act=first]").click()
        expect(page.locator("[data-act=fail]")).to_be_visible()
        expect(page.locator("[data-act=pass]")).to_have_count(0)
        scan(page, "4521939")
        page.locator("[data-act=first]").click()
        page.locator("[data-act=pass]").click()
        expect(done(page)).to_have_text("首件合格，开始计产")
        page.locator("[data-act=first]").click()
        page.locator("[data-act=fail]").click()
        expect(done(page)).to_contain_text("已停止计良品")
        expect(page.locator(".bar .segment")).to_have_text("调模")


def test_a_cavity_is_closed_and_opened_again(chromium: Browser, opened: Pair) -> None:
    shop, site = opened
    shop.producing("P02", "WO-2602")
    shop.run("P02", 60, 40)
    with terminal(chromium, site, "P02") as page:
        page.locator("[data-act=more]").click()
        page.locator("[data-act=close-output][data-item=HNG-R]").click()
        page.locator("[data-reason=cavity_blocked]").click()
        expect(done(page)).to_have_text("HNG-R 已停止产出")
        expect(page.locator(".fact.output .call")).to_have_text("已停产出：堵料")
        page.locator("[data-act=more]").click()
        page.locator("[data-act=open-output]").click()
        expect(done(page)).to_have_text("HNG-R 已恢复产出")


def test_trial_and_maintenance_are_two_taps(chromium: Browser, opened: Pair) -> None:
    shop, site = opened
    shop.producing("P01", "WO-2601")
    with terminal(chromium, site) as page:
        for kind, word in (("trial", "试模"), ("maintenance", "保养"), ("setup", "调模")):
            page.locator("[data-act=more]").click()
            page.locator(f"[data-kind={kind}]").click()
            expect(page.locator(".bar .segment")).to_have_text(word)


def test_another_counter_is_booked_at_the_press(chromium: Browser, opened: Pair) -> None:
    shop, site = opened
    shop.producing("P01", "WO-2601")
    shop.run("P01", 60, 50)
    with terminal(chromium, site, badge="EMP:B-201") as page:
        page.locator("[data-act=more]").click()
        page.locator("[data-act=swap]").click()
        old = page.locator("[data-act=field-old]")
        expect(old).to_contain_text("1050")  # what was counted last
        for digit in "1053":
            page.locator(f"[data-act=key-{digit}]").click()
        expect(old).to_contain_text("1053")
        page.locator("[data-act=key-ok]").click()
        page.locator("[data-act=send]").click()
        expect(done(page)).to_have_text("计数器已更换")
        expect(page.locator("[data-figure=good]")).to_have_text("53")


def test_a_server_that_hangs_is_told_within_two_seconds(chromium: Browser, opened: Pair) -> None:
    shop, site = opened
    shop.producing("P01", "WO-2601")
    shop.run("P01", 60, 50)
    with terminal(chromium, site) as page:
        expect(page.locator("[data-figure=good]")).to_have_text("50")
        page.route("**/api/acts", lambda _route: None)  # taken, and never answered
        page.locator("[data-act=scrap]").click()
        page.locator("[data-reason=burr]").wait_for()
        assert page.evaluate(SECONDS_UNTIL_TOLD, ["[data-reason=burr]", "服务器没有回应"]) < 2
        page.unroute_all(behavior="ignoreErrors")
        expect(page.locator("[data-queue]")).to_have_count(0)  # given up, asked again, once
        expect(page.locator("[data-figure=good]")).to_have_text("49")


def test_a_mistake_is_undone_at_the_terminal_and_by_the_leader_with_a_reason(
    chromium: Browser, opened: Pair
) -> None:
    shop, site = opened
    shop.producing("P01", "WO-2601")
    shop.run("P01", 60, 55)
    shop.do("scrap", "P01", qty=50, reason="burr")
    with terminal(chromium, site) as page:
        expect(page.locator("[data-figure=good]")).to_have_text("5")
        page.locator("[data-act=more]").click()
        page.locator("[data-act=undo-list]").click()
        mistake = page.locator("[data-undo=scrap]")
        expect(mistake).to_contain_text("报废 50 × 毛刺")
        expect(mistake).to_contain_text("张伟")
        expect(page.locator("[data-undo=first_article]")).to_have_count(0)  # somebody else's
        mistake.locator("[data-act=undo]").click()
        expect(page.locator("[data-figure=good]")).to_have_text("55")
    shop.do("scrap", "P01", qty=4, reason="burr")
    with terminal(chromium, site, badge="EMP:B-201") as page:
        page.goto("/work-order/WO-2601")
        wrong = page.locator("tr", has_text="4 ×").locator("details.undo")
        wrong.locator("summary").click()
        wrong.locator("select").select_option("count_wrong")
        wrong.locator("button").click()
        expect(page.locator(".told")).to_have_text("已撤销")
    shop.connection.commit()
    undone = shop.connection.execute(
        "select who, args ->> 'reason' from people.act where act = 'undo'"
    )
    assert undone.fetchall() == [("zhang", None), ("liu", "count_wrong")]
