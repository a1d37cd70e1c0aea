// What every sheet has: a title, a way out, and reasons as keys.
import { html } from "../html.js";
import { count, reasonWord, t } from "../words.js";

export function sheet(name, title, deeds, body, close = deeds.close) {
  return html`<section class=${`sheet ${name}`} role="dialog" aria-label=${title}>
    <header><h2>${title}</h2><button class="key" data-act="close" onClick=${() => close()}>${t("terminal.close")}</button></header>
    <div class="body">${body}</div></section>`;
}

// Where a list is longer than a screen can hold: which part this is, and keys to the others.
export function pager({ page = 1, shown, n, size }, turn) {
  if (n <= shown && page === 1) return "";
  const first = (page - 1) * size + 1;
  return html`<div class="row pages"><button class="key" data-act="before" disabled=${page === 1} onClick=${() => turn(page - 1)}>‹</button>
    <span data-figure="part">${t("terminal.part", { first: count(first), last: count(first + shown - 1), n: count(n) })}</span>
    <button class="key" data-act="after" disabled=${first + shown > n} onClick=${() => turn(page + 1)}>›</button></div>`;
}

export const reasonGrid = (codes, give, disabled = false) => html`<div class="reasons">${codes.map((code) => html`<button
  class="key" data-act="reason" data-reason=${code} disabled=${disabled} onClick=${() => give(code)}>${reasonWord(code)}</button>`)}</div>`;
