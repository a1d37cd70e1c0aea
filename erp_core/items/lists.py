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
    deeds=("item.create",), sheet="item.import",
)  # fmt: skip

BOMS = Listing(
    "boms", "item.see",
    """
    select b.item, i.name_zh, i.name_en, b.version, b.state, b.from_day,
           (select count(*) from erp.bom_line l where l.item = b.item and l.version = b.version)
             as lines
    from erp.bom b join erp.item i on i.code = b.item
    """,
    (
        Column("item", noun="item"), Column("name", "name"), Column("version", noun="bom"),
        Column("state", "word", word="bom_state"), Column("from_day", "day"),
        Column("lines", "count"),
    ),
    key=("item", "version"), find=("item", "name_zh", "name_en"), exact=("state", "item"),
)  # fmt: skip

BOM_LINES = Listing(
    "bom_lines", "item.see",
    """
    select l.component, c.name_zh, c.name_en, l.item, l.version, b.state, l.qty, c.unit,
           l.scrap * 100 as scrap, coalesce(l.seq::text, '') as operation,
           erp.enough_for(l.component, erp.bom_takes(l.qty, l.scrap)) as enough_for
    from erp.bom_line l
    join erp.bom b on b.item = l.item and b.version = l.version
    join erp.item c on c.code = l.component
    """,
    (
        Column("component", noun="item"), Column("name", "name"), Column("item", noun="item"),
        Column("version", noun="bom"), Column("state", "word", word="bom_state"),
        Column("qty", "qty", unit="unit"), Column("scrap", "qty"), Column("operation"),
        Column("enough_for", "count"),
    ),
    key=("item", "version", "component"), find=("item", "component", "name_zh", "name_en"),
    exact=("component", "state"), sheet="bom.import",
)  # fmt: skip

ROUTINGS = Listing(
    "routings", "item.see",
    "select item, seq, name, coalesce(die, '') as die from erp.routing",
    (
        Column("item", noun="item"), Column("seq", "count"), Column("name"),
        Column("die", noun="die"),
    ),
    key=("item", "seq"), find=("item", "name", "die"), exact=("die",), sheet="routing.import",
)  # fmt: skip

LISTS = (ITEMS, BOMS, BOM_LINES, ROUTINGS)
