"""The kinds of notices that the books raise."""

from erp_core.production import reports
from erp_core.stock import shortages
from people.notices import NoticeKind

NOTICES = (
    NoticeKind(reports.WAITING, "leader"),
    NoticeKind(shortages.BELOW_ZERO, shortages.WAREHOUSE),
    NoticeKind(shortages.OVER_WEIGHT, shortages.WAREHOUSE),
    NoticeKind(shortages.NO_MATERIAL, "planner"),
)
