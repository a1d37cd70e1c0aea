"""Items, BOMs, routings, work orders, stock and people: an append-only ledger."""
