"""What can stop the Sparkplug host, told with the cure."""

from database.errors import DatabaseError


class LockLostError(DatabaseError):
    """Another host of the same host id took over while this one had lost the database."""


class StoppedError(DatabaseError):
    """The host was asked to stop while it waited for the database."""


class GroupError(DatabaseError):
    """The nodes that a host is to serve are not told rightly."""


class BrokerSettingsError(DatabaseError):
    """The credentials for the broker cannot be used."""
