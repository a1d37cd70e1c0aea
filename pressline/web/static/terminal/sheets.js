// Sheets: one decision each, at most two taps for what is done every day.
import { since } from "../follow.js";
import { html } from "../html.js";
import { clock, count, duration, language, nameOf, percent, reasonWord, t } from "../words.js";
import { consume, weigh } from "./lots.js";
import { close, more, subject, swap, undo } from "./more.js";
import { pager, reasonGrid, sheet } from "./sheet.js";
import { keypad } from "./sign_on.js";

const SHOWN = 60; // orders, dies on a page of the server
const REPORTS = 50;

function order(work, deeds, lot) {
  const args = { work_order: work.code, ...(lot ? { lot } : {}) };
  return html`<button class="key order" data-act="order" data-order=${work.code} onClick=${() => deeds.act("scan", args)}>
    <b>${work.code}</b><span>${work.item} ${nameOf(work)}</span>
    <span class="sub">${t("terminal.order_left", { good: count(work.good), qty: count(work.qty) })} ${work.die ? ` · ${work.die}` : ""}</span></button>`;
}

function start(state, deeds) {
  const { text = "", page = 1 } = state.draft;
  const { work_orders: known = [], n_orders: all = known.length } = state.details ?? {};
  const far = all > known.length; // the server knows more than can be shown at once
  const rows = far ? state.draft.rows ?? known : known;
  const found = rows.filter((work) => work.code.includes(text));
  const n = far ? state.draft.n ?? all : found.length;
  const look = (asked) => (far ? deeds.look("startable", asked) : deeds.draft(asked));
  const type = (k) => {
    if (k === "back") return look({ text: text.slice(0, -1), page: 1 });
    if (k !== "ok") return look({ text: text + k, page: 1 });
    if (found.length === 1) deeds.act("scan", { work_order: found[0].code });
  };
  const pad = state.draft.pad
    ? html`<div class="side"><output class="typed">${text || "–"}</output>${keypad(t("terminal.type_order"), type, "✓")}</div>`
    : html`<div class="side"><p class="hint">${t("terminal.scan_order")}</p>
        ${state.draft.lot ? html`<p class="lot">${t("terminal.lot", { lot: state.draft.lot })}</p>` : ""}
        <button class="key" data-act="type" onClick=${() => deeds.draft({ pad: true })}>${t("terminal.type_order")}</button></div>`;
  return sheet("start", t("act.start"), deeds, html`<div class="orders">
    ${found.length ? found.map((work) => order(work, deeds, state.draft.lot)) : html`<p class="hint">${t("terminal.no_orders")}</p>`}
    ${pager({ page, shown: found.length, n, size: SHOWN }, (to) => look({ text, page: to }))}</div>${pad}`);
}

function scrapQty(state, deeds) {
  const { qty = 1, touched = false, pad = false } = state.draft;
  const add = (n) => deeds.draft({ qty: (touched ? qty : 0) + n, touched: true });
  return html`<div class="qty"><output data-figure="scrap">${count(qty)}</output>
    ${[1, 5, 10].map((n) => html`<button class="key" data-act=${`add-${n}`} onClick=${() => add(n)}>+${n}</button>`)}
    <button class="key" data-act="pad" onClick=${() => deeds.draft({ pad: !pad })}>${t("terminal.keypad")}</button></div>`;
}

function scrap(state, deeds) {
  const outputs = state.details?.outputs ?? [];
  const only = outputs.length === 1 ? outputs[0].item : null;
  const { qty = 1, touched = false, item = only, pad = false } = state.draft;
  const type = (k) => {
    if (k === "ok") return deeds.draft({ pad: false });
    const digits = touched ? String(qty) : "";
    const next = k === "back" ? digits.slice(0, -1) : (digits + k).slice(0, 6);
    deeds.draft({ qty: Number(next || 0), touched: true });
  };
  const give = (reason) => deeds.act("scrap", { ...(item ? { item } : {}), qty, reason });
  const tabs = outputs.length > 1
    ? html`<div class=${`items ${item ? "" : "ask"}`}><span class="hint">${t("terminal.which_item")}</span>${outputs.map((output) => html`<button
        class=${`key ${output.item === item ? "chosen" : ""}`} data-act="item" data-item=${output.item}
        onClick=${() => deeds.draft({ item: output.item })}><b>${output.item}</b> ${nameOf(output)}</button>`)}</div>` : "";
  if (state.draft.reason) return scrapConfirm(state, deeds, () => give(state.draft.reason));
  const blocked = qty < 1 || (outputs.length > 1 && !item);
  const chosen = outputs.find((output) => output.item === item);
  const title = chosen ? `${t("act.scrap")} · ${chosen.item} ${nameOf(chosen)}` : t("act.scrap");
  return sheet("scrap", title, deeds, html`${tabs}${scrapQty(state, deeds)}
    ${pad ? keypad(t("terminal.keypad"), type, "✓") : html`<p class="hint">${t("terminal.tap_reason")}</p>
      ${reasonGrid(state.details?.reasons?.scrap ?? [], give, blocked)}`}`);
}

