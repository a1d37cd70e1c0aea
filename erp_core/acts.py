"""What people do to the books of the office, of all its nouns."""

from types import MappingProxyType

from erp_core.items import bom_acts as boms
from erp_core.production import acts as production
from erp_core.production import change_orders
from erp_core.stock import acts as stock
from people.acts import Kinds

ACTS: Kinds = MappingProxyType({**boms.ACTS, **production.ACTS, **change_orders.ACTS, **stock.ACTS})
