"""The database session of a host: it is the one that table signal.host names, and it writes.

Losing one is losing both, so two hosts of one id can never write at once.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import psycopg
import structlog

from database.connection import Connection, wait_connect
from database.limits import SERVICE
from ingest.errors import LockLostError, StoppedError
from ingest.store import hold_host

log = structlog.get_logger()

T = TypeVar("T")

TRY_EVERY_S = 0.5  # a standby looks for the lock this often
RETURN_WITHIN_S = 5.0  # after an outage; then the host starts over as a standby
PAUSE_FIRST_S, PAUSE_LONGEST_S = 0.1, 5.0


class Session:
    """One connection that holds the lock of a host id and does the host's work.

    `busy_since` tells a watchdog how long the work at hand has been waiting (steady seconds).
    """

    def __init__(self, url: str, host_id: str, stop: threading.Event) -> None:
        self._url, self._host_id, self._stop = url, host_id, stop
        self._connection: Connection | None = None
        self.busy_since: float | None = None

    def open(self) -> bool:
        """Connect and take the lock, waiting for both; False when asked to stop."""
        waiting = False
        while not self._stop.is_set():
            if self._connection is None:
                self._connect()
            if self._locked():
                if waiting:
                    log.info("this host takes over", host_id=self._host_id)
                return True
            if not waiting and self._connection is not None:
                waiting = True
                log.info("another host of this id is at work; standing by", host_id=self._host_id)
            self._stop.wait(TRY_EVERY_S)
        return False

    def close(self) -> None:
        """Let go of the lock and the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def run(self, work: Callable[[Connection], T]) -> T:
        """The result of `work`, tried again until the database took it.

        Raises what the database says of work that it will never take (psycopg.DataError and the
        like, ProgramLimitExceeded), LockLostError when another host took over meanwhile,
        StoppedError when asked to stop.
        """
        pause = PAUSE_FIRST_S
        self.busy_since = time.monotonic()
        try:
            while True:
                try:
                    if self._connection is not None:
                        return work(self._connection)
                except psycopg.errors.ProgramLimitExceeded:
                    raise  # no outage: it would not be taken at any later try
                except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                    log.warning("the database did not take it; trying on", reason=str(error))
                    self.close()
                if self._stop.wait(pause):
                    raise StoppedError("asked to stop while the database was away")
                pause = min(2 * pause, PAUSE_LONGEST_S)
                self._return()
        finally:
            self.busy_since = None

    def _return(self) -> None:
        self._connect()
        end = time.monotonic() + RETURN_WITHIN_S
        while self._connection is not None and not self._locked():
            if time.monotonic() > end:
                self.close()
                raise LockLostError(f"another host of id {self._host_id} took over")
            self._stop.wait(TRY_EVERY_S / 5)
        if self._connection is None and self._stop.is_set():
            raise StoppedError("asked to stop while the database was away")

    def _connect(self) -> None:
        self._connection = wait_connect(
            self._url, stop=self._stop.is_set, autocommit=True, application="pressline ingest",
            limits=SERVICE,
        )  # fmt: skip

    def _locked(self) -> bool:
        if self._connection is None:
            return False
        try:
            with contextlib.suppress(psycopg.DataError):  # a server on another system than Linux
                self._connection.execute("set client_connection_check_interval = '1s'")
            return hold_host(self._connection, self._host_id)
        except psycopg.OperationalError:
            self.close()
            return False
