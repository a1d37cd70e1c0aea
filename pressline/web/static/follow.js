// Live figures by server-sent events. The page, not the server, decides when they are too old.
const SILENT_AFTER = 25; // seconds

// `onPicture({now, presses, lines?})` for each event; `onSilence(true|false)` when trust changes.
export function follow(url, onPicture, onSilence) {
  let heard = performance.now();
  let silent = false;
  let source;

  const tell = (value) => {
    if (value !== silent) onSilence((silent = value));
  };
  const open = () => {
    source = new EventSource(url);
    source.addEventListener("board", (event) => {
      heard = performance.now();
      tell(false);
      onPicture(JSON.parse(event.data));
    });
  };
  open();
  setInterval(() => {
    if (performance.now() - heard > SILENT_AFTER * 1000) tell(true);
    if (source.readyState === EventSource.CLOSED) open();
  }, 1000);
}

// Seconds since a figure was taken, by this device's own steady clock.
export const since = (row) => (performance.now() - row.taken) / 1000;

// Seconds since the press last answered; null when it never did.
export const ageOf = (row) => (row.data_age_s === null || row.since === null ? null : row.data_age_s + since(row));

// Remember when rows came, so that ages can be counted on between events.
export function stamped(rows) {
  const taken = performance.now();
  return rows.map((row) => ({ ...row, taken }));
}
