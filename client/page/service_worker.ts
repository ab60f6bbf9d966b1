/**
 * Keeps the page for when the server is away. What the server has comes first, so that nobody is
 * shown an old page while it is there.
 */
interface Worker {
  skipWaiting(): Promise<void>;
  addEventListener(
    type: "install",
    listener: (event: { waitUntil(work: Promise<unknown>): void }) => void,
  ): void;
  addEventListener(
    type: "fetch",
    listener: (event: { request: Request; respondWith(answer: Promise<Response>): void }) => void,
  ): void;
}
const worker = globalThis as unknown as Worker;

const NAME = "lkstream";
const PAGE = [
  "/",
  "/floor.js",
  "/page.js",
  "/page.css",
  "/lkstream.js",
  "/stage-worker.js",
  "/capture-worker.js",
  "/favicon.svg",
];

worker.addEventListener("install", (event) => {
  event.waitUntil(caches.open(NAME).then((cache) => cache.addAll(PAGE)));
  void worker.skipWaiting();
});

worker.addEventListener("fetch", (event) => {
  const { pathname, origin } = new URL(event.request.url);
  if (origin === location.origin && PAGE.includes(pathname)) {
    event.respondWith(answer(event.request, pathname));
  }
});

/** From the server; where it is away, what came from there last, whatever the address asked for. */
async function answer(request: Request, path: string): Promise<Response> {
  const cache = await caches.open(NAME);
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(path, response.clone());
    return response;
  } catch (error) {
    const kept = await cache.match(path);
    if (!kept) throw error;
    return kept;
  }
}
