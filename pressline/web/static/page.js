// Office pages: signing in and out, deciding, and pages that follow their presses.
import { attachFiles } from "./attach.js";
import { follow } from "./follow.js";
import { queried, signInFrom } from "./paths.js";
import { renew } from "./renewal.js";
import { listen } from "./replay.js";
import { readSheets } from "./sheet.js";
import { uuid } from "./uuid.js";

async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  return { ok: answer.ok, status: answer.status, said: await answer.json() };
}

document.getElementById("sign-out")?.addEventListener("click", async () => {
  await post("/api/sign-out", {});
  location.assign("/");
});

const form = document.getElementById("sign-in");
form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { badge, person, pin } = Object.fromEntries(new FormData(form));
  const { ok, said } = await post("/api/sign-in", badge ? { badge } : { person, pin });
  if (ok) return location.assign(form.dataset.next);
  const problem = form.querySelector(".problem");
  problem.textContent = said.message;
  problem.hidden = false;
  form.badge.value = "";
  form.badge.focus();
});

// The server renders; while a press works, the page takes its news every few seconds. Whether it can
// be trusted, the page judges as the wall does: by the stream of figures, and by its own questions.
const live = document.querySelector("[data-live], [data-renew]");
const AGAIN = 1000 * Number(live?.dataset.pace ?? 4); // milliseconds between two questions
const presses = JSON.parse(live?.dataset.live || "[]");
const every = Number(document.querySelector("[data-renew]")?.dataset.renew ?? 0); // seconds
const trust = { stream: true, answers: true };

function showTrust() {
  const cut = document.getElementById("cut");
  const lost = !(trust.stream && trust.answers);
  const main = document.querySelector("main");
  main.classList.toggle("silent", lost);
  if (lost && cut.hidden) cut.textContent = cut.dataset.text.replace("…", main.dataset.at);
  cut.hidden = !lost;
}

async function take() {
  if (document.hidden) return;
  trust.answers = await renew();
  showTrust();
}

if (every > 0) setInterval(take, every * 1000);

if (live) {
  let due;
  const later = () => (due ??= setTimeout(() => take().finally(() => (due = undefined)), AGAIN));
  follow("/api/events", ({ presses: rows }) => {
    if (rows.some((row) => presses.includes(row.press))) later();
  }, (silent) => {
    trust.stream = !silent;
    if (!silent && every === 0) later();
    showTrust();
  });
}

// Deciding: a form is an act. What was asked keeps its number until the server has answered it.
const asked = new WeakMap();

function numbered(form, act, args) {
  const known = asked.get(form) ?? new Map();
  asked.set(form, known);
  const key = JSON.stringify(args);
  if (!known.has(key)) known.set(key, uuid());
  return { id: known.get(key), act, args, ...(form.dataset.press ? { press: form.dataset.press } : {}) };
}

// Rows of a form that are one argument together: each `data-row` an object of its `data-field`s.
function rowsOf(form) {
  const rows = {};
  for (const row of form.querySelectorAll("[data-row]")) {
    const all = (rows[row.dataset.row] ??= []);
    const given = [...row.querySelectorAll("[data-field]")]
      .map((field) => [field.dataset.field, field.value.trim()]).filter(([, value]) => value !== "");
    if (given.length) all.push(Object.fromEntries(given));
  }
  return rows;
}

// A field as the act has it: whole quantities are numbers; what is left empty is nothing.
const plain = (name, value) =>
  value === "" ? null : ["count", "qty"].includes(name) && /^\d+$/.test(value) ? Number(value) : value;

// `presses[]` are all that are ticked, also none. A form with `data-nulls` says of what is left empty
// that it is.
function argumentsOf(form, given) {
  const all = { ...JSON.parse(form.dataset.args), ...rowsOf(form) };
  for (const { name } of form.elements) if (name.endsWith("[]")) all[name.slice(0, -2)] = [];
  for (const [name, text] of given) {
    const value = plain(name, text.trim());
    if (name.endsWith("[]")) all[name.slice(0, -2)].push(value);
    else if (value !== null || "nulls" in form.dataset) all[name] = value;
  }
  return all;
}

