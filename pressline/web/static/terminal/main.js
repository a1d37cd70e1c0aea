// The operator's terminal: one state, views as functions of it, acts through the outbox.
import { follow, stamped } from "../follow.js";
import { html, render } from "../html.js";
import { uuid } from "../uuid.js";
import { speak, t } from "../words.js";
import * as calls from "./calls.js";
import { outbox } from "./outbox.js";
import { decode, listen } from "./scanner.js";
import { screen, shownState } from "./screen.js";

const boot = JSON.parse(document.getElementById("boot").textContent);
const root = document.getElementById("terminal");
const SIGNED_ON = "pressline-person";
const MM = "pressline-px-per-mm";
const NOTE_FOR = 6000; // milliseconds a message stays

const state = {
  press: boot.press,
  zone: boot.zone,
  silence: boot.silence_s,
  stopAfter: boot.stop_after_s,
  row: stamped([boot.figures])[0],
  details: null,
  person: JSON.parse(localStorage.getItem(SIGNED_ON) ?? "null"),
  people: [],
  reports: [],
  strays: [], // intervals of strokes without an order on this press, for who decides
  queue: [],
  online: navigator.onLine,
  silent: false,
  heard: false, // whether live figures have come since the page was opened
  offset: Date.parse(boot.now) - Date.now(),
  sheet: null, // name of the open sheet
  draft: {}, // what is being entered on it
  later: null, // the stop whose reason was put off
  note: null, // {kind, text}
  mm: Number(localStorage.getItem(MM)) || 96 / 25.4,
};


function paint() {
  render(screen(state, deeds), root);
}

function set(change) {
  Object.assign(state, change);
  paint();
}

let noteTimer;
function note(kind, text) {
  clearTimeout(noteTimer);
  noteTimer = setTimeout(() => set({ note: null }), NOTE_FOR);
  set({ note: { kind, text } });
}

const box = outbox({
  who: () => state.person?.person,
  signOn: () => {
    forget();
    note("ask", t("terminal.sign_on_again"));
  },
  changed: (queue, online) => set({ queue, online }),
  done: (entry, outcome) => {
    note("done", outcome.message);
    refresh();
  },
  refused: (entry, said) => note("refused", said.message ?? t("terminal.refused")),
});

// A page that was opened without a network shows figures of whenever it was kept: not to be trusted.
function cutOff() {
  set({ online: false, silent: state.silent || !state.heard });
}

async function refresh() {
  if (!state.person) return;
  try {
    const { ok, status, said } = await calls.details(state.press);
    if (status === 401) return forget();
    if (ok) set({ details: said });
    if (ok) nothingToAsk();
    if (state.person?.decides) await listReports();
  } catch {
    cutOff();
  }
}

async function listReports() {
  const [reports, attention] = await Promise.all([calls.reports(), calls.attention(state.press)]);
  if (reports.ok) set({ reports: reports.said.reports });
  if (attention.ok) set({ strays: attention.said.strokes });
}

async function listPeople() {
  try {
    const { ok, said } = await calls.people(state.press);
    if (ok) set({ people: said.people });
  } catch {
    cutOff();
  }
}

function welcome(person) {
  localStorage.setItem(SIGNED_ON, JSON.stringify(person));
  speak(boot.words, person.locale);
  set({ person, sheet: null, draft: {} });
  refresh();
  box.deliver();
}

function forget() {
  localStorage.removeItem(SIGNED_ON);
  set({ person: null, details: null, reports: [], strays: [], sheet: null, draft: {} });
  listPeople();
}

async function signIn(given) {
  try {
    const { ok, said } = await calls.signIn({ ...given, press: state.press });
    if (ok) return welcome(said);
    set({ draft: {} });
    note("refused", said.message);
  } catch {
    set({ online: false });
    note("refused", t("terminal.sign_on_offline"));
  }
}

