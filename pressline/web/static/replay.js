// Quarantine: messages are handed in again, chosen ones or a whole filter in pieces.
import { signInFrom } from "./paths.js";

const pieces = (text, places) => text.replace(/\{(\w+)\}/g, (_, name) => places[name]);

const chosen = (form) => [...form.querySelectorAll("[name=id]:checked")].map((box) => Number(box.value));

// `tools`: post(path, body), renew(), announce(text), and tell(form, text) for what went wrong.
export function listen(tools) {
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form.again");
    if (!form) return;
    if (event.target.name === "every") {
      for (const box of form.querySelectorAll("[name=id]")) box.checked = event.target.checked;
    }
    form.querySelector("[name=chosen]").disabled = chosen(form).length === 0;
  });
  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("form.again");
    if (!form) return;
    event.preventDefault();
    const buttons = [...form.querySelectorAll("button")].filter((button) => !button.disabled);
    for (const button of buttons) button.disabled = true;
    try {
      await handIn(form, event.submitter?.name, tools);
    } catch {
      tools.tell(form, document.querySelector("main").dataset.unsent);
    } finally {
      for (const button of buttons) button.disabled = false;
    }
  });
}

async function handIn(form, button, tools) {
  if (button === "all") return handInAll(form, tools);
  const ids = button === "one" ? [Number(form.dataset.one)] : chosen(form);
  if (ids.length === 0) return;
  const said = await ask(form, { ids }, tools);
  if (said) await show(said.message, tools);
}

async function handInAll(form, tools) {
  if (!confirm(form.dataset.sure)) return;
  const { node, kind, progress, total } = form.dataset;
  const sum = { taken: 0, stayed: 0, readings: 0 };
  for (let last = 0; last !== null; ) {
    const said = await ask(form, { node, kind, after: last }, tools);
    if (!said) return;
    for (const name of Object.keys(sum)) sum[name] += said[name];
    last = said.last;
    tools.announce(pieces(progress, sum));
  }
  await show(pieces(total, sum), tools);
}

async function ask(form, body, tools) {
  const lang = document.documentElement.lang.slice(0, 2);
  const { ok, status, said } = await tools.post(`/api/quarantine/replay?lang=${lang}`, body);
  if (status === 401) location.assign(signInFrom(location));
  else if (!ok) tools.tell(form, said.message);
  return ok ? said : null;
}

// The list anew, where there still is one: a message that was taken has no page any more.
async function show(text, tools) {
  await tools.renew();
  tools.announce(text);
}
