// The server's calls. Whoever waits is told within 2 s that there is no answer, and a call that
// hangs is given up: acts stay in the outbox and are sent again under the same number.
import { pathOf, queried } from "../paths.js";

const TOLD_AFTER = 1500; // milliseconds
const GIVEN_UP = { "/api/sign-in": 6000 };
const GIVEN_UP_ELSE = 10000;
const LATER = new Set([408, 425, 429]); // as good as no answer: ask again

let press = "";
let tell = () => {};

// `hanging(true|false)` is called when answers stay away, and when they come again.
export function begin(name, hanging) {
  press = name;
  tell = hanging;
}

export const unanswered = (status) => status >= 500 || LATER.has(status);

export async function call(method, path, body) {
  const abort = new AbortController();
  const late = setTimeout(() => tell(true), TOLD_AFTER);
  const end = setTimeout(() => abort.abort(), GIVEN_UP[path] ?? GIVEN_UP_ELSE);
  try {
    const answer = await fetch(path, {
      method,
      signal: abort.signal,
      // Each press in this browser has a session of its own.
      headers: { "X-Press": encodeURIComponent(press), ...(body ? { "Content-Type": "application/json" } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await answer.text();
    tell(unanswered(answer.status));
    return { ok: answer.ok, status: answer.status, said: parsed(text) };
  } finally {
    clearTimeout(late);
    clearTimeout(end);
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

export const act = (entry) => call("POST", "/api/acts", entry);
export const signIn = (given) => call("POST", "/api/sign-in", given);
export const signOut = () => call("POST", "/api/sign-out", {});
export const details = () => call("GET", pathOf("api", "press", press));
export const people = () => call("GET", pathOf("api", "people", press));
export const meaning = (text) => call("GET", queried("/api/code", { text }));
export const attention = () => call("GET", queried("/api/attention", { press }));
export const reports = (page) => call("GET", queried("/api/reports", { state: "waiting", page }));
export const startable = (asked) => call("GET", queried(pathOf("api", "startable", press), asked));
export const dies = (asked) => call("GET", queried(pathOf("api", "dies", press), asked));