// A scanned reason card is not a tap: it asks once.
function scrapConfirm(state, deeds, send) {
  const { qty = 1, reason } = state.draft;
  return sheet("scrap", t("act.scrap"), deeds, html`<p class="big">${count(qty)} × ${reasonWord(reason)}</p>
    <button class="key primary" data-act="send" onClick=${send}>${t("terminal.declare")}</button>`);
}

function openStop(state) {
  const { row } = state;
  return row.state === "stopped"
    ? { since: row.since, until: null, seconds: row.state_s + since(row), reason: row.reason } : null;
}

// Stops that can be explained, or explained otherwise: the one that nobody has explained comes first.
function stop(state, deeds) {
  const past = (state.details?.stops ?? []).filter((one) => one.until !== null);
  const now = openStop(state);
  const all = now ? [now, ...past] : past;
  const named = state.draft.stop?.from;
  const chosen = all.find((one) => one.since === named) ?? all.find((one) => !one.reason);
  const choose = (one) => deeds.draft({ stop: { from: one.since, ...(one.until ? { to: one.until } : {}) } });
  const label = (one) => html`${clock(Date.parse(one.since), state.zone)} · ${duration(one.seconds)}${one.reason ? html` · ${reasonWord(one.reason)}` : ""}`;
  const chips = all.length > 1 || !chosen ? html`<div class="stops">${all.slice(0, 6).map((one) => html`<button
    class=${`key ${one === chosen ? "chosen" : ""}`} data-act="past" data-since=${one.since} onClick=${() => choose(one)}>${label(one)}</button>`)}</div>` : "";
  if (!chosen) {
    return sheet("stop", t("act.stop"), deeds, html`<p class="big">${t("terminal.all_explained")}</p>
      ${all.length ? html`<p class="hint">${t("terminal.change_reason")}</p>` : ""}${chips}`);
  }
  const reasons = state.details?.reasons?.stop ?? [];
  const shown = state.draft.more ? reasons : reasons.slice(0, 6);
  const give = (reason) => deeds.act("stop_reason", {
    from: chosen.since, ...(chosen.until ? { to: chosen.until } : {}), reason,
  });
  const leave = chosen === now && !now.reason ? deeds.putOff : deeds.close;
  const title = chosen.reason ? t("terminal.explained", { reason: reasonWord(chosen.reason) }) : t("terminal.why_stopped", { time: duration(chosen.seconds) });
  return sheet("stop", title, deeds, html`${chips}
    ${reasonGrid(shown, give)}
    <div class="row">${shown.length < reasons.length ? html`<button class="key" data-act="more" onClick=${() => deeds.draft({ more: true })}>${t("terminal.more")}</button>` : ""}
      ${leave === deeds.putOff ? html`<button class="key" data-act="later" onClick=${deeds.putOff}>${t("terminal.later")}</button>` : ""}</div>`, leave);
}

function first(state, deeds) {
  const { releases = true, releasing = [] } = state.details ?? {};
  const running = state.row.segment_kind === "production";
  return sheet("first", t("act.first"), deeds, html`<p class="big">${t("terminal.first_question")}</p>
    <div class="two">${releases ? html`<button class="key good" data-act="pass" onClick=${() => deeds.act("first_article", { pass: true })}>✓ ${t("terminal.pass")}</button>` : ""}
      <button class="key" data-act="fail" onClick=${() => deeds.act("first_article", { pass: false })}>✕ ${t("terminal.fail")}</button></div>
    ${releases ? "" : html`<p class="hint">${t("terminal.release_by", { names: releasing.join(", ") })}</p>`}
    <p class="hint">${t(running ? "terminal.first_hint_running" : "terminal.first_hint")}</p>`);
}

function die(state, deeds) {
  const { dies: known = [], n_dies: all = known.length } = state.details ?? {};
  const { rows = known, page = 1 } = state.draft;
  const dies = rows.filter((one) => one.die !== state.row.die);
  return sheet("die", t("act.die"), deeds, html`<p class="hint">${t("terminal.scan_die")}</p>
    <div class="orders">${dies.map((one) => html`<button class="key order" data-act="mount" data-die=${one.die}
      onClick=${() => deeds.act("mount", { die: one.die })}><b>${one.die}</b><span>${one.name}</span>
      <span class="sub">${one.share === null ? "" : percent(Number(one.share))} ${one.state === "ok" ? "" : html`<b class=${`call ${one.state}`}>${t(`die.${one.state}`)}</b>`}</span></button>`)}
      ${pager({ page, shown: rows.length, n: all, size: SHOWN }, (to) => deeds.look("dies", { page: to }))}</div>
    ${state.row.die === null || !state.person.may.includes("dismount") ? "" : html`<div class="row"><button class="key" data-act="dismount" onClick=${() => deeds.act("dismount", {})}>${t("terminal.dismount", { die: state.row.die })}</button></div>`}`);
}

