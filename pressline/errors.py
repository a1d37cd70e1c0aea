"""Errors of the front door: what a person can mend, told with the cure."""


class PresslineError(Exception):
    """A command cannot do its work; the message says what, where and the cure."""


class ListenError(PresslineError):
    """An address or a port cannot be listened on."""
