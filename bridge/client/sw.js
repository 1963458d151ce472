// Lets the page be installed and opened while the bridge is away: its parts from the network, else as they were last.

const KEPT = "onb-page";

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(caches.open(KEPT).then((cache) => cache.add("/")));
});

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { pathname, origin } = new URL(request.url);
  // Video, the API and everything else go their own way.
  if (request.method !== "GET" || origin !== location.origin || !(pathname === "/" || pathname.startsWith("/client/"))) return;
  event.respondWith(fresh(request));
});

async function fresh(request) {
  const cache = await caches.open(KEPT);
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(request, response.clone());
    return response;
  } catch (error) {
    const kept = await cache.match(request, { ignoreSearch: true });
    if (kept) return kept;
    throw error;
  }
}
