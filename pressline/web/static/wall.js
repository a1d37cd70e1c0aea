// The wall board: a tile per press, fitted to the screen, live by events.
import { ageOf, follow, quietFor, since, stamped } from "./follow.js";
import { html, render } from "./html.js";
import { pace as gapOf } from "./pace.js";
import { sign } from "./signs.js";
import { clock, count, duration, percent, reasonWord, shiftWord, silenceOf, speak, t } from "./words.js";

const boot = JSON.parse(document.getElementById("boot").textContent);
const root = document.getElementById("board");
const state = { presses: stamped(boot.presses), lines: boot.lines, silent: false, offset: 0, told: Date.parse(boot.now) };
speak(boot.words, boot.locale);
// The plant's clock is the server's: a wall screen's own may be wrong.
const keepOffset = (now) => (state.offset = Date.parse(now) - Date.now());
keepOffset(boot.now);

// How a press looks: what the page cannot trust is never shown as running.
function look(row) {
  const age = ageOf(row);
  if (state.silent || age === null || age > boot.silence_s || row.state === null) return "unknown";
  return row.state;
}

function head(row, shown) {
  const word = row.segment_kind && row.segment_kind !== "production" && shown !== "unknown"
    ? t(`segment.${row.segment_kind}`) : t(`state.${shown}`);
  const time = row.since === null || shown !== row.state ? "" : duration(row.state_s + since(row));
  return html`<header>
    <b class="press">${row.press}</b>
    <span class="state">${sign(shown)}<span class="word">${word}</span><span class="time">${time}</span></span>
  </header>`;
}

function number(row) {
  if (row.run === null) return html`<div class="count none">${t("wall.no_job")}</div>`;
  return html`<div class=${`count${count(row.good).length > 9 ? " long" : ""}`}><span class="good">${count(row.good)}</span></div>`;
}

// What was ordered, and at once what is made beyond it.
function order(row) {
  const target = row.run === null || row.target === null ? "" : html`<span class="target">/ ${count(row.target)}</span>`;
  const over = row.over_parts > 0
    ? html`<b class=${`over${row.excess_parts > 0 ? " excess" : ""}`}>${t("wall.over", { n: count(row.over_parts) })}</b>` : "";
  return html`<div class="order">${target}${over}</div>`;
}

// Standing is red only where it should not be: not in a break, in setup, or without a job.
const alarms = (row) => look(row) === "stopped" && row.alarm;

function why(row, shown) {
  if (shown !== "stopped") return "";
  const word = row.reason ? reasonWord(row.reason) : row.alarm ? t("wall.no_reason")
    : row.run !== null && row.segment_kind === "production" ? t("wall.calm") : "";
  return word && html`<span class="why">${word}</span>`;
}

function pace(row, shown) {
  if (shown === "unknown") {
    return html`<div class="pace blind">${silenceOf(quietFor(row))}</div>`;
  }
  const reason = why(row, shown);
  if (row.run === null) {
    return html`<div class="pace">${row.unattributed > 0
      ? html`<b class="loose">${t("wall.unattributed", { n: count(row.unattributed) })}</b>` : reason}</div>`;
  }
  if (row.gap_parts === null || row.over_parts > 0 || row.segment_kind !== "production") return html`<div class="pace">${reason}</div>`;
  return html`<div class="pace">${gapOf(row.gap_parts)}${reason}</div>`;
}

function dieBar(row) {
  if (row.die === null) return html`<div class="die"><span class="name">${t("wall.no_die")}</span></div>`;
  const share = Number(row.die_share ?? 0);
  const warn = row.die_state === "ok" ? "" : html`<b class="call">${t(`die.${row.die_state}`)}</b>`;
  return html`<div class=${`die ${row.die_state ?? "ok"}`}>
    <span class="name">${row.die}</span>
    <span class="bar"><i style=${{ width: `${Math.min(share, 1) * 100}%` }}></i></span>
    ${warn}<span class="share">${row.die_share === null ? "" : percent(share)}</span></div>`;
}

function tile(row) {
  const shown = look(row);
  const age = ageOf(row);
  const setup = row.segment_kind && row.segment_kind !== "production" ? "setup" : "";
  const calm = shown === "stopped" && !alarms(row) ? "calm" : "";
  const due = row.die_state === "due" ? "die-due" : "";
  return html`<article key=${row.press} class=${`tile ${shown} ${calm} ${setup} ${due}`} data-press=${row.press} data-state=${shown}>
    ${head(row, shown)}${number(row)}${order(row)}${pace(row, shown)}${dieBar(row)}
    <footer><span class="job">${(row.work_orders ?? []).join(" + ")}</span>
      <span class="age">${age === null ? "" : t("wall.age", { time: duration(age) })}</span></footer>
  </article>`;
}

// Performance above 105 %: a fault in master data or signal, said with its cause and never capped.
function tooFast(told) {
  const cut = told.lastIndexOf("/");
  const [press, cause] = [told.slice(0, cut), told.slice(cut + 1)];
  return html`<small class="too-fast" key=${told}>${t("wall.too_fast", { press, cause: t(`too_fast.${cause}`) })}</small>`;
}

function footer(row) {
  return html`<section class=${`line${state.silent ? " old" : ""}`} key=${row.line}><div>
    <b class="name">${row.line}</b>
    <span class="shift">${shiftWord(row.shift_code)}</span>
    ${state.silent ? html`<b class="cut">${t("wall.cut_at", { time: clock(state.told, boot.zone) })}</b>` : ""}
    <span class="figure"><small>OEE</small><b>${percent(row.oee)}</b>
      <small class="cover">${t("wall.coverage", { share: percent(row.coverage) })}</small>
      ${(row.too_fast ?? []).map(tooFast)}</span>
    <span class="figure"><small>${t("wall.good")}</small><b>${count(row.good)}</b></span>
    <span class="figure"><small>${t("wall.scrap")}</small><b>${count(row.scrap)}</b></span>
  </div></section>`;
}

function paint() {
  const columns = [3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5][state.presses.length - 1] ?? 6;
  const stopped = state.presses.filter((row) => alarms(row)).length;
  render(html`
    <div class="bar"><h1>${boot.line ?? t("wall.plant")}</h1>
      <span class=${`sum${state.silent ? " old" : ""}`}>${t("wall.running", { n: state.presses.filter((row) => look(row) === "running").length, all: state.presses.length })}</span>
      ${stopped > 0 ? html`<span class="sum alarm">${t("wall.stopped", { n: stopped })}</span>` : ""}
      ${state.silent ? html`<span class="sum lost">${t("wall.page_silent")}</span>` : ""}
      <time>${clock(Date.now() + state.offset, boot.zone)}</time></div>
    <div class=${`tiles c${columns}`}>${state.presses.map(tile)}</div>
    <div class="lines">${state.lines.map(footer)}</div>`, root);
}

function take(picture) {
  keepOffset(picture.now);
  state.told = Date.parse(picture.now);
  const news = new Map(stamped(picture.presses).map((row) => [row.press, row]));
  state.presses = state.presses.map((row) => news.get(row.press) ?? row);
  if (picture.lines) state.lines = picture.lines.filter((row) => !boot.line || row.line === boot.line);
  paint();
}

paint();
setInterval(paint, 1000);
follow("/api/events", take, (silent) => {
  state.silent = silent;
  paint();
});
// Screens hang for months: a fresh page each shift keeps them small. Never while figures are away.
setTimeout(() => state.silent || location.reload(), 12 * 3600 * 1000);
