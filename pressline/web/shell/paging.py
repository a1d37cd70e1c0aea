"""Long lists in pages: how many there are, which of them are shown, the way to the others.

The page asked for stands in the address beside the filter, so that a link shows the same to others.
"""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Query

Row = dict[str, Any]

PageNumber = Annotated[int, Query(ge=1, le=1_000_000)]


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a page lies in a list of `total` rows; beyond the end the last page is meant."""

    total: int
    asked: int
    size: int

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // self.size))

    @property
    def page(self) -> int:
        """The page that is shown."""
        return min(self.asked, self.pages)

    @property
    def offset(self) -> int:
        """Rows before it."""
        return (self.page - 1) * self.size


@dataclass(frozen=True, slots=True)
class Part:
    """A page of a list; `key` is the field of the address that says which one."""

    cut: Cut
    rows: list[Row]
    key: str = "page"

    @property
    def total(self) -> int:
        """Rows of the whole list."""
        return self.cut.total

    @property
    def more(self) -> int:
        """Rows that are not on this page."""
        return self.total - len(self.rows)

    @property
    def first(self) -> int:
        """Place of the first row shown, from 1."""
        return self.cut.offset + 1

    @property
    def last(self) -> int:
        """Place of the last row shown."""
        return self.cut.offset + len(self.rows)

    @property
    def before(self) -> int | None:
        """The page before this one."""
        return self.cut.page - 1 if self.cut.page > 1 else None

    @property
    def after(self) -> int | None:
        """The page after this one."""
        return self.cut.page + 1 if self.cut.page < self.cut.pages else None
