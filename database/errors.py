"""Errors of the database room, all of them DatabaseErrors."""


class DatabaseError(Exception):
    """The database cannot be used; the message says where, why and the cure."""


class AddressError(DatabaseError):
    """The database's address cannot be understood: waiting mends nothing."""


class UnreachableError(DatabaseError):
    """No server answers at the given address."""


class ServerNotStartedError(DatabaseError):
    """The embedded PostgreSQL did not start."""


class OutdatedError(DatabaseError):
    """The schema is older than the program: run `pressline migrate`."""


class NewerError(DatabaseError):
    """The schema is newer than the program."""


class BlockedError(DatabaseError):
    """Others hold what was to be changed."""


class SetAsideError(DatabaseError):
    """What others built on our views stands in the way, or could not be made again."""


class RefusedError(DatabaseError):
    """The server answered, and refused."""
