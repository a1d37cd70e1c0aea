// The operator's terminal: one state, views as functions of it, acts through the outbox.
import { follow, stamped } from "../follow.js";
import { html, render } from "../html.js";
import { queried } from "../paths.js";
import { uuid } from "../uuid.js";
import { reasonWord, speak, t } from "../words.js";
import * as calls from "./calls.js";
import { serverClock } from "./clock.js";
import { keep, kept } from "./kept.js";
import { forgetPerson, knownByBadge, knownPeople, remember } from "./known.js";
import { outbox } from "./outbox.js";
import { decode, listen, same } from "./scanner.js";
import { may, screen, shownState, unanswering } from "./screen.js";

const boot = JSON.parse(document.getElementById("boot").textContent);
const root = document.getElementById("terminal");
const SIGNED_ON = `pressline-person/${boot.press}`; // each press of a browser has its own person
const DETAILS = `pressline-details/${boot.press}`; // orders, dies and reasons, for when the server is away
const MM = "pressline-px-per-mm";
const NOTE_FOR = 6000; // milliseconds a message stays
const PX_PER_MM = 6.3; // 160 dpi: as small as panels beside a press are, so that 20 mm never are less
const ABOUT_LOTS = new Set(["weigh", "consume"]); // sheets
const ENDS = new Set(["scan", "mount", "dismount"]); // acts that may end a running job

const time = serverClock(boot.press, boot.now);

