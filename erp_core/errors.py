"""Errors of the ERP core: ErpError > Unknown, State, Argument, Conflict, Masters.

Every message says where, what happened, and the cure, in one line.
"""

from collections.abc import Sequence


class ErpError(Exception):
    """Something was refused and nothing was written.

    `where` names the thing (a report, an order, a file line), `what` says what happened,
    `cure` what to do about it.
    """

    def __init__(self, where: str, what: str, cure: str) -> None:
        super().__init__(f"{where}: {what}; {cure}")
        self.where, self.what, self.cure = where, what, cure


class UnknownError(ErpError):
    """Nothing goes by that code or name."""


class StateError(ErpError):
    """The thing is in a state from which this step is not possible."""


class ArgumentError(ErpError):
    """A value that cannot be meant, such as a quantity of zero or an empty reason."""


class ConflictError(ErpError):
    """The same key or code was used before for something different."""


class MastersError(ErpError):
    """A master data file was refused as a whole; `problems` holds one line per fault."""

    def __init__(self, problems: Sequence[str]) -> None:
        Exception.__init__(self, "\n".join(problems))
        self.problems = tuple(problems)
