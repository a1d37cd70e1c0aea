// Live figures by server-sent events. The page, not the server, decides when they are too old.
const SILENT_AFTER = 25; // seconds
const AGAIN = 5; // seconds after which a page says again what it follows

// `onPicture({now, presses, lines?})` for each event; `onSilence(true|false)` when trust changes.
export function follow(url, onPicture, onSilence) {
  let heard = performance.now();
  let silent = false;
  const tell = (value) => {
    if (value !== silent) onSilence((silent = value));
  };
  const hear = (data) => {
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

// A stream of this page's own; returns what keeps it open.
function alone(url, hear) {
  let source;
  const attend = () => {
    if (source && source.readyState !== EventSource.CLOSED) return;
    source = new EventSource(url);
    source.addEventListener("board", (event) => hear(event.data));
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
