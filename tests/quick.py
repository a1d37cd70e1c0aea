"""What `make quick` runs: some tests of every room, on plain PostgreSQL.

Chosen for what they would notice first: the arithmetic, the refusals, the words, and one way
through each room on a real database.
"""

from collections.abc import Mapping, Sequence

import pytest

ROOMS: Mapping[str, Sequence[str]] = {
    "bench": ("test_figures", "test_strokes"),
    "database": ("test_health", "test_schema"),
    "edge_agent": (
        "test_blocks", "test_changes", "test_clock", "test_modbus", "test_node", "test_outbox",
        "test_plant", "test_profiles", "test_register",
    ),
    "erp_core": ("test_erp_dies", "test_erp_masters_check", "test_erp_orders", "test_erp_stock"),
    "ingest": ("test_clock_offset", "test_inbox", "test_intake", "test_packets"),
    "mes_bridge": ("test_counting", "test_runs", "test_states", "test_yields"),
    "people": ("test_staff",),
    "plant": ("test_shifts",),
    "pressline": (
        "test_compose", "test_demo_shopfloor", "test_main", "test_plant_load", "test_web_calls",
        "test_web_evidence", "test_web_words",
    ),
    "": ("test_docs", "test_parts", "test_tables_named"),
}  # fmt: skip
FILES = {f"tests/{room}/{name}.py".replace("//", "/") for room in ROOMS for name in ROOMS[room]}


def divided(items: Sequence[pytest.Item]) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """Those that `make quick` runs, and the others."""
    kept = [item for item in items if is_quick(item.nodeid)]
    return kept, [item for item in items if not is_quick(item.nodeid)]


def is_quick(test: str) -> bool:
    """Whether a test, by its id, is one of them."""
    file, _, name = test.partition("::")
    return file in FILES and "timescale" not in name
