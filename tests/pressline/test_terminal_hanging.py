"""A terminal that nobody touches says by itself that the server does not answer."""

import os
import signal
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect
from web_process import process
from web_screen import TERMINAL
from web_shop import WebShop

from database.connection import connect
from database.migrate import migrate
from database.server import Server

pytestmark = pytest.mark.page
plain = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")

TOLD = "服务器没有回应"
# When the terminal said so, by the machine's clock in seconds; null while it did not.
LISTEN = """told => {
  globalThis.toldAt = null;
  new MutationObserver(() => {
    const said = document.querySelector(".net")?.textContent.includes(told);
    if (said) globalThis.toldAt ??= Date.now() / 1000;
  }).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""
TOLD_AT = """(async () => {
  while (globalThis.toldAt === null) await new Promise(f => setTimeout(f, 20));
  return globalThis.toldAt;
})()"""
HEARS = "(async () => { while (!globalThis.beats) await new Promise(f => setTimeout(f, 50)); })()"
# Counts heartbeats as they reach the page, so that a test begins when it listens.
COUNT_BEATS = """
globalThis.beats = 0;
const plain = MessagePort.prototype.start;
MessagePort.prototype.start = function () {
  this.addEventListener("message", ({ data }) => (globalThis.beats += data === null));
  plain.call(this);
};
"""


@contextmanager
def idle(chromium: Browser, url: str) -> Generator[Page]:
    """A terminal at which nobody stands, once it hears the server's heart."""
    context = chromium.new_context(viewport=TERMINAL, locale="zh-CN", base_url=url)  # pyright: ignore[reportArgumentType] - a plain dict is what it takes
    try:
        context.add_init_script(COUNT_BEATS)
        page = context.new_page()
        page.goto("/terminal/P01")
        page.evaluate(HEARS)
        page.evaluate(LISTEN, TOLD)
        yield page
    finally:
        context.close()


@pytest.fixture
def running(database: str) -> Iterator[tuple[int, str]]:
    """The web as a process of its own: what can be stopped and let go on."""
    with connect(database) as connection:
        WebShop(connection).furnish()
    with process(database) as (started, url):
        yield started.pid, url
        os.kill(started.pid, signal.SIGCONT)


def told_after(page: Page, began: float) -> float:
    return page.evaluate(TOLD_AT) - began


@plain
def test_an_idle_terminal_is_told_of_a_frozen_server_within_two_seconds(
    chromium: Browser, running: tuple[int, str]
) -> None:
    pid, url = running
    with idle(chromium, url) as page:
        expect(page.locator(".net")).to_have_count(0)
        began = time.time()
        os.kill(pid, signal.SIGSTOP)
        assert told_after(page, began) < 2
        os.kill(pid, signal.SIGCONT)
        expect(page.locator(".net")).to_have_count(0)  # nobody touched it


@plain
def test_a_killed_server_is_told_as_soon(chromium: Browser, running: tuple[int, str]) -> None:
    pid, url = running
    with idle(chromium, url) as page:
        began = time.time()
        os.kill(pid, signal.SIGKILL)
        assert told_after(page, began) < 2


@plain
def test_a_page_in_the_background_or_asleep_raises_no_alarm(
    chromium: Browser, running: tuple[int, str]
) -> None:
    pid, url = running
    with idle(chromium, url) as page:
        page.evaluate(
            "() => { const end = performance.now() + 4000; while (performance.now() < end); }"
        )
        page.evaluate("() => new Promise(told => setTimeout(told, 1000))")
        assert page.evaluate("globalThis.toldAt") is None  # the page slept, not the server
        hide(page, hidden=True)
        os.kill(pid, signal.SIGSTOP)
        page.evaluate("() => new Promise(told => setTimeout(told, 3000))")
        assert page.evaluate("globalThis.toldAt") is None
        began = time.time()
        hide(page, hidden=False)
        assert told_after(page, began) < 2.5  # looked at again, it is told what is so


def hide(page: Page, *, hidden: bool) -> None:
    page.evaluate(
        "value => Object.defineProperty(document, 'hidden', { value, configurable: true })", hidden
    )


@pytest.fixture(scope="module")
def furnished(own_server: Server) -> str:
    migrate(own_server.url)
    with connect(own_server.url) as connection:
        WebShop(connection).furnish()
    return own_server.url


def test_a_frozen_database_is_told_at_an_idle_terminal(
    chromium: Browser, furnished: str, frozen: Callable[[], None]
) -> None:
    """The web lives, yet an act would get no answer: the heart beats only while figures come."""
    with process(furnished) as (_, url), idle(chromium, url) as page:
        began = time.time()
        frozen()
        assert told_after(page, began) < 10
