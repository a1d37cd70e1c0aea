"""All lists of the office's nouns."""

from erp_core.items import lists as items
from erp_core.partners import lists as partners
from erp_core.production import lists as production
from erp_core.stock import lists as stock
from erp_core.tooling import lists as tooling

LISTS = (*items.LISTS, *tooling.LISTS, *partners.LISTS, *production.LISTS, *stock.LISTS)
