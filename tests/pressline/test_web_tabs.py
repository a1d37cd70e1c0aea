"""Many pages of one browser share one stream: seven of them used up its connections before."""

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from web_shop import Site, WebShop, shop_at

pytestmark = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")
PAGES = ["/wall", "/wall/L1", "/terminal/P01", "/terminal/P02", "/terminal/P03", "/wall", "/wall"]


@pytest.fixture
def opened(database: str) -> Iterator[tuple[WebShop, Site]]:
    with shop_at(database) as pair:
        yield pair


def test_seven_pages_and_one_more_live_on_one_stream(
    chromium: Browser, opened: tuple[WebShop, Site]
) -> None:
    shop, site = opened
    shop.producing("P01", "WO-2601")
    context = chromium.new_context(base_url=site.url, locale="zh-CN")
    try:
        pages = [context.new_page() for _ in PAGES]
        for page, path in zip(pages, PAGES, strict=True):
            page.goto(path)
        shop.run("P01", 60, 47)
        for page in (pages[0], pages[1], pages[6]):
            expect(page.locator("[data-press=P01] .good")).to_have_text("47")
        expect(pages[2].locator("body")).to_contain_text("47")
        one_more = context.new_page()
        one_more.goto("/sign-in")
        expect(one_more.locator("#sign-in")).to_be_visible()
        assert len(site.server.feed.streams) == 1
    finally:
        context.close()
    while site.server.feed.streams:  # the last page has gone, and so does the stream
        time.sleep(0.05)
