"""What makes a scenario folder unreadable, told with file, line and cure."""

from collections.abc import Sequence

from edge_agent.errors import Problem
from pressline.errors import PresslineError


class RefusedFolderError(PresslineError):
    """A folder that cannot be played: every fault found, one per line."""

    def __init__(self, problems: Sequence[Problem | str]) -> None:
        self.problems = tuple(str(problem) for problem in problems)
        super().__init__("\n".join(self.problems))


def fault(file: str, line: int | None, what: str, cure: str) -> RefusedFolderError:
    """The error of one fault; `line` counts from 1, None for the file as a whole."""
    return RefusedFolderError([Problem(f"{file}:{line}" if line else file, "", what, cure)])
