"""Errors of the bridge: BridgeError > UnknownEvent, DecidedEvent, UnknownCounter, Swap.

Each message says what happened, where, and the cure.
"""


class BridgeError(Exception):
    """Nothing was written; the message says why and what to do."""


class UnknownEventError(BridgeError):
    """The press has no counter event with that number."""


class DecidedEventError(BridgeError):
    """The event is not held: it was decided before, or never needed a decision."""


class DecisionTooLargeError(BridgeError):
    """More was to be counted than the readings of the held event show."""


class UnknownCounterError(BridgeError):
    """The press counts nothing on a channel of that name."""


class SwapError(BridgeError):
    """The exchange of a counter does not fit what was read from it."""


class OtherSiteError(BridgeError):
    """The database belongs to another site, and is in use there."""
