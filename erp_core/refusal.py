"""What the office is refused, and the sentence that says what happened and what to do."""

from people.refusal import Refused, Sentence, tell

__all__ = ["Refused", "Sentence"]

tell({
    "work_order_unknown": Sentence(
        "There is no work order {work_order}. Check the paper and scan again, or ask the planner.",
        "没有工单 {work_order}。请核对工单纸后重新扫码，或询问计划员。",
    ),
    "item_not_there": Sentence(
        "There is no item {item}. Check the code, or create the item first.",
        "没有物料 {item}。请核对编码，或先建立物料。",
    ),
    "item_ended": Sentence(
        "New orders for {item} are not taken after {until}. Choose the item that follows it, or "
        "let the office change its end.",
        "{item} 于 {until} 后不再接受新工单。请选择替代物料，或由办公室修改停用日期。",
    ),
    "code_taken": Sentence(
        "{name} is there already. Choose another code, or leave it empty: then one is given.",
        "{name} 已存在。请换一个编号，或留空由系统编号。",
    ),
    "code_there": Sentence(
        "{name} is there already. Choose another code, or open its page and change it.",
        "{name} 已存在。请换一个编码，或打开其页面进行修改。",
    ),
    "code_like": Sentence(
        "{name} differs from {other} in case, width or spaces only. Write {other} if that is "
        "meant, else choose a code that nobody takes for it.",
        "{name} 与 {other} 仅大小写、全半角或空格不同。若同一个请写 {other}，否则请换编码。",
    ),
    "unit_unknown": Sentence(
        "{given} is no unit here. Write one of {units}.",
        "{given} 不是可用的单位。请填写以下之一：{units}。",
    ),
    "unit_in_bom": Sentence(
        "{item} stands in {unit} in the bill of material {name}: its unit stays. Create another "
        "item, or take the line out first.",
        "{item} 在物料清单 {name} 中按 {unit} 计量，单位不能改。请新建物料，或先删除该清单行。",
    ),
    "unit_other": Sentence(
        "{given} is no unit for {item}, which is kept in {unit}. Write one of: {units}.",
        "{item} 按 {unit} 计量，不能用 {given}。请改用：{units}。",
    ),
    "qty_too_fine": Sentence(
        "{qty} of {item} has more digits than {unit} is kept with. Write at most 12 decimals.",
        "{item} 的数量 {qty} 小数位过多（单位 {unit}）。请最多填 12 位小数。",
    ),
    "strip_partly": Sentence(
        "A strip of {item} needs width, thickness and density. Give all three, or none.",
        "{item} 的料宽、料厚、密度不全。请同时填写，或都不填。",
    ),
    "strip_unknown": Sentence(
        "The strip of {item} is not known, so a pitch tells no mass. Give its width, thickness and "
        "density on its page, or write the quantity.",
        "{item} 缺少料宽、料厚、密度，无法按步距计算重量。请在物料页补充，或直接填写数量。",
    ),
    "strip_no_mass": Sentence(
        "{item} is kept in {unit}, which is no mass. Write the quantity instead of a pitch.",
        "{item} 按 {unit} 计量，不是重量单位。请填写数量，不要填步距。",
    ),
    "strip_changed": Sentence(
        "The strip of {item} has changed since the lines of {name} were written. Look at the lines "
        "and save them again, then check.",
        "{item} 的料带尺寸在 {name} 编制后已变更。请核对清单行并重新保存，再审核。",
    ),
    "line_amount": Sentence(
        "What a piece takes of {component} is not clear. Give a quantity above zero, or a pitch.",
        "组件 {component} 的用量不明确。请填写大于零的数量，或填写步距，二者选一。",
    ),
    "unit_fixed": Sentence(
        "Stock of {item} has moved in {unit}: its unit stays. Leave it, or make another item.",
        "{item} 已有库存移动（单位：{unit}），单位不能再改。请保留原单位，或新建物料。",
    ),
    "die_not_there": Sentence(
        "There is no die {die}. Check the code, or create the die first.",
        "没有模具 {die}。请核对编码，或先建立模具。",
    ),
    "die_makes_not": Sentence(
        "Die {die} does not make {item}. Add {item} to the outputs of the die, or name another "
        "die.",
        "模具 {die} 不生产 {item}。请先在模具中增加该产出，或换一副模具。",
    ),
    "seq_twice": Sentence(
        "Operation {seq} of {item} stands there twice. Give each its own number.",
        "{item} 的工序 {seq} 重复。请给每道工序不同的序号。",
    ),
    "press_not_there": Sentence(
        "There is no press {press}. Choose from {presses}.",
        "没有冲床 {press}。请从 {presses} 中选择。",
    ),
    "output_twice": Sentence(
        "{item} stands there twice from one instant on. Keep one of them.",
        "{item} 在同一时刻重复出现。请只保留一个。",
    ),
    "output_in_past": Sentence(
        "What the die made of {item} before stays as it was: {at} is over. Give a time that is "
        "still to come, or none for now.",
        "{item} 此前的产出不再更改：{at} 已过。请填写将来的时间，或留空表示从现在起。",
    ),
    "partner_not_yours": Sentence(
        "You work for other customers than {name}. Have it done by somebody who is bound to none.",
        "{name} 不在您负责的客户范围内，请由不限客户的人员操作。",
    ),
    "customers_bound": Sentence(
        "{name} works for some customers only. Have it done by somebody who is bound to none.",
        "{name} 本人限定了客户，请由不限客户的人员操作。",
    ),
    "customers_mixed": Sentence(
        "This server does not keep customers apart: it works in the database as one who sees "
        "everything. Run `pressline roles`, and start it with the address of pressline_web.",
        "本服务器未隔离客户数据：它以可见全部数据的身份连接数据库。请运行 `pressline roles`，"
        "并以 pressline_web 的地址启动。",
    ),
    "document_not_there": Sentence(
        "There is no {name}. Check the code, or create it first.",
        "没有 {name}。请核对编码，或先新建。",
    ),
    "undo_used": Sentence(
        "{name} is used already: it cannot be taken back. Change it instead.",
        "{name} 已被使用，不能撤销新建。请改为修改。",
    ),
    "code_wrong": Sentence(
        "{name} cannot be a code: it has a slash or spaces in it. Choose another one.",
        "{name} 不能作为编号：含有斜杠或空格。请换一个。",
    ),
    "step_not_possible": Sentence(
        "{work_order} is {state}: it cannot be done now. Look at the order; {cure}.",
        "{work_order} 目前为“{state}”，不能执行此操作。请查看工单：{cure}。",
    ),
    "nothing_changes": Sentence(
        "{name} is like that already: nothing was written. Change something, or leave the page.",
        "{name} 已是如此，未作改动。请修改后再提交，或离开此页。",
    ),
    "qty_below_made": Sentence(
        "{made} parts of {work_order} are made already, so it cannot be for {qty}. Close it "
        "instead, or give {made} or more.",
        "{work_order} 已完成 {made} 件，数量不能改为 {qty}。请关闭工单，或输入不少于 {made}。",
    ),
    "parts_made": Sentence(
        "Parts of {work_order} are reported ({made}): it cannot be cancelled. Close it instead.",
        "{work_order} 已有报工（{made} 件），不能取消。请改为关闭工单。",
    ),
    "bom_unknown": Sentence(
        "{item} has no version {version} of its bill of material. Choose one of those on its page.",
        "{item} 没有物料清单版本 {version}。请在物料页面选择。",
    ),
    "bom_step": Sentence(
        "{name} is {bom_state}: it cannot be done now. Look at its page; {bom_cure}.",
        "{name} 目前为“{bom_state}”，不能执行此操作。请查看其页面：{bom_cure}。",
    ),
    "bom_empty": Sentence(
        "{name} has no lines. Give it lines first.",
        "{name} 没有明细行，请先填写。",
    ),
    "bom_twice": Sentence(
        "{component} stands in two lines. Put them together into one.",
        "{component} 出现在两行中，请合并为一行。",
    ),
    "bom_operation": Sentence(
        "{item} has no operation {operation}. Write one of {known}, or leave it empty: the first.",
        "{item} 没有工序 {operation}。请填写 {known} 之一，或留空（首道工序）。",
    ),
    "bom_circle": Sentence(
        "{item} would be made from itself ({way}). Take out the line that leads back.",
        "{item} 会由自身制成（{way}）。请删除造成循环的那一行。",
    ),
    "change_moves": Sentence(
        "{component} goes to another operation in this version, and one of both is at work for "
        "{work_order}. Hold that order, or let it stay as it is.",
        "此版本将 {component} 改到另一工序，而 {work_order} 的其中一道工序已开工。"
        "请暂停该工单，或保持不变。",
    ),
    "bom_used": Sentence(
        "{work_order} takes its material by {name} already, so it stays released. Make another "
        "version instead.",
        "{work_order} 已按 {name} 领料，不能撤销下发。请新建版本。",
    ),
    "bom_missing": Sentence(
        "{item} has no bill of material: its parts would use none. Give it one, or release the "
        "order without material on purpose.",
        "{item} 没有 BOM，生产将不消耗物料。请先建立 BOM，或确认“无物料下发”。",
    ),
    "bom_missing_still": Sentence(
        "{item} has no bill of material yet. Load one with the masters first.",
        "{item} 还没有 BOM。请先在主数据中导入 BOM。",
    ),
    "material_there": Sentence(
        "Order {work_order} has its material already; nothing was changed. A later bill of "
        "material is for orders that are released after it.",
        "工单 {work_order} 已有用料，未作改动。新的 BOM 只用于之后下达的工单。",
    ),
    "qty_wrong": Sentence(
        "{qty} cannot be a quantity of {item}: more than 0, in {unit}, whole where pieces are "
        "counted. Correct it and send it again.",
        "{qty} 不能作为 {item} 的数量：须大于 0，单位 {unit}，按件计须为整数。请改正后重新提交。",
    ),
    "location_unknown": Sentence(
        "There is no stock location {location}. Choose one of those shown.",
        "没有库位 {location}。请从列表中选择。",
    ),
    "lot_missing": Sentence(
        "{item} lies there by lot ({lots}). Say which lot is meant, then send it again.",
        "{item} 在该处按批次存放（{lots}）。请注明批次后重新提交。",
    ),
    "stock_less": Sentence(
        "Only {there} {unit} of {item} {lot} lie in {location}. Move so many or fewer, or count "
        "first.",
        "{location} 中 {item} {lot} 只有 {there} {unit}。请不超过该数量，或先盘点。",
    ),
    "undo_stands": Sentence(
        "{name} was changed after that: undo would take the later change back with it. Change it "
        "by hand instead.",
        "此后 {name} 又有改动，撤销会连同后来的改动一起取消。请直接修改。",
    ),
}, {
    "bom_state": {
        "draft": Sentence("a draft", "草稿"),
        "checked": Sentence("checked", "已审核"),
        "released": Sentence("released", "已发布"),
        "obsolete": Sentence("obsolete", "已作废"),
    },
    "bom_cure": {
        "check": Sentence("have it checked first", "请先审核"),
        "reopen": Sentence("reopen it to change its lines", "如需改行，请先退回草稿"),
        "copy": Sentence("make a new version from it", "请复制为新版本"),
    },
    "cure": {
        "release": Sentence("release it first", "请先下发"),
        "new": Sentence("create a new order", "请新建工单"),
        "resume": Sentence("resume it first", "请先恢复"),
        "look": Sentence("see what was reported for it", "请查看其报工"),
    },
    "state": {
        "draft": Sentence("a draft", "草稿"),
        "released": Sentence("released", "已下发"),
        "running": Sentence("running", "生产中"),
        "held": Sentence("held", "已暂停"),
        "done": Sentence("done", "已完成"),
    },
    "argument": {
        "due": Sentence("due date", "交期"),
        "code": Sentence("code", "编号"),
        "counted": Sentence("counted", "实盘数"),
        "location": Sentence("place", "库位"),
        "source": Sentence("from", "来源"),
        "target": Sentence("to", "去向"),
        "version": Sentence("version", "版本"),
        "without_material": Sentence("without material", "无物料"),
        "lines": Sentence("lines", "明细行"),
        "orders": Sentence("orders", "工单"),
        "component": Sentence("component", "组件"),
        "operation": Sentence("operation", "工序"),
        "scrap_percent": Sentence("scrap in per cent", "损耗率"),
        "policy": Sentence("policy", "处理方式"),
        "from_day": Sentence("first day", "生效日期"),
        "row_version": Sentence("version", "版本"),
        "copy_of": Sentence("version to copy", "复制来源版本"),
        "name": Sentence("name", "名称"),
        "name_zh": Sentence("Chinese name", "中文名称"),
        "name_en": Sentence("English name", "英文名称"),
        "short_name": Sentence("short name", "简称"),
        "item_kind": Sentence("kind", "类别"),
        "partner_kind": Sentence("kind", "类别"),
        "unit": Sentence("unit", "单位"),
        "over_tolerance": Sentence("tolerance above (0.02 is 2 %)", "超产允差（0.02 即 2%）"),
        "until": Sentence("orders taken until", "停用日期"),
        "width": Sentence("strip width (mm)", "料宽（mm）"),
        "thickness": Sentence("strip thickness (mm)", "料厚（mm）"),
        "density": Sentence("density (g/cm³)", "密度（g/cm³）"),
        "pitch": Sentence("pitch (mm)", "步距（mm）"),
        "pitch_parts": Sentence("parts a pitch", "每步件数"),
        "container": Sentence("parts in a container", "每箱件数"),
        "operations": Sentence("operations", "工序"),
        "seq": Sentence("no.", "序号"),
        "partner": Sentence("partner", "往来单位"),
        "customers": Sentence("customers", "客户"),
        "contact": Sentence("contact", "联系方式"),
        "active": Sentence("in use", "在用"),
        "life_strokes": Sentence("life (strokes)", "寿命（冲次）"),
        "warn_share": Sentence("warn at share of life", "预警（寿命比例）"),
        "due_share": Sentence("due at share of life", "到期（寿命比例）"),
        "opening_strokes": Sentence("strokes before pressline", "期初冲次"),
        "ideal_spm": Sentence("ideal strokes a minute", "理想冲次/分"),
        "planned_spm": Sentence("planned strokes a minute", "计划冲次/分"),
        "presses": Sentence("presses (none: all)", "可用冲床（不选即全部）"),
        "outputs": Sentence("makes", "产出"),
        "parts": Sentence("parts per stroke (2 or 1/4)", "每冲次件数（2 或 1/4）"),
        "output_from": Sentence("from (empty: now)", "生效时间（空即现在）"),
    },
    "act": {
        "bom.create": Sentence("bill of material: new version", "新建物料清单版本"),
        "bom.import": Sentence("read in bills of material", "导入物料清单"),
        "bom.change": Sentence("bill of material: change lines", "修改物料清单"),
        "bom.check": Sentence("bill of material: check", "审核物料清单"),
        "bom.reopen": Sentence("bill of material: reopen", "退回物料清单"),
        "bom.release": Sentence("bill of material: release", "发布物料清单"),
        "bom.retire": Sentence("bill of material: retire", "作废物料清单"),
        "change_order.apply": Sentence("change order: apply", "执行工程变更"),
        "work_order.create": Sentence("work order: create", "新建工单"),
        "work_order.change": Sentence("work order: change", "修改工单"),
        "work_order.release": Sentence("work order: release", "下发工单"),
        "work_order.hold": Sentence("work order: hold", "暂停工单"),
        "work_order.resume": Sentence("work order: resume", "恢复工单"),
        "work_order.close": Sentence("work order: close", "关闭工单"),
        "work_order.cancel": Sentence("work order: cancel", "取消工单"),
        "item.create": Sentence("create item", "新建物料"),
        "item.import": Sentence("read in items", "导入物料"),
        "item.change": Sentence("change item", "修改物料"),
        "routing.import": Sentence("read in routings", "导入工艺路线"),
        "routing.change": Sentence("change routing", "修改工艺路线"),
        "die.create": Sentence("create die", "新建模具"),
        "die.import": Sentence("read in dies", "导入模具"),
        "die.change": Sentence("change die", "修改模具"),
        "partner.create": Sentence("create partner", "新建往来单位"),
        "partner.import": Sentence("read in partners", "导入往来单位"),
        "partner.change": Sentence("change partner", "修改往来单位"),
        "person.customers": Sentence("bind to customers", "限定客户"),
        "stock.receive": Sentence("stock: receive", "收货"),
        "stock.count": Sentence("stock: count", "盘点"),
        "stock.move": Sentence("stock: move", "移库"),
        "work_order.material": Sentence("work order: give late material", "补充用料"),
    },
    "item_kind": {
        "part": Sentence("part", "零件"),
        "coil": Sentence("coil", "卷料"),
        "blank": Sentence("blank", "坯料"),
        "bought": Sentence("bought item", "外购件"),
    },
    "partner_kind": {
        "customer": Sentence("customer", "客户"),
        "supplier": Sentence("supplier", "供应商"),
        "both": Sentence("customer and supplier", "客户兼供应商"),
    },
    "unit": {
        "pcs": Sentence("pcs", "件"),
        "set": Sentence("set", "套"),
        "kg": Sentence("kg", "公斤"),
        "g": Sentence("g", "克"),
        "t": Sentence("t", "吨"),
        "m": Sentence("m", "米"),
        "mm": Sentence("mm", "毫米"),
        "m2": Sentence("m²", "平方米"),
        "l": Sentence("l", "升"),
    },
    "truth": {
        "true": Sentence("yes", "是"),
        "false": Sentence("no", "否"),
    },
})  # fmt: skip
