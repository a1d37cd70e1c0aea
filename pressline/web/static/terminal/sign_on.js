// Who is here: a badge, or a name and its PIN. It names the person; it is no lock.
import { html } from "../html.js";
import { signInFrom } from "../paths.js";
import { t } from "../words.js";

const PIN_LENGTH = 4;
const PIN_LONGEST = 12;
const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "back", "0", "ok"];

export const WITH_POINT = [...KEYS.slice(0, -1), "point"]; // of a weight, which is sent by a key of its own

export function keypad(label, press, ok, keys = KEYS) {
  const shown = { back: "⌫", ok, point: "." };
  return html`<div class="keypad" aria-label=${label}>${keys.map((k) => html`<button class="key" data-act=${`key-${k}`}
    onClick=${() => press(k)}>${shown[k] ?? k}</button>`)}</div>`;
}

function pinPad(state, deeds) {
  const { who, pin = "" } = state.draft;
  const press = (k) => {
    if (k === "back") return deeds.draft({ pin: pin.slice(0, -1) });
    if (k !== "ok") return deeds.draft({ pin: (pin + k).slice(0, PIN_LONGEST) });
    if (pin.length >= PIN_LENGTH) deeds.signIn({ person: who.person, pin });
  };
  return html`<section class="sheet pin-pad" role="dialog" aria-label=${who.name}>
    <div class="side"><h2>${who.name}</h2><output class="pin">${"●".repeat(pin.length) || t("terminal.pin")}</output>
      <button class="key" data-act="back" onClick=${() => deeds.close()}>${t("terminal.back")}</button></div>
    ${keypad(t("terminal.pin"), press, "✓")}</section>`;
}

// Acts of people who have gone meanwhile: they are sent when those sign on again.
function waiting(state) {
  const names = [...new Set(state.queue.map((entry) => entry.name ?? entry.who))];
  if (names.length === 0) return "";
  return html`<p class="lot" data-waiting=${state.queue.length}>${t("terminal.acts_wait", { names: names.join(", "), n: state.queue.length })}</p>`;
}

export function signOn(state, deeds) {
  const stranger = state.people.length === 0;
  return html`<section class="sign-on">
    <h2>${t("terminal.sign_on")}</h2><p class="hint">${t(stranger ? "terminal.sign_on_stranger" : "terminal.sign_on_hint")}</p>${waiting(state)}
    ${stranger ? html`<a class="key" href=${signInFrom(location)}>${t("terminal.sign_on_page")}</a>` : ""}
    <div class="people">${state.people.map((person) => html`<button class="key" data-act="person" data-person=${person.person}
      onClick=${() => deeds.draft({ who: person, pin: "" })}>${person.name}</button>`)}</div>
    ${state.draft.who ? pinPad(state, deeds) : ""}</section>`;
}
