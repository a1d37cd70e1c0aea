"""The list of dies."""

from people.listings import Column, Listing

DIES = Listing(
    "dies", "die.see",
    """
    select d.code, d.name as called, d.life_strokes, d.planned_spm,
           coalesce((select string_agg(distinct o.item, ' ' order by o.item)
                     from erp.die_output o where o.die = d.code), '') as makes,
           coalesce((select string_agg(p.press, ' ' order by p.press)
                     from erp.die_press p where p.die = d.code), '') as presses
    from erp.die d
    """,
    (
        Column("code", noun="die"), Column("called"), Column("makes"), Column("presses"),
        Column("life_strokes", "count"), Column("planned_spm", "qty"),
    ),
    key=("code",), find=("code", "called", "makes"), deeds=("die.create",),
    sheet="die.import",
)  # fmt: skip

LISTS = (DIES,)
