"""How long a session waits: for a statement, for a lock, for a server that says nothing.

The server ends what takes too long, as long as it runs. A server that is frozen ends nothing, so
the client has a limit of its own.
"""

from dataclasses import dataclass

CONNECT_S = 4  # a server that runs answers in milliseconds
ASK_AFTER_S = 5.0  # without an answer for so long, the server is asked whether it is there
ASK_S = 3  # and it has so long to say so
GRACE_S = 1.0  # for the word of a server that ended a statement to arrive
KEEPALIVE = "keepalives_idle=10 keepalives_interval=3 keepalives_count=3"  # a cut line, while idle


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds that the server gives a statement, a lock and an idle transaction; None: no end."""

    statement_s: float | None
    lock_s: float | None
    idle_transaction_s: float | None

    @property
    def options(self) -> str:
        """As settings of a session."""
        told = {
            "statement_timeout": self.statement_s,
            "lock_timeout": self.lock_s,
            "idle_in_transaction_session_timeout": self.idle_transaction_s,
        }
        return " ".join(f"-c {name}={int(1000 * (s or 0))}" for name, s in told.items())

    @property
    def answer_s(self) -> float | None:
        """After so long without an answer there will be none."""
        return None if self.statement_s is None else self.statement_s + GRACE_S


COMMAND = Limits(None, 30, None)  # a person waits, and may interrupt
SERVICE = Limits(60, 30, 60)  # ingest and bridge: they try again
PAGE = Limits(7, 6, 30)  # a person is told within ten seconds
PROBE = Limits(2, 1, 5)  # is the database there?
