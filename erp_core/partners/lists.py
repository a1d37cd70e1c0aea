"""The list of partners."""

from people.listings import Column, Listing

PARTNERS = Listing(
    "partners", "partner.see",
    """
    select code, name as called, short_name, kind, contact, active::text as active
    from erp.partner
    """,
    (
        Column("code", noun="partner"), Column("called"), Column("short_name"),
        Column("kind", "word", word="partner_kind"), Column("contact"),
        Column("active", "word", word="truth"),
    ),
    key=("code",), find=("code", "called", "short_name", "contact"), exact=("kind", "active"),
    deeds=("partner.create",), sheet="partner.import",
)  # fmt: skip

LISTS = (PARTNERS,)
