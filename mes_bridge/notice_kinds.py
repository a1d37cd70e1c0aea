"""The kinds of notices that come from machines and from acts at them."""

from mes_bridge import attention, behind, undated
from mes_bridge.jobs import first_articles
from people.notices import NoticeKind

NOTICES = (
    NoticeKind(attention.UNATTRIBUTED, "leader"),
    NoticeKind(attention.UNLISTED, "it"),
    NoticeKind(first_articles.KIND, "quality"),
    NoticeKind(behind.TOLD, "leader"),
    NoticeKind(undated.KIND, "leader"),
)
