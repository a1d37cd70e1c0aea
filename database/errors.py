"""Errors of the database room: DatabaseError > Unreachable, ServerNotStarted, Outdated."""


class DatabaseError(Exception):
    """The database cannot be used; the message says where, why and the cure."""


class UnreachableError(DatabaseError):
    """No server answers at the given address."""


class ServerNotStartedError(DatabaseError):
    """The embedded PostgreSQL did not start."""


class OutdatedError(DatabaseError):
    """The schema is older than the program: run `pressline migrate`."""