// What people can do here; views call these and nothing else.
const deeds = {
  open: (sheet, draft = {}) => set({ sheet, draft }),
  close: () => set({ sheet: null, draft: {} }),
  draft: (change) => set({ draft: { ...state.draft, ...change } }),
  signIn,
  async signOut() {
    await box.deliver();
    const mine = state.queue.some((entry) => entry.who === state.person.person);
    try {
      if (mine) throw new Error("acts wait");
      await calls.signOut();
    } catch {
      return note("refused", t("terminal.sign_off_offline"));
    }
    forget();
  },
  act(act, args) {
    const at = new Date(Date.now() + state.offset).toISOString();
    const entry = { id: uuid(), press: state.press, at, act, args, who: state.person.person };
    set({ sheet: null, draft: {} });
    box.add(entry).then(() => {
      if (!state.online) note("kept", t("terminal.kept", { n: state.queue.length }));
    });
  },
  putOff: () => set({ later: state.row.since, sheet: null, draft: {} }),
  speak: (locale) => {
    speak(boot.words, locale);
    paint();
  },
  calibrate(mm) {
    localStorage.setItem(MM, String(mm));
    document.documentElement.style.setProperty("--mm", `${mm}px`);
    set({ mm });
  },
  quiet: () => set({ note: null }),
};

// Any screen takes any code.
const scans = {
  EMP: (code) => signIn({ badge: `EMP:${code}` }),
  WO: (code) => deeds.act("scan", { work_order: code, ...(state.draft.lot ? { lot: state.draft.lot } : {}) }),
  DIE: (code) => deeds.act("mount", { die: code }),
  LOT: (code) => {
    const running = (state.row.work_orders ?? [])[0];
    if (running) return deeds.act("scan", { work_order: running, lot: code });
    set({ sheet: "start", draft: { lot: code } });
    note("ask", t("terminal.lot_then_order", { lot: code }));
  },
  RSN: (code) =>
    state.sheet === "scrap" ? deeds.draft({ reason: code })
      : deeds.act("stop_reason", { from: state.row.since, reason: code }),
};

function scanned(text) {
  const read = decode(text);
  if (!read) return note("refused", t("terminal.code_unknown", { code: text }));
  if (read.kind !== "EMP" && !state.person) return note("ask", t("terminal.sign_on_first"));
  scans[read.kind](read.code);
}

// Ask why when production has stood longer than the press's own limit: once, and never over
// another sheet. A stop that nobody explained stays on the list after the press runs again.
function askWhy() {
  const { row, person, sheet, later } = state;
  const asked = sheet || later === row.since || row.reason;
  const stands = shownState(state) === "stopped" && row.state_s >= state.stopAfter;
  if (person && !asked && stands && row.segment_kind === "production") deeds.open("stop", { asked: true });
}

// A question that answered itself (no stop after all) goes away; an unexplained stop stays asked.
function nothingToAsk() {
  const { row, sheet, draft, details } = state;
  const open = row.state === "stopped" || details.stops.some((stop) => !stop.reason && stop.until !== null);
  if (sheet === "stop" && draft.asked && !open) deeds.close();
}

const watched = (row) => JSON.stringify([row.run, row.segment_kind, row.state, row.since, row.die, row.work_orders, row.reason]);

function take(picture) {
  const mine = picture.presses.find((row) => row.press === state.press);
  if (!mine) return;
  const before = watched(state.row);
  const [row] = stamped([mine]);
  set({ row, offset: Date.parse(picture.now) - Date.now(), online: true, heard: true, silent: false });
  if (watched(row) !== before) refresh();
  askWhy();
}

speak(boot.words, state.person?.locale ?? boot.locale);
document.documentElement.style.setProperty("--mm", `${state.mm}px`);
paint();
listen(scanned);
follow(`/api/events?press=${encodeURIComponent(state.press)}`, take, (silent) => set({ silent }));
setInterval(paint, 1000);
setInterval(refresh, 15000);
addEventListener("offline", () => set({ online: false }));
addEventListener("online", refresh);
if (!state.person) listPeople();
refresh().then(() => box.deliver());
navigator.serviceWorker?.register("/terminal/worker.js", { scope: "/terminal/" }).catch(() => {});
