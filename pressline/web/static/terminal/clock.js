// What time it is at the server, by this device's clock: also after a reload without a network, when
// the page is the one of its last load, and when the device's clock is set back while it is open.
import { keep, kept } from "./kept.js";

const EVERY = 5000; // milliseconds between two notes

// `boot`: the server's time as the page was made; a page from the cache has that of its last load.
export function serverClock(press, boot) {
  const place = `pressline-clock:${press}`;
  let known = kept(place);
  let noted = 0;
  if (known?.boot !== boot) known = heardAt({ boot }, Date.parse(boot));
  note();
  let last = [Date.now(), performance.now()];
  setInterval(watch, 1000);

  function note() {
    noted = Date.now();
    keep(place, known);
  }

  // Time that passes never takes a clock back: somebody set it. Forward, the device may have slept.
  function watch() {
    const now = [Date.now(), performance.now()];
    const step = now[0] - last[0] - (now[1] - last[1]);
    last = now;
    if (step > -2000) return;
    known.offset -= step;
    note();
  }

  return {
    // The server said what time it is.
    hear(instant) {
      known = heardAt(known, Date.parse(instant));
      if (Math.abs(Date.now() - noted) > EVERY) note();
    },
    offset: () => known.offset, // milliseconds from this device's clock to the server's
    now: () => {
      watch();
      return new Date(Date.now() + known.offset).toISOString();
    },
    heard: () => new Date(known.heard).toISOString(), // what the server said last
  };
}

const heardAt = (known, instant) => ({ ...known, heard: instant, offset: instant - Date.now() });