// One act; or one for each chosen value of the field that `data-each` names.
function actsOf(form) {
  const { act, each } = form.dataset;
  const given = [...new FormData(form)];
  const all = argumentsOf(form, given.filter(([name]) => name !== each));
  const chosen = given.filter(([name, value]) => name === each && value.trim() !== "");
  return (chosen.length ? chosen : [[]]).map(([name, value]) =>
    numbered(form, act, name ? { ...all, [name]: value } : all));
}

function tell(form, text) {
  const problem = form.querySelector(".problem");
  problem.textContent = text;
  problem.hidden = false;
}

async function decide(form, preview) {
  const told = [];
  for (const act of actsOf(form)) {
    const asks = "plain" in form.dataset ? JSON.parse(form.dataset.args) : preview ? { ...act, id: uuid(), preview } : act;
    const { ok, status, said } = await post(queried(form.dataset.call ?? "/api/acts", { lang: document.documentElement.lang.slice(0, 2) }), asks);
    if (status === 401) return location.assign(signInFrom(location));
    if (!ok) return tell(form, said.message);
    if (said.message) told.push(said.message);
  }
  form.querySelector(".problem").hidden = true;
  if (preview) return show(form, told.join(" · "));
  await renew({ done: form });
  if (told.length) announce(told.join(" · "));
  countWaiting();
}

// What an act would do: nothing of it is done.
function show(form, text) {
  const note = form.querySelector(".previewed");
  note.textContent = text;
  note.hidden = false;
}

// Stays until the next one, or until somebody closes it.
function announce(text) {
  const note = document.querySelector(".told");
  const close = document.createElement("button");
  close.ariaLabel = note.dataset.close;
  close.addEventListener("click", () => (note.hidden = true));
  note.replaceChildren(text, close);
  note.hidden = false;
}

document.addEventListener("input", (event) => {
  const form = event.target.closest("main form");
  if (form) form.dataset.dirty = "";
});

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form.deed");
  if (!form) return;
  event.preventDefault();
  const button = event.submitter ?? form.querySelector("button");
  button.disabled = true;
  try {
    await decide(form, button.name === "preview");
  } catch {
    tell(form, document.querySelector("main").dataset.unsent);
  } finally {
    button.disabled = false;
  }
});

// Who goes where a notice leads has read it; the mark must not hold up the way there.
document.addEventListener("click", (event) => {
  const notice = event.target.closest("[data-read]")?.dataset.read;
  if (!notice) return;
  fetch("/api/notices/read", {
    method: "POST", headers: { "Content-Type": "application/json" }, keepalive: true,
    body: JSON.stringify({ notices: [Number(notice)] }),
  }).catch(() => {});
});

// “/” goes to the search, Escape back; not where somebody types.
document.addEventListener("keydown", (event) => {
  const find = document.getElementById("find");
  if (!find || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && event.target === find) return find.blur();
  if (event.key !== "/" || event.target.closest("input, select, textarea")) return;
  event.preventDefault();
  find.select();
});

// How much waits, beside the page's name.
async function countWaiting() {
  if (!document.getElementById("notifications") || document.hidden) return;
  const answer = await fetch("/api/badges").catch(() => null);
  if (!answer?.ok) return;
  for (const [name, n] of Object.entries(await answer.json())) {
    const badge = document.getElementById(name);
    if (!badge) continue;
    badge.textContent = n > 99 ? "99+" : n;
    badge.hidden = !n;
  }
}

readSheets({ announce, tell });
attachFiles({
  done: async (form, text) => {
    await renew({ done: form });
    announce(text);
  },
  tell,
});
listen({ post, renew: () => renew({ anew: true }), announce, tell });
countWaiting();
setInterval(countWaiting, 10000);
document.addEventListener("visibilitychange", countWaiting);