function finish(state, deeds) {
  const outputs = state.details?.outputs ?? [];
  return sheet("finish", t("act.finish"), deeds, html`
    ${outputs.map((output) => html`<p class="big">${output.work_order ?? t("terminal.no_order")} · ${output.item} ${nameOf(output)}<br />
      <b>${count(output.good)}</b> ${t("terminal.good")} <span class="sub">${t("terminal.scrapped", { n: count(output.scrap) })}</span></p>`)}
    <p class="hint">${t("terminal.finish_hint")}</p>
    <div class="two"><button class="key primary" data-act="confirm" onClick=${() => deeds.act("finish", {})}>${t("terminal.finish_now")}</button>
      <button class="key" data-act="cancel" onClick=${deeds.close}>${t("terminal.not_yet")}</button></div>`);
}

function report(one, state, deeds) {
  const why = one.flags.map((flag) => t(`flag.${flag}`)).join(" · ");
  const rejecting = state.draft.reject === one.report;
  return html`<div class="report" key=${one.report} data-report=${one.report}><div><b>${one.report}</b> <span class="sub">${one.press}</span>
      <p>${t("terminal.report_line", { good: count(one.good), excess: count(one.excess), other: count(one.other) })}</p><p class="sub">${why}</p></div>
    ${rejecting ? reasonGrid(state.details?.reasons?.reject ?? [], (reason) => deeds.act("reject", { report: one.report, reason }))
      : one.excess > 0 ? excess(one, state, deeds) : html`<button class="key good" data-act="accept" onClick=${() => deeds.act("accept", { report: one.report })}>${t("terminal.accept")}</button>
        <button class="key" data-act="reject" onClick=${() => deeds.draft({ reject: one.report })}>${t("terminal.reject")}</button>`}</div>`;
}

// More orders than are listed: any other is named on the page of what waits.
const beyond = (orders) => (orders[0]?.n > orders.length ? html`<p class="hint">${t("terminal.n_more", { n: count(orders[0].n - orders.length) })}</p>` : "");

// Parts beyond the order: what they are, never simply stock.
function excess(one, state, deeds) {
  const give = (to, args = {}) => deeds.act("dispose", { report: one.report, to, qty: one.excess, ...args });
  const orders = one.takers.map((taker) => html`<button class="key order" data-act="give" data-order=${taker.work_order}
    onClick=${() => give("order", { work_order: taker.work_order, qty: Math.min(one.excess, taker.room) })}><b>${taker.work_order}</b><span class="sub">${t("attention.room", { n: count(taker.room) })}</span></button>`);
  if (state.draft.give === one.report) return html`<div class="orders">${orders}${beyond(one.takers)}</div>`;
  return html`${orders.length ? html`<button class="key" data-act="to-another" onClick=${() => deeds.draft({ give: one.report })}>${t("attention.give")}</button>` : ""}
    <button class="key" data-act="surplus" onClick=${() => give("surplus")}>${t("attention.surplus")}</button>
    <button class="key" data-act="scrap-excess" onClick=${() => give("scrap")}>${t("attention.scrap_now")}</button>
    <button class="key" data-act="reject" onClick=${() => deeds.draft({ reject: one.report })}>${t("terminal.reject")}</button>`;
}

