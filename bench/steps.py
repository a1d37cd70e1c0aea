"""Things that take time, as generators: each takes a step whenever the lab looks at it."""

import time
from collections.abc import Callable, Generator

Steps = Generator[None]
LOOK_S = 0.2


def pause(seconds: float) -> Steps:
    """For so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield


def until(met: Callable[[], bool]) -> Steps:
    """Until something is so, which is looked at five times a second."""
    while not met():
        yield from pause(LOOK_S)
