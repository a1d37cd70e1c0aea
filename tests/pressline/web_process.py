"""The web as a process of its own."""

import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager

import httpx

PROGRAM = """
import sys
from pressline.web.shell.application import Doors, serve
serve(sys.argv[1], Doors(sys.argv[2], int(sys.argv[3])))
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def process(database: str, host: str = "127.0.0.1") -> Generator[tuple[subprocess.Popen[str], str]]:
    port = free_port()
    started = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, database, host, str(port)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        answered(url, started)
        yield started, url
    finally:
        if started.poll() is None:
            started.kill()
        started.communicate()


def answered(url: str, started: subprocess.Popen[str]) -> None:
    while started.poll() is None:
        try:
            if httpx.get(f"{url}/healthz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(started.communicate()[0])
