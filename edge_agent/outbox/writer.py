"""The thread in which outboxes are written.

Not one of the event loop's own: names are looked up in those, and some machines whose names nobody
knows would hold all of them for seconds while samples wait for their commit.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

_writer = ThreadPoolExecutor(1, "outbox")


async def in_writer(work: Callable[[], T]) -> T:
    """What the work returns; one piece of work after the other."""
    return await asyncio.get_running_loop().run_in_executor(_writer, work)
