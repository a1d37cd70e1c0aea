// Coils that are or were on the press: what the scale shows of one, and material that no part holds.
import { html } from "../html.js";
import { clock, nameOf, t, unitWord } from "../words.js";
import { reasonGrid, sheet } from "./sheet.js";
import { WITH_POINT, keypad } from "./sign_on.js";

const LONGEST = 12; // signs of a weight
const ACTS = ["weigh", "consume"];

export function lotKeys(state, deeds) {
  const acts = ACTS.filter((act) => state.person.may.includes(act));
  return acts.length ? [acts.map((act) => html`<button class="key" data-act=${act} onClick=${() => deeds.open(act)}>${t(`terminal.${act}`)}</button>`)] : [];
}

// A weight as it is typed: digits, and one point after the first of them.
function typed(qty, k) {
  if (k === "back") return qty.slice(0, -1);
  if (k === "point") return qty === "" || qty.includes(".") ? qty : `${qty}.`;
  return (qty + k).slice(0, LONGEST);
}

function chips(state, deeds, lots, chosen) {
  const label = (one) => `${clock(Date.parse(one.since), state.zone)} – ${one.until ? clock(Date.parse(one.until), state.zone) : ""}`;
  return html`<div class="stops">${lots.map((one) => html`<button class=${`key ${one === chosen ? "chosen" : ""}`} data-act="lot" data-lot=${one.lot}
    onClick=${() => deeds.draft({ since: one.since, order: undefined })}><b>${one.lot}</b><span class="sub">${one.item} ${nameOf(one)} · ${label(one)}</span></button>`)}</div>`;
}

// Which coil and how much; `go` leads on once both are there.
function amount(name, state, deeds, hint, word, go) {
  const lots = state.details?.lots ?? [];
  const lot = lots.find((one) => one.since === state.draft.since) ?? lots[0];
  const title = t(`terminal.${name}`);
  if (!lot) return sheet(name, title, deeds, html`<p class="big">${t("terminal.no_lots")}</p>`);
  const { qty = "" } = state.draft;
  const filled = qty !== "" && (name === "weigh" || Number(qty) > 0);
  return sheet(name, title, deeds, html`<div class="side">${chips(state, deeds, lots, lot)}
      <p class="hint">${t(hint, { unit: unitWord(lot.unit) })}</p><output class="typed">${qty || "–"}</output>
      <button class="key primary" data-act="send" disabled=${!filled} onClick=${() => filled && go(lot, qty)}>${t(word)}</button></div>
    ${keypad(t("terminal.keypad"), (k) => deeds.draft({ qty: typed(qty, k) }), "✓", WITH_POINT)}`);
}

export function weigh(state, deeds) {
  return amount("weigh", state, deeds, "terminal.weigh_hint", "terminal.weigh_now", (lot, qty) => deeds.act("weigh", { lot: lot.lot, qty }));
}

export function consume(state, deeds) {
  const { coil: lot, qty } = state.draft;
  if (!lot) return amount("consume", state, deeds, "terminal.consume_hint", "terminal.next", (chosen, how) => deeds.draft({ coil: chosen, qty: how }));
  const order = state.draft.order ?? lot.orders[0];
  const give = (reason) => deeds.act("consume", { work_order: order, item: lot.item, lot: lot.lot, qty, reason });
  const orders = lot.orders.length > 1 ? html`<p class="hint">${t("terminal.which_order")}</p><div class="items">${lot.orders.map((code) => html`<button
    class=${`key ${code === order ? "chosen" : ""}`} data-act="for-order" data-order=${code} onClick=${() => deeds.draft({ order: code })}><b>${code}</b></button>`)}</div>` : "";
  return sheet("reason-of-consume", t("terminal.consume"), deeds, html`<p class="big">${lot.lot} · ${qty} ${unitWord(lot.unit)} · ${order ?? "–"}</p>
    ${orders}<p class="hint">${t("terminal.tap_reason")}</p>${reasonGrid(state.details?.reasons?.scrap ?? [], give, !order)}`);
}
