// One stream of live figures for all pages of a browser: it has six connections to a server, not more.
const FORGET = 150; // seconds without a word; background pages speak once a minute
const pages = new Map(); // port -> {presses, heard}
let source;
let url = null;

// What all pages together follow: everything as soon as one of them does.
function wanted() {
  const all = [...pages.values()].map((page) => page.presses);
  if (all.length === 0) return null;
  if (all.some((presses) => presses.length === 0)) return "/api/events";
  const each = [...new Set(all.flat())].sort().map((press) => `press=${encodeURIComponent(press)}`);
  return `/api/events?${each.join("&")}`;
}

function attend() {
  for (const [port, { heard }] of pages) {
    if (performance.now() - heard > FORGET * 1000) pages.delete(port);
  }
  const next = wanted();
  if (next === url && source?.readyState !== EventSource.CLOSED) return;
  source?.close();
  source = next === null ? undefined : new EventSource(next);
  url = next;
  source?.addEventListener("board", (event) => tellAll(event.data));
  source?.addEventListener("beat", () => tellAll(null));
}

function tellAll(data) {
  for (const port of pages.keys()) port.postMessage(data);
}

// A page says every few seconds which presses it follows (none: all), and null when it goes.
self.addEventListener("connect", ({ ports: [port] }) => {
  port.addEventListener("message", ({ data: presses }) => {
    if (presses === null) pages.delete(port);
    else pages.set(port, { presses, heard: performance.now() });
    attend();
  });
  port.start();
});
setInterval(attend, 5000);
