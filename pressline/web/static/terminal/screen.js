// The screen beside the press: what it does, what it made, what to do next.
import { ageOf, quietFor, since } from "../follow.js";
import { html } from "../html.js";
import { pace } from "../pace.js";
import { sign } from "../signs.js";
import { count, duration, language, nameOf, percent, reasonWord, silenceOf, t } from "../words.js";
import { sheets } from "./sheets.js";
import { signOn } from "./sign_on.js";

// What may be shown as the press's state: silence is never running.
export function shownState(state) {
  const age = ageOf(state.row);
  if (state.silent || age === null || age > state.silence || state.row.state === null) return "unknown";
  return state.row.state;
}

// What this person may do here; a button for anything else is not shown.
export const may = (state, act) => state.person?.may?.includes(act) ?? false;

// The server leaves a question without an answer, or says nothing by itself any more.
export const unanswering = (state) => state.hanging || state.still;

function connection(state) {
  const cut = !state.online || state.silent;
  if (!cut && !unanswering(state) && state.queue.length === 0) return "";
  const said = unanswering(state) && navigator.onLine ? "hanging" : cut ? "offline" : "sending";
  const text = t(`terminal.${said}`, { n: state.queue.length });
  return html`<span class="net" role="status" data-queue=${state.queue.length}>${text}</span>`;
}

function bar(state, deeds) {
  const shown = shownState(state);
  const { row } = state;
  const time = row.since && shown === row.state ? duration(row.state_s + since(row)) : "";
  const waiting = state.nReports + state.strays.length;
  return html`<header class=${`bar ${shown}`}>
    <b class="press">${state.press}</b>
    <span class="state" data-state=${shown}>${sign(shown)}<b>${t(`state.${shown}`)}</b> ${time}</span>
    ${row.segment_kind && row.segment_kind !== "production" ? html`<span class="segment">${t(`segment.${row.segment_kind}`)}</span>` : ""}
    ${connection(state)}${state.unkept ? html`<span class="net" role="alert" data-unkept>${t("terminal.not_kept")}</span>` : ""}<span class="space"></span>
    ${state.refused.length > 0 ? html`<button class="key warn" data-act="refused" onClick=${() => deeds.open("refused")}>${t("terminal.n_refused", { n: state.refused.length })}</button>` : ""}
    ${waiting > 0 ? html`<button class="key" data-act="reports" onClick=${() => deeds.open("reports")}>${t("terminal.reports", { n: waiting })}</button>` : ""}
    ${state.person
      ? html`<button class="key who" data-act="person" onClick=${() => deeds.open("person")}>${state.person.name}</button>`
      : html`<button class="key" data-act="language" onClick=${() => deeds.speak(language() === "zh" ? "en" : "zh")}>${t("terminal.other_language")}</button>`}
  </header>`;
}

function countPanel(state) {
  const { row } = state;
  const shown = shownState(state);
  if (row.run === null) {
    return html`<section class=${`made none ${shown}`}>
      <p class="big">${t("terminal.no_job")}</p>
      ${row.unattributed > 0 ? html`<p class="warn">${t("terminal.unattributed", { n: count(row.unattributed) })}</p>` : ""}
      ${silence(state)}</section>`;
  }
  const share = row.target ? Math.min(Math.max(row.good, 0) / row.target, 1) : 0;
  return html`<section class=${`made ${shown}`}>
    <p class="label">${t("terminal.good")}</p>
    <p class="hero"><b data-figure="good">${count(row.good)}</b>${row.target === null ? "" : html`<span class="target">/ ${count(row.target)}</span>`}</p>
    <div class="progress"><i style=${{ width: `${share * 100}%` }}></i></div>
    <p class="pace">${row.over_parts > 0 ? html`<b class="warn">${t("wall.over", { n: count(row.over_parts) })}</b>` : ""}${gap(row)}
      <span class="spm">${t("terminal.spm", { n: count(Math.round(Number(row.spm))) })}</span>${remaining(row)}</p>
    ${silence(state)}</section>`;
}

function gap(row) {
  if (row.gap_parts === null || row.segment_kind !== "production") return "";
  return pace(row.gap_parts);
}

function remaining(row) {
  const pace = Number(row.spm);
  const left = row.target - row.good;
  if (row.target === null || left <= 0 || pace <= 0 || row.state !== "running" || row.segment_kind !== "production") return "";
  return html`<span class="left">${t("terminal.left", { time: duration((left / pace) * 60) })}</span>`;
}

function silence(state) {
  if (shownState(state) !== "unknown") return "";
  return html`<p class="silence">${silenceOf(quietFor(state.row))}</p>`;
}

