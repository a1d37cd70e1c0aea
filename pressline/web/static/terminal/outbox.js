// Acts wait here until the server has them: stored first, sent in order, once. What the server
// refused stays listed until somebody has read it. What cannot be stored (no database, a full disk)
// waits in memory: it is sent as long as the page is open, and whoever acts is told.
import { act, unanswered } from "./calls.js";

const FRESH = 60000; // milliseconds in which a question can still be put to whoever acted
const PATIENCE = 3000; // milliseconds for the database of the browser

function promised(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = request.onblocked = () => reject(request.error);
  });
}

// A change stands when its transaction is complete: a full disk shows only then.
function completed(request) {
  const { transaction } = request;
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = transaction.onerror = () => reject(transaction.error ?? request.error);
  });
}

function inTime(work) {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error("no answer")), PATIENCE)));
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

// One list that survives a reload: a database of its own, with one store. `unkept(true|false)` is
// called when an entry could only be held in memory, and when none is held there any more.
function list(name, storeName, unkept = () => {}) {
  const held = new Map(); // number -> entry, of those in memory
  let opened;
  let next = 1;

  const open = () => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () =>
      request.result.createObjectStore(storeName, { keyPath: "n", autoIncrement: true });
    return promised(request);
  };
  const store = async (mode) => {
    opened ??= open();
    try {
      return (await opened).transaction(storeName, mode, { durability: "strict" }).objectStore(storeName);
    } catch (error) {
      opened = undefined; // it may open the next time
      throw error;
    }
  };
  const hold = (entry) => {
    const n = `held ${next++}`;
    held.set(n, { ...entry, n });
    unkept(true);
  };
  return {
    all: async () => {
      const kept = await inTime(store("readonly").then((there) => promised(there.getAll()))).catch(() => []);
      return [...kept, ...held.values()];
    },
    add: (entry) => inTime(store("readwrite").then((there) => completed(there.add(entry)))).catch(() => hold(entry)),
    drop: async (n) => {
      if (!held.delete(n)) return inTime(store("readwrite").then((there) => completed(there.delete(n))));
      unkept(held.size > 0);
    },
  };
}

// `hooks`: press; unkept(whether an act is only held in memory); who() signed on now; ready() before anything is sent, false: wait;
// changed(queue, online); done(entry, outcome); ask(entry, said) whether a running job shall end;
// refused(entry, said, list); signOn().
export function outbox(hooks) {
  const acts = list("pressline-acts", "acts", hooks.unkept);
  const refusals = list("pressline-refused", "refused");
  let busy = false;
  let pause = 1000;
  let timer;

  const here = async (from) => (await from.all()).filter((entry) => entry.press === hooks.press);
  const waiting = () => here(acts);
  const refused = () => here(refusals);

  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(deliver, pause);
    pause = Math.min(pause * 2, 15000);
  };

  const mine = (queue) => queue.find((entry) => entry.who === hooks.who());

  // One act; false when the rest has to wait.
  async function deliverOne({ n, name, kept, ...entry }) {
    const { status, said } = await act(entry);
    if (unanswered(status)) throw new Error(`server ${status}`);
    if (status === 401 || said.code === "other_person") {
      hooks.signOn();
      return false;
    }
    if (said.again) {
      // Only a clock stands in its way: it stays first in the row and is sent again.
      clearTimeout(timer);
      timer = setTimeout(deliver, 5000);
      return false;
    }
    if (status === 200) {
      await acts.drop(n);
      hooks.done(entry, said);
    } else await refuse({ n, name, kept, ...entry }, said);
    return true;
  }

  async function refuse({ n, kept, ...entry }, said) {
    const asks = said.code?.startsWith("job_running") && Date.now() - kept < FRESH;
    if (asks) hooks.ask(entry, said);
    else await refusals.add({ ...entry, code: said.code, message: said.message });
    await acts.drop(n);
    if (!asks) hooks.refused(entry, said, await refused());
  }

  async function deliver() {
    if (busy) return;
    busy = true;
    try {
      // Another person's acts wait for their own sign-on; they hold nobody else up.
      for (let entry; (entry = mine(await waiting())) && (await hooks.ready()) && (await deliverOne(entry)); ) {
        hooks.changed(await waiting(), true);
      }
      pause = 1000;
      hooks.changed(await waiting(), true);
    } catch {
      hooks.changed(await waiting(), false);
      later();
    } finally {
      busy = false;
    }
  }

  addEventListener("online", () => {
    pause = 1000;
    deliver();
  });
  return {
    deliver,
    refused,
    async read(n) {
      await refusals.drop(n);
      return refused();
    },
    async add(entry) {
      await acts.add({ ...entry, kept: Date.now() });
      hooks.changed(await waiting(), navigator.onLine);
      await deliver();
    },
  };
}
