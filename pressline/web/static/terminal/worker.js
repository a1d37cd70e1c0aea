// Keeps the last good copy of the terminal, so that a reload works while the network is away.
// The network always comes first: nobody works on an old program when a new one is there.
const SHELL = "pressline-terminal";

async function fresh(request) {
  const answer = await fetch(request);
  if (answer.ok) (await caches.open(SHELL)).put(request, answer.clone());
  return answer;
}

const kept = async (request) => (await caches.match(request)) ?? Response.error();

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { pathname } = new URL(event.request.url);
  const shell = pathname.startsWith("/terminal/") || pathname.startsWith("/static/");
  if (event.request.method !== "GET" || !shell) return;
  event.respondWith(fresh(event.request).catch(() => kept(event.request)));
});
