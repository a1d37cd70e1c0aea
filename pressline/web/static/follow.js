// Live figures by server-sent events. The page, not the server, decides when they are too old.
const SILENT_AFTER = 25; // seconds
const AGAIN = 5; // seconds after which a page says again what it follows

const BEAT_WITHIN = 1.75; // seconds; the server's heart beats every 0.75 (shell/live.py)
const LOOK = 0.2; // seconds between two looks: 2 s after the last beat it has been told
const ASLEEP = 1; // seconds between two looks, after which this page slept itself

// `onPicture({now, presses, lines?})` for each event; `onSilence(true|false)` when trust in figures
// changes; `onHanging(true|false)` when the server stops answering, or answers again.
export function follow(url, onPicture, onSilence, onHanging = () => {}) {
  let heard = performance.now();
  let silent = false;
  const tell = (value) => {
    if (value !== silent) onSilence((silent = value));
  };
  const beats = heart(onHanging);
  const hear = (data) => {
    beats();
    if (data === null) return; // a heartbeat
    heard = performance.now();
    tell(false);
    onPicture(JSON.parse(data));
  };
  let attend = shared(url, hear, () => (attend = alone(url, hear)));
  attend ??= alone(url, hear);
  setInterval(() => {
    if (performance.now() - heard > SILENT_AFTER * 1000) tell(true);
    attend();
  }, 1000);
}

// Listens for the server's heart; returns what is called at each beat. A page in the background, or
// one that slept, has missed beats itself: it listens anew.
function heart(onHanging) {
  let beat; // when it was last heard; undefined before the first
  let looked = performance.now();
  let hanging = false;
  const tell = (value) => {
    if (value !== hanging) onHanging((hanging = value));
  };
  setInterval(() => {
    const now = performance.now();
    if (beat !== undefined && (document.hidden || now - looked > ASLEEP * 1000)) beat = now;
    looked = now;
    if (now - beat > BEAT_WITHIN * 1000) tell(true);
  }, LOOK * 1000);
  return () => {
    beat = performance.now();
    tell(false);
  };
}

// A stream of this page's own; returns what keeps it open.
function alone(url, hear) {
  let source;
  const attend = () => {
    if (source && source.readyState !== EventSource.CLOSED) return;
    source = new EventSource(url);
    source.addEventListener("board", (event) => hear(event.data));
    source.addEventListener("beat", () => hear(null));
  };
  attend();
  return attend;
}

// The stream that all pages of this browser share, where it can (feed.js); returns what keeps this page
// in it, or undefined. `failed` when its script could not be had.
function shared(url, hear, failed) {
  if (!("SharedWorker" in window)) return undefined;
  const presses = new URL(url, location).searchParams.getAll("press");
  const worker = new SharedWorker(new URL("./feed.js", import.meta.url));
  worker.addEventListener("error", failed);
  worker.port.addEventListener("message", (event) => hear(event.data));
  worker.port.start();
  addEventListener("pagehide", () => worker.port.postMessage(null));
  let told = -Infinity;
  const attend = () => {
    if (performance.now() - told < AGAIN * 1000) return;
    told = performance.now();
    worker.port.postMessage(presses);
  };
  attend();
  return attend;
}

// Seconds since a figure was taken, by this device's own steady clock.
export const since = (row) => (performance.now() - row.taken) / 1000;

// Seconds since the press last answered; null when it never did.
export const ageOf = (row) => (row.data_age_s === null || row.since === null ? null : row.data_age_s + since(row));

// For how long the press has said nothing: null where it is not known; undefined when it never spoke.
export function quietFor(row) {
  if (row.since === null) return undefined;
  return ageOf(row) ?? (row.state === "unknown" ? row.state_s + since(row) : null);
}

// Remember when rows came, so that ages can be counted on between events.
export function stamped(rows) {
  const taken = performance.now();
  return rows.map((row) => ({ ...row, taken }));
}
