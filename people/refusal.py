"""What is refused to people, and the sentence that says what happened and what to do.

One fact, one cure, no jargon: some read it with gloves on. Codes are stable; pages and golden
stories name them. Each room tells its own sentences beside its rules.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import NamedTuple
from zoneinfo import ZoneInfo


class Sentence(NamedTuple):
    """One refusal in both languages; `{…}` are facts of the case."""

    en: str
    zh: str


Words = Mapping[str, Mapping[str, Sentence]]

_sentences: dict[str, Sentence] = {}
_words: dict[str, dict[str, Sentence]] = {}
SENTENCES: Mapping[str, Sentence] = MappingProxyType(_sentences)  # of all rooms, by code
WORDS: Words = MappingProxyType(_words)  # for codes in facts, of all rooms


def tell(sentences: Mapping[str, Sentence], words: Words = MappingProxyType({})) -> None:
    """Add a room's sentences, and its words for codes in facts; a code has one home."""
    taken = _sentences.keys() & sentences.keys()
    if taken:
        raise ValueError(f"sentences told twice: {', '.join(sorted(taken))}")
    _sentences.update(sentences)
    for fact, meanings in words.items():
        _words.setdefault(fact, {}).update(meanings)


HEALED_BY_TIME = frozenset({"act_in_future", "interval_future", "clock_set_back"})


class Refused(Exception):  # noqa: N818 - the word the shop floor and the golden stories use
    """An act that was refused; nothing was written.

    `code` is one of SENTENCES, `facts` fill its sentence, instants as the clock of `zone` shows
    them (None: UTC).
    """

    zone: ZoneInfo | None = None

    def __init__(self, code: str, **facts: object) -> None:
        self.code, self.facts = code, facts
        super().__init__(f"{code}: {self.text('en')}")

    @property
    def again(self) -> bool:
        """Whether the same act will be taken later: only a clock stands in its way."""
        return self.code in HEALED_BY_TIME

    def text(self, locale: str) -> str:
        """The sentence in `en` or `zh` that says what happened and what to do."""
        facts = {
            name: _worded(name, _plain(fact, self.zone), locale)
            for name, fact in self.facts.items()
        }
        return _in(SENTENCES[self.code], locale).format_map(facts)


def _in(sentence: Sentence, locale: str) -> str:
    return sentence.en if locale == "en" else sentence.zh


def _worded(name: str, fact: object, locale: str) -> object:
    """A code that has a word, as its word; anything else as it is."""
    word = _words.get(name, {}).get(fact) if isinstance(fact, str) else None
    return fact if word is None else _in(word, locale)


def _plain(fact: object, zone: ZoneInfo | None) -> object:
    if isinstance(fact, datetime):
        return f"{fact.astimezone(zone or UTC):%m-%d %H:%M}"
    if fact is None:
        return "–"
    if isinstance(fact, list | tuple | set | frozenset):
        return ", ".join(sorted(str(each) for each in fact)) or "–"  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - str() takes anything
    return fact


