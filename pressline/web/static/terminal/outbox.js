// Acts wait here until the server has them: stored first, sent in order, once.
const NAME = "pressline-acts";

function promised(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

let opened;
function store(mode) {
  opened ??= (() => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () =>
      request.result.createObjectStore("acts", { keyPath: "n", autoIncrement: true });
    return promised(request);
  })();
  return opened.then((database) => database.transaction("acts", mode).objectStore("acts"));
}

export const waiting = async () => promised((await store("readonly")).getAll());
const keep = async (entry) => promised((await store("readwrite")).add(entry));
const drop = async (n) => promised((await store("readwrite")).delete(n));

// `hooks`: who() signed on now; changed(queue, online); done(entry, outcome); refused(entry, said); signOn().
export function outbox(hooks) {
  let busy = false;
  let pause = 1000;
  let timer;

  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(deliver, pause);
    pause = Math.min(pause * 2, 15000);
  };

  async function send({ n, ...entry }) {
    const answer = await fetch("/api/acts", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(entry),
    });
    if (answer.status >= 500) throw new Error(`server ${answer.status}`);
    return { status: answer.status, said: await answer.json() };
  }

  const mine = (queue) => queue.find((entry) => entry.who === hooks.who());

  // One act; false when the rest has to wait.
  async function deliverOne(entry) {
    const { status, said } = await send(entry);
    if (status === 401 || said.code === "other_person") {
      hooks.signOn();
      return false;
    }
    await drop(entry.n);
    if (status === 200) hooks.done(entry, said);
    else hooks.refused(entry, said);
    return true;
  }

  async function deliver() {
    if (busy) return;
    busy = true;
    try {
      // Another person's acts wait for their own sign-on; they hold nobody else up.
      for (let entry; (entry = mine(await waiting())) && (await deliverOne(entry)); ) {
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
    async add(entry) {
      await keep(entry);
      hooks.changed(await waiting(), navigator.onLine);
      await deliver();
    },
  };
}
