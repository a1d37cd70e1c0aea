// What every sheet has: a title, a way out, and reasons as keys.
import { html } from "../html.js";
import { reasonWord, t } from "../words.js";

export function sheet(name, title, deeds, body, close = deeds.close) {
  return html`<section class=${`sheet ${name}`} role="dialog" aria-label=${title}>
    <header><h2>${title}</h2><button class="key" data-act="close" onClick=${() => close()}>${t("terminal.close")}</button></header>
    <div class="body">${body}</div></section>`;
}

export const reasonGrid = (codes, give, disabled = false) => html`<div class="reasons">${codes.map((code) => html`<button
  class="key" data-act="reason" data-reason=${code} disabled=${disabled} onClick=${() => give(code)}>${reasonWord(code)}</button>`)}</div>`;
