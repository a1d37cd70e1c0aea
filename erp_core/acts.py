"""What people do to the books of the office, of all its nouns."""

from types import MappingProxyType

from erp_core import sheets
from erp_core.items import bom_acts as boms
from erp_core.items import item_acts as items
from erp_core.items import routing_acts as routings
from erp_core.partners import acts as partners
from erp_core.production import acts as production
from erp_core.production import change_orders
from erp_core.stock import acts as stock
from erp_core.tooling import acts as tooling
from people.acts import Kinds

ACTS: Kinds = MappingProxyType({
    **items.ACTS, **boms.ACTS, **routings.ACTS, **tooling.ACTS, **partners.ACTS,
    **production.ACTS, **change_orders.ACTS, **stock.ACTS, **sheets.ACTS,
})  # fmt: skip
