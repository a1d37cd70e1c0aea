"""The list of acts: who did what, to which document, when."""

from people.listings import Column, Listing

ACTS = Listing(
    "trail", "trail.see",
    """
    select a.recorded_at as at, a.id::text as id, coalesce(e.name, a.who) as who, a.act,
           coalesce(a.press, '') as press, array_to_string(a.about, ' ') as about,
           (select count(*) from people.change c where c.act = a.id) as changes
    from people.act a left join people.person e on e.code = a.who
    """,
    (
        Column("at", "at"), Column("who"), Column("act", "word", word="act_word"), Column("press"),
        Column("about"), Column("changes", "count"),
    ),
    key=("at", "id"), exact=("act", "who"), newest_first=True,
)  # fmt: skip

LISTS = (ACTS,)
