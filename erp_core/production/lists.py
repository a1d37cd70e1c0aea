"""The list of change orders."""

from people.listings import Column, Listing

CHANGE_ORDERS = Listing(
    "change_orders", "work_order.see",
    """
    select c.code, c.at, c.item, c.version, coalesce(p.name, c.who) as who,
           coalesce(c.reason, '') as reason, case when c.undone then 'yes' else 'no' end as undone,
           (select count(*) from erp.change_order_line l where l.change_order = c.code) as orders
    from erp.change_order c left join people.person p on p.code = c.who
    """,
    (
        Column("code"), Column("at", "at"), Column("item", noun="item"),
        Column("version", noun="bom"), Column("orders", "count"), Column("who"), Column("reason"),
        Column("undone", "word", word="undone"),
    ),
    key=("at", "code"), find=("code", "item", "reason"), exact=("item",), newest_first=True,
)  # fmt: skip

LISTS = (CHANGE_ORDERS,)
