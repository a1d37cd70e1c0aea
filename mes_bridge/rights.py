"""Which rights belong together: what is done at a press, what a leader decides."""

FLOOR = frozenset({
    "mount", "dismount", "scan", "segment", "first_article", "scrap", "output", "stop_reason",
    "finish", "undo",
})  # fmt: skip
DECIDE = frozenset({"assign", "decide", "accept", "dispose", "reject", "reverse", "swap"})