// Strokes that no order owns: one tap gives them to an order, or one for each part of the die.
function stray(one, state, deeds) {
  const choosing = state.draft.assign === one.since;
  const chosen = state.draft.chosen ?? one.parts.map((part) => part.proposed);
  const give = (orders) => orders.filter(Boolean).forEach((code) => deeds.act("assign", { from: one.since, to: one.to, work_order: code }));
  const choose = (n, code) => {
    if (one.parts.length === 1) return give([code]);
    deeds.draft({ chosen: chosen.map((old, m) => (m !== n ? old : old === code ? null : code)) });
  };
  const orders = one.parts.flatMap((part, n) => part.orders.map((work) => html`<button
    class=${`key order ${one.parts.length > 1 && chosen[n] === work.work_order ? "chosen" : ""}`} data-act="to-order" data-order=${work.work_order}
    onClick=${() => choose(n, work.work_order)}><b>${work.work_order}</b><span>${work.item} ${nameOf(work)}</span></button>`));
  const begin = clock(Date.parse(one.from_at), state.zone);
  return html`<div class="report stray" key=${one.since} data-stray=${one.since}><div><b>${begin} – ${clock(Date.parse(one.until), state.zone)}</b> <span class="sub">${one.die ?? t("wall.no_die")}</span>
      <p>${t("terminal.stray", { n: count(one.strokes) })}</p>
      ${orders.length === 0 ? html`<p class="sub">${t("attention.none_fits")}</p>` : one.going_on ? html`<p class="sub">${t("attention.going_on")}</p>` : ""}</div>
    ${choosing ? html`<div class="orders">${orders}${one.parts.map((part) => beyond(part.orders))}</div>` : ""}
    ${choosing && one.parts.length > 1 ? html`<button class="key primary" data-act="assign-now" disabled=${!chosen.some(Boolean)} onClick=${() => give(chosen)}>${t("terminal.assign_now")}</button>` : ""}
    ${choosing || orders.length === 0 ? "" : html`<button class="key" data-act="assign" onClick=${() => deeds.draft({ assign: one.since, chosen: undefined })}>${t("terminal.assign")}</button>`}</div>`;
}

const reports = (state, deeds) => sheet("reports", t("terminal.reports", { n: state.nReports + state.strays.length }), deeds,
  state.reports.length + state.strays.length
    ? html`${state.reports.map((one) => report(one, state, deeds))}
      ${pager({ page: state.reportsPage, shown: state.reports.length, n: state.nReports, size: REPORTS }, deeds.turnReports)}${state.strays.map((one) => stray(one, state, deeds))}`
    : html`<p class="big">${t("terminal.no_reports")}</p>`);

function person(state, deeds) {
  const other = language() === "zh" ? "en" : "zh";
  return sheet("person", state.person.name, deeds, html`<p class="hint">${t("terminal.signed_on", { role: t(`role.${state.person.role}`) })}</p>
    <div class="two"><button class="key primary" data-act="sign-off" onClick=${deeds.signOut}>${t("terminal.sign_off")}</button>
      <button class="key" data-act="language" onClick=${() => deeds.speak(other)}>${t("terminal.other_language")}</button>
      <button class="key" data-act="calibrate" onClick=${() => deeds.open("calibrate")}>${t("terminal.calibrate")}</button></div>`);
}

const CARD = 85.6; // millimetres, the long side of a bank card (ISO/IEC 7810 ID-1)
function calibrate(state, deeds) {
  const change = (step) => deeds.calibrate(Math.min(Math.max(state.mm + step, 2), 12));
  return sheet("calibrate", t("terminal.calibrate"), deeds, html`<p class="hint">${t("terminal.calibrate_hint")}</p>
    <div class="card" style=${{ width: `${CARD * state.mm}px`, height: `${53.98 * state.mm}px` }}></div>
    <div class="row fixed">${[-0.2, -0.02, 0.02, 0.2].map((step) => html`<button class="key" data-act="size" onClick=${() => change(step)}>${step < 0 ? "−" : "+"}${Math.abs(step) > 0.1 ? "10" : "1"}</button>`)}</div>`);
}

// What would end the running job is asked once: a wrong paper ends nothing.
const switchJob = (state, deeds) => sheet("switch", t("terminal.switch"), deeds, html`<p class="big">${state.draft.text}</p>
  ${(state.details?.outputs ?? []).map((output) => html`<p class="hint">${output.work_order ?? t("terminal.no_order")} · ${output.item} ${nameOf(output)} · ${t("terminal.output", { good: count(output.good), scrap: count(output.scrap) })}</p>`)}
  <div class="two"><button class="key primary" data-act="keep" onClick=${deeds.close}>${t("terminal.keep_running")}</button>
    <button class="key" data-act="end" onClick=${() => deeds.end(state.draft.entry)}>${t(`terminal.end_and_${state.draft.entry.act}`, { code: state.draft.entry.args.work_order ?? state.draft.entry.args.die ?? "" })}</button></div>`);

// What the server did not take, until somebody has read why.
function refused(state, deeds) {
  const rows = state.refused.map((one) => html`<div class="report" key=${one.n} data-refused=${one.act}><div>
      <b>${t(`act_word.${one.act}`)} ${subject(one, state.details?.outputs)}</b> <span class="sub">${clock(Date.parse(one.at), state.zone)} · ${one.name ?? one.who}</span>
      <p>${one.message ?? t("terminal.refused")}</p></div>
    <button class="key" data-act="read" onClick=${() => deeds.read(one.n)}>${t("terminal.read")}</button></div>`);
  return sheet("refused", t("terminal.n_refused", { n: state.refused.length }), deeds, rows);
}

export const sheets = { start, scrap, stop, first, die, finish, reports, person, calibrate, refused, more, undo, close, swap, weigh, consume, switch: switchJob };