const state = {
  press: boot.press,
  zone: boot.zone,
  silence: boot.silence_s,
  stopAfter: boot.stop_after_s,
  row: stamped([boot.figures])[0],
  details: kept(DETAILS),
  person: kept(SIGNED_ON),
  people: [],
  reports: [], // those of one page
  nReports: 0, // in all
  reportsPage: 1,
  strays: [], // intervals of strokes without an order on this press, for who decides
  queue: [],
  refused: [], // acts that the server refused, until somebody has read why
  hanging: false, // the server was asked and does not answer
  still: false, // the server's heart is not heard any more
  online: navigator.onLine,
  silent: false,
  heard: false, // whether live figures have come since the page was opened
  unkept: false, // an act is held in memory only
  sheet: null, // name of the open sheet
  draft: {}, // what is being entered on it
  later: null, // the stop whose reason was put off
  note: null, // {kind, text}
  mm: Number(kept(MM)) || PX_PER_MM,
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

calls.begin(state.press, (hanging) => hanging !== state.hanging && set({ hanging }));

const box = outbox({
  press: state.press,
  who: () => state.person?.person,
  ready: proved,
  signOn: () => {
    forget();
    note("ask", t("terminal.sign_on_again"));
  },
  unkept: (unkept) => set({ unkept }),
  changed: (queue, online) => set({ queue, online }),
  done: (entry, outcome) => {
    note("done", outcome.message);
    refresh();
  },
  ask: (entry, said) => askToEnd(entry, said.message),
  refused: (entry, said, refused) => {
    set({ refused });
    note("refused", said.message ?? t("terminal.refused"));
  },
});

// A page that was opened without a network shows figures of whenever it was kept: not to be trusted.
function cutOff() {
  set({ online: false, silent: state.silent || !state.heard });
}

async function refresh() {
  if (!state.person) return;
  try {
    if (!(await proved())) return;
    const { ok, status, said } = await calls.details();
    if (status === 401) return forget();
    if (status === 403) return leave(said.message);
    if (ok) keepDetails(said);
    if (ok) nothingToAsk();
    if (state.person?.decides) await listReports();
  } catch {
    cutOff();
  }
}

function keepDetails(details) {
  keep(DETAILS, details);
  set({ details });
}

async function listReports() {
  const [reports, attention] = await Promise.all([calls.reports(state.reportsPage), calls.attention()]);
  if (reports.ok) set({ reports: reports.said.reports, nReports: reports.said.n });
  if (attention.ok) set({ strays: attention.said.strokes });
}

async function listPeople() {
  try {
    const { ok, said } = await calls.people();
    if (ok) set({ people: said.people });
  } catch {
    cutOff();
    set({ people: knownHere() });
  }
}

// Those who may work here while the server is away: they have signed on at this device before.
const knownHere = () => knownPeople().filter((one) => one.lines.length === 0 || one.lines.includes(state.row.line));

function keepPerson(person) {
  const { unproved, ...known } = person; // what proves who it is stays in memory
  keep(SIGNED_ON, known);
  set({ person });
}

function welcome(person) {
  keepPerson(person);
  speak(boot.words, person.locale);
  set({ sheet: null, draft: {} });
  refresh();
  box.deliver();
}

function forget() {
  keep(SIGNED_ON, null);
  set({ person: null, reports: [], nReports: 0, reportsPage: 1, strays: [], sheet: null, draft: {} });
  listPeople();
}

// Someone who may not work at this press is told so, and is not left signed on.
function leave(message) {
  calls.signOut().catch(() => {});
  forget();
  note("refused", message);
}

function recall(person, given) {
  remember(person, given.badge, uuid());
  return person;
}

async function signIn(given) {
  try {
    const { ok, status, said } = await calls.signIn({ ...given, press: state.press });
    if (ok) return welcome(recall(said, given));
    if (status >= 500) throw new Error(`server ${status}`);
    set({ draft: {} });
    note("refused", said.message);
    return said.code;
  } catch {
    set({ online: navigator.onLine && state.online });
    return signInAway(given);
  }
}

// Without the server: whoever signed on here before may work. The badge or PIN is proved when the
// server answers, and nothing is sent before that.
function signInAway(given) {
  const person = given.badge ? knownByBadge(given.badge) : knownHere().find((one) => one.person === given.person);
  if (!person) {
    set({ draft: {} });
    return note("refused", t("terminal.sign_on_offline"));
  }
  keepPerson({ ...person, unproved: given });
  speak(boot.words, person.locale);
  const details = state.details && { ...state.details, releases: person.may.includes("first_article.release"), counters: [] };
  set({ sheet: null, draft: {}, details });
  note("kept", t("terminal.signed_on_offline", { name: person.name }));
  box.deliver();
}

let proving;
// Whether the server knows who is here; someone who signed on without it is proved now.
function proved() {
  if (!state.person?.unproved) return Promise.resolve(true);
  proving ??= prove(state.person).finally(() => (proving = null));
  return proving;
}

async function prove(person) {
  const { ok, status, said } = await calls.signIn({ ...person.unproved, press: state.press });
  if (calls.unanswered(status)) throw new Error(`server ${status}`);
  if (state.person?.unproved !== person.unproved) return false;
  const right = ok && said.person === person.person;
  if (right) keepPerson(recall(said, person.unproved));
  else {
    if (!ok && person.unproved.badge) forgetPerson(person.person);
    forget();
    note("refused", said.message ?? t("terminal.sign_on_again"));
  }
  return right;
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
    const entry = { press: state.press, act, args, who: state.person.person, name: state.person.name };
    set({ sheet: null, draft: {} });
    if (ENDS.has(act) && args.end === undefined) {
      if (mayEnd(args)) return askToEnd(entry, t("terminal.ends_job", { press: state.press, jobs: jobs().join(", ") }));
      entry.args = { ...args, end: false };
    }
    keepAct(entry);
  },
  end(entry) {
    set({ sheet: null, draft: {} });
    keepAct({ ...entry, args: { ...entry.args, end: true } });
  },
  async read(n) {
    const refused = await box.read(n);
    set({ refused, ...(refused.length ? {} : { sheet: null }) });
  },
  // Another part of a long list, on the sheet that is open.
  async look(list, asked) {
    const { sheet } = state;
    deeds.draft(asked);
    try {
      const { ok, said } = await calls[list](asked);
      const still = state.sheet === sheet && Object.keys(asked).every((name) => state.draft[name] === asked[name]);
      if (ok && still) deeds.draft(said);
    } catch {
      cutOff();
    }
  },
  async turnReports(page) {
    state.reportsPage = page;
    await refresh();
  },
  putOff: () => set({ later: state.row.since, sheet: null, draft: {} }),
  speak: (locale) => {
    speak(boot.words, locale);
    paint();
  },
  calibrate(mm) {
    keep(MM, mm);
    document.documentElement.style.setProperty("--mm", `${mm}px`);
    set({ mm });
  },
  quiet: () => set({ note: null }),
};

// What runs here, as far as the terminal knows: what waits to be sent is done already.
function jobs() {
  const after = { scan: (_, args) => [args.work_order], finish: () => [], mount: () => [], dismount: () => [] };
  return state.queue.reduce((now, { act, args }) => after[act]?.(now, args) ?? now, state.row.work_orders ?? []);
}

const cannotAsk = () => !state.online || unanswering(state) || state.silent;

// Without the server the terminal asks by what it knows; else the server says what would end.
const mayEnd = (args) => cannotAsk() && jobs().length > 0 && !jobs().includes(args.work_order);

function askToEnd(entry, text) {
  set({ sheet: "switch", draft: { entry, text } });
}

function keepAct(entry) {
  box.add({ ...entry, id: uuid(), at: time.now(), heard: time.heard() }).then(() => {
    if (!state.online && !state.unkept) note("kept", t("terminal.kept", { n: state.queue.length }));
  });
}

