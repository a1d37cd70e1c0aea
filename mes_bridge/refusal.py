"""What is refused at a press, and the sentence that says what happened and what to do.

Operators read these with gloves on: one fact, one cure, no jargon. Codes are stable; pages and
golden stories name them.
"""

from collections.abc import Mapping
from types import MappingProxyType

from people.refusal import Refused, Sentence, tell

__all__ = ["Refused", "Sentence"]


SENTENCES: Mapping[str, Sentence] = MappingProxyType({
    "too_long_ago": Sentence(
        "{at} is too long ago to be changed here. Ask the shift leader, or the office.",
        "{at} 已过太久，不能在此更改。请找班长或办公室处理。",
    ),
    "reason_unknown": Sentence(
        "{reason} is no {kind} of this plant. Choose one from the list.",
        "{reason} 不是本厂的{kind}。请从列表中选择。",
    ),
    # Who and where
    "not_released_by": Sentence(
        "{who} may not release production. Call {names}, who may pass a first article.",
        "{who} 无权放行首件。请找 {names} 检验放行。",
    ),
    "press_unknown": Sentence(
        "There is no press {press}. Choose the press you stand at.",
        "没有冲床 {press}。请选择您所在的冲床。",
    ),
    "press_wrong_line": Sentence(
        "Press {press} is on line {line}, and {who} works on {lines}. Ask the leader of {line}.",
        "冲床 {press} 属于 {line} 线，{who} 负责 {lines} 线。请找 {line} 线班长。",
    ),
    # Work orders
    "work_order_not_released": Sentence(
        "Work order {work_order} is not released yet. Ask the planner to release it.",
        "工单 {work_order} 尚未下发。请计划员先下发。",
    ),
    "work_order_finished": Sentence(
        "Work order {work_order} is finished ({state}). Scan the next order, or ask the planner.",
        "工单 {work_order} 已完工（{state}）。请扫下一张工单，或询问计划员。",
    ),
    "operation_unknown": Sentence(
        "Work order {work_order} has no operation {operation} for this die. It has: {operations}.",
        "工单 {work_order} 没有适用此模具的工序 {operation}。请从以下工序中选择：{operations}。",
    ),
    "work_order_wrong_line": Sentence(
        "Press {press} is on line {line}, and {who} works on {lines}: work order {work_order} was "
        "not started. Ask the leader of line {line}.",
        "冲床 {press} 属于 {line} 线，{who} 负责 {lines} 线：工单 {work_order} 未开工。"
        "请找 {line} 线班长。",
    ),
    # Dies and material
    "die_unknown": Sentence(
        "There is no die {die}. Read the plate on the die and scan again.",
        "没有模具 {die}。请核对模具铭牌后重新扫码。",
    ),
    "die_does_not_fit": Sentence(
        "Die {die} does not fit {job}. Dies that do: {dies}. Mount one of them and scan again.",
        "模具 {die} 不适用于 {job}。可用模具：{dies}。请换模后重新扫码。",
    ),
    "die_missing": Sentence(
        "Which die is on press {press}? Dies for {item}: {dies}. Scan the die, then the order.",
        "冲床 {press} 上是哪副模具？{item} 可用模具：{dies}。请先扫模具，再扫工单。",
    ),
    "run_open_elsewhere": Sentence(
        "Die {die} is running on press {other}. Finish it there first, or read the plate again.",
        "模具 {die} 正在冲床 {other} 上生产。请先在那里完工，或重新核对铭牌。",
    ),
    "no_die_mounted": Sentence(
        "No die is mounted on press {press}. Nothing was changed.",
        "冲床 {press} 上没有模具。未作任何更改。",
    ),
    "lot_unknown": Sentence(
        "There is no lot {lot} of {items}. Check the label of the coil and scan again.",
        "没有 {items} 的批次 {lot}。请核对卷料标签后重新扫码。",
    ),
    "weigh_unknown": Sentence(
        "Coil {lot} was not on press {press} by then. Choose the press that it comes from, or "
        "count it in the store.",
        "当时冲床 {press} 上没有卷料 {lot}。请选择该卷料所在的冲床，或在仓库盘点。",
    ),
    "consume_unknown": Sentence(
        "Order {work_order} takes no {item} of lot {lot}. Check order, item and label.",
        "工单 {work_order} 不使用 {item} 的批次 {lot}。请核对工单、物料和标签。",
    ),
    # Runs
    "no_open_run": Sentence(
        "No work order is running on press {press}. Scan the work order first.",
        "冲床 {press} 上没有正在生产的工单。请先扫工单开工。",
    ),
    "run_overlap": Sentence(
        "At {at} press {press} was already recorded differently. Nothing was changed; "
        "tell the shift leader, who can assign the strokes.",
        "冲床 {press} 在 {at} 已有其他记录。未作任何更改；请告知班长补录。",
    ),
    "job_running": Sentence(
        "{jobs} is running on press {press}. It was not ended. Is {work_order} the right paper? "
        "Then end the running job first.",
        "冲床 {press} 正在生产 {jobs}，未结束。确认工单 {work_order} 无误后，请先结束当前工单。",
    ),
    "job_running_die": Sentence(
        "{jobs} is running on press {press}. It was not ended. To change the die, end the job "
        "first.",
        "冲床 {press} 正在生产 {jobs}，未结束。如需换模，请先结束当前工单。",
    ),
    "item_unknown": Sentence(
        "{item} is not made here now. Choose what press {press} makes: {items}.",
        "此处当前不生产 {item}。请选择冲床 {press} 的产出：{items}。",
    ),
    "order_not_made_here": Sentence(
        "Work order {work_order} has not run on press {press} lately. Choose one that has.",
        "工单 {work_order} 近期未在冲床 {press} 上生产。请选择在此生产过的工单。",
    ),
    "item_missing": Sentence(
        "Which part? The die makes several: {items}. Choose one.",
        "是哪种零件？该模具有多种产出：{items}。请选择一种。",
    ),
    # Quantities
    "scrap_not_positive": Sentence(
        "Scrap of {qty} cannot be. Type how many parts are scrap: 1 or more. What was told too "
        "high, undo, or let the shift leader take back.",
        "报废数不能是 {qty}。请输入报废件数：1 或以上。多报的请撤销，或由班长撤回。",
    ),
    "scrap_less_told": Sentence(
        "Only {told} parts were told as scrap for {reason}: {qty} cannot be taken back. "
        "Check the reason and the number.",
        "报废原因 {reason} 仅登记了 {told} 件，不能撤回 {qty} 件。请核对原因和数量。",
    ),
    "scrap_more_than_made": Sentence(
        "{qty} scrap of {item}, but only {made} good parts are counted. Count again.",
        "{item} 报废 {qty} 件，但只计到 {made} 件良品。请重新清点。",
    ),
    # Intervals
    "interval_empty": Sentence(
        "The time ends ({to}) before it begins ({since}). Correct the times.",
        "结束时间（{to}）不晚于开始时间（{since}）。请改正时间。",
    ),
    "interval_future": Sentence(
        "{at} is still to come. Give a time that has passed.",
        "{at} 尚未到。请填写已过去的时间。",
    ),
    "nothing_to_assign": Sentence(
        "Between {since} and {to} press {press} made nothing without an order. Choose other times.",
        "{since} 至 {to} 冲床 {press} 没有无工单的冲次或零件。请改选时间。",
    ),
    "no_stop": Sentence(
        "Press {press} has no stop that needs a reason. Nothing was changed; to change a reason, "
        "open the stop on the terminal.",
        "冲床 {press} 没有需要填写原因的停机。未作任何更改；如需更改原因，请在终端上点开该停机。",
    ),
    "no_stop_then": Sentence(
        "Press {press} was running at {at}. Choose the stop that you mean.",
        "冲床 {press} 在 {at} 正在运行。请选择要说明的停机。",
    ),
    # Events and reports
    "undated_gone": Sentence(
        "That act is settled already, or there is none. Reload the page.",
        "该操作已处理，或不存在。请刷新页面。",
    ),
    "event_unknown": Sentence(
        "There is no counter event {event}. Open the list of events and choose one.",
        "没有计数事件 {event}。请从事件清单中选择。",
    ),
    "event_decided": Sentence(
        "Counter event {event} needs no decision (any more). Reload the list.",
        "计数事件 {event} 无需（或已经）判定。请刷新清单。",
    ),
    "decision_too_large": Sentence(
        "{count} is more than counter event {event} shows. Enter what was made, at most that.",
        "{count} 超过计数事件 {event} 的读数差。请填写实际冲次，不超过该差值。",
    ),
    "channel_unknown": Sentence(
        "{channel} is not a counter of press {press}. Choose one of its counters.",
        "{channel} 不是冲床 {press} 的计数通道。请选择其计数通道。",
    ),
    "swap_wrong": Sentence(
        "The exchange was not booked: {problem}.",
        "计数器更换未记录：{problem}。",
    ),
    "report_unknown": Sentence(
        "There is no report {report}. Open the list of reports and choose one.",
        "没有报工单 {report}。请从报工清单中选择。",
    ),
    "report_used": Sentence(
        "The next operation has used parts of report {report} ({used} in all). Reverse its reports "
        "first.",
        "报工 {report} 的零件已被下道工序使用（共 {used} 件）。请先冲销下道工序的报工。",
    ),
    "report_excess": Sentence(
        "{excess} parts of report {report} are more than was ordered: they never become ordinary "
        "stock. Give them to another order, to surplus stock, or scrap them.",
        "报工单 {report} 有 {excess} 件超产，不能通过入库。请转给其他工单、转入超产库存或报废。",
    ),
    "report_no_excess": Sentence(
        "Report {report} has no parts in excess. Accept or reject it.",
        "报工单 {report} 没有超产件。请通过或驳回。",
    ),
    "excess_less": Sentence(
        "{qty} of report {report} cannot be decided: it has {excess} parts in excess. Reload the "
        "list.",
        "报工单 {report} 超产 {excess} 件，不能处理 {qty} 件。请刷新清单。",
    ),
    "excess_same_order": Sentence(
        "The parts are more than {work_order} wants: choose another order.",
        "这些零件正是 {work_order} 的超产：请选择另一张工单。",
    ),
    "excess_other_item": Sentence(
        "{work_order} is for {other}, and these parts are {item}. Choose an order for {item}.",
        "{work_order} 需要的是 {other}，而这些零件是 {item}。请选择 {item} 的工单。",
    ),
    "excess_other_step": Sentence(
        "In {work_order} these parts would be at another operation than in report {report}. "
        "Choose another order.",
        "这些零件在 {work_order} 中所处工序与报工单 {report} 不同。请选择另一张工单。",
    ),
    "excess_no_room": Sentence(
        "{work_order} wants {room} more parts, not {qty}. Give it at most so many, and decide the "
        "rest apart.",
        "{work_order} 只差 {room} 件，不是 {qty} 件。请最多转 {room} 件，其余另行处理。",
    ),
    "report_wrong_state": Sentence(
        "Report {report} is {state}: this cannot be done with it now. Reload the list.",
        "报工单 {report} 状态为 {state}，不能执行此操作。请刷新清单。",
    ),
})  # fmt: skip


