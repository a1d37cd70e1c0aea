"""Why a rule of the books refused something: RuleError > Unknown, State, Argument, Conflict.

Every message says where, what happened, and the cure, in one line.
"""


class RuleError(Exception):
    """Something was refused and nothing was written.

    `where` names the thing (a report, an order, a file line), `what` says what happened,
    `cure` what to do about it.
    """

    def __init__(self, where: str, what: str, cure: str) -> None:
        super().__init__(f"{where}: {what}; {cure}")
        self.where, self.what, self.cure = where, what, cure


class UnknownError(RuleError):
    """Nothing goes by that code or name."""


class StateError(RuleError):
    """The thing is in a state from which this step is not possible."""


class ArgumentError(RuleError):
    """A value that cannot be meant, such as a quantity of zero or an empty reason."""


class ConflictError(RuleError):
    """The same key or code was used before for something different."""
