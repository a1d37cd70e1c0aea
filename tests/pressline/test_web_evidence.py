"""Behind an order's number: how each pair of readings counted, and that all adds up."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from web_shop import Site, WebShop, shop_at

Pair = tuple[WebShop, Site]


@pytest.fixture
def opened(database: str) -> Iterator[Pair]:
    with shop_at(database) as pair:
        yield pair


def poll(shop: WebShop, *values: int | None) -> None:
    """One reading every five seconds; None: the PLC did not answer."""
    for value in values:
        shop.now += timedelta(seconds=5)
        shop.read("P01", value, shop.now)
        shop.derive()


def rows(html: str) -> list[list[str]]:
    """The cells of the table of readings, without their markup."""
    table = html.split('<table class="readings">')[1].split("<tbody>")[1]
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in table.split("</tr>")]
    return [[" ".join(re.sub(r"<[^>]+>", " ", c).split()) for c in row] for row in cells if row]


def test_each_reading_says_how_it_counted(opened: Pair) -> None:
    shop, site = opened
    shop.connection.execute("update signal.channel set modulus = 65536 where device = 'P01'")
    shop.counters["P01"] = 65530
    shop.producing("P01", "WO-2601")
    poll(shop, 65533, 65533, 2, 4, None, 6, 8)
    with site.signed_in("EMP:B-301") as client:
        page = client.get("/work-order/WO-2601/run/1?lang=en")
        found = [(row[1], row[3], row[4]) for row in rows(page.text)]
    assert found[0][0] == "65530"
    assert found[1:4] == [
        ("65533", "+3", "plain step"),
        ("65533", "", "unchanged"),
        ("2", "+5", "counter wrapped P01/1"),
    ]
    assert ("–", "", "bad reading: not counted") in found
    assert sum(int(counted) for _, counted, _ in found if counted) == 3 + 5 + 2 + 2 + 2


def test_the_ladder_goes_from_strokes_to_stock_without_a_rest(opened: Pair) -> None:
    shop, site = opened
    shop.producing("P01", "WO-2601")
    shop.run("P01", 900, 850)
    shop.do("scrap", qty=7, reason="dent")
    shop.run("P01", 60, 55)
    shop.later(1)
    shop.do("finish")
    with site.signed_in("EMP:B-301") as client:
        html = client.get("/work-order/WO-2601?lang=en").text
    steps = dict(
        re.findall(r'<tr class="(\w+)"><th>.*?</th><td class="n">([−\d,]+)</td>', html, re.DOTALL)
    )
    value = {step: int(text.replace("−", "-").replace(",", "")) for step, text in steps.items()}
    assert value["strokes"] == value["made"] == 905
    assert value["declared_scrap"] == -7
    assert value["made"] + value["not_for_sale"] + value["declared_scrap"] == value["good_live"]
    assert value["good_live"] + value["not_yet_posted"] == value["posted"] == 898
    assert value["posted"] + value["waiting"] == value["accepted"] == value["in_stock"]


def test_a_press_without_a_meter_shows_no_energy_instead_of_zero(opened: Pair) -> None:
    shop, site = opened
    shop.producing("P01", "WO-2601")
    with site.signed_in("EMP:B-301") as client:
        assert "No meter readings" in client.get("/work-order/WO-2601?lang=en").text


def test_a_run_of_another_order_is_not_shown(opened: Pair) -> None:
    shop, site = opened
    shop.producing("P01", "WO-2601")
    with site.signed_in("EMP:B-301") as client:
        assert client.get("/work-order/WO-2602/run/1").status_code == 404
        assert client.get("/work-order/WO-9999").status_code == 404


def test_an_order_nobody_started_says_how_to_start(opened: Pair) -> None:
    _, site = opened
    with site.signed_in("EMP:B-301") as client:
        html = client.get("/work-order/WO-2601?lang=en").text
    assert "scan the order at a press" in html
