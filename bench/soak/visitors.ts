import { once } from "node:events";
import { WebSocket } from "ws";
import { makeClip } from "../clip.ts";
import { fuzzedControl } from "../fuzz/control.ts";
import { fuzzedJpeg, seedJpegs } from "../fuzz/jpegs.ts";
import type { Pick } from "../pick.ts";
import { pause, Visit } from "./visit.ts";

const FPS = 15;
const SMALL = makeClip(320, 240).jpegs;
const LARGE = makeClip(640, 480).jpegs;
const SEEDS = seedJpegs();

/** @throws where the server did not do what it should. */
export type Visitor = (url: string, pick: Pick) => Promise<void>;

/** Those who come, by name: most behave, some do not. */
export const VISITORS: Record<string, Visitor> = {
  async camera(url, pick) {
    await using visit = await Visit.open(url);
    await visit.film(pick.one([SMALL, LARGE]), FPS, 5 + pick.below(15));
    if (visit.answered === 0) throw new Error("A camera got no tracks");
  },

  async "changes options"(url, pick) {
    await using visit = await Visit.open(url);
    for (let n = 0; n < 8 && visit.isOpen; n++) {
      visit.say({
        type: "configure",
        detect: { maxCorners: 50 + pick.below(900), minDistance: pick.below(12) },
        flow: { winSize: [9 + pick.below(20), 21], maxLevel: pick.below(5) },
        filter: { forwardBackward: pick.one([null, 1, 2]) },
      });
      visit.say({ type: "add", points: [[100, 100], [50.5, 70]] });
      visit.say({ type: "mask", polygons: pick.one([[], [[[0, 0], [300, 0], [150, 200]]]]) });
      visit.say({ type: pick.one(["stats", "clear"]) });
      await visit.film(SMALL, FPS, 1);
    }
  },

  async "asks for the most"(url) {
    await using visit = await Visit.open(url);
    visit.say({
      type: "configure",
      detect: { maxCorners: 10_000, minDistance: 0, qualityLevel: 1e-9, refill: 1, interval: 1 },
      flow: { winSize: [63, 63], maxLevel: 8, maxCount: 100, epsilon: 0 },
    });
    await visit.film(SMALL, FPS, 8);
  },

  async "changes sizes"(url, pick) {
    await using visit = await Visit.open(url);
    for (let n = 0; n < 8; n++) await visit.film(pick.one([SMALL, LARGE, SEEDS.slice(-8)]), FPS, 1);
  },

  async "sends bad frames"(url, pick) {
    await using visit = await Visit.open(url);
    for (let n = 0; n < 100 && visit.isOpen; n++) {
      visit.sendFrame(pick.chance(0.5) ? pick.one(SMALL) : fuzzedJpeg(SEEDS, pick));
      await pause(1000 / FPS);
    }
  },

  async "sends bad messages"(url, pick) {
    await using visit = await Visit.open(url);
    for (let n = 0; n < 200 && visit.isOpen; n++) {
      visit.socket.send(fuzzedControl(pick), { binary: false });
      if (n % 10 === 0) visit.sendFrame(pick.one(SMALL));
      await pause(10);
    }
  },

  async "reads slowly"(url) {
    await using visit = await Visit.open(url);
    visit.say({
      type: "configure",
      detect: { maxCorners: 3000, minDistance: 2, qualityLevel: 1e-4 },
    });
    visit.socket.pause();
    await visit.film(LARGE, 2 * FPS, 8);
    visit.socket.resume();
    await visit.film(LARGE, FPS, 2);
  },

  async "goes without a word"(url, pick) {
    const visit = await Visit.open(url);
    await visit.film(SMALL, FPS, pick.below(4));
    visit.sendFrame(LARGE[0]);
    const closed = once(visit.socket, "close");
    visit.socket.terminate();
    await closed;
  },

  async "floods with frames"(url) {
    await using visit = await Visit.open(url);
    for (let n = 0; n < 1000 && visit.isOpen; n++) {
      visit.sendFrame(SMALL[n % SMALL.length]);
      if (visit.socket.bufferedAmount > 1 << 20) await pause(20);
    }
  },

  async "floods with messages"(url) {
    await using visit = await Visit.open(url);
    for (let n = 0; n < 3000 && visit.isOpen; n++) {
      visit.say({ type: "stats" });
      if (n % 100 === 0) await pause(5);
    }
  },

  /** The server has to end it: a message that does not come to its end within --message-timeout. */
  async "trickles in"(url) {
    await using visit = await Visit.open(url);
    visit.socket.send(new Uint8Array(1000), { binary: true, fin: false });
    if (visit.socket.readyState !== WebSocket.CLOSED) await once(visit.socket, "close");
  },

  async "never asks"(url, pick) {
    const { hostname, port } = new URL(url);
    using connection = await Deno.connect({ hostname, port: Number(port) });
    await connection.write(new TextEncoder().encode("GET /v1/stream HTTP/1.1\r\nHost: x\r\nUpgr"));
    await pause(1000 * pick.below(8));
  },

  async "looks at pages"(url, pick) {
    for (let n = 0; n < 20; n++) {
      const path = pick.one(["/", "/lkstream.js", "/metrics", "/healthz", "/v1/info", "/nothing"]);
      await (await fetch(url + path)).text();
      await pause(100);
    }
  },
};
