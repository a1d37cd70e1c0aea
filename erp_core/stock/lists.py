"""Lists of what is on hand, of moves and of lots."""

from people.listings import Column, Listing

STOCK = Listing(
    "stock", "stock.see",
    """
    select b.item, i.name_zh, i.name_en, b.location, coalesce(b.lot, '') as lot, b.qty, i.unit
    from erp.balance b join erp.item i on i.code = b.item where b.qty <> 0
    """,
    (
        Column("item", noun="item"), Column("name", "name"),
        Column("location", "word", word="place"),
        Column("lot", noun="lot"), Column("qty", "qty", unit="unit", total=True),
    ),
    key=("item", "location", "lot"), find=("item", "name_zh", "name_en", "lot"),
    exact=("location", "item"),
)  # fmt: skip

MOVES = Listing(
    "moves", "stock.see",
    """
    select m.at, m.id, m.item, coalesce(m.lot, '') as lot, m.qty, i.unit,
           m.from_location as source, m.to_location as target,
           coalesce(m.work_order, '') as work_order, coalesce(e.name, m.who) as who, m.reason
    from erp.stock_move m
    join erp.item i on i.code = m.item
    left join people.person e on e.code = m.who
    """,
    (
        Column("at", "at"), Column("item", noun="item"), Column("lot", noun="lot"),
        Column("qty", "qty", unit="unit"), Column("source", "word", word="place"),
        Column("target", "word", word="place"), Column("work_order", noun="work-order"),
        Column("who"), Column("reason", "word", word="move_reason"),
    ),
    key=("at", "id"), exact=("item", "lot", "work_order"), newest_first=True,
)  # fmt: skip

LOTS = Listing(
    "lots", "stock.see",
    """
    select l.item, i.name_zh, i.name_en, l.code as lot, l.created as since, i.unit,
           (select coalesce(sum(b.qty), 0) from erp.balance b
            where b.item = l.item and b.lot = l.code) as on_hand
    from erp.lot l join erp.item i on i.code = l.item
    """,
    (
        Column("item", noun="item"), Column("name", "name"), Column("lot", noun="lot"),
        Column("since", "at"), Column("on_hand", "qty", unit="unit", total=True),
    ),
    key=("item", "lot"), find=("item", "lot", "name_zh", "name_en"), exact=("item",),
)  # fmt: skip

LISTS = (STOCK, MOVES, LOTS)
