"""What people of a role may do."""

from types import MappingProxyType

FLOOR = frozenset({
    "mount", "dismount", "scan", "segment", "first_article", "scrap", "output", "stop_reason",
    "finish", "undo",
})  # fmt: skip
DECIDE = frozenset({"assign", "decide", "accept", "dispose", "reject", "reverse", "swap"})
PLAN = frozenset({"create_order", "release_order", "close_order", "cancel_order"})
COILS = frozenset({"weigh", "consume"})
STORE = frozenset({"receive", "count_stock", "move_stock"}) | COILS
OFFICE = frozenset({"load_masters", "manage_people", "replay_messages"})

MAY = MappingProxyType({
    "operator": FLOOR,
    "leader": FLOOR | DECIDE | COILS,
    "planner": PLAN,
    "warehouse": STORE,
    "quality": frozenset({"first_article", "scrap", "output", "segment", "undo"}),
    "it": OFFICE | {"swap"},
    "manager": FLOOR | DECIDE | PLAN | STORE | OFFICE,
})  # fmt: skip

RELEASE = frozenset({"quality", "leader", "manager"})  # pass first articles wherever they work


def may(role: str, act: str) -> bool:
    """Whether people of that role may do that act; unknown roles may do nothing."""
    return act in MAY.get(role, frozenset())
