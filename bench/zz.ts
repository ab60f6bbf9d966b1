import { createListener, listen } from "../server/http/listener.ts"; import { selfSigned } from "../server/http/tls.ts"; import { DEFAULT_LIMITS } from "../server/limits.ts"; import { dial } from "./attack/peer.ts";
for (const tls of [undefined, await selfSigned(["localhost"])]) {
const o = { host: "127.0.0.1", port: 0, tls, limits: DEFAULT_LIMITS };
const s = createListener(o); s.on("request", (_q, r) => r.end(new Uint8Array(8 << 20)));
const url = await listen(s, o, false);
const c = await dial(url, false); c.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
await new Promise((r) => setTimeout(r, 500));
let n = 0; c.on("data", (d: Uint8Array) => { n += d.length; c.pause(); setTimeout(() => c.resume(), 2); }); 
await new Promise((r) => c.once("close", r)); console.log(tls ? "https" : "http", n >= 8 << 20, n);
s.closeAllConnections(); s.close(); }
