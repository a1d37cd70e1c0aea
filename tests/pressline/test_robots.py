"""Group robots are told of notices; what a platform refuses is kept and said again."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, expect
from robot_platforms import SECRET, Platforms, answering
from web_screen import screen
from web_shop import shop_at

from database.connection import Connection, connect
from people import notices, robots, worker
from people.acts import Act
from people.refusal import Refused
from pressline import house
from pressline.robots.platforms import PLATFORMS, cut

NOW = datetime(2026, 3, 2, 8, 10, tzinfo=UTC)
SECOND = timedelta(seconds=1)
EVERY = ("wecom", "dingtalk", "feishu")

Do = Callable[..., dict[str, Any]]


@pytest.fixture
def shop(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with connect(database, autocommit=True) as opened:
        opened.execute(
            "insert into people.person (code, name, role) values ('I', '钱进', 'it'), "
            "('O', '张伟', 'operator')"
        )
        yield opened


@pytest.fixture
def platforms() -> Iterator[Platforms]:
    with answering() as there:
        yield there


@pytest.fixture
def do(shop: Connection) -> Do:
    def doing(name: str, /, who: str = "I", now: datetime = NOW, **args: Any) -> dict[str, Any]:
        with shop.transaction():
            return house.record(shop, Act(uuid4(), who, None, now, name, args), now)

    return doing


def add(do: Do, platforms: Platforms, platform: str, **more: Any) -> None:
    given = {"secret": SECRET, "language": "zh", "notice_kinds": ["press_behind"]} | more
    do("robot.create", name=platform, platform=platform, address=platforms.address(platform),
       **{name: value for name, value in given.items() if value is not None})  # fmt: skip


def behind(shop: Connection, press: str, now: datetime = NOW) -> None:
    notices.raise_once(shop, "press_behind", press, None, "leader", now)


def work(shop: Connection, now: datetime = NOW) -> int:
    return worker.work(shop, house.JOBS, now)


def waiting(shop: Connection) -> list[tuple[Any, ...]]:
    return shop.execute(
        "select tries, error, due from people.job where kind = 'robot.send' order by id"
    ).fetchall()


@pytest.mark.parametrize("platform", EVERY)
@pytest.mark.parametrize("secret", [SECRET, None])
def test_a_notice_is_said_once_in_the_form_and_with_the_signature_of_each_platform(
    shop: Connection, do: Do, platforms: Platforms, platform: str, secret: str | None
) -> None:
    add(do, platforms, platform, secret=secret)
    behind(shop, "P01")
    notices.raise_once(shop, "report", "R/1", None, "leader", NOW)  # it is not told of those
    assert work(shop) == 1
    assert work(shop, NOW + timedelta(minutes=5)) == 0
    assert platforms.said == [
        (platform, "【pressline 生产通知】\n03-02 08:10 P01 的数据暂时无法计入")
    ]
    assert platforms.wrong == []
    row = shop.execute("select notices, answer from people.robot_sent").fetchone()
    assert row is not None
    assert (row[0], '"errcode": 0' in row[1] or '"code": 0' in row[1]) == (1, True)


@pytest.mark.parametrize(
    ("platform", "answer"),
    [
        ("wecom", {"errcode": 93000, "errmsg": "invalid webhook url"}),
        ("dingtalk", {"errcode": 310000, "errmsg": "keywords not in content"}),
        ("feishu", {"code": 19024, "msg": "Key Words Not Found"}),
    ],
)
def test_what_is_refused_with_http_200_has_failed_and_is_said_again(
    shop: Connection, do: Do, platforms: Platforms, platform: str, answer: dict[str, Any]
) -> None:
    add(do, platforms, platform)
    behind(shop, "P01")
    platforms.refuse(**answer)
    assert work(shop) == 0
    ((tries, error, due),) = waiting(shop)
    assert tries == 1
    assert str(next(iter(answer.values()))) in error
    assert "secret-key" not in error
    assert platforms.said == []
    assert work(shop, due) == 1
    assert len(platforms.said) == 1


@pytest.mark.parametrize(
    "answer",
    [(500, b"oops"), (200, b""), (200, b"<html>"), (200, b"[]"), (200, b'{"errcode": null}'),
     (200, b'{"errcode": false}'), (302, b'{"errcode": 0}'), (200, b'{"ok": 0}')],
)  # fmt: skip
def test_an_answer_that_does_not_say_taken_has_failed(
    shop: Connection, do: Do, platforms: Platforms, answer: tuple[int, bytes]
) -> None:
    add(do, platforms, "wecom")
    behind(shop, "P01")
    platforms.answers.append(answer)
    assert work(shop) == 0
    assert waiting(shop)[0][0] == 1


def test_a_platform_that_is_not_there_is_told_without_its_address(shop: Connection, do: Do) -> None:
    with answering() as gone:
        add(do, gone, "wecom")
    behind(shop, "P01")
    assert work(shop) == 0
    ((_, error, _),) = waiting(shop)
    assert error.startswith("The platform cannot be reached")
    assert "secret-key" not in error


def test_a_wrong_secret_is_refused_by_the_platform_and_a_right_one_cures_it(
    shop: Connection, do: Do, platforms: Platforms
) -> None:
    add(do, platforms, "dingtalk", secret="another")
    behind(shop, "P01")
    assert work(shop) == 0
    assert "sign not match" in waiting(shop)[0][1]
    do("robot.change", robot="dingtalk", secret=SECRET, language="en",
       notice_kinds=["press_behind"], active=True)  # fmt: skip
    assert work(shop) == 1
    assert platforms.said[0][1].startswith("[pressline] notices\n03-02 08:10 Data of P01")


@pytest.mark.parametrize("platform", ["wecom", "dingtalk"])
def test_many_at_once_are_merged_and_never_faster_than_the_platform_takes_them(
    shop: Connection, do: Do, platforms: Platforms, platform: str
) -> None:
    add(do, platforms, platform)
    behind(shop, "P0")
    work(shop)
    for n in range(1, 200):
        behind(shop, f"P{n}", NOW + n * timedelta(milliseconds=1))
    at = NOW
    while waiting(shop):
        at += SECOND
        before = len(platforms.said)
        work(shop, at)
        assert len(platforms.said) <= before + 1
    texts = [text for _, text in platforms.said]
    assert len(texts) * PLATFORMS[platform].gap >= at - NOW
    assert PLATFORMS[platform].gap * 20 > timedelta(minutes=1)
    lines = [line for text in texts for line in text.splitlines()[1:]]
    assert [line.split()[2] for line in lines] == [f"P{n}" for n in range(200)]  # none is lost
    assert max(len(text.encode()) for text in texts) <= PLATFORMS[platform].limit


@pytest.mark.parametrize(
    ("platform", "answer"),
    [
        ("wecom", {"errcode": 45009, "errmsg": "api freq out of limit"}),
        ("dingtalk", {"errcode": 130101, "errmsg": "send too fast"}),
        ("feishu", {"code": 11232, "msg": "frequency limited psm"}),
    ],
)
def test_one_that_has_had_too_many_is_left_alone_and_gets_all_of_it_later(
    shop: Connection, do: Do, platforms: Platforms, platform: str, answer: dict[str, Any]
) -> None:
    add(do, platforms, platform)
    behind(shop, "P01")
    platforms.refuse(**answer)
    assert work(shop) == 0
    ((tries, _, due),) = waiting(shop)
    assert tries == 0
    assert due - NOW >= timedelta(minutes=1)
    behind(shop, "P02", NOW + SECOND)
    assert work(shop, due - SECOND) == 0
    assert platforms.said == []
    assert work(shop, due) == 2
    assert len(platforms.said) == 1


def test_one_long_line_is_cut_by_bytes_between_characters(
    shop: Connection, do: Do, platforms: Platforms
) -> None:
    add(do, platforms, "wecom")
    behind(shop, "冲" * 3000)
    assert work(shop) == 1
    text = platforms.said[0][1]
    assert 2044 <= len(text.encode()) <= 2048
    assert text.endswith("冲…")
    assert [cut("冲冲冲", n) for n in (9, 8, 6, 5)] == ["冲冲冲", "冲…", "冲…", "…"]


def test_at_shift_change_feishu_is_called_some_minutes_later_and_the_others_at_once(
    shop: Connection, do: Do, platforms: Platforms
) -> None:
    for platform in EVERY:
        add(do, platforms, platform)
    eight = datetime(2026, 3, 2, 0, 0, 5, tzinfo=UTC)
    behind(shop, "P01", eight)
    work(shop, eight)
    assert sorted(platform for platform, _ in platforms.said) == ["dingtalk", "wecom"]
    work(shop, eight + timedelta(minutes=6))
    assert len(platforms.said) == 3


def test_times_near_a_half_hour_are_spread_and_others_stay() -> None:
    hour = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    for minute in range(60):
        at = hour + timedelta(minutes=minute)
        due = [robots.beside_half_hours(at, f"robot/{n}") for n in range(50)]
        near = minute % 30 in {29, 0, 1}
        assert (len(set(due)) > 20) == near
        assert all(each == at for each in due) != near
        for each in due:
            assert each >= at
            assert (
                timedelta(minutes=2)
                <= (each - hour) % timedelta(minutes=30)
                < timedelta(minutes=29)
            )


def test_what_goes_up_is_said_again_with_the_role(
    shop: Connection, do: Do, platforms: Platforms
) -> None:
    add(do, platforms, "wecom")
    behind(shop, "P01")
    work(shop)
    work(shop, NOW + timedelta(minutes=15))
    assert platforms.said[1][1].endswith("（无人处理，已升级给信息部）")


def test_a_test_message_is_said_by_an_act_and_its_answer_stands_in_the_list(
    shop: Connection, do: Do, platforms: Platforms
) -> None:
    add(do, platforms, "feishu")
    do("robot.test", robot="feishu")
    assert work(shop) == 1
    assert platforms.said[0][1].endswith("测试消息，由钱进发送")
    with pytest.raises(Refused, match="robot_unknown"):
        do("robot.test", robot="nobody")
    with pytest.raises(Refused, match="not_allowed"):
        do("robot.test", who="O", robot="feishu")


def test_address_and_secret_are_never_told(shop: Connection, do: Do, platforms: Platforms) -> None:
    add(do, platforms, "wecom")
    do("robot.change", robot="wecom", address=platforms.address("feishu"), secret="S2",
       language="zh", notice_kinds=[], active=False)  # fmt: skip
    for rows in (
        shop.execute("select act, args, outcome from people.act").fetchall(),
        shop.execute("select before, after from people.change").fetchall(),
        shop.execute(house.LISTS["robots"].rows).fetchall(),
    ):
        assert rows
        for hidden in ("secret-key", SECRET, "S2"):
            assert hidden not in str(rows)


def test_one_that_is_off_or_gone_says_nothing(
    shop: Connection, do: Do, platforms: Platforms
) -> None:
    add(do, platforms, "wecom")
    behind(shop, "P01")
    do("robot.change", robot="wecom", language="zh", notice_kinds=["press_behind"], active=False)
    behind(shop, "P02")
    work(shop)
    assert (platforms.said, waiting(shop)) == ([], [])
    do("robot.change", robot="wecom", language="zh", notice_kinds=["press_behind"], active=True)
    behind(shop, "P03")
    do("robot.remove", robot="wecom")
    work(shop)
    assert (platforms.said, waiting(shop)) == ([], [])


def test_a_robot_that_stays_dead_is_told_to_the_leader_once_its_line_is_given_up(
    shop: Connection, do: Do, platforms: Platforms
) -> None:
    add(do, platforms, "wecom")
    behind(shop, "P01")
    for n in range(worker.MOST_TRIES):
        platforms.refuse(errcode=93000)
        work(shop, NOW + n * timedelta(hours=1))
    told = "select count(*) from people.notice where kind = 'job_failed' and done_at is null"
    assert shop.execute(told).fetchone() == (1,)
    do("robot.change", robot="wecom", address=platforms.address("wecom"), language="zh",
       notice_kinds=["press_behind"], active=True, now=NOW + timedelta(hours=20))  # fmt: skip
    assert shop.execute(told).fetchone() == (0,)
    work(shop, NOW + timedelta(hours=20))
    assert len(platforms.said) == 1


@pytest.mark.parametrize(
    "address",
    ["", "qyapi.example/send", "http://example.com/send", "ftp://127.0.0.1/", "https://",
     "https://[::1/", "https://a b/", "https://example.com:port/x", "http://127.0.0.1.example/"],
)  # fmt: skip
def test_what_is_no_address_is_refused(shop: Connection, do: Do, address: str) -> None:
    with pytest.raises(Refused, match=r"robot_address|args_wrong"):
        do("robot.create", name="R", platform="wecom", address=address)
    assert shop.execute("select from people.robot").fetchall() == []


def test_what_nobody_raises_is_no_kind_to_be_told_of(do: Do, platforms: Platforms) -> None:
    with pytest.raises(Refused, match="notice_kind_unknown"):
        add(do, platforms, "wecom", notice_kinds=["weather"])
    add(do, platforms, "wecom")
    with pytest.raises(Refused, match="robot_taken"):
        add(do, platforms, "wecom")
    with pytest.raises(Refused, match="args_wrong"):
        do("robot.create", name="T", platform="teams", address="https://example.com/x")


@pytest.mark.page
@pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_robot_is_added_and_tried_on_the_page(
    chromium: Browser, database: str, lang: str
) -> None:
    test, told = {"zh": ("发送测试消息", "测试消息正在发送"),
                  "en": ("Send a test message", "is on its way")}[lang]  # fmt: skip
    size = {"width": 1440, "height": 900} if lang == "zh" else {"width": 390, "height": 844}
    with shop_at(database) as (shop, site), screen(chromium, site, "/sign-in", size) as page:
        page.locator("[name=badge]").fill("B-401")
        page.keyboard.press("Enter")
        expect(page.locator(".bell")).to_be_visible()
        page.goto(f"/robots?lang={lang}")
        new = page.locator(".deeds-bar")
        new.locator("summary").click()
        new.locator("[name=name]").fill("群 1")
        new.locator("[name=address]").fill("https://robot.example/send?key=top-secret")
        new.locator("[name='notice_kinds[]'][value=report]").check()
        new.locator(".button.primary").click()
        row = page.locator("tbody tr", has_text="群 1")
        expect(row).to_have_count(1)
        row.locator("summary", has_text=test).click()
        row.get_by_role("button", name=test).click()
        expect(page.locator(".told")).to_contain_text(told)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert "top-secret" not in page.content()
        kinds = shop.connection.execute("select notice_kinds from people.robot").fetchone()
        jobs = shop.connection.execute("select args ->> 'robot' from people.job").fetchone()
        assert (kinds, jobs) == ((["report"],), ("群 1",))
