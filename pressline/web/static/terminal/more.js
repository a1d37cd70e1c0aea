// What is done rarely: a cavity closed, a trial, maintenance, another counter. Who may not do one
// of them does not see its key.
import { html } from "../html.js";
import { clock, count, nameOf, reasonWord, t } from "../words.js";
import { lotKeys } from "./lots.js";
import { reasonGrid, sheet } from "./sheet.js";
import { keypad } from "./sign_on.js";

const allowed = (state, act) => state.person.may.includes(act);

function outputKey(output, deeds) {
  const open = output.closed_reason === null;
  const go = () => (open ? deeds.open("close", { item: output.item }) : deeds.act("output", { item: output.item, open: true }));
  return html`<button class="key" data-act=${open ? "close-output" : "open-output"} data-item=${output.item} onClick=${go}>
    <b>${output.item}</b> ${nameOf(output)} <span class="sub">${t(open ? "terminal.close_output" : "terminal.open_output")}</span></button>`;
}

function kindKeys(state, deeds) {
  const now = state.row.segment_kind;
  const kinds = ["setup", "trial", "maintenance", ...(state.details?.releases ? ["production"] : [])];
  return kinds.filter((kind) => kind !== now).map((kind) => html`<button class="key" data-act="segment" data-kind=${kind}
    onClick=${() => deeds.act("segment", { kind })}>${t(`segment.${kind}`)}</button>`);
}

const part = (title, keys) => html`<div class="part"><h3>${title}</h3><div class="keys">${keys}</div></div>`;

export function more(state, deeds) {
  const outputs = state.details?.outputs ?? [];
  const running = state.row.run !== null;
  const counters = state.details?.counters ?? [];
  const parts = [
    ...(allowed(state, "output") && running ? [part(t("terminal.outputs"), outputs.map((output) => outputKey(output, deeds)))] : []),
    ...(allowed(state, "segment") && running ? [part(t("terminal.kind_now", { kind: t(`segment.${state.row.segment_kind}`) }), kindKeys(state, deeds))] : []),
    ...lotKeys(state, deeds).map((keys) => part(t("terminal.lots"), keys)),
    ...(allowed(state, "undo") && state.details?.undoable?.length ? [part(t("terminal.undo_part"), html`<button class="key" data-act="undo-list" onClick=${() => deeds.open("undo")}>${t("terminal.undo_list", { n: state.details.undoable.length })}</button>`)] : []),
    ...(allowed(state, "swap") && counters.length ? [part(t("terminal.counters"), html`<button class="key" data-act="swap" onClick=${() => deeds.open("swap")}>${t("terminal.swap")}</button>`)] : []),
  ];
  return sheet("more", t("act.more"), deeds, parts.length ? parts : html`<p class="big">${t("terminal.next_start")}</p>`);
}

// What an act was about, by name: the document or die, the part, the kind of work, how many, why.
export function subject({ act, args }, outputs = []) {
  const output = outputs.find((one) => one.item === args.item);
  const told = [
    args.work_order ?? args.report ?? args.die ?? args.lot,
    args.item && (output ? `${args.item} ${nameOf(output)}` : args.item),
    args.kind && t(`segment.${args.kind}`),
    act === "first_article" && t(args.pass ? "terminal.pass" : "terminal.fail"),
    act === "dispose" && `→ ${t(`became.${args.to}`)}`,
    args.reason && (args.qty ? `${args.qty} × ${reasonWord(args.reason)}` : reasonWord(args.reason)),
  ];
  return told.filter(Boolean).join(" · ");
}

// What was done here by mistake: one's own at once, another's with a reason.
export function undo(state, deeds) {
  const { of } = state.draft;
  const give = (id, reason) => deeds.act("undo", reason ? { act: id, reason } : { act: id });
  const rows = (state.details?.undoable ?? []).map((one) => html`<div class="report" key=${one.id} data-undo=${one.act}><div>
      <b>${t(`act_word.${one.act}`)}</b> ${subject(one, state.details.outputs)} <span class="sub">${clock(Date.parse(one.at), state.zone)} · ${one.who_name}</span></div>
    ${of === one.id ? reasonGrid(state.details?.reasons?.reject ?? [], (reason) => give(one.id, reason))
      : html`<button class="key" data-act="undo" onClick=${() => (one.own ? give(one.id) : deeds.draft({ of: one.id }))}>${t("terminal.undo")}</button>`}</div>`);
  return sheet("undo", t("terminal.undo_part"), deeds, rows.length ? rows : html`<p class="big">${t("terminal.undo_none")}</p>`);
}

export function close(state, deeds) {
  const { item, reason } = state.draft;
  const give = (code) => deeds.act("output", { item, open: false, reason: code });
  const title = t("terminal.close_which", { item });
  if (reason) {
    return sheet("close", title, deeds, html`<p class="big">${reasonWord(reason)}</p>
      <button class="key primary" data-act="send" onClick=${() => give(reason)}>${t("terminal.close_output")}</button>`);
  }
  return sheet("close", title, deeds, html`<p class="hint">${t("terminal.close_hint")}</p>${reasonGrid(state.details?.reasons?.close ?? [], give)}`);
}

// Another counter was put in: what the old one showed last, and the new one first.
export function swap(state, deeds) {
  const counters = state.details?.counters ?? [];
  const { channel = counters.length === 1 ? counters[0].channel : null, field = "old", fresh = true } = state.draft;
  const counter = counters.find((one) => one.channel === channel);
  const values = { old: state.draft.old ?? String(counter?.value ?? ""), new: state.draft.new ?? "0" };
  const chips = html`<div class="stops">${counters.map((one) => html`<button class=${`key ${one.channel === channel ? "chosen" : ""}`}
    data-act="channel" data-channel=${one.channel} onClick=${() => deeds.draft({ channel: one.channel, old: undefined, fresh: true })}>${one.channel} · ${one.value === null ? "–" : count(one.value)}</button>`)}</div>`;
  if (!counter) return sheet("swap", t("terminal.swap"), deeds, html`<p class="hint">${t("terminal.which_counter")}</p>${chips}`);
  const type = (k) => {
    if (k === "ok") return field === "old" ? deeds.draft({ field: "new", fresh: true }) : send();
    const before = fresh ? "" : values[field];
    deeds.draft({ [field]: k === "back" ? values[field].slice(0, -1) : (before + k).slice(0, 13), fresh: false });
  };
  const filled = values.old !== "" && values.new !== "";
  const send = () => filled && deeds.act("swap", { channel, old: Number(values.old), new: Number(values.new) });
  const box = (name) => html`<button class=${`key ${field === name ? "chosen" : ""}`} data-act=${`field-${name}`}
    onClick=${() => deeds.draft({ field: name, fresh: true })}>${t(`terminal.counter_${name}`)}<b>${values[name] || "–"}</b></button>`;
  return sheet("swap", t("terminal.swap"), deeds, html`<div class="side">${counters.length > 1 ? chips : ""}
      <p class="hint">${t("terminal.swap_hint")}</p>${box("old")}${box("new")}
      <button class="key primary" data-act="send" disabled=${!filled} onClick=${send}>${t("terminal.swap_now")}</button></div>
    ${keypad(t("terminal.keypad"), type, "✓")}`);
}
