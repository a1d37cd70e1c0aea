"""Acts on partners: create and change, with undo; nobody is deleted, who is gone is not active."""

from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field

from erp_core import records
from erp_core.partners import customers
from erp_core.records import Record
from people.acts import Kinds
from people.arguments import Arguments, Code, Name, Words


class Head(Arguments):
    """partner.create{code, name, short_name?, kind, contact?, active?}."""

    code: Code
    name: Name
    short_name: Words = ""
    kind: Annotated[Literal["customer", "supplier", "both"], Field(title="partner_kind")]
    contact: Words = ""
    active: bool = True


PARTNER = Record("partner", ("erp", "partner"), Head, customers.within)
ACTS: Kinds = MappingProxyType({**records.acts(PARTNER), **customers.ACTS})
