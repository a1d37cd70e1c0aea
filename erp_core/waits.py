"""What waits in the office for somebody's step."""

from people.waiting import Waiting

WAITS = (
    Waiting("orders_draft", "work_order.release", "/work_orders?state=draft",
            "select created from erp.work_order where state = 'draft'"),
    Waiting("boms_draft", "bom.check", "/boms?state=draft",
            "select created from erp.bom where state = 'draft'"),
    Waiting("boms_checked", "bom.release", "/boms?state=checked",
            "select created from erp.bom where state = 'checked'"),
)  # fmt: skip
