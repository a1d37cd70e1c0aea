"""What the server refused, in sentences with their cure.

Rooms catch what they expect. What nobody expected ends a command: there it is told by this table
of PostgreSQL's error codes, the longest that fits, instead of by a traceback.
"""

from types import MappingProxyType

import psycopg

from database.errors import DatabaseError, OutdatedError, RefusedError, UnreachableError

MIGRATE = "run `pressline migrate`, or check the name of the database in the address"
OWNER = "use the address of the role that ran `pressline migrate`"
AGAIN = "nothing was written; try again"
CURES = MappingProxyType({
    "25006": "this server takes no changes: use the address of the primary",
    "3D000": "check the name of the database in the address",
    "42501": OWNER,
    "40": AGAIN,
    "53100": "its disk is full: make room there, then try again",
    "53200": "it has no memory left: try again, or give it more",
    "53300": "too many connections are open: end some, or raise max_connections",
    "55P03": f"somebody else holds what is needed: {AGAIN}",
    "57014": f"it took longer than the time allowed: {AGAIN}",
    "57P": "the server is stopping or starting: try again when it is up",
    "58": "its own files are at fault: look into the server's log",
    "22": "a value is out of bounds: mend it, nothing was written",
    "23": "that contradicts what the database has already: mend it, nothing was written",
    "XX": "the server found a fault in itself: look into its log",
})  # fmt: skip
MISSING = ("3F000", "42P01", "42703", "42883", "42704")  # schema, table, column, function, type


def refusal(error: psycopg.Error) -> DatabaseError:
    """The server's refusal as one of ours: what it said, and what to do."""
    said = " ".join((error.diag.message_primary or str(error) or type(error).__name__).split())
    code = error.sqlstate or ""
    if code in MISSING:
        return OutdatedError(f"This database has not the tables of pressline ({said}): {MIGRATE}.")
    if not code and isinstance(error, psycopg.OperationalError):
        return UnreachableError(f"The database went away ({said}). Is the server running?")
    fitting = [cure for start, cure in CURES.items() if code.startswith(start)]
    cure = fitting[0] if fitting else "look into the server's log, and tell it with this code"
    return RefusedError(f"The database refused ({code or 'no code'}: {said}): {cure}.")
