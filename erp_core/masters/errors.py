"""Why a file of masters was refused."""

from collections.abc import Sequence

from people.errors import RuleError


class MastersError(RuleError):
    """A master data file was refused as a whole; `problems` holds one line per fault."""

    def __init__(self, problems: Sequence[str]) -> None:
        Exception.__init__(self, "\n".join(problems))
        self.problems = tuple(problems)
