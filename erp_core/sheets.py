"""All sheets of the office's nouns: rows taken out, edited, and read in by one act each."""

from types import MappingProxyType

from erp_core import record_sheets
from erp_core.items.bom_sheet import BOM_LINES
from erp_core.items.item_acts import ITEM
from erp_core.items.routing_sheet import ROUTINGS
from erp_core.partners.acts import PARTNER
from erp_core.tooling.acts import DIE
from people import sheets
from people.acts import Kinds

ITEMS = record_sheets.of(
    ITEM, "items",
    "select code, name_zh, name_en, kind, unit, over_tolerance, until, container, width, "
    "thickness, density from erp.item",
)  # fmt: skip
DIES = record_sheets.of(
    DIE, "dies",
    "select code, name, life_strokes, warn_share, due_share, opening_strokes, ideal_spm, "
    "planned_spm from erp.die",
)  # fmt: skip
PARTNERS = record_sheets.of(
    PARTNER, "partners",
    "select code, name, short_name, kind, contact, active from erp.partner",
)  # fmt: skip

SHEETS = (ITEMS, BOM_LINES, ROUTINGS, DIES, PARTNERS)
ACTS: Kinds = MappingProxyType({sheet.act: sheets.kind(sheet) for sheet in SHEETS})