# Facts that are codes, worded: names of arguments, what is wrong with one, acts, states.
WORDS: Mapping[str, Mapping[str, Sentence]] = MappingProxyType({
    "argument": {
        "id": Sentence("act", "操作"),
        "args": Sentence("arguments", "内容"),
        "work_order": Sentence("work_order", "工单"),
        "die": Sentence("die", "模具"),
        "operation": Sentence("operation", "工序"),
        "lot": Sentence("lot", "批次"),
        "kind": Sentence("kind", "阶段"),
        "pass": Sentence("pass", "首件结果"),
        "item": Sentence("item", "零件"),
        "qty": Sentence("quantity", "数量"),
        "reason": Sentence("reason", "原因"),
        "open": Sentence("open", "产出开关"),
        "from": Sentence("from", "开始时间"),
        "to": Sentence("to", "结束时间"),
        "end": Sentence("end", "结束当前工单"),
        "event": Sentence("event", "计数事件"),
        "count": Sentence("count", "计入冲次"),
        "report": Sentence("report", "报工单"),
        "channel": Sentence("channel", "计数通道"),
        "old": Sentence("old", "旧计数器读数"),
        "new": Sentence("new", "新计数器读数"),
    },
    "act": {
        "undated.settle": Sentence("settle an act without a time", "处理无法定时的操作"),
        "mount": Sentence("mount", "装模"),
        "dismount": Sentence("dismount", "卸模"),
        "scan": Sentence("scan", "扫描工单"),
        "segment": Sentence("segment", "切换阶段"),
        "first_article": Sentence("first_article", "首件检验"),
        "scrap": Sentence("scrap", "报废"),
        "output": Sentence("output", "产出开关"),
        "stop_reason": Sentence("stop_reason", "停机原因"),
        "finish": Sentence("finish", "完工"),
        "assign": Sentence("assign", "补录工单"),
        "decide": Sentence("decide", "计数判定"),
        "accept": Sentence("accept", "审核通过"),
        "dispose": Sentence("dispose", "处理超产"),
        "reject": Sentence("reject", "驳回报工"),
        "reverse": Sentence("reverse", "冲销报工"),
        "swap": Sentence("swap", "更换计数器"),
        "weigh": Sentence("weigh", "卷料称重"),
        "consume": Sentence("consume", "额外耗用"),
    },
    "kind": {
        "stop": Sentence("reason for a stop", "停机原因"),
        "scrap": Sentence("reason for scrap", "报废原因"),
        "close": Sentence("reason to close a cavity", "停产出原因"),
        "reject": Sentence("reason to reject", "驳回原因"),
    },
    "state": {
        "closed": Sentence("closed", "已关闭"),
        "cancelled": Sentence("cancelled", "已取消"),
        "produced": Sentence("produced", "已产出"),
        "waiting": Sentence("waiting", "待审核"),
        "accepted": Sentence("accepted", "已通过"),
        "rejected": Sentence("rejected", "已驳回"),
        "reversed": Sentence("reversed", "已冲销"),
        "withdrawn": Sentence("withdrawn", "已撤回"),
    },
})  # fmt: skip

tell(SENTENCES, WORDS)