tell({
    "act_unknown": Sentence(
        "{act} is not something this program knows. Reload the page; if it comes again, tell IT.",
        "系统不认识操作 {act}。请刷新页面；若再次出现，请联系信息部。",
    ),
    "act_id_taken": Sentence(
        "This number was already used for another act ({act}). Reload the page and do it again.",
        "该编号已用于另一操作（{act}）。请刷新页面后重做。",
    ),
    "act_in_future": Sentence(
        "The clock of this terminal is ahead: {at} is still to come. Set it, then do it again.",
        "本终端时钟偏快：{at} 尚未到。请校准时钟后重做。",
    ),
    "undatable": Sentence(
        "This device's clock says {at}; it was done between {since} and {until}. It was not done: "
        "the leader sees it with both times. Set the device's clock.",
        "本机时钟显示 {at}，实际应在 {since} 至 {until} 之间。未执行，已连同两个时间转交班长。"
        "请校准本机时钟。",
    ),
    "act_too_old": Sentence(
        "This was done on {at}, too long ago to be recorded now. Tell the shift leader.",
        "该操作时间为 {at}，已过太久，不能再记录。请告知班长。",
    ),
    "clock_set_back": Sentence(
        "The server's clock was set back: what was done up to {until} is already recorded. "
        "Your act is kept and sent again by itself: do not repeat it.",
        "服务器时钟被调回：{until} 之前的操作已有记录。本次操作已保存，将自动重新提交，请勿重做。",
    ),
    "args_wrong": Sentence(
        "{argument}: {problem}. Correct it and send it again.",
        "{argument}：{problem}。请改正后重新提交。",
    ),
    "qty_not_a_number": Sentence(
        "{argument} must be a whole number, not {given}. Type digits only (0 or more).",
        "{argument} 必须是不小于 0 的整数，不能是 {given}。请只输入数字。",
    ),
    "amount_wrong": Sentence(
        "{argument} must be a number of 0 or more, such as 12.5, not {given}. Type digits, and a "
        "point before decimals.",
        "{argument} 必须是不小于 0 的数（例如 12.5），不能是 {given}。请输入数字，小数点用“.”。",
    ),
    "reason_missing": Sentence(
        "A reason is missing. Choose one, then send it again.",
        "未填写原因。请选择原因后重新提交。",
    ),
    "person_unknown": Sentence(
        "Nobody with the code {who} works here now. Sign in with your own badge.",
        "没有在岗人员 {who}。请用本人工牌登录。",
    ),
    "not_allowed": Sentence(
        "{who} may not do this ({act}). Ask your shift leader.",
        "{who} 无权执行此操作（{act}）。请找班长处理。",
    ),
    "undo_unknown": Sentence(
        "There is no such act. Reload the page: it may not have been recorded yet.",
        "没有该操作记录，可能尚未提交。请刷新页面。",
    ),
    "undo_cannot": Sentence(
        "This cannot be undone ({act}). Do what is right instead, or ask the shift leader.",
        "该操作（{act}）不能撤销。请直接做正确的操作，或找班长处理。",
    ),
    "undo_twice": Sentence(
        "This is undone already ({act}). Nothing is left to do: reload the page.",
        "该操作（{act}）已撤销，无需再做。请刷新页面。",
    ),
    "undo_nothing": Sentence(
        "Nothing of it is left to undo ({act}): it was changed since. Look at what holds now.",
        "该操作（{act}）已被后续更改，没有可撤销的内容。请查看当前状态。",
    ),
    "undo_followed": Sentence(
        "Something was done after it ({other}): that comes first. Undo it, then this ({act}).",
        "其后已有操作（{other}）。请先撤销后面的操作，再撤销本操作（{act}）。",
    ),
    "undo_not_yours": Sentence(
        "{who} did this ({act}). Ask {who} to undo it, or the shift leader.",
        "该操作（{act}）由 {who} 完成。请 {who} 本人或班长撤销。",
    ),
    "undo_too_late": Sentence(
        "This is too long ago to undo yourself ({act}). Ask the shift leader.",
        "该操作（{act}）已超过可自行撤销的时间。请找班长撤销。",
    ),
    "person_gone": Sentence(
        "{name} does not work here (any more). Look at the page again.",
        "没有在职的 {name}。可能已离职，请刷新页面。",
    ),
    "badge_taken": Sentence(
        "That is somebody else's badge. Give {name} another one.",
        "这张工牌是别人的，请给 {name} 另一张。",
    ),
    "leave_self": Sentence(
        "Nobody sends themselves away. Let somebody else do it.",
        "不能让自己离职，请由其他管理人员操作。",
    ),
    "pin_form": Sentence(
        "That is no PIN: it has 4 to 12 digits.",
        "PIN 须为 4 到 12 位数字，请重新输入。",
    ),
    "badge_form": Sentence(
        "That is no badge. Scan it, or type its number.",
        "无法识别工牌号，请扫描工牌，或输入卡号。",
    ),
    "role_unknown": Sentence(
        "There is no role {role}. Reload the page and choose one of those shown.",
        "没有角色 {role}。请刷新页面后重新选择。",
    ),
    "right_unknown": Sentence(
        "Nothing here is called {right}, so nobody can be given a right to it. Correct it (did you "
        "mean {near}?) and send it again.",
        "系统中没有 {right}，无法授权。请改正后重新提交（是否应为 {near}？）。",
    ),
    "customers_beyond": Sentence(
        "{name} works for more customers than you. Have it done by somebody who is bound to none.",
        "{name} 负责的客户超出您的范围，请由不限客户的人员操作。",
    ),
    "nobody_binds": Sentence(
        "Then nobody who works here and is bound to no customer could free others. Give another "
        "such person the right person.customers first.",
        "这样将没有不限客户的在职人员能解除限定。请先让其他不限客户的人员拥有 person.customers。",
    ),
    "role_locks_out": Sentence(
        "Then nobody who works here could change rights any more. Give another role "
        "role.change first.",
        "这样将没有在职人员能修改权限。请先让其他角色拥有 role.change。",
    ),
    "notice_kind_unknown": Sentence(
        "No room raises notices of the kind {kind}. Reload the page and choose one of those shown.",
        "没有种类为 {kind} 的通知。请刷新页面后重新选择。",
    ),
    "notice_kind_half": Sentence(
        "A time and a role belong together. Give both, or neither: then nobody else is told.",
        "时间和角色请同时填写；都不填则不升级。",
    ),
    "robot_taken": Sentence(
        "There is a robot {name} already. Give this one another name, or change that one.",
        "已有名为 {name} 的机器人。请换一个名称，或修改原有机器人。",
    ),
    "robot_unknown": Sentence(
        "There is no robot {name} (any more). Reload the page.",
        "没有名为 {name} 的机器人。请刷新页面。",
    ),
    "robot_address": Sentence(
        "That is no address of a robot. Copy the whole address from the group's settings; it "
        "begins with https://.",
        "机器人地址不正确。请从群设置中复制完整地址，以 https:// 开头。",
    ),
    "job_unknown": Sentence(
        "Job {job} is not on the list any more: it was done, or dropped. Reload the page.",
        "作业 {job} 已不在列表中：已完成或已放弃。请刷新页面。",
    ),
    "job_not_failed": Sentence(
        "Job {job} is tried again by itself. Wait for its next try.",
        "作业 {job} 会自动重试，请等待下次执行。",
    ),
    "attached_empty": Sentence(
        "The file is empty. Choose another, or save it again first.",
        "文件为空。请重新保存或选择其他文件。",
    ),
    "attached_too_large": Sentence(
        "The file has {size} MB, 10 are taken. Make the picture smaller, or split it.",
        "文件为 {size} MB，最大 10 MB。请压缩图片或拆分后上传。",
    ),
    "file_unknown": Sentence(
        "Its first bytes are those of no file that is taken here. Save it as PDF, picture, Office, "
        "drawing or text, and send it again.",
        "无法识别文件内容。请另存为 PDF、图片、Office、图纸或文本文件后重新上传。",
    ),
    "file_there": Sentence(
        "{name} is there already with the same content (version {version}). Nothing is left to do.",
        "{name} 的相同内容已存在（第 {version} 版），请勿重复上传。",
    ),
    "file_not_there": Sentence(
        "There is no such file on the document any more. Reload the page.",
        "单据上已没有该附件。请刷新页面。",
    ),
    "document_hidden": Sentence(
        "There is no document {name} for you. Check the code, or ask who may see it.",
        "没有您可查看的单据 {name}。请核对编号，或联系有权限的人员。",
    ),
    "token_there": Sentence(
        "You have a token {name} already. End it first, or choose another name.",
        "您已有名为 {name} 的令牌。请先终止它，或换一个名称。",
    ),
    "token_empty": Sentence(
        "A token without a right opens nothing. Choose what the program needs.",
        "没有任何权限的令牌没有用处。请勾选程序所需的权限。",
    ),
    "token_never": Sentence(
        "No token is given {right}: with it a program could give itself every other right. Leave "
        "it out, and do that yourself.",
        "令牌不能有 {right}：有了它，程序可以给自己任何权限。请去掉，由本人操作。",
    ),
    "token_beyond": Sentence(
        "You may not {right} yourself, so no token of yours may. Leave it out, or ask IT for the "
        "right.",
        "您本人没有 {right} 权限，令牌也不能有。请去掉，或向信息部申请权限。",
    ),
    "token_unknown": Sentence(
        "There is no token {token} of yours. Reload the page and choose one of those shown.",
        "没有您的令牌 {token}。请刷新页面后重新选择。",
    ),
    "token_ended": Sentence(
        "The token {name} was ended at {at}. Nothing is left to do: reload the page.",
        "令牌 {name} 已于 {at} 终止，无需再做。请刷新页面。",
    ),
    "line_wrong": Sentence(
        "Line {line}: {argument} {given} is {problem}. Correct it and send it again.",
        "第 {line} 行：{argument} {given} {problem}。请改正后重新提交。",
    ),
    "changed_meanwhile": Sentence(
        "{name} was changed by {who} at {at}, after you opened it. Reload the page, look at it, "
        "then do it again.",
        "您打开 {name} 后，{who} 于 {at} 已作修改。请刷新页面核对后重做。",
    ),
}, {
    "problem": {
        "missing": Sentence("missing", "未填写"),
        "not_asked": Sentence("not asked for here", "此处不需要"),
        "empty": Sentence("empty", "不能为空"),
        "too_long": Sentence("too long", "太长"),
        "not_one_line": Sentence("must be one line of plain text", "只能是一行普通文字"),
        "not_text": Sentence("must be text", "必须是文字"),
        "not_a_number": Sentence("not a number", "不是数字"),
        "too_small": Sentence("too small", "太小"),
        "too_large": Sentence("too large", "太大"),
        "not_yes_or_no": Sentence("must be yes or no", "只能是“是”或“否”"),
        "no_choice": Sentence("none of the choices", "不在可选项中"),
        "no_instant": Sentence("no instant with its time zone", "不是带时区的有效时间"),
        "unclear": Sentence("cannot be understood", "无法识别"),
    },
    "platform": {
        "wecom": Sentence("WeCom", "企业微信"),
        "dingtalk": Sentence("DingTalk", "钉钉"),
        "feishu": Sentence("Feishu", "飞书"),
    },
    "language": {
        "zh": Sentence("Chinese", "中文"),
        "en": Sentence("English", "英文"),
    },
    "argument": {
        "person": Sentence("person", "人员"),
        "badge": Sentence("badge", "工牌"),
        "pin": Sentence("PIN", "PIN"),
        "role": Sentence("role", "角色"),
        "may": Sentence("rights", "权限"),
        "rights": Sentence("rights", "权限"),
        "days": Sentence("days", "有效天数"),
        "number": Sentence("number", "编号"),
        "noun": Sentence("kind of document", "单据类型"),
        "key": Sentence("document", "单据"),
        "attachment": Sentence("file", "附件"),
        "act": Sentence("act", "操作"),
        "job": Sentence("job", "作业"),
        "notice_kind": Sentence("kind of notice", "通知种类"),
        "robot": Sentence("robot", "机器人"),
        "name": Sentence("name", "名称"),
        "platform": Sentence("platform", "平台"),
        "address": Sentence("address (webhook)", "地址（Webhook）"),
        "secret": Sentence("secret for signing", "加签密钥"),
        "language": Sentence("language", "语言"),
        "notice_kinds": Sentence("told of", "推送的通知"),
        "active": Sentence("in use", "启用"),
        "minutes": Sentence("after minutes", "多少分钟后"),
        "next_role": Sentence("told to as well", "升级给"),
    },
    "act": {
        "person.leave": Sentence("send somebody away", "人员离职"),
        "person.badge": Sentence("change a badge", "更换工牌"),
        "person.pin": Sentence("change a PIN", "更换 PIN"),
        "role.change": Sentence("change rights", "修改权限"),
        "token.create": Sentence("make a token", "新建令牌"),
        "token.end": Sentence("end a token", "终止令牌"),
        "attachment.add": Sentence("attach a file", "添加附件"),
        "attachment.remove": Sentence("take a file off", "移除附件"),
        "undo": Sentence("undo", "撤销"),
        "notice_kind.change": Sentence("change escalation", "修改升级规则"),
        "robot.create": Sentence("add a robot", "添加机器人"),
        "robot.change": Sentence("change a robot", "修改机器人"),
        "robot.test": Sentence("send a test message", "发送测试消息"),
        "robot.remove": Sentence("remove a robot", "删除机器人"),
        "job.retry": Sentence("try again", "重试"),
        "job.drop": Sentence("drop a job", "放弃作业"),
    },
})  # fmt: skip
