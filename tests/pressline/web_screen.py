"""Screens of the web shop: pages in Chromium, 20 mm for a finger, no English word in Chinese."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, expect
from web_shop import Site

expect.set_options(timeout=20_000)  # a busy machine is slow, not wrong

MM = 160 / 25.4  # pixels, on the finest panel that stands beside a press
TERMINAL = {"width": 1280, "height": 800}
LATIN = re.compile(r"[A-Za-z]{2,}")
# Codes, names of people and of the other language are no English words.
NO_WORDS = {
    "MB",
    "KB",
    "OEE",
    "PIN",
    "English",
    "pressline",
    "BRK",
    "HNG",
    "WSH",
    "WO",
    "COIL",
    "kWh",
    "Wh",
    "Anna",
    "Smith",
    *("zhang", "smith", "liu", "sun", "zhou", "qian"),
}


@contextmanager
def screen(
    chromium: Browser, site: Site, path: str, size: dict[str, Any], locale: str = "zh-CN"
) -> Generator[Page]:
    """A page of the site on a screen of this size; no script error is overlooked."""
    context = chromium.new_context(viewport=size, locale=locale, base_url=site.url)  # pyright: ignore[reportArgumentType] - a plain dict is what it takes
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    try:
        page.goto(path)
        yield page
        assert problems == []
    finally:
        context.close()


@contextmanager
def terminal(
    chromium: Browser, site: Site, press: str = "P01", badge: str = "EMP:B-101"
) -> Generator[Page]:
    """A terminal with someone signed on by badge."""
    with screen(chromium, site, f"/terminal/{press}", TERMINAL) as page:
        scan(page, badge)
        expect(page.locator("[data-act=scrap]")).to_be_visible()
        yield page


def scan(page: Page, code: str) -> None:
    """Type like a hand scanner: fast, and Enter."""
    page.keyboard.type(code, delay=5)
    page.keyboard.press("Enter")


def assert_boxes(page: Page, mm: float) -> None:
    """Each key is 20 mm wide and high, and on the screen."""
    width = page.evaluate("innerWidth")
    sheet = page.locator(".sheet [data-act]")
    keys = sheet if sheet.count() else page.locator("[data-act]")
    assert keys.count() > 0
    for key in keys.all():
        box = key.bounding_box()
        name = key.get_attribute("data-act")
        assert box is not None
        assert box["width"] >= 20 * mm - 0.5, name
        assert box["height"] >= 20 * mm - 0.5, name
        assert box["x"] >= 0, name
        assert box["x"] + box["width"] <= width + 0.5, name


PANELS = """() => {
  const panels = [...document.querySelectorAll(".bar, .middle > section, .actions")];
  const meet = (one, two) => {
    const [a, b] = [one.getBoundingClientRect(), two.getBoundingClientRect()];
    return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  };
  const cut = (panel) => panel.matches(".made") && panel.scrollHeight > panel.clientHeight;
  const wide = (panel) => panel.getBoundingClientRect().right > innerWidth + 0.5;
  return panels.flatMap((one, n) => [
    ...(cut(one) ? [`${one.className} is cut`] : []),
    ...(wide(one) ? [`${one.className} is too wide`] : []),
    ...panels.slice(n + 1).filter((two) => meet(one, two))
      .map((two) => `${one.className} lies on ${two.className}`),
  ]);
}"""


def assert_apart(page: Page) -> None:
    """No panel of the terminal lies on another or off the screen, and the count is whole."""
    page.evaluate("scrollTo(0, 0)")
    wrong = page.evaluate(PANELS)
    assert wrong == [], (page.viewport_size, wrong)


def assert_chinese(page: Page) -> None:
    found = set(LATIN.findall(page.locator("body").inner_text())) - NO_WORDS
    assert found == set(), page.url
