"""The thread that writes: the database's work in the order it is given, one piece at a time.

While it waits for a commit, intake decodes what the next one will write.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self, TypeVar

from database.connection import Connection
from ingest.session import Session

T = TypeVar("T")


class Writer:
    """Gives work to the session in a thread of its own; the session is nobody else's meanwhile.

    What `Session.run` raises comes out of `run`, or of the future of `start`.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._thread = ThreadPoolExecutor(1, "writer")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()

    def start(self, work: Callable[[Connection], T]) -> "Future[T]":
        """Do this after what was given before; its result will be in the future."""
        return self._thread.submit(self._session.run, work)

    def run(self, work: Callable[[Connection], T]) -> T:
        """Do this after what was given before, and wait for its result."""
        return self.start(work).result()
