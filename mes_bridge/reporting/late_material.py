"""An order that was released without a bill of material takes one that came later.

What was made of it uses the material, too: its reports are dealt out anew, accepted ones as well,
and what they owe is moved. An act of the planner at no press; its reason is the notice.
"""

from erp_core.production import work_orders
from mes_bridge.refusal import Refused
from mes_bridge.reporting import reporting, targets, uses
from people.acts import Deed, Kind, Outcome
from people.arguments import Arguments, Code


class Take(Arguments):
    """work_order.material{work_order}."""

    work_order: Code


def _take(deed: Deed, given: Take) -> Outcome:
    connection, code = deed.connection, given.work_order
    if work_orders.find(connection, code) is None:
        raise Refused("work_order_unknown", work_order=code)
    outputs = _held(deed, code)
    bom = work_orders.take_material(connection, code, deed.now)
    reporting.lock_orders(connection, targets.sources(connection, outputs))
    uses.deal(connection, outputs, deed.now)
    deed.touches("work_order", code)
    return {"message": "order_material", "work_order": code, "bom": bom}


def _held(deed: Deed, code: str) -> list[int]:
    """Outputs of the order's runs, whose presses nobody else derives for meanwhile."""
    deed.connection.execute(
        """
        select from plant.press p where p.name in (
          select r.press from mes.run r
          join mes.run_output o on o.run = r.id
          join erp.work_order_operation op on op.id = o.operation
          where op.work_order = %s)
        order by p.name for update
        """,
        [code],
    )
    rows = deed.connection.execute(
        "select o.id from mes.run_output o join erp.work_order_operation op on op.id = o.operation "
        "where op.work_order = %s order by o.id",
        [code],
    )
    return [output for (output,) in rows]


KIND = Kind(Take, _take)