function dieLine(row) {
  if (row.die === null) return html`<div class="fact"><dt>${t("terminal.die")}</dt><dd>${t("wall.no_die")}</dd></div>`;
  const share = row.die_share === null ? null : Number(row.die_share);
  return html`<div class="fact"><dt>${t("terminal.die")}</dt><dd><b>${row.die}</b>
    ${share === null ? "" : html`<span class=${`life ${row.die_state}`}><i style=${{ width: `${Math.min(share, 1) * 100}%` }}></i></span>
      <span>${percent(share)}</span>`}
    ${row.die_state === "ok" || row.die_state === null ? "" : html`<b class=${`call ${row.die_state}`}>${t(`die.${row.die_state}`)}</b>`}</dd></div>`;
}

function outputFact(output) {
  return html`<div class="fact output"><dt>${output.work_order ?? t("terminal.no_order")}</dt>
    <dd><b>${output.item}</b> <span>${nameOf(output)}</span>
      ${output.closed_reason ? html`<b class="call warn">${t("terminal.closed", { reason: reasonWord(output.closed_reason) })}</b>` : ""}
      <span class="sub">${t("terminal.output", { good: count(output.good), scrap: count(output.scrap) })}</span></dd></div>`;
}

function nextStep(state, deeds) {
  const { row } = state;
  if (row.run === null) return html`<p class="next">${t("terminal.next_start")}</p>`;
  if (row.segment_kind === "setup" || row.segment_kind === "first_article") {
    const { releases, releasing = [] } = state.details ?? {};
    if (releases === false) return html`<p class="next">${t("terminal.next_release", { names: releasing.join(", ") })}</p>`;
    return html`<p class="next">${t("terminal.next_first")}</p>`;
  }
  return "";
}

function lastStop(state) {
  const stop = (state.details?.stops ?? [])[0];
  if (!stop) return "";
  return html`<div class="fact"><dt>${t("terminal.last_stop")}</dt><dd>${duration(stop.seconds)}
    <span class="sub">${stop.reason ? reasonWord(stop.reason) : t("wall.no_reason")}</span></dd></div>`;
}

function jobPanel(state, deeds) {
  const outputs = state.details?.outputs ?? [];
  return html`<section class="job">${nextStep(state, deeds)}
    <dl>${outputs.map(outputFact)}${dieLine(state.row)}${lastStop(state)}</dl></section>`;
}

function key(name, deeds, primary, disabled) {
  return html`<button class=${`key act ${primary === name ? "primary" : ""}`} data-act=${name} disabled=${disabled}
    onClick=${() => deeds.open(name)}><span>${t(`act.${name}`)}</span></button>`;
}

// The one step that is due is blue; everything else waits in grey.
function due(state) {
  const { row } = state;
  if (row.run === null) return "start";
  if (row.state === "stopped" && !row.reason && row.segment_kind === "production") return "stop";
  if (row.segment_kind === "setup" || row.segment_kind === "first_article") return "first";
  if (row.target !== null && row.good >= row.target) return "finish";
  return null;
}

// Which acts a key leads to: who may do none of them does not see it.
const KEYS = {
  start: ["scan"], scrap: ["scrap"], stop: ["stop_reason"], first: ["first_article"],
  die: ["mount"], finish: ["finish"], more: ["output", "segment", "swap", "weigh", "consume"],
};
const NEEDS_JOB = new Set(["first", "finish"]);

function actions(state, deeds) {
  if (!state.person) return "";
  const next = due(state);
  const idle = state.row.run === null;
  const shown = Object.keys(KEYS).filter((name) => KEYS[name].some((act) => may(state, act)));
  if (shown.length === 0) return html`<p class="nothing">${t("terminal.nothing_to_do", { role: t(`role.${state.person.role}`) })}</p>`;
  return html`<nav class="actions" style=${{ "--keys": shown.length }}>
    ${shown.map((name) => key(name, deeds, next, NEEDS_JOB.has(name) && idle))}</nav>`;
}

function noteBand(state, deeds) {
  if (!state.note) return "";
  return html`<button class=${`note ${state.note.kind}`} data-note=${state.note.kind} role="status" onClick=${deeds.quiet}>${state.note.text}</button>`;
}

export function screen(state, deeds) {
  const sheet = state.sheet ? sheets[state.sheet](state, deeds) : "";
  return html`${bar(state, deeds)}
    <div class="middle">${countPanel(state)}${state.person ? jobPanel(state, deeds) : signOn(state, deeds)}</div>
    ${actions(state, deeds)}${sheet}${noteBand(state, deeds)}`;
}
