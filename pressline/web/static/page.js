// Office pages: signing in and out, and an order's page that follows its presses.
import { follow } from "./follow.js";

async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  return { ok: answer.ok, said: await answer.json() };
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

// The server renders; while a press works on the order, the page takes its news every few seconds.
const AGAIN = 4000; // milliseconds
const presses = document.querySelector("[data-live]")?.dataset.live.split(" ").filter(Boolean) ?? [];

async function renew() {
  if (document.hidden || !getSelection().isCollapsed) return;
  const answer = await fetch(location.href).catch(() => null);
  if (!answer?.ok || answer.redirected) return;
  const news = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.querySelector("main").replaceChildren(...news.querySelector("main").childNodes);
}

if (presses.length > 0) {
  let due;
  follow("/api/events", ({ presses: rows }) => {
    if (!rows.some((row) => presses.includes(row.press))) return;
    due ??= setTimeout(() => renew().finally(() => (due = undefined)), AGAIN);
  }, (silent) => document.querySelector("main").classList.toggle("silent", silent));
}
