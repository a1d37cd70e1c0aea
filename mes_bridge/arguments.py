"""The arguments of each act, as docs/scenarios.md lists them: typed, and nothing beside them."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from people.arguments import Arguments, Code, Counted, Quantity, Reading, Reason, Whole


class Ending(Arguments):
    """What may end a running job; with `end` false it is refused where it would (job_running)."""

    end: bool = Field(default=True, strict=True)


class Dismount(Ending):
    """dismount{end?}."""


class Mount(Ending):
    """mount{die, end?}."""

    die: Code


class Scan(Ending):
    """scan{work_order, die?, lot?, operation?, end?}: the operation by its number."""

    work_order: Code
    die: Code | None = None
    lot: Code | None = None
    operation: Counted | None = None


class Segment(Arguments):
    """segment{kind}."""

    kind: Literal["setup", "first_article", "production", "trial", "maintenance"]


class FirstArticle(Arguments):
    """first_article{pass}."""

    passed: bool = Field(alias="pass", strict=True)


class Scrap(Arguments):
    """scrap{item?, qty, reason, work_order?}: parts of its order's newest run that made so many.

    The item may be left out where the die makes one part; the order names an earlier run.
    """

    item: Code | None = None
    work_order: Code | None = None
    qty: Whole
    reason: Reason


class Weigh(Arguments):
    """weigh{lot, qty}: what a scale shows of a coil that is or was on the press."""

    lot: Code
    qty: Quantity


class Consume(Arguments):
    """consume{work_order, item, lot?, qty, reason}: material that went beside the formula."""

    work_order: Code
    item: Code
    lot: Code | None = None
    qty: Annotated[Quantity, Field(gt=0)]
    reason: Reason


class Output(Arguments):
    """output{item, open, reason}: closing needs a reason."""

    item: Code
    open: bool = Field(strict=True)
    reason: Reason | None = None


class StopReason(Arguments):
    """stop_reason{from?, to?, reason}; without `to`: until that stop ends.

    Without `from`: the stop that goes on, else the last one that nobody has explained.
    """

    since: AwareDatetime | None = Field(default=None, alias="from")
    to: AwareDatetime | None = None
    reason: Reason


class Assign(Arguments):
    """assign{from, to, work_order}."""

    since: AwareDatetime = Field(alias="from")
    to: AwareDatetime
    work_order: Code


class Decide(Arguments):
    """decide{event, count}: event `<press>/<n>`, count in strokes."""

    event: Code
    count: Counted


class Accept(Arguments):
    """accept{report}."""

    report: Code


class Dispose(Arguments):
    """dispose{report, to, qty?, work_order?, reason?}: what becomes of excess."""

    report: Code
    to: Literal["order", "surplus", "scrap"]
    qty: Whole | None = None
    work_order: Code | None = None
    reason: Reason | None = None


class Decline(Arguments):
    """reject{report, reason}, reverse{report, reason}."""

    report: Code
    reason: Reason


class Swap(Arguments):
    """swap{channel, old, new}: what the old counter showed last, and the new one first."""

    channel: Code
    old: Reading
    new: Reading
