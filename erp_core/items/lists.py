"""Lists of items, their BOMs and routings."""

from people.listings import Column, Listing

ITEMS = Listing(
    "items", "item.see",
    """
    select i.code, i.name_zh, i.name_en, i.kind, i.unit, i.until,
           (select count(*) from erp.bom b where b.item = i.code) as boms,
           (select coalesce(sum(s.qty), 0) from erp.balance s where s.item = i.code) as on_hand
    from erp.item i
    """,
    (
        Column("code", noun="item"), Column("name", "name"),
        Column("kind", "word", word="item_kind"),
        Column("on_hand", "qty", unit="unit"), Column("boms", "count"), Column("until", "day"),
    ),
    key=("code",), find=("code", "name_zh", "name_en"), exact=("kind",),
)  # fmt: skip

BOM_LINES = Listing(
    "boms", "item.see",
    """
    select l.item, l.version, l.component, c.name_zh, c.name_en, l.qty, c.unit,
           coalesce(l.seq::text, '') as operation
    from erp.bom_line l join erp.item c on c.code = l.component
    """,
    (
        Column("item", noun="item"), Column("version"), Column("component", noun="item"),
        Column("name", "name"), Column("qty", "qty", unit="unit"), Column("operation"),
    ),
    key=("item", "version", "component"), find=("item", "component", "name_zh", "name_en"),
    exact=("component",),
)  # fmt: skip

ROUTINGS = Listing(
    "routings", "item.see",
    "select item, seq, name, coalesce(die, '') as die from erp.routing",
    (
        Column("item", noun="item"), Column("seq", "count"), Column("name"),
        Column("die", noun="die"),
    ),
    key=("item", "seq"), find=("item", "name", "die"), exact=("die",),
)  # fmt: skip

LISTS = (ITEMS, BOM_LINES, ROUTINGS)
