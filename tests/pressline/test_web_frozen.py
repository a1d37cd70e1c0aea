"""A frozen database, told by the pages."""

import os
import signal
import time
from collections.abc import Callable

import httpx
from web_process import process

from database.migrate import migrate
from database.server import Server


def test_a_frozen_database_is_told_within_ten_seconds_and_in_the_log(
    own_server: Server, frozen: Callable[[], None]
) -> None:
    """Frozen, a server breaks no connection: nothing but a clock tells."""
    migrate(own_server.url)
    with process(own_server.url) as (started, url):
        assert httpx.get(f"{url}/wall", timeout=30).status_code == 200
        frozen()
        for path in ("/healthz", "/wall"):
            began = time.monotonic()
            assert httpx.get(f"{url}{path}", timeout=30).status_code == 503
            assert time.monotonic() - began < 10, path
        os.kill(started.pid, signal.SIGTERM)
        out, _ = started.communicate(timeout=30)
        told = [line for line in out.splitlines() if "answered 503" in line]
        assert [path for path in ("/healthz", "/wall") if any(path in line for line in told)] == [
            "/healthz",
            "/wall",
        ], out
