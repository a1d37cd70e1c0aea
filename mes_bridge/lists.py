"""Lists that need to know the floor: work orders by the lines that can make them, undated acts."""

from mes_bridge import undated
from people.listings import Column, Listing

WORK_ORDERS = Listing(
    "work_orders", "work_order.see",
    """
    select w.code, w.item, i.name_zh, i.name_en, w.state, w.qty, i.unit, w.due, w.created,
           coalesce(p.name, w.created_by) as created_by
    from erp.work_order w
    join erp.item i on i.code = w.item
    left join people.person p on p.code = w.created_by
    where %(lines)s::text[] is null or w.code in (
      select l.work_order from board.order_line l where l.line = any (%(lines)s))
    """,
    (
        Column("code", noun="work-order"), Column("item", noun="item"), Column("name", "name"),
        Column("state", "word", word="order_state"), Column("qty", "qty", unit="unit", total=True),
        Column("due", "day"), Column("created", "at"), Column("created_by"),
    ),
    key=("code",), find=("code", "item", "name_zh", "name_en"), exact=("state", "item"),
)  # fmt: skip

LISTS = (WORK_ORDERS, *undated.LISTS)