// Any screen takes any code.
const scans = {
  EMP: (code) => signIn({ badge: `EMP:${code}` }),
  WO: (code) => deeds.act("scan", { work_order: code, ...(state.draft.lot ? { lot: state.draft.lot } : {}) }),
  DIE: (code) => deeds.act("mount", { die: code }),
  LOT: (code) => {
    if (ABOUT_LOTS.has(state.sheet)) return chooseLot(code);
    const running = jobs()[0];
    if (running) return deeds.act("scan", { work_order: running, lot: code });
    deeds.open("start", { lot: code });
    note("ask", t("terminal.lot_then_order", { lot: code }));
  },
  RSN: (code) => explain(code),
};

// On a sheet about coils a label chooses one; it changes none on the press.
function chooseLot(code) {
  const lot = state.details?.lots?.find((one) => same(one.lot, code));
  if (!lot) return note("refused", t("terminal.lot_not_here", { lot: code }));
  deeds.draft({ since: lot.since, coil: undefined, order: undefined });
}

// A card says what it can mean: on the open sheet, else a stop, else scrap that is to be counted.
function explain(code) {
  const known = state.details?.reasons;
  if (!known) return deeds.act("stop_reason", { reason: code });
  const [reason, kinds] = reasonOf(known, code);
  if (state.sheet === "scrap" && kinds.includes("scrap")) return deeds.draft({ reason });
  if (state.sheet === "close" && kinds.includes("close")) return deeds.draft({ reason });
  if (state.sheet === "scrap" || state.sheet === "close" || ABOUT_LOTS.has(state.sheet) || kinds.length === 0) {
    return note("refused", t("terminal.reason_wrong", { reason: reasonWord(reason) }));
  }
  if (kinds.includes("stop")) return deeds.act("stop_reason", { ...state.draft.stop, reason });
  if (kinds.includes("scrap")) return deeds.open("scrap", { reason });
  note("refused", t("terminal.reason_wrong", { reason: reasonWord(reason) }));
}

function reasonOf(known, code) {
  const found = Object.entries(known).flatMap(([kind, list]) => list.filter((one) => same(one, code)).map((one) => [kind, one]));
  return [found[0]?.[1] ?? code, found.map(([kind]) => kind)];
}

// A code without a prefix: what this press knows, else what the server knows, else a badge.
function nearby(text) {
  const { work_orders: orders = [], dies = [], reasons: known = {} } = state.details ?? {};
  const order = orders.find((one) => same(one.code, text));
  if (order) return { kind: "WO", code: order.code };
  const die = dies.find((one) => same(one.die, text));
  if (die) return { kind: "DIE", code: die.die };
  const [reason, kinds] = reasonOf(known, text);
  return kinds.length ? { kind: "RSN", code: reason } : null;
}

async function meaning(text) {
  const { ok, said } = await calls.meaning(text);
  return ok ? said.reads[0] : undefined;
}

async function scanned(text) {
  const read = decode(text);
  if (read && read.kind !== "EMP" && !state.person) return note("ask", t("terminal.sign_on_first"));
  if (read) return scans[read.kind](read.code);
  if (!state.person) return signIn({ badge: text });
  const near = nearby(text);
  if (near) return scans[near.kind](near.code);
  try {
    const far = await meaning(text);
    if (far) return scans[far.kind](far.code);
  } catch {
    if (!knownByBadge(text)) return note("refused", t("terminal.code_offline", { code: text }));
  }
  if ((await signIn({ badge: text })) === "badge_unknown") note("refused", t("terminal.code_unknown", { code: text }));
}

// Ask why when production has stood longer than the press's own limit: once, and never over
// another sheet. A stop that nobody explained stays on the list after the press runs again.
function askWhy() {
  const { row, person, sheet, later } = state;
  const asked = sheet || later === row.since || row.reason;
  const stands = may(state, "stop_reason") && shownState(state) === "stopped" && row.state_s >= state.stopAfter;
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
  time.hear(picture.now);
  set({ row, online: true, heard: true, silent: false });
  if (watched(row) !== before) refresh();
  askWhy();
}

addEventListener("beforeunload", (event) => state.unkept && event.preventDefault());
speak(boot.words, state.person?.locale ?? boot.locale);
document.documentElement.style.setProperty("--mm", `${state.mm}px`);
paint();
listen(scanned);
box.refused().then((refused) => set({ refused }));
follow(queried("/api/events", { press: state.press }), take, (silent) => set({ silent }), (still) => set({ still }));
setInterval(paint, 1000);
setInterval(refresh, 15000);
addEventListener("offline", () => set({ online: false }));
addEventListener("online", refresh);
if (!state.person) listPeople();
refresh().then(() => box.deliver());
navigator.serviceWorker?.register("/terminal/worker.js", { scope: "/terminal/" }).catch(() => {});
